"""Tensor's operators and methods, installed once."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..tensor import Tensor, device
from . import elementwise as e
from . import extreme, index, products, reduce, scan, shape
from .matmul import matmul


def _reversed(operation: Any) -> Any:
    return lambda self, other: operation(other, self)


def _many(values: tuple) -> tuple[int, ...]:
    """``x.reshape(2, 3)`` and ``x.reshape((2, 3))`` alike."""
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], (tuple, list)) else values


def _to(
    self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, non_blocking: bool = False
) -> Tensor:
    """``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(other)``: self if nothing changes."""
    for a in args:
        if isinstance(a, bool):  # to(device, True): non_blocking by its place, nothing to wait for here
            continue
        if isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, (str, _DEVICE)):
            if a in _TYPE_NAMES:
                raise TypeError(f"to: {a!r} is the name of a type; write minigen.{a}, or dtype={a!r}")
            device = a
        else:
            dtype = a
    if isinstance(device, int) and not isinstance(device, bool):
        device = f"cuda:{device}"
    if device is not None and (where := _DEVICE(device)) != self.device:
        self, copy = shape.moved(self, device=where, source=self.device), False
    if dtype is not None and dtypes.as_dtype(dtype) != self.dtype:
        return shape.cast(self, dtype=dtype)
    return shape.clone(self) if copy else self


_DEVICE = device
_TYPE_NAMES = {d.name for d in dtypes.ALL}


def _getitem(self: Tensor, key: Any) -> Tensor:
    return index.subscript(self, key)


def _iter(self: Tensor) -> Any:
    if self.ndim == 0:
        raise TypeError("a 0-d tensor cannot be iterated over; use .item() for its value")
    return (self[i] for i in range(self.shape[0]))


_OPERATORS = {
    "add": e.add, "sub": e.sub, "mul": e.mul, "truediv": e.div, "pow": e.pow, "mod": e.remainder,
    "floordiv": e.floor_divide, "and": e.bitwise_and, "or": e.bitwise_or, "xor": e.bitwise_xor,
}  # fmt: skip
for _name, _operation in _OPERATORS.items():
    setattr(Tensor, f"__{_name}__", getattr(_operation, "method", _operation))
    setattr(Tensor, f"__r{_name}__", _reversed(_operation))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{_name}__", getattr(e, _name))
# `t == None` is False, as for any two things that are never equal: so is it in PyTorch
Tensor.__eq__ = lambda self, other: NotImplemented if other is None else e.eq(self, other)  # type: ignore
Tensor.__ne__ = lambda self, other: NotImplemented if other is None else e.ne(self, other)  # type: ignore
for _name in e.__all__:
    setattr(Tensor, _name, getattr(e, _name))
Tensor.clip = e.clamp  # type: ignore[attr-defined]
Tensor.where = lambda self, condition, other: e.where(condition, self, other)  # type: ignore[attr-defined]
for _module, _names in (
    (extreme, ("amax", "amin", "argmax", "argmin", "max", "min")),
    (reduce, ("all", "any", "logsumexp", "mean", "norm", "prod", "std", "sum", "var")),
    (scan, ("cumprod", "cumsum")),
    (products, ("bmm", "dot", "mm", "mv", "outer")),
):
    for _name in _names:
        setattr(Tensor, _name, getattr(_module, _name))
for _name in ("cast", "clone", "broadcast_to", "sum_to", "transpose", "flatten", "unsqueeze", "squeeze"):
    setattr(Tensor, _name, getattr(shape, _name))

_reshape, _permute = shape.reshape, shape.permute
_INSTALLED: dict[str, Any] = {
    "__neg__": e.neg,
    "__pos__": lambda self: self,
    "__abs__": e.abs,
    "__invert__": e.bitwise_not,
    "__matmul__": matmul,
    "matmul": matmul,
    "__getitem__": _getitem,
    "__iter__": _iter,
    "__contains__": lambda self, value: e.eq(self, value).any().item(),
    "to": _to,
    "reshape": lambda self, *shape_, shape=None: _reshape(self, shape=_many(shape_) if shape is None else shape),
    "permute": lambda self, *dims_, dims=None: _permute(self, dims=_many(dims_) if dims is None else dims),
    "T": property(lambda self: _permute(self, dims=tuple(range(self.ndim))[::-1])),
    "mT": property(lambda self: shape.transpose(self, -1, -2)),
    "contiguous": lambda self: self if self.is_contiguous() else shape.clone(self),
    "float": lambda self: _to(self, dtypes.float32),
    "double": lambda self: _to(self, dtypes.float64),
    "half": lambda self: _to(self, dtypes.float16),
    "bfloat16": lambda self: _to(self, dtypes.bfloat16),
    "type_as": lambda self, other: _to(self, other),
    "long": lambda self: _to(self, dtypes.int64),
    "int": lambda self: _to(self, dtypes.int32),
    "bool": lambda self: _to(self, dtypes.bool_),
    "cpu": lambda self: _to(self, device="cpu"),
    "cuda": lambda self, device=0, non_blocking=False: _to(self, device=device),
}
for _name, _operation in _INSTALLED.items():
    setattr(Tensor, _name, _operation)
