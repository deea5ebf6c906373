"""Tensors from numbers and arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .random import _shape, check_device, check_like
from .tensor import Tensor, module_of, on_host, placed


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A copy of numbers, nested lists or an array.

    Python floats become the default dtype, integers int64; an array keeps its type.
    """
    check_device(device)
    if isinstance(data, Tensor):
        device = data.device if device is None else device
        data = on_host(data.array)
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    try:
        array = np.array(data, order="C")
    except ValueError as error:
        raise ValueError(
            f"tensor: data is not a rectangular nest of numbers ({error}); every row needs the same length"
        ) from None
    if array.dtype == object or array.dtype.kind not in "biufV":
        raise TypeError(f"tensor: data must be numbers, got {type(data).__name__} with elements of type {array.dtype}")
    if wanted is None and array.dtype.kind in "biuf" and not hasattr(data, "dtype"):
        if array.dtype == np.uint64 and array.size and array.max() >= 2**63:
            raise ValueError(f"tensor: {array.max()} is too large for int64; give a floating dtype")
        wanted = (dtypes.bool_, dtypes.int64, dtypes.get_default_dtype())[
            "biuf".index(array.dtype.kind) + 1 >> 1 if array.size else 2
        ]
    array = array.astype(dtypes.as_dtype(array.dtype if wanted is None else wanted), copy=False)
    return Tensor(placed(array, device)).requires_grad_(requires_grad)


def from_numpy(array: np.ndarray) -> Tensor:
    """A Tensor that shares ``array``'s memory. Writes through the array itself are not seen by the version check."""
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f"from_numpy: expects an ndarray, got {type(array).__name__}; minigen.tensor takes lists and numbers"
        )
    if array.dtype != dtypes.as_dtype(array.dtype):
        raise TypeError(
            f"from_numpy: {array.dtype} is byte-swapped; convert it with array.astype(array.dtype.newbyteorder('='))"
        )
    return Tensor(array)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of shape ``size`` filled with one value."""
    check_device(device)
    if dtype is None:
        dtype = dtypes.result_type([], [dtypes.scalar_category(fill_value)])
    shape = _shape("full", (size,) if isinstance(size, (tuple, list)) else ((size,),))
    if not isinstance(fill_value, (bool, int, float, np.bool_, np.number, Tensor)) or np.ndim(fill_value):
        raise TypeError(f"full: fill_value must be one number, got {fill_value!r:.80}; minigen.tensor takes lists")
    fill_value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    return Tensor(module_of(device).full(shape, fill_value, dtypes.as_dtype(dtype))).requires_grad_(requires_grad)


def zeros(
    *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Zeros of shape ``size``."""
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    return full(_shape("zeros", sizes, size), 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones(
    *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones of shape ``size``."""
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    return full(_shape("ones", sizes, size), 1, dtype=dtype, device=device, requires_grad=requires_grad)


def arange(
    start: Any = None, end: Any = None, step: Any = 1, *,
    dtype: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """start, start + step, ... below end; ``arange(end)`` counts from 0."""
    check_device(device)
    start, end = (0, start) if end is None else (0 if start is None else start, end)
    if not all(isinstance(v, (int, float, np.number)) for v in (start, end, step)):
        raise TypeError(f"arange: start, end and step must be numbers, got {start!r:.40}, {end!r:.40} and {step!r:.40}")
    if step == 0 or (end - start) * step < 0:
        raise ValueError(f"arange: step {step} does not lead from {start} to {end}")
    if dtype is None:
        dtype = dtypes.result_type([], [dtypes.scalar_category(v) for v in (start, end, step)])
    counted = np.arange(start, end, step).astype(dtypes.as_dtype(dtype))
    return Tensor(placed(counted, device)).requires_grad_(requires_grad)


def zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of input's shape and type."""
    check_like("zeros_like", input)
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of input's shape and type."""
    check_like("ones_like", input)
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """One value in input's shape and type."""
    check_like("full_like", input)
    dtype = input.dtype if dtype is None else dtype
    device = input.device if device is None else device
    return full(input.shape, fill_value, dtype=dtype, device=device, requires_grad=requires_grad)


def linspace(
    start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """x_k = start + k (end - start) / (steps - 1), k = 0 .. steps - 1: (steps,), both ends included; an integer dtype
    cuts off what follows the point."""
    check_device(device)
    for word, value in (("start", start), ("end", end)):
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            raise TypeError(f"linspace: {word} must be a number, got {value!r:.40}")
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise TypeError(f"linspace: steps must be an integer, got {steps!r:.40}")
    if steps < 0:
        raise ValueError(f"linspace: steps must be at least 0, got {steps}")
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    points = np.linspace(start, end, steps, dtype=np.float64).astype(kind)
    return Tensor(placed(points, device)).requires_grad_(requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """x_ij = 1 if i = j, else 0: (n, m), square without m."""
    check_device(device)
    rows, columns = _shape("eye", (n, n if m is None else m))
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return Tensor(placed(np.eye(rows, columns, dtype=kind), device)).requires_grad_(requires_grad)


def empty(
    *sizes: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of shape ``size`` whose values are whatever the memory held: for one that will be filled."""
    check_device(device)
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    return Tensor(module_of(device).empty(_shape("empty", sizes, size), kind)).requires_grad_(requires_grad)


def empty_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``empty`` of input's shape and type."""
    check_like("empty_like", input)
    dtype = input.dtype if dtype is None else dtype
    device = input.device if device is None else device
    return empty(input.shape, dtype=dtype, device=device, requires_grad=requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` itself if it is a Tensor (of that type), sharing memory with an array (of that type), else a copy."""
    check_device(device)
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(data, Tensor):
        data = data if device is None else data.to(device)
        return data if wanted in (None, data.dtype) else data.to(wanted)
    if isinstance(data, np.ndarray) and wanted in (None, data.dtype) and device in (None, "cpu"):
        return from_numpy(data)
    return tensor(data, dtype=dtype, device=device)


def is_tensor(obj: Any) -> bool:
    """True for a Tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    check_like("numel", input)
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """True for the types that can carry a gradient."""
    check_like("is_floating_point", input)
    return input.is_floating_point()


def _new(make: Any) -> Any:
    """The method that makes a tensor of self's type."""

    def method(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        dtype = self.dtype if dtype is None else dtype
        device = self.device if device is None else device
        return make(*args, dtype=dtype, device=device, requires_grad=requires_grad)

    method.__doc__ = f"``minigen.{make.__name__}`` in self's type, unless another is given."
    return method


for _make in (tensor, zeros, ones, full, empty):
    setattr(Tensor, f"new_{_make.__name__}", _new(_make))
# x.new(2, 3).zero_(): how older listings make hidden states
Tensor.new = Tensor.new_empty  # type: ignore[attr-defined]
