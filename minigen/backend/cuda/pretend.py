"""An array module that behaves as CuPy does, over the CPU's memory: what a GPU would refuse is refused here, too.

A CuPy array is no ndarray. It mixes with numbers but not with NumPy's arrays, never turns into one by itself, has no
0-d results that are numbers, and knows fewer arguments. Code that runs on ``DeviceArray`` breaks none of these rules,
so the whole CUDA backend can be tried on a machine without a GPU. ``USED`` collects how each function was called: the
tests compare that with the signatures of CuPy itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

USED: dict[str, set[tuple[int, tuple[str, ...]]]] = {}  # "where": {(3, ()), ...}: positional arguments, keywords
tape: list[Callable[[], Any]] | None = None  # while a stream is "captured": what its replay does, step by step
_METHODS = {
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "copy", "cumsum", "dot", "fill", "flatten", "max",
    "mean", "min", "nonzero", "prod", "ravel", "repeat", "reshape", "round", "squeeze", "std", "sum", "swapaxes",
    "take", "transpose", "var", "view",
}  # fmt: skip
_FROM_HOST = {"array", "asarray", "ascontiguousarray"}  # the functions that copy from the CPU's memory


class _Flags:
    """Of NumPy's flags, those that CuPy's arrays have."""

    def __init__(self, flags: Any) -> None:
        self.c_contiguous, self.f_contiguous, self.owndata = flags.c_contiguous, flags.f_contiguous, flags.owndata


def _note(name: str, args: tuple, kwargs: dict[str, Any]) -> None:
    USED.setdefault(name, set()).add((len(args), tuple(sorted(kwargs))))


def _inside(value: Any, name: str) -> Any:
    """What NumPy computes with in place of ``value``; a TypeError for an ndarray, which lies in the CPU's memory."""
    if type(value) is DeviceArray:
        return value.host
    if isinstance(value, np.ndarray):
        raise TypeError(f"{name}: Unsupported type <class 'numpy.ndarray'> (an array of shape {value.shape} lies on "
                        "the CPU)")  # fmt: skip
    if isinstance(value, (list, tuple)):
        return type(value)([_inside(v, name) for v in value])
    return value


