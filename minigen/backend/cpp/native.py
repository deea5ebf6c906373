"""The functions of ``minigen._cpu``, through which the backend calls them, so that somebody can watch.

A name that ``_cpu`` lacks raises AttributeError; a failed import of ``_cpu`` is why there is no such backend.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import minigen._cpu as _cpu

Recorder = Callable[[str, int, int], None]

kernels = SimpleNamespace(**{name: value for name, value in vars(_cpu).items() if callable(value)})
SMALL: dict[str, Callable] = {name: getattr(_cpu, name) for name in ("add", "sub", "mul", "div")}
LADDERS: dict[str, tuple[str, ...]] = {op: tuple(rungs) for op, rungs in _cpu.kernels().items()}


def use_pool(limit: int) -> None:
    """NumPy's arrays of this context come from the pool. No kernel: nobody watches it."""
    _cpu.limit_pool(limit)
    _cpu.use_pool()


def watch(recorder: Recorder | None) -> None:
    """Tell ``recorder`` of every call: the function and the rung that ran, begin and end in ns. None ends it."""
    for name, function in vars(_cpu).items():
        if callable(function):
            setattr(kernels, name, function if recorder is None else _timed(name, function, recorder))


def is_watched() -> bool:
    """Does somebody watch?"""
    return kernels.matmul is not _cpu.matmul


def _timed(name: str, function: Callable, recorder: Recorder) -> Callable:
    ladder = LADDERS.get(name)

    @functools.wraps(function)
    def timed(*args: Any) -> Any:
        start = time.perf_counter_ns()
        result = function(*args)
        end = time.perf_counter_ns()
        rung = next((a for a in args if isinstance(a, str) and a), ladder[-1]) if ladder else ""
        recorder(f"{name} {rung}".rstrip(), start, end)
        return result

    return timed
