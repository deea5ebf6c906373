"""From a file or a text to kernels that can be launched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..source import inlined
from .module import Module
from .sanitized import Sanitized


def load(
    path: str | Path | None = None,
    *,
    code: str | None = None,
    name: str = "kernel.cu",
    options: Sequence[str] = (),
    checked: bool = False,
    sanitizer: str = "",
) -> Module:
    """The kernels of the file at ``path`` or of the text ``code`` (then ``name`` is what messages call it).

    ``options`` may hold ``-DNAME=value``; what else CuPy understands is left out. ``checked``: look at every access.
    ``sanitizer``: "address" or "thread", the compiler's own, with real threads in a process of their own (see
    ``sanitized.py``). Raises CompileError with the compiler's words and the kernel's lines.
    """
    if (path is None) == (code is None):
        raise TypeError("load: give either path or code")
    defines = tuple(option for option in options if option.startswith("-D"))
    text = inlined(path if path is not None else name, code)
    if not sanitizer:
        return Module(text, defines, checked)
    return Sanitized(text, defines, sanitizer)
