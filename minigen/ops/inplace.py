"""Writing in place: for updates under ``no_grad``, and for tensors that no gradient flows through.

Every write bumps the version of the storage, which views share: a backward pass that needs the old values can say so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import random
from ..backend import of, state
from ..tensor import Tensor, placed
from . import elementwise as e
from .check import check_tensor


def writable(x: Tensor, name: str, functional: str) -> np.ndarray:
    """x's array for writing, or a RuntimeError that shows what to write instead."""
    if x.node is not None and state.grad_enabled:
        raise RuntimeError(
            f"{name} writes in place to a tensor that requires a gradient; use {functional}, or do it under "
            "minigen.no_grad()"
        )
    if isinstance(x.array, np.ndarray) and not x.array.flags.writeable:
        raise RuntimeError(
            f"{name}: this tensor shares memory that cannot be written (an expanded view or a read-only "
            "array); .clone() it first"
        )
    x._written()
    return x.array


def _value(name: str, x: Tensor, y: Any) -> Any:
    """y's array if it fits into x, or y itself if it is a number."""
    if isinstance(y, (bool, int, float, np.bool_, np.number)):
        return y
    check_tensor(name, y)
    if len(y.shape) > x.ndim or any(n not in (1, m) for n, m in zip(y.shape[::-1], x.shape[::-1], strict=False)):
        raise ValueError(f"{name}: shape {y.shape} does not broadcast to the shape {x.shape} that is written")
    _keeps_gradients(name, x, y)
    return y.array


def _keeps_gradients(name: str, x: Tensor, y: Tensor) -> None:
    """A RuntimeError if a gradient should flow to y, which is written into x, where none flows through."""
    if y.node is not None and x.node is None and state.grad_enabled:
        raise RuntimeError(
            f"{name} writes in place and would lose its argument's gradient; compute a new tensor, .detach() the "
            "argument, or do it under minigen.no_grad()"
        )


def _write(name: str, x: Tensor, functional: str, compute: Callable[[], Any]) -> Tensor:
    with np.errstate(all="ignore"):
        values = placed(compute(), x.device)
    if not np.can_cast(values.dtype, x.dtype, "same_kind"):
        raise TypeError(f"{name}: {values.dtype} cannot be written into a tensor of {x.dtype}; use {functional}")
    np.copyto(writable(x, name, functional), values, casting="same_kind")
    return x


def _operator(name: str, ufunc: Any, op: Any) -> Callable[[Tensor, Any], Tensor]:
    def method(self: Tensor, other: Any) -> Tensor:
        other_node = isinstance(other, Tensor) and other.node is not None
        if state.grad_enabled and (
            (self.node is not None and self.node.op is not None) or (self.node is None and other_node)
        ):
            return op(self, other)  # a += b on a result means a = a + b, as listings expect
        return _write(f"{name}=", self, f"a = a {name} b", lambda: ufunc(self.array, _value(f"{name}=", self, other)))

    return method


for _sign, _method, _ufunc, _op in (
    ("+", "__iadd__", np.add, e.add),
    ("-", "__isub__", np.subtract, e.sub),
    ("*", "__imul__", np.multiply, e.mul),
    ("/", "__itruediv__", np.true_divide, e.div),
):
    setattr(Tensor, _method, _operator(_sign, _ufunc, _op))


def copy_(self: Tensor, src: Tensor) -> Tensor:
    """self := src, converted to self's type."""
    value = placed(_value("copy_", self, src), self.device)
    writable(self, "copy_", "a = b.clone()")[...] = value
    return self


def fill_(self: Tensor, value: float) -> Tensor:
    """Every element := value."""
    if np.ndim(number := _value("fill_", self, value)):
        raise ValueError(f"fill_: value must be one number, got shape {number.shape}; copy_ writes several")
    return _write("fill_", self, "a = minigen.full_like(a, value)", lambda: np.full_like(self.array, number))


def zero_(self: Tensor) -> Tensor:
    """Every element := 0."""
    return _write("zero_", self, "a = minigen.zeros_like(a)", lambda: self.dtype.type(0))


def add_(self: Tensor, other: Any, alpha: float = 1) -> Tensor:
    """self += alpha other."""
    return _write("add_", self, "a = a + alpha * b", lambda: self.array + alpha * _value("add_", self, other))


