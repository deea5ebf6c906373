"""Other shapes and other orders for the same elements, composed from views."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..tensor import Tensor, on_host
from .check import axis_of, check_tensor, sizes_of
from .index import getitem
from .join import joined
from .shape import broadcast_to, clone, permute, reshape, transpose

Dims = int | Sequence[int]


def view(input: Tensor, shape: Sequence[int]) -> Tensor:
    """The same memory under another shape, one size of which may be -1.

    Raises ValueError for a shape of another size, RuntimeError where the elements do not lie in memory as they should:
    ``reshape`` copies them then.
    """
    check_tensor("view", input)
    z = reshape(input, shape=shape)
    if z.numel() and not np.may_share_memory(z.array, input.array):
        raise RuntimeError(
            f"view: the elements of shape {input.shape}, with strides {_strides(input)}, do not lie in memory as a "
            f"view of shape {z.shape} needs; use .reshape({', '.join(map(str, z.shape))}), which copies them"
        )
    return z


def _strides(input: Tensor) -> tuple[int, ...]:
    return tuple(s // input.array.itemsize for s in input.array.strides)


def movedim(input: Tensor, source: Dims, destination: Dims) -> Tensor:
    """Dimensions ``source`` moved to the places ``destination``; the others keep their order. A view."""
    check_tensor("movedim", input)
    given = [(d,) if isinstance(d, (int, np.integer)) else tuple(d) for d in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise ValueError(f"movedim: source {given[0]} and destination {given[1]} must name equally many dimensions")
    start, end = ([axis_of("movedim", d, input.ndim) for d in dims] for dims in given)
    if len(set(start)) != len(start) or len(set(end)) != len(end):
        raise ValueError(f"movedim: source {given[0]} or destination {given[1]} names a dimension twice")
    if not input.ndim:
        return input
    order = [d for d in range(input.ndim) if d not in start]
    for place, d in sorted(zip(end, start, strict=True)):
        order.insert(place, d)
    return permute(input, dims=tuple(order))


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two dimensions exchanged: ``transpose`` by NumPy's name."""
    return transpose(input, axis0, axis1)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension ``dim`` as several of the given sizes, one of which may be -1: ``flatten`` undone. A view."""
    check_tensor("unflatten", input)
    axis = axis_of("unflatten", dim, input.ndim)
    parts = sizes_of("unflatten", "sizes", sizes)
    n = input.shape[axis] if input.ndim else 1
    known = int(np.prod([p for p in parts if p != -1], dtype=np.int64))
    fits = known > 0 and n % known == 0 if parts.count(-1) == 1 else known == n
    if not parts or parts.count(-1) > 1 or min(parts) < -1 or not fits:
        raise ValueError(
            f"unflatten: sizes {parts} must multiply to {n}, the size of dim {dim} of shape {input.shape}; one may be "
            "-1"
        )
    parts = tuple(n // known if p == -1 else p for p in parts)
    return reshape(input, shape=(*input.shape[:axis], *parts, *input.shape[axis + 1 :]))


def flip(input: Tensor, dims: Dims) -> Tensor:
    """z[i] = x[n - 1 - i] along each of ``dims``: a copy, as in PyTorch (``x[::-1]`` is a view)."""
    check_tensor("flip", input)
    given = (dims,) if isinstance(dims, (int, np.integer)) else sizes_of("flip", "dims", dims)
    axes = [axis_of("flip", d, input.ndim) for d in given]
    if len(set(axes)) != len(axes):
        raise ValueError(f"flip: dims {given} names a dimension twice")
    steps = tuple(slice(None, None, -1 if d in axes else 1) for d in range(input.ndim))
    return clone(getitem(input, index=(*steps, ...)))


def roll(input: Tensor, shifts: Dims, dims: Dims | None = None) -> Tensor:
    """z[(i + shift) mod n] = x[i] along each of ``dims``; without them along the flattened tensor."""
    check_tensor("roll", input)
    moves = (shifts,) if isinstance(shifts, (int, np.integer)) else sizes_of("roll", "shifts", shifts)
    if dims is None:
        if len(moves) != 1:
            raise ValueError(f"roll: {len(moves)} shifts without dims; give one shift, or as many dims")
        return reshape(roll(reshape(input, shape=(input.numel(),)), moves, 0), shape=input.shape)
    axes = (dims,) if isinstance(dims, (int, np.integer)) else sizes_of("roll", "dims", dims)
    if len(moves) != len(axes):
        raise ValueError(f"roll: shifts {moves} and dims {axes} must be equally many")
    z = clone(input)
    for shift, dim in zip(moves, axes, strict=True):
        axis = axis_of("roll", dim, input.ndim)
        n = input.shape[axis] if input.ndim else 1
        if n > 1 and shift % n:
            whole, at = (slice(None),) * axis, n - shift % n
            z = joined([getitem(z, index=(*whole, part, ...)) for part in (slice(at, None), slice(at))], axis)
    return z


def repeat(input: Tensor, *sizes: int | Sequence[int]) -> Tensor:
    """x laid out ``sizes[i]`` times along dimension i, a copy; more sizes than dimensions add dimensions in front.

    (2, 3) with sizes (4, 1, 2) -> (4, 2, 6). NumPy calls it tile, and repeat what is here ``repeat_interleave``.
    """
    check_tensor("repeat", input)
    times = sizes_of("repeat", "sizes", sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)
    if len(times) < input.ndim or any(t < 0 for t in times):
        raise ValueError(
            f"repeat: sizes {times} need a number of at least 0 for each of the {input.ndim} dimensions of shape "
            f"{input.shape}"
        )
    shape = (1,) * (len(times) - input.ndim) + input.shape
    pairs = reshape(input, shape=tuple(n for s in shape for n in (1, s)))
    wide = broadcast_to(pairs, shape=tuple(n for t, s in zip(times, shape, strict=True) for n in (t, s)))
    z = reshape(wide, shape=tuple(t * s for t, s in zip(times, shape, strict=True)))
    return clone(z) if np.may_share_memory(z.array, input.array) else z


def tile(input: Tensor, dims: Sequence[int]) -> Tensor:
    """``repeat``, but fewer numbers than dimensions mean ones in front, as in NumPy."""
    check_tensor("tile", input)
    times = sizes_of("tile", "dims", (dims,) if isinstance(dims, (int, np.integer)) else dims)
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


def repeat_interleave(input: Tensor, repeats: int | Tensor, dim: int | None = None) -> Tensor:
    """Each element (slice along ``dim``) ``repeats`` times in a row: [1, 2] -> [1, 1, 2, 2], a copy.

    Without ``dim`` x is flattened. repeats is one number, or an int64 tensor with one for each slice.
    """
    check_tensor("repeat_interleave", input)
    if dim is None:
        input, dim = input.flatten(), 0
    axis = axis_of("repeat_interleave", dim, input.ndim)
    n = input.shape[axis] if input.ndim else 1
    counts = on_host(repeats.array) if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.dtype.kind != "i":
        raise TypeError(f"repeat_interleave: repeats must be an integer or an int64 tensor, got {repeats!r:.60}")
    if counts.ndim > 1 or (counts.size not in (1, n)) or (counts < 0).any():
        raise ValueError(
            f"repeat_interleave: repeats must be at least 0, and one number or {n}, the size of dim {dim} of shape "
            f"{input.shape}; got {repeats!r:.60}"
        )
    chosen = np.repeat(np.arange(n), np.broadcast_to(counts.reshape(-1), n))
    return getitem(input, index=(slice(None),) * axis + (chosen,))


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` repeated, without copying, to other's shape."""
    check_tensor("expand_as", other)
    return broadcast_to(input, shape=other.shape)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """``input.view`` of other's shape."""
    check_tensor("view_as", other)
    return view(input, other.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """``input.reshape`` to other's shape."""
    check_tensor("reshape_as", other)
    return reshape(input, shape=other.shape)


def meshgrid(*tensors: Tensor | Sequence[Tensor], indexing: str = "ij") -> tuple[Tensor, ...]:
    """z_k[i_1, ..., i_n] = x_k[i_k]: coordinates of a grid, from vectors (or numbers) of one dtype. Views.

    ``indexing="xy"`` exchanges the first two dimensions, as plots want it. PyTorch warns where it is left out.
    """
    many = len(tensors) == 1 and isinstance(tensors[0], (tuple, list))
    given: Sequence = tensors[0] if many else tensors  # type: ignore[assignment]
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    if not given:
        raise ValueError("meshgrid: no tensors were given; pass at least one")
    for t in given:
        check_tensor("meshgrid", t)
        if t.ndim > 1:
            raise ValueError(f"meshgrid: expects vectors, got shape {t.shape}; flatten it")
    if len({t.dtype for t in given}) > 1:
        types = [t.dtype.name for t in given]
        raise TypeError(f"meshgrid: dtypes differ: {types}; convert them to one with .to(dtype)")
    shape = tuple(t.numel() for t in given)
    grids = [
        broadcast_to(reshape(t, shape=(t.numel(), *[1] * (len(given) - 1 - i))), shape=shape)
        for i, t in enumerate(given)
    ]
    return tuple(transpose(g, 0, 1) if indexing == "xy" and len(given) > 1 else g for g in grids)
