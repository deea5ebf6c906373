"""Dropout, of elements or of whole channels."""

from __future__ import annotations

import math

from .. import dtypes, random
from ..tensor import Tensor
from .check import number_of, tensor_of


def kept(shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
    """0 with probability p, else 1 / (1 - p), so that the mean stays 1."""
    if like.dtype == dtypes.float32:  # in one pass
        return Tensor(random.default_generator.dropout_mask(math.prod(shape), p, like.array).reshape(shape))
    precise = like.dtype if like.dtype.itemsize > 2 else dtypes.float32  # 8 bits of bfloat16 know no 0.1
    kept = (random.rand(shape, dtype=precise, device=like.device) >= p).to(like.dtype)
    return kept / (1 - p) if p < 1 else kept


def probability(name: str, argument: str, p: float) -> float:
    if not 0 <= number_of(name, argument, p) <= 1:
        raise ValueError(f"{name}: {argument} must lie in [0, 1], got {p}")
    return p


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability p and divide the rest by 1 - p (Srivastava 2014), in training only.

    Any shape. Raises ValueError for p outside [0, 1]. ``inplace`` is accepted and ignored.
    """
    tensor_of("dropout", "input", input)
    probability("dropout", "p", p)
    return input * kept(input.shape, p, input) if training and p else input


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each channel of (N, C, L) or (C, L) as a whole with probability p, divide the rest by 1 - p (Tompson
    2015)."""
    return _channels("dropout1d", input, p, training, {2: 1, 3: 2}, "(N, C, L) or (C, L)")


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each channel of (N, C, H, W) as a whole with probability p, divide the rest by 1 - p (Tompson 2015): where
    neighbouring pixels are alike, single missing ones take no information away. Three dimensions are (N, C, L)."""
    return _channels("dropout2d", input, p, training, {3: 2, 4: 2}, "(N, C, H, W)")


def _channels(name: str, input: Tensor, p: float, training: bool, leading: dict[int, int], meant: str) -> Tensor:
    tensor_of(name, "input", input)
    probability(name, "p", p)
    if input.ndim not in leading:
        raise ValueError(f"{name}: input must be {meant}, got shape {input.shape}")
    n = leading[input.ndim]
    if not training or not p:
        return input
    return input * kept(input.shape[:n] + (1,) * (input.ndim - n), p, input)