def sub_(self: Tensor, other: Any, alpha: float = 1) -> Tensor:
    """self -= alpha other."""
    return _write("sub_", self, "a = a - alpha * b", lambda: self.array - alpha * _value("sub_", self, other))


def mul_(self: Tensor, other: Any) -> Tensor:
    """self *= other."""
    return _write("mul_", self, "a = a * b", lambda: self.array * _value("mul_", self, other))


def div_(self: Tensor, other: Any) -> Tensor:
    """self /= other."""
    return _write("div_", self, "a = a / b", lambda: self.array / _value("div_", self, other))


def normal_(self: Tensor, mean: float = 0, std: float = 1, *, generator: random.Generator | None = None) -> Tensor:
    """Every element := a draw from N(mean, std^2)."""
    return _write(
        "normal_", self, "a = mean + std * minigen.randn_like(a)",
        lambda: random.randn_like(self, generator=generator).array * std + mean,
    )  # fmt: skip


def uniform_(self: Tensor, low: float = 0, high: float = 1, *, generator: random.Generator | None = None) -> Tensor:
    """Every element := a draw from U(low, high). (PyTorch calls low ``from``, which is no name in Python.)"""
    return _write(
        "uniform_", self, "a = low + (high - low) * minigen.rand_like(a)",
        lambda: random.rand_like(self, generator=generator).array * (high - low) + low,
    )  # fmt: skip


def clamp_(self: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    """Every element into [min, max]."""
    if min is None and max is None:
        raise ValueError("clamp_: give min, max or both")
    if not all(isinstance(limit, (int, float, np.number, type(None))) for limit in (min, max)):
        raise TypeError(f"clamp_: min and max must be numbers or None, got {min!r:.40} and {max!r:.40}")
    return _write(
        "clamp_", self, "a = minigen.minimum(minigen.maximum(a, lo), hi)", lambda: np.clip(self.array, min, max)
    )


def addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, value: float = 1) -> Tensor:
    """self += value tensor1 tensor2."""
    b, c = (_value("addcmul_", self, t) for t in (tensor1, tensor2))
    return _write("addcmul_", self, "a = a + value * b * c", lambda: self.array + value * b * c)


def addcdiv_(self: Tensor, tensor1: Tensor, tensor2: Tensor, value: float = 1) -> Tensor:
    """self += value tensor1 / tensor2."""
    b, c = (_value("addcdiv_", self, t) for t in (tensor1, tensor2))
    return _write("addcdiv_", self, "a = a + value * b / c", lambda: self.array + value * b / c)


def written(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method that writes what ``function(self, ...)`` returns into self, with its name and a ``_``."""
    name, functional = f"{function.__name__}_", f"a = a.{function.__name__}(...)"

    def method(self: Tensor, *args: Any, **options: Any) -> Tensor:
        for x in (*args, *options.values()):
            if isinstance(x, Tensor):
                _keeps_gradients(name, self, x)
        result = function(self.detach(), *args, **options)
        if result.shape != self.shape:
            raise ValueError(f"{name}: the result's shape {result.shape} is not self's, {self.shape}; use {functional}")
        return _write(name, self, functional, lambda: result.array)

    method.__name__, method.__doc__ = name, f"``{functional}``, written in place."
    return method


def _setitem(self: Tensor, key: Any, value: Any) -> None:
    from .subscript import parsed

    if isinstance(value, Tensor) and value.node is not None and state.grad_enabled:
        raise RuntimeError(
            "a[...] = b writes in place and would lose b's gradient; build the tensor with minigen.where, minigen.cat "
            "or a.index_put"
        )
    view, copy = parsed("a[...] = b", key, self.shape)
    target = writable(self, "a[...] = b", "minigen.where, minigen.cat or a.index_put")
    target = target if view is None else target[view]
    try:
        where: Any = ... if copy is None else of(target).here(copy)
        target[where] = value.array if isinstance(value, Tensor) else value
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"a[...] = b: {error}; a has shape {self.shape}, b {np.shape(value)}") from None


for _function in (copy_, fill_, zero_, normal_, uniform_, add_, sub_, mul_, div_, clamp_, addcmul_, addcdiv_):
    setattr(Tensor, _function.__name__, _function)
setattr(Tensor, "__setitem__", _setitem)  # noqa: B010
