"""Who computes: the device says where the data lives, the backend says whose code runs.

``numpy`` is the executable specification of every kernel; ``cpp`` subclasses it and overrides what it accelerates.
The choice is per thread and per context::

    with minigen.use_backend("numpy"): ...
    with minigen.use_kernel("matmul", "v1_naive"): ...

Each device has its backend: one of these computes on the CPU's arrays, ``cuda`` on those of a GPU (found when it is
first asked for).
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable, Sequence
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
ON_CPU: Any = (np.ndarray, np.generic)  # NumPy's 0-d results are numbers


def available() -> dict[str, str]:
    """Every backend's name with "" if it can be used, else the reason why not. (The emulator is no backend to train
    on: it is left out; ``get("emulator")`` has it.)"""
    return {**_REASONS, "cuda": reason("cuda")}


def reason(name: str) -> str:
    """Why backend ``name`` cannot be used; "" if it can."""
    try:
        get(name)
    except RuntimeError as error:
        return str(error)
    return ""


def get(name: str) -> NumpyBackend:
    """The backend called ``name``; a RuntimeError says why one that exists cannot be used."""
    if name in _BACKENDS:
        return _BACKENDS[name]
    if name in _LATE:
        _BACKENDS[name] = _LATE[name]()
        return _BACKENDS[name]
    if name in _REASONS:
        raise RuntimeError(f"backend {name!r} is not available: {_REASONS[name]}")
    raise ValueError(f"backend: {name!r} is unknown; choose one of {', '.join((*_REASONS, *_LATE))}")


def _cuda() -> NumpyBackend:
    from .cuda.loading import load

    return load()


def _emulator() -> NumpyBackend:
    from .cuda.loading import emulated

    return emulated()


_LATE = {"cuda": _cuda, "emulator": _emulator}  # looked for when asked for: CuPy and a compiler take a while to wake


def gpu() -> Any:
    """The backend that computes on a GPU's arrays; a RuntimeError says why there is none, and the remedy."""
    if state.cuda is None:  # of this thread, too: a backward pass puts back what it found there
        state.cuda = _State.cuda = get("cuda")
    return state.cuda


def of(array: Any) -> NumpyBackend:
    """The backend that computes where ``array`` lies."""
    return state.backend if isinstance(array, ON_CPU) else gpu()


def capturing() -> Any:
    """What is noted of the step that is captured just now; None where none is."""
    return None if state.cuda is None else state.cuda.capture


def may_look(array: Any) -> bool:
    """May the CPU ask for values of ``array``? Not while a step is captured: nothing is computed yet."""
    return isinstance(array, ON_CPU) or capturing() is None


def on_gpu(name: str, inputs: Sequence[Any], numbers: bool = False) -> tuple[NumpyBackend, list[Any]]:
    """The backend and the arrays of an op some of whose inputs lie on a GPU; those of the CPU must be constants.

    A 0-d tensor without a gradient may come from the CPU, as in PyTorch: the engine makes one of each Python number.
    ``numbers`` lets it stay a number, which a kernel takes as an argument.
    """
    if all(x is None or isinstance(x.array, ON_CPU) for x in inputs):
        return state.backend, [None if x is None else x.array for x in inputs]
    be = gpu()
    arrays = []
    for x in inputs:
        a: Any = None if x is None else x.array
        if isinstance(a, ON_CPU):
            if a.ndim or x.node is not None:
                raise RuntimeError(
                    f"{name}: inputs lie on the CPU (shape {a.shape}) and on the GPU; move one of them with "
                    '.to("cuda") or .cpu()'
                )
            number = numbers and a.dtype.kind in "biuf" and a.dtype.itemsize > 2
            a = a[()] if number or (a.dtype == np.bool_ and numbers) else be.xp.full((), a.item(), a.dtype)
        arrays.append(a)
    return be, arrays


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

    backend: NumpyBackend = _default  # on the CPU's arrays
    cuda: Any = None  # on a GPU's arrays; None until somebody asks for one
    grad_enabled = True
    anomaly: tuple[str, ...] = ()  # what detect_anomaly looks for: "nan", "inf"
    profile: Any = None  # what minigen.profile() records with; set on the class, so that all threads see it

    def __init__(self) -> None:
        self._calm = contextvars.Context()
        self._calm.run(np.seterr, all="ignore")
        if _POOL:  # NumPy asks the context for its allocator, too
            _BACKENDS["cpp"].use_pool(_POOL)
            self._calm.run(_BACKENDS["cpp"].use_pool, _POOL)

    def choose(self, be: NumpyBackend) -> NumpyBackend:
        """Let ``be`` compute on its device from now on."""
        if be.device == "cpu":
            self.backend = be
        else:
            self.cuda = be
        return be

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
        self._before = state.backend, state.cuda
        state.choose(get(name))

    def restore(self) -> None:
        state.backend, state.cuda = self._before


class use_kernel(_Context):
    """Run one kernel by a named rung of its ladder: ``use_kernel("matmul", "v1_naive")``.

    The current backend must have the rung, or that of the GPU if one is in use. Raises ValueError for an unknown op or
    rung and lists those that exist.
    """

    def __init__(self, op: str, kernel: str) -> None:
        self._before = state.backend, state.cuda
        used = [be for be in self._before if be is not None]
        ladders = {be.name: be.kernels[op] for be in used if op in be.kernels}
        if not ladders:
            have = "; ".join(f"backend {be.name!r} has {', '.join(be.kernels) or 'none'}" for be in used)
            raise ValueError(f"use_kernel: no ladder for {op!r}: {have}")
        chosen = [be for be in used if kernel in ladders.get(be.name, ())]
        if not chosen:
            rungs = ", ".join(rung for ladder in ladders.values() for rung in ladder)
            raise ValueError(f"use_kernel: {op!r} has no rung {kernel!r}; choose one of {rungs}")
        for be in chosen:
            state.choose(be.with_kernel(op, kernel))

    def restore(self) -> None:
        state.backend, state.cuda = self._before


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
