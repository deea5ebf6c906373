"""Joining tensors, and parting them again into views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..backend import state
from ..node import Node, like
from ..op import op
from ..tensor import Tensor
from ..twin import pick
from .check import axis_of, check_tensor, sizes_of
from .index import getitem
from .shape import cast, reshape, unsqueeze

Array = np.ndarray


@op
def cat(be: Any, *xs: Array, dim: int = 0) -> Array:
    """Tensors joined along an existing dimension."""
    if not xs:
        raise ValueError("cat: no tensors were given; pass a list of at least one")
    if not xs[0].ndim:
        raise ValueError(f"cat: {len(xs)} tensors of shape () have no dimension to be joined along; use stack")
    axis = axis_of("cat", dim, xs[0].ndim)
    for i, x in enumerate(xs):
        if x.ndim != xs[0].ndim or any(
            a != b for k, (a, b) in enumerate(zip(x.shape, xs[0].shape, strict=True)) if k != axis
        ):
            raise ValueError(
                f"cat: tensor {i} has shape {x.shape}, tensor 0 has {xs[0].shape}; all sizes but that of dim "
                f"{dim} must be equal"
            )
    if len({x.dtype for x in xs}) > 1:
        raise TypeError(
            f"cat: tensors have the types {sorted({x.dtype.name for x in xs})}; convert them to one with .to(dtype)"
        )
    return np.concatenate(xs, axis=axis)


def _part(delta: Tensor, xs: Sequence[Any], dim: int, i: int) -> Tensor:
    axis = axis_of("cat", dim, len(xs[i].shape))
    start = int(np.sum([x.shape[axis] for x in xs[:i]], dtype=np.int64))
    return delta[(slice(None),) * axis + (slice(start, start + xs[i].shape[axis]),)]


cat.vjps(lambda delta, _z, _xs, *, dim, i: _part(delta, _xs, dim, i))


def joined(tensors: Sequence[Tensor], dim: int) -> Tensor:
    """``cat`` of a list, in its common type. Empty tensors of shape (0,) among others of more dimensions are left out,
    as in PyTorch: a list that grows in a loop may start with one."""
    common = dtypes.result_type([t.dtype for t in tensors], [])
    if any(t.ndim > 1 for t in tensors):
        tensors = [t for t in tensors if t.shape != (0,)]
    return cat(*[t if t.dtype == common else cast(t, dtype=common) for t in tensors], dim=dim)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension, in their common type."""
    given = _given("stack", tensors)
    axis_of("stack", dim, given[0].ndim + 1)
    if len({t.shape for t in given}) > 1:
        raise ValueError(f"stack: shapes differ: {[t.shape for t in given]}; all must be equal")
    return joined([unsqueeze(t, dim) for t in given], dim)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: joined along dim 1, vectors (and numbers, as vectors of one) along dim 0."""
    given = [reshape(t, shape=(1,)) if not t.ndim else t for t in _given("hstack", tensors)]
    return joined(given, 0 if given[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors on top of each other: joined along dim 0, vectors (and numbers) as rows."""
    rows = [reshape(t, shape=(1, t.numel())) if t.ndim < 2 else t for t in _given("vstack", tensors)]
    return joined(rows, 0)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of parts along ``dim``: of one size (the last may be smaller), or of the sizes given, whose sum is dim's.

    Raises ValueError for sizes that do not fit.
    """
    check_tensor("split", tensor)
    n, axis = _length("split", tensor, dim)
    sizes = split_size_or_sections
    if isinstance(sizes, (int, np.integer)):
        if sizes < 0 or (sizes == 0 and n):
            raise ValueError(f"split: split_size must be at least 1, got {sizes} for dim {dim} of shape {tensor.shape}")
        sizes = [min(sizes, n - start) for start in range(0, n, max(sizes, 1))] or [0]
    given = sizes_of("split", "split_size_or_sections", sizes)
    if any(s < 0 for s in given) or sum(given) != n:
        raise ValueError(
            f"split: sizes {given} must add up to {n}, which dim {dim} of shape {tensor.shape} has, none below 0"
        )
    return _parts(tensor, given, axis)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of at most ``chunks`` parts along ``dim``, each of ceil(n / chunks) but the last."""
    check_tensor("chunk", input)
    n, axis = _length("chunk", input, dim)
    if isinstance(chunks, bool) or not isinstance(chunks, (int, np.integer)) or chunks < 1:
        raise ValueError(f"chunk: chunks must be an integer of at least 1, got {chunks!r:.40}")
    size = -(-n // chunks)
    return split(input, size, axis) if n else _parts(input, (0,) * chunks, axis)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of all slices along ``dim``, which goes away."""
    check_tensor("unbind", input)
    n, axis = _length("unbind", input, dim)
    indices = [(*(slice(None),) * axis, i, ...) for i in range(n)]
    if 0 < n <= _FEW:
        return _SPLIT(input, indices, axis, True)
    return tuple(getitem(input, index=index) for index in indices)


def _given(name: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, Sequence):
        raise TypeError(f"{name}: tensors must be a list or tuple of Tensors, got {type(tensors).__name__}")
    for t in tensors:
        check_tensor(name, t)
    if not tensors:
        raise ValueError(f"{name}: no tensors were given; pass a list of at least one")
    return list(tensors)


def _length(name: str, tensor: Tensor, dim: int) -> tuple[int, int]:
    if not tensor.ndim:
        raise IndexError(f"{name}: a 0-d tensor has no dim {dim}; .reshape(1) gives it one")
    axis = axis_of(name, dim, tensor.ndim)
    return tensor.shape[axis], axis


def _parts(tensor: Tensor, sizes: Sequence[int], axis: int) -> tuple[Tensor, ...]:
    ends = np.cumsum(sizes).tolist()
    indices = [(slice(None),) * axis + (slice(end - n, end), ...) for n, end in zip(sizes, ends, strict=True)]
    if len(sizes) <= _FEW:
        return _SPLIT(tensor, indices, axis, False)
    return tuple(getitem(tensor, index=index) for index in indices)


_FEW = 64  # the engine gathers the gradients of several outputs in lists, which is slow when there are thousands


class _Split:
    """All parts of x at once, so that their gradients are joined once, and not each put into zeros and added up.

    ``drops``: each part is one slice, without the axis.
    """

    name = "split"

    @staticmethod
    def forward(x: Array, indices: Sequence[tuple]) -> list[Array]:
        return [x[index] for index in indices]

    def __call__(self, x: Tensor, indices: Sequence[tuple], axis: int, drops: bool) -> tuple[Tensor, ...]:
        watch = state.profile
        began = watch and watch.clock()
        arrays = self.forward(x.array, indices)
        if state.grad_enabled and x.node is not None:
            node = Node(self, [x.node], [like(a.shape, a.dtype) for a in arrays], {"axis": axis, "drops": drops})
            outs = [Tensor(a, pick(node, i, len(arrays)), x._writes()) for i, a in enumerate(arrays)]
        else:
            outs = [Tensor(a, None, x._writes()) for a in arrays]
        if watch:
            watch.op(self.name, began, [x], outs)
        return tuple(outs)

    def backward(self, node: Node, delta: list, needs: Sequence[bool]) -> list[Tensor | None]:
        known = next(d.array for d in delta if d is not None)
        parts = [
            Tensor(np.zeros(part.shape, part.dtype, like=known)) if d is None else d
            for part, d in zip(node.kept, delta, strict=True)
        ]
        axis, drops = node.attrs["axis"], node.attrs["drops"]
        whole = None if state.grad_enabled else _whole([p.array for p in parts], axis, drops)
        if whole is not None:
            return [Tensor(whole)]
        return [stack(parts, axis) if drops else cat(*parts, dim=axis)]


_SPLIT = _Split()


def _whole(parts: Sequence[Any], axis: int, drops: bool) -> Array | None:
    """The array that ``parts`` are neighbouring parts of along ``axis``, if they are: attention's gradients, say."""
    first = parts[0]
    if not isinstance(first, np.ndarray):
        return None
    at = _address(first)
    stride = (_address(parts[-1]) - at) // max(len(parts) - 1, 1) if drops else first.strides[axis]
    size = 0
    for part in parts:
        if part.strides != first.strides or _owner(part) is not _owner(first) or _address(part) != at or not part.size:
            return None
        length = 1 if drops else part.shape[axis]
        size, at = size + length, at + length * stride
    after = axis if drops else axis + 1
    shape, strides = ((*of[:axis], n, *of[after:]) for of, n in ((first.shape, size), (first.strides, stride)))
    return np.lib.stride_tricks.as_strided(first, shape, strides, writeable=False)


def _address(x: Array) -> int:
    return x.__array_interface__["data"][0]


def _owner(x: Array) -> Any:
    """The array whose memory this view shows."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x if x.base is None else x.base
