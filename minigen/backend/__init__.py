"""Who computes: the device says where the data lives, the backend says whose code runs.

``numpy`` is the executable specification of every kernel; ``cpp`` subclasses it and overrides what it accelerates.
The choice is per thread and per context::

    with minigen.use_backend("numpy"): ...
    with minigen.use_kernel("matmul", "v1_naive"): ...
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from .numpy import NumpyBackend


def _load() -> tuple[dict[str, NumpyBackend], dict[str, str]]:
    found: dict[str, NumpyBackend] = {"numpy": NumpyBackend()}
    reasons = {"numpy": ""}
    try:
        from .cpp import CppBackend

        found["cpp"] = CppBackend()
        reasons["cpp"] = ""
    except ImportError as error:
        reasons["cpp"] = (
            f"minigen._cpu cannot be imported ({error}); reinstall minigen with a C++17 compiler (g++ or clang++)"
        )
    return found, reasons


_BACKENDS, _REASONS = _load()


def available() -> dict[str, str]:
    """Every backend's name with "" if it can be used, else the reason why not."""
    return dict(_REASONS)


def get(name: str) -> NumpyBackend:
    """The backend called ``name``; a RuntimeError says why one that exists cannot be used."""
    if name in _BACKENDS:
        return _BACKENDS[name]
    if name in _REASONS:
        raise RuntimeError(f"backend {name!r} is not available: {_REASONS[name]}")
    raise ValueError(f"backend: {name!r} is unknown; choose one of {', '.join(_REASONS)}")


_default = get(os.environ.get("MINIGEN_BACKEND") or ("cpp" if "cpp" in _BACKENDS else "numpy"))


def _pool_size() -> int:
    """Bytes of freed arrays that wait for their next use: MINIGEN_POOL in MB; 0 leaves NumPy's own allocator."""
    text = os.environ.get("MINIGEN_POOL", "1024")
    if not text.isdecimal():
        raise ValueError(f"MINIGEN_POOL: must be a number of megabytes, 0 for no pool, got {text!r}")
    return int(text) << 20 if "cpp" in _BACKENDS else 0


_POOL = _pool_size()


class _State(threading.local):
    """What a context manager may change, separately in each thread (a new thread starts with the defaults)."""

    backend: NumpyBackend = _default
    grad_enabled = True
    anomaly: tuple[str, ...] = ()  # what detect_anomaly looks for: "nan", "inf"
    profile: Any = None  # what minigen.profile() records with; set on the class, so that all threads see it

    def __init__(self) -> None:
        self._calm = contextvars.Context()
        self._calm.run(np.seterr, all="ignore")
        if _POOL:  # NumPy asks the context for its allocator, too
            _BACKENDS["cpp"].use_pool(_POOL)
            self._calm.run(_BACKENDS["cpp"].use_pool, _POOL)

    def quietly(self, function: Callable, *args: Any, **kwargs: Any) -> Any:
        """``function(...)``; inf and NaN come without a warning, as in PyTorch.

        NumPy asks the context whether to warn. To enter one costs 0.1 microseconds, ``np.errstate`` makes one in 1.5.
        A context cannot be entered again from inside, a copy of it can, and costs nothing: copies share what they hold.
        """
        return self._calm.copy().run(function, *args, **kwargs)


state = _State()


class _Context:
    """A context manager that is also callable, so that ``use_backend("cpp")`` works as a statement and in ``with``."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.restore()

    def restore(self) -> None:
        raise NotImplementedError


class use_backend(_Context):
    """Compute with backend ``name`` from now on, or inside a ``with`` block.

    Raises ValueError for an unknown name, RuntimeError for a backend that this machine cannot use.
    """

    def __init__(self, name: str) -> None:
        self._before = state.backend
        state.backend = get(name)

    def restore(self) -> None:
        state.backend = self._before


class use_kernel(_Context):
    """Run one kernel of the current backend by a named rung of its ladder: ``use_kernel("matmul", "v1_naive")``.

    Raises ValueError for an unknown op or rung and lists those that exist.
    """

    def __init__(self, op: str, kernel: str) -> None:
        be = state.backend
        ladder = be.kernels.get(op)
        if ladder is None:
            have = ", ".join(be.kernels) or "none"
            raise ValueError(f"use_kernel: backend {be.name!r} has no ladder for {op!r}; it has: {have}")
        if kernel not in ladder:
            raise ValueError(f"use_kernel: {op!r} has no rung {kernel!r}; choose one of {', '.join(ladder)}")
        self._before = be
        state.backend = be.with_kernel(op, kernel)

    def restore(self) -> None:
        state.backend = self._before


def watch_kernels(recorder: Callable[[str, int, int], None] | None) -> None:
    """Call ``recorder(kernel, start, end)`` after every call of a compiled kernel, in nanoseconds; None ends it."""
    for be in _BACKENDS.values():
        be.watch_kernels(recorder)


def current_backend() -> str:
    """The name of the backend that computes now."""
    return state.backend.name


def set_num_threads(n: int) -> None:
    """Let kernels use at most ``n`` threads (n >= 1). The NumPy backend's threads are NumPy's own."""
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"set_num_threads: n must be an integer of at least 1, got {n!r}")
    for be in _BACKENDS.values():
        be.set_num_threads(n)


def get_num_threads() -> int:
    """How many threads kernels use at most."""
    return _BACKENDS["cpp" if "cpp" in _BACKENDS else "numpy"].get_num_threads()
