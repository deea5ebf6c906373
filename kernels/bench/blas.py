"""Where other libraries' SGEMM lies in this process, so that C++ can time it without Python's call around it."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

SYMBOLS = {  # peer: (package, where its libraries lie from the package's folder, the symbol, are its integers wide?)
    "mkl": ("torch", "lib/libtorch_cpu.so", "sgemm_", False),
    "openblas": ("numpy", "../numpy.libs/libscipy_openblas64_*.so", "scipy_sgemm_64_", True),
}


def sgemm(peer: str) -> tuple[int, bool] | None:
    """(address, does it take integers of 64 bits) of the peer's SGEMM, or None where its package brings none."""
    package, pattern, symbol, wide = SYMBOLS[peer]
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    __import__(package)  # it loads its libraries in its own order
    for path in sorted(Path(found.origin).parent.glob(pattern)):
        try:
            function = getattr(ctypes.CDLL(str(path)), symbol)
        except (OSError, AttributeError):
            continue
        return ctypes.cast(function, ctypes.c_void_p).value or 0, wide
    return None
