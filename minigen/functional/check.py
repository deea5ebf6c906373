"""What the functions ask of their arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import dtypes
from ..tensor import Tensor


def tensor_of(name: str, argument: str, value: Any, floating: bool = True) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name}: {argument} must be a Tensor, got {type(value).__name__}; use minigen.tensor or minigen.from_numpy"
        )
    if floating and not dtypes.is_floating(value.dtype):
        raise TypeError(f"{name}: {argument} must be floating, got {value.dtype}; convert it with .float()")
    return value


def tensors_of(name: str, values: Any) -> list[Tensor]:
    """Several Tensors, or a TypeError for one, or for anything else."""
    if isinstance(values, Tensor) or not isinstance(values, Iterable):
        raise TypeError(f"{name}: tensors must be a list or tuple of Tensors, got {type(values).__name__}")
    given = [tensor_of(name, f"tensor {i}", t, floating=False) for i, t in enumerate(values)]
    if not given:
        raise ValueError(f"{name}: no tensors were given; pass a list of at least one")
    return given


def number_of(name: str, argument: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name}: {argument} must be a number, got {value!r:.40}")
    return float(value)


def same_dtype(name: str, **tensors: Tensor | None) -> None:
    first = None
    for k, t in tensors.items():
        if t is None:
            continue
        dtype = tensor_of(name, k, t, floating=False).array.dtype
        first = first or dtype
        if dtype != first:
            words = ", ".join(f"{k} is {t.dtype}" for k, t in tensors.items() if isinstance(t, Tensor))
            raise TypeError(f"{name}: {words}; convert them to one type with .to(dtype)")


def pair_of(name: str, input: Tensor, target: Tensor) -> None:
    tensor_of(name, "input", input)
    tensor_of(name, "target", target)
    same_dtype(name, input=input, target=target)
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: input has shape {input.shape} and target {target.shape}; they must be equal (flatten one, say)"
        )


def each_dim(name: str, argument: str, value: Any, n: int, least: int) -> tuple[int, ...]:
    """An int, or one for each of ``n`` dimensions, as a tuple of integers not below ``least``."""
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(given) not in (1, n) or any(isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in given):
        count = "an integer" if n == 1 else "an integer or two"
        raise TypeError(f"{name}: {argument} must be {count}, got {value!r:.40}")
    if min(given) < least:
        raise ValueError(f"{name}: {argument} must be at least {least}, got {value!r:.40}")
    return tuple([int(v) for v in given]) * (n // len(given))


def images(name: str, input: Any, n: int, floating: bool = True) -> tuple[Tensor, bool]:
    """(N, C, H, W), or (N, C, L) with H = 1 for ``n`` = 1; and whether the batch was there. (C, ...) becomes a batch
    of one."""
    tensor_of(name, "input", input, floating)
    if input.ndim not in (n + 1, n + 2):
        letters = "L" if n == 1 else "H, W"
        raise ValueError(f"{name}: input must be (N, C, {letters}) or (C, {letters}), got shape {input.shape}")
    x = input if input.ndim == n + 2 else input.unsqueeze(0)
    return (x.unsqueeze(2) if n == 1 else x), input.ndim == n + 2


def unlifted(y: Tensor, n: int, batched: bool) -> Tensor:
    """What ``images`` added, taken away again."""
    if n == 1:
        y = y.squeeze(2)
    return y if batched else y.squeeze(0)
