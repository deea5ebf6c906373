"""The two roofs of this machine, measured: multiply-adds in registers, and memory read or written in long lines.

No kernel can be faster. A rate above the roof means that something else than the kernel was measured, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from minigen import backend

STEPS = 400_000  # of the loop of multiply-adds: some milliseconds
FLOATS = 1 << 25  # 128 MiB an array: far larger than caches
ROUNDS = 9


class Impossible(Exception):
    """A rate above the machine's peak: the time is wrong."""


@contextmanager
def repeated(calls: int) -> Iterator[None]:
    """Inside, every kernel runs ``calls`` times per call from Python; ``_cpu.seconds()`` says how long it took."""
    from minigen import _cpu

    _cpu.set_repeats(calls)
    try:
        yield
    finally:
        _cpu.set_repeats(0)


class Peak:
    """The best of some runs, for the instruction set and the threads that are set. ``again`` can only raise it."""

    def __init__(self) -> None:
        self.gflop_per_s = self.gbyte_per_s = 0.0
        self.again()

    def again(self) -> None:
        if backend.available()["cpp"]:
            return  # no compiler was there: nothing to measure with, and nothing to compare with
        from minigen import _cpu

        x, y, out = (np.ones(FLOATS, np.float32) for _ in range(3))
        with repeated(1):
            for _ in range(ROUNDS):
                flop = _cpu.multiply_add(STEPS)
                self.gflop_per_s = max(self.gflop_per_s, flop / _cpu.seconds() / 1e9)
                _cpu.read_all(x)
                self.gbyte_per_s = max(self.gbyte_per_s, x.nbytes / _cpu.seconds() / 1e9)
                _cpu.triad(x, y, 0.5, out)
                self.gbyte_per_s = max(self.gbyte_per_s, 3 * x.nbytes / _cpu.seconds() / 1e9)

    def share(self, gflop_per_s: float) -> float | None:
        return gflop_per_s / self.gflop_per_s if self.gflop_per_s else None

    def allow(self, gflop_per_s: float, what: str, faster: float = 1.0) -> None:
        """Impossible where a rate lies above ``faster`` times the roof, which is measured once more before anybody is
        accused."""
        if self.gflop_per_s and gflop_per_s > faster * self.gflop_per_s:
            self.again()
        if self.gflop_per_s and gflop_per_s > faster * self.gflop_per_s:
            more = "" if faster == 1 else f", of which {faster:g} times are allowed to algorithms that multiply less"
            raise Impossible(
                f"{what} would run at {gflop_per_s:.1f} GFLOP/s, and this machine's peak is {self.gflop_per_s:.1f}"
                f"{more}: the clock or the count of operations is wrong"
            )
