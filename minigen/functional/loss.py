"""Losses of numbers: how far a result lies from its target.

input and target have one shape and one floating type; ``reduction`` is 'mean' (over all elements), 'sum' or 'none'.
Other shapes and words raise ValueError (PyTorch broadcasts, with a warning), other types TypeError.
"""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor
from .check import number_of, pair_of, tensor_of


def reduction_of(name: str, reduction: str) -> str:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{name}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    return reduction


def reduced(name: str, loss: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    reduction_of(name, reduction)
    if weight is not None:
        fits(name, "weight", weight, loss)
        loss = loss * weight
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def fits(name: str, argument: str, value: Tensor, loss: Tensor) -> None:
    """An error unless ``value`` is a Tensor that broadcasts to the loss's shape."""
    sizes = zip(tensor_of(name, argument, value).shape[::-1], loss.shape[::-1], strict=False)
    if value.ndim > loss.ndim or any(n not in (1, m) for n, m in sizes):
        raise ValueError(f"{name}: {argument} of shape {value.shape} does not broadcast to the input's {loss.shape}")


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """(x - y)^2."""
    pair_of("mse_loss", input, target)
    difference = input - target
    return reduced("mse_loss", difference * difference, reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """|x - y|; the gradient at 0 is 0."""
    pair_of("l1_loss", input, target)
    return reduced("l1_loss", ops.abs(input - target), reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, d = x - y (Girshick 2015); |d| for beta = 0.

    Raises ValueError for beta < 0.
    """
    pair_of("smooth_l1_loss", input, target)
    if number_of("smooth_l1_loss", "beta", beta) < 0:
        raise ValueError(f"smooth_l1_loss: beta must be at least 0, got {beta}")
    distance = ops.abs(input - target)
    if beta == 0:
        return reduced("smooth_l1_loss", distance, reduction)
    near = distance < beta
    inner = ops.where(near, distance, 0.0)  # the square of a far one may overflow, and would be NaN backward
    loss = ops.where(near, inner * inner * (0.5 / beta), distance - 0.5 * beta)
    return reduced("smooth_l1_loss", loss, reduction)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), d = x - y (Huber 1964): delta times ``smooth_l1_loss``.

    Raises ValueError for delta <= 0.
    """
    pair_of("huber_loss", input, target)
    if number_of("huber_loss", "delta", delta) <= 0:
        raise ValueError(f"huber_loss: delta must be larger than 0, got {delta}")
    distance = ops.abs(input - target)
    near = distance <= delta
    inner = ops.where(near, distance, 0.0)
    loss = ops.where(near, 0.5 * inner * inner, delta * (distance - 0.5 * delta))
    return reduced("huber_loss", loss, reduction)
