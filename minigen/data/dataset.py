"""From items to batches: what a data set is, and how its items are stacked.

A data set is anything with `len(d)` and `d[i]`. If it also has `d.get_batch(indices)`, which gives the tuple of
stacked arrays for an int64 array of indices at once, the DataLoader calls that instead of N times `d[i]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..creation import from_numpy
from ..tensor import Tensor


class TensorDataset:
    """Item i is (tensors[0][i], tensors[1][i], ...). Takes Tensors and arrays; the items are Tensors without history.

    Raises: ValueError without tensors, or when their first sizes differ; TypeError for anything else.
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ValueError("TensorDataset: give at least one tensor")
        for position, tensor in enumerate(tensors):
            if not isinstance(tensor, Tensor | np.ndarray):
                raise TypeError(f"TensorDataset: argument {position} must be a Tensor or an array, "
                                f"not {type(tensor).__name__}")
        self.arrays = tuple(as_array(tensor) for tensor in tensors)
        shapes = [array.shape for array in self.arrays]
        if any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            raise ValueError(f"TensorDataset: the first sizes must be equal, but the shapes are {shapes}")

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(from_numpy(np.array(array[as_array(index)])) for array in self.arrays)

    def get_batch(self, indices: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(array[indices] for array in self.arrays)


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack a list of items: numbers, arrays and Tensors along a new first axis; tuples, lists and mappings by member.

    Python's ints become int64, its floats float64, as in PyTorch. Strings stay a list.
    Raises: ValueError when the items of one batch differ in shape or length, TypeError for what can't be stacked.
    """
    first = batch[0]
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([item[key] for item in batch]) for key in first}
    if isinstance(first, tuple | list):
        if any(len(item) != len(first) for item in batch):
            raise ValueError(f"collate: items of one batch have {sorted({len(item) for item in batch})} members")
        return tuple(default_collate(members) for members in zip(*batch, strict=True))
    arrays = [as_array(item) for item in batch]
    if any(array.shape != arrays[0].shape for array in arrays):
        raise ValueError(f"collate: items of one batch have different shapes, {sorted({a.shape for a in arrays})}. "
                         "Bring them to one shape with a transform, or give the DataLoader a collate_fn.")
    try:
        return from_numpy(np.stack(arrays))
    except TypeError as error:
        raise TypeError(f"collate: items of type {type(first).__name__} can't be stacked ({error}). "
                        "Give the DataLoader a collate_fn.") from None


def as_array(x: Any) -> Any:
    """A Tensor's array, or whatever NumPy makes of x."""
    return x.array if isinstance(x, Tensor) else x if isinstance(x, slice) else np.asarray(x)
