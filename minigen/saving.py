"""``save`` and ``load`` as listings call them: a safetensors file, whatever its name ends with, and no pickle."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from . import checkpoint, creation
from .tensor import device


def save(obj: Any, f: str | os.PathLike[str]) -> None:
    """Write ``obj``, a state dict or another nest of dicts and lists, to the file ``f``: ``checkpoint.save(f, obj)``.

    The leaves are Tensors, arrays, numbers, words, bools and None. TypeError for another one, as for a whole module
    (PyTorch pickles it): save its ``state_dict()``. OSError if the disk refuses; an older file is then untouched.
    """
    if not isinstance(f, (str, os.PathLike)):
        raise TypeError(f"save: f must be the path of a file, got {type(f).__name__}")
    if hasattr(obj, "state_dict"):
        name = type(obj).__name__
        raise TypeError(f"save: obj is a {name}, and no objects are pickled; save its .state_dict()")
    checkpoint.save(f, obj)


def load(f: str | os.PathLike[str], map_location: Any = None, *, weights_only: bool = True) -> Any:
    """What ``save`` was given, with Tensors for Tensors and arrays alike.

    Tensors come to the device ``map_location``, without it to the CPU; ``weights_only`` is what ``load`` always means.
    FileNotFoundError without the file, ValueError for a damaged one or a pickle, such as PyTorch writes.
    """
    if map_location is not None:
        map_location = device(map_location)
    if not isinstance(f, (str, os.PathLike)):
        raise TypeError(f"load: f must be the path of a file, got {type(f).__name__}")
    return _tensors(checkpoint.load(f), map_location)


def _tensors(value: Any, where: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tensors(member, where) for key, member in value.items()}
    if isinstance(value, list):
        return [_tensors(member, where) for member in value]
    return creation.from_numpy(value).to(where or "cpu") if isinstance(value, np.ndarray) else value
