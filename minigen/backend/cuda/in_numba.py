"""The launcher's third way: a kernel's rung in Numba, where there is one, in place of the one in CUDA C++.

Names and parameters are the same, so the backend above need not know. Numba indexes arrays instead of following
pointers: each array is handed over as one flat run of its memory. Without a GPU, NUMBA_ENABLE_CUDASIM=1 simulates.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from minigen.kernels.source import KERNELS

from .launch import Launcher, Shape

NUMBA = KERNELS / "numba_cuda"


def rungs() -> list[str]:
    """The files that stand in Numba, too, as "folder/name"."""
    return sorted(str(path.relative_to(NUMBA).with_suffix("")) for path in NUMBA.glob("*/v*.py"))


class InNumba(Launcher):
    """Numba compiles what there is in Numba; ``others`` launches the rest."""

    def __init__(self, xp: Any, others: Launcher) -> None:
        super().__init__()
        self.xp, self.others, self.launched = xp, others, set[str]()

    def compile(self, file: str) -> Any:
        if not (NUMBA / f"{file}.py").exists():
            return self.others.compile(file)
        module = importlib.import_module(f"minigen.kernels.numba_cuda.{file.replace('/', '.')}")
        return SimpleNamespace(get_function=lambda name: _Numba(name, getattr(module, name)))

    def run(
        self, function: Any, grid: Shape, block: Shape, args: list[Any], shared: int, reachable: Sequence[Any]
    ) -> None:
        if not isinstance(function, _Numba):
            return self.others.run(function, grid, block, args, shared, reachable)
        self.launched.add(function.name)
        flat = [self.flat(a) if getattr(a, "ndim", 0) else a for a in args]
        function.kernel[grid, block, 0, shared](*flat)

    def flat(self, a: Any) -> Any:
        """The memory from the array's first element to its last, as a kernel with a pointer sees it."""
        a = getattr(a, "host", a)  # of an array that pretends to be a GPU's
        last = sum((n - 1) * s for n, s in zip(a.shape, a.strides, strict=True)) // a.itemsize
        xp: Any = np if isinstance(a, np.ndarray) else self.xp
        return xp.lib.stride_tricks.as_strided(a, (last + 1,), (a.itemsize,))

    def address(self, array: Any) -> int:
        return self.others.address(array)

    def synchronize(self) -> None:
        self.others.synchronize()


class _Numba:
    """A kernel of Numba's, to tell it from those of the other launcher."""

    def __init__(self, name: str, kernel: Any) -> None:
        self.name, self.kernel = name, kernel
