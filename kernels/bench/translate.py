"""minigen's own source of a network, run by PyTorch: both sides then have the very same layers in the same order."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def translate(module: str, lib: Any) -> Any:
    """The module ``minigen.<module>`` where ``lib`` is minigen; else its definitions with all that it imports from
    minigen taken from ``lib``, which has PyTorch's names: a module, too."""
    own = importlib.import_module(f"minigen.{module}")
    if lib.__name__ == "minigen":
        return own
    source = ast.parse(Path(own.__file__ or "").read_text(encoding="utf-8"))
    translated = ModuleType(f"{lib.__name__}_{module.replace('.', '_')}")
    for node in list(source.body):
        if isinstance(node, ast.ImportFrom) and node.level:
            for alias in node.names:
                setattr(translated, alias.asname or alias.name, lookup(lib, alias.name))
            source.body.remove(node)
    exec(compile(source, own.__file__ or module, "exec"), vars(translated))
    return sys.modules.setdefault(translated.__name__, translated)  # torch.compile looks for it there


def lookup(lib: Any, name: str) -> Any:
    return Functions(lib) if name == "functional" else getattr(lib, name)


class Functions:
    """lib.nn.functional, and what minigen has in one kernel, composed."""

    def __init__(self, lib: Any) -> None:
        self._lib, self._functions = lib, lib.nn.functional

    def __getattr__(self, name: str) -> Any:  # cat, say, is not among PyTorch's functional
        return getattr(self._functions if hasattr(self._functions, name) else self._lib, name)

    def group_norm_silu(self, x: Any, groups: int, weight: Any, bias: Any, eps: float) -> Any:
        silu, group_norm = self._functions.silu, self._functions.group_norm
        if weight.ndim == 1:
            return silu(group_norm(x, groups, weight, bias, eps))
        return silu(group_norm(x, groups, None, None, eps) * weight[:, :, None, None] + bias[:, :, None, None])