def _outside(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return DeviceArray(np.asarray(value))
    if isinstance(value, (list, tuple)):
        return tuple([_outside(v) for v in value])
    return value


def forbid(what: str) -> None:
    """What a GPU refuses while a stream is captured."""
    if tape is not None:
        raise RuntimeError(f"cudaErrorStreamCaptureUnsupported: {what} while a stream is captured")


def note(step: Callable[[], Any]) -> None:
    """A step that a captured stream does again in each replay."""
    if tape is not None:
        tape.append(step)


def _again(function: Callable, args: tuple, kwargs: dict[str, Any], result: Any, given: tuple) -> None:
    """Let a replay compute once more into the arrays of ``result``; a view shows what it views by itself."""
    if isinstance(result, tuple) and any(isinstance(r, DeviceArray) for r in result):
        forbid(f"{function!r} makes arrays whose number or size depends on values")
    if not isinstance(result, DeviceArray):
        return
    seen = [a.host for a in given if type(a) is DeviceArray]
    if not any(np.may_share_memory(result.host, a) for a in seen):
        note(lambda: np.copyto(result.host, function(*args, **kwargs)))


def _call(name: str, function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    _note(name, args, kwargs)
    kwargs = {k: v for k, v in kwargs.items() if v is not None and v is not np._NoValue}
    out = kwargs.get("out")
    given = {k: _inside(v, name) for k, v in kwargs.items()}
    positional = tuple([_inside(a, name) for a in args])
    with np.errstate(all="ignore"):
        result = function(*positional, **given)
    if out is not None or result is None:  # written in place
        note(lambda: function(*positional, **given))
        return out
    made = _outside(result)
    if tape is not None:
        _again(function, positional, given, made, (*args, *kwargs.values()))
    return made


class DeviceArray:
    """An array that pretends to lie in a GPU's memory. ``get()`` copies it to the CPU, as CuPy's does."""

    __slots__ = ("__weakref__", "host")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: np.ndarray) -> None:
        self.host = host

    shape = property(lambda self: self.host.shape)
    dtype = property(lambda self: self.host.dtype)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    itemsize = property(lambda self: self.host.itemsize)
    nbytes = property(lambda self: self.host.nbytes)
    strides = property(lambda self: self.host.strides)
    flags = property(lambda self: _Flags(self.host.flags))
    T = property(lambda self: DeviceArray(self.host.T))

    @property
    def base(self) -> DeviceArray | None:
        return DeviceArray(self.host.base) if isinstance(self.host.base, np.ndarray) else None

    def __getattr__(self, name: str) -> Any:
        if name not in _METHODS:
            raise AttributeError(f"cupy.ndarray object has no attribute {name!r}")
        method = getattr(self.host, name)
        return lambda *args, **kwargs: _call(f"ndarray.{name}", method, args, kwargs)

    # values out: each copies to the CPU
    def get(self) -> np.ndarray:
        forbid("copying to the CPU")
        return self.host.copy()

    def set(self, values: np.ndarray) -> None:
        """Copy values from the CPU into this array, as CuPy's ``set``."""
        forbid("copying from the CPU")
        self.host[...] = values

    def item(self) -> Any:
        forbid("copying to the CPU")
        return self.host.item()

    def tolist(self) -> Any:
        forbid("copying to the CPU")
        return self.host.tolist()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __len__(self) -> int:
        return len(self.host)

    def __bool__(self) -> bool:
        return bool(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __iter__(self) -> Any:
        return (DeviceArray(np.asarray(row)) for row in self.host)

    def __repr__(self) -> str:
        return repr(self.host)

    def __reduce__(self) -> tuple[Any, ...]:
        return DeviceArray, (self.host,)

    def __getitem__(self, key: Any) -> DeviceArray:
        place = _inside(key, "getitem")
        made = DeviceArray(np.asarray(self.host[place]))
        if not np.may_share_memory(made.host, self.host):
            note(lambda: np.copyto(made.host, self.host[place]))
        return made

    def __setitem__(self, key: Any, value: Any) -> None:
        place, values = _inside(key, "setitem"), _inside(value, "setitem")

        def write() -> None:
            self.host[place] = values

        write()
        note(write)

    # NumPy's functions, called with these arrays, come here: NEP 13 and 18
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":  # np.add.at and np.add.reduce do not reach a GPU
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        return _call(ufunc.__name__, ufunc, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        if not all(t is DeviceArray for t in types):
            raise TypeError(f"{function.__name__}: arrays of the CPU and of the GPU are mixed")
        return getattr(xp, function.__name__)(*args, **kwargs)


def _operators() -> None:
    binary: dict[str, Any] = {
        "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide,
        "mod": np.remainder, "pow": np.power, "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or,
        "xor": np.bitwise_xor, "lshift": np.left_shift, "rshift": np.right_shift,
    }  # fmt: skip
    compared: dict[str, Any] = {
        "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
        "ge": np.greater_equal,
    }  # fmt: skip
    for name, ufunc in {**binary, **compared}.items():

        def forward(self: DeviceArray, other: Any, u: Any = ufunc) -> DeviceArray:
            return _call(u.__name__, u, (self, other), {})

        def backward(self: DeviceArray, other: Any, u: Any = ufunc) -> DeviceArray:
            return _call(u.__name__, u, (other, self), {})

        def inplace(self: DeviceArray, other: Any, u: Any = ufunc) -> DeviceArray:
            return _call(u.__name__, u, (self, other), {"out": self})

        setattr(DeviceArray, f"__{name}__", forward)
        if name in binary:
            setattr(DeviceArray, f"__r{name}__", backward)
            setattr(DeviceArray, f"__i{name}__", inplace)
    for name, ufunc in {"neg": np.negative, "abs": np.absolute, "invert": np.invert}.items():
        setattr(DeviceArray, f"__{name}__", lambda self, u=ufunc: _call(u.__name__, u, (self,), {}))


_operators()


class _Module:
    """``xp.where(...)`` and the rest: NumPy's functions on DeviceArrays."""

    ndarray = DeviceArray

    class lib:
        class stride_tricks:
            @staticmethod
            def as_strided(x: DeviceArray, shape: Any = None, strides: Any = None) -> DeviceArray:
                _note("lib.stride_tricks.as_strided", (x, shape, strides), {})
                return DeviceArray(np.lib.stride_tricks.as_strided(x.host, shape, strides))

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name)
        if not callable(value) or isinstance(value, type):
            return value
        if name in _FROM_HOST:

            def copied(a: Any, *args: Any, **kwargs: Any) -> DeviceArray:
                _note(name, (a, *args), kwargs)
                if isinstance(a, np.ndarray):
                    forbid("copying from the CPU")
                host = a.host if type(a) is DeviceArray else a
                made = value(host, *args, **kwargs)
                return DeviceArray(made if type(a) is DeviceArray or made is not host else made.copy())

            return copied
        return lambda *args, **kwargs: _call(name, value, args, kwargs)


xp = _Module()
