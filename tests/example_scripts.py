"""The scripts of examples/ as modules, for tests that call what is in them."""

import importlib.util
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name: str) -> ModuleType:
    """``examples/NAME.py``, run anew at each call: a test may change what it likes in it."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None, f"there is no example {name}"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
