"""What stands between [ and ]: read as PyTorch reads it, and parted into what gives a view and what copies."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..backend import may_look
from ..tensor import Tensor

Array = np.ndarray


def parsed(name: str, key: Any, shape: tuple[int, ...]) -> tuple[tuple | None, tuple | None]:
    """``x[key]`` as two steps, ``x[view][copy]``; a step that would do nothing is None.

    The first holds integers, slices and None, spelled out for every dimension. The second holds the integer arrays,
    with full slices between them, and needs no more than that: bools have become positions. An integer is thus no array
    of one element, as it is to NumPy: for x of shape (2, 3, 4), ``x[0, :, [1, 2]]`` has the shape (3, 2).
    Raises IndexError where key does not fit ``shape``.
    """
    keys = [_converted(name, k) for k in (key if isinstance(key, tuple) else (key,))]

    def misfit(why: str) -> IndexError:
        return IndexError(f"{name}: index {_words(keys)} does not fit shape {shape}: {why}")

    used = sum(_dimensions(k) for k in keys)
    dots = sum(k is ... for k in keys)
    if dots > 1:
        raise misfit("an index can only have a single ellipsis ('...')")
    if used > len(shape):
        raise misfit(f"too many indices, {used} for {len(shape)} dimensions")
    view: list[Any] = []
    copy: list[Any] = []
    dim = 0
    for k in keys if dots else [*keys, ...]:
        if k is ...:
            left = len(shape) - used
            view += [slice(None)] * left
            copy += [slice(None)] * left
            dim += left
        elif k is None:
            view.append(None)
            copy.append(slice(None))
        elif isinstance(k, bool):  # a new dimension, with one element or none
            view.append(None)
            copy.append(np.zeros(int(k), np.int64))
        elif isinstance(k, int):
            if not -shape[dim] <= k < shape[dim]:
                raise misfit(f"index {k} is out of bounds for axis {dim} with size {shape[dim]}")
            view.append(k)
            dim += 1
        elif isinstance(k, slice):
            view.append(k)
            copy.append(slice(None))
            dim += 1
        elif not _is_array(k):
            raise misfit("use integers, slices, ..., None, and tensors of integers or bools")
        elif k.dtype == np.bool_:
            if k.shape != (there := shape[dim : dim + k.ndim]):
                raise misfit(f"a boolean mask of shape {k.shape} stands where the tensor has {there}")
            view += [slice(None)] * k.ndim
            copy += k.nonzero()
            dim += k.ndim
        else:
            if k.size and may_look(k) and (k.min() < -shape[dim] or k.max() >= shape[dim]):
                bad = k[(k < -shape[dim]) | (k >= shape[dim])].tolist()[0]
                raise misfit(f"index {bad} is out of bounds for axis {dim} with size {shape[dim]}")
            view.append(slice(None))
            copy.append(k)
            dim += 1
    arrays = [k for k in copy if _is_array(k)]
    try:
        np.broadcast_shapes(*[k.shape for k in arrays])
    except ValueError:
        shapes = " ".join(str(k.shape) for k in arrays)
        raise misfit(f"shape mismatch: its tensors' shapes {shapes} do not broadcast") from None
    untouched = all(isinstance(k, slice) and k == slice(None) for k in view)
    # with ... NumPy gives a single element as a view, too
    return None if untouched and arrays else (*view, ...), tuple(copy) if arrays else None


def _is_array(k: Any) -> bool:
    """Is ``k`` an array, of the CPU or of a GPU?"""
    return isinstance(k, np.ndarray) or (hasattr(k, "get") and hasattr(k, "dtype"))


def _dimensions(k: Any) -> int:
    """How many dimensions of the tensor ``k`` uses up."""
    if k is None or k is ... or isinstance(k, bool):
        return 0
    return k.ndim if _is_array(k) and k.dtype == np.bool_ else 1


def _converted(name: str, k: Any) -> Any:
    """``k`` without Tensors, lists and NumPy's numbers; an array is a copy, for the backward pass reads it again."""
    if k is None or k is ... or isinstance(k, (bool, int)):
        return k
    if isinstance(k, slice):
        return slice(*[None if i is None else _whole(name, i) for i in (k.start, k.stop, k.step)])
    if isinstance(k, (list, range)):
        try:
            k = np.array(k, None if len(k) else np.int64)
        except ValueError:
            raise IndexError(f"{name}: index {k!r:.80} is no rectangular list of integers or bools") from None
    elif isinstance(k, Tensor):
        k = k.array.copy()
    elif isinstance(k, (np.ndarray, np.generic)):
        k = np.array(k)
    else:
        return k  # no index: the caller says so
    if k.dtype == np.uint8:
        raise IndexError(f"{name}: an index of uint8 may mean a mask or positions; say .bool() or .long()")
    if k.dtype.kind not in "bi":
        raise IndexError(f"{name}: a tensor of {k.dtype} cannot be an index; use integers or bools")
    return k.item() if not k.ndim else k


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: a slice takes integers or None, got {value!r:.40}") from None


def _words(keys: list) -> str:
    words = ["..." if k is ... else f"array{k.shape}" if _is_array(k) else str(k) for k in keys]
    return "[" + ", ".join(words if "..." in words else [*words, "..."]) + "]"


def result_shape(view: tuple | None, copy: tuple | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of ``x[view][copy]``."""
    like = np.broadcast_to(np.empty((), np.bool_), shape)
    like = like if view is None else like[view]
    if copy is None:
        return like.shape
    return like[tuple([np.zeros(k.shape, np.int64) if _is_array(k) else k for k in copy])].shape
