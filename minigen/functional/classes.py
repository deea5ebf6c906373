"""Losses of classification: input (N, K), (K) or (N, K, d1, ...), target the labels without K.

The mean over samples is weighted: with ``weight`` (K) it divides by the sum of the labels' weights, and samples whose
label is ``ignore_index`` count neither above nor below (the mean of none is NaN). A label out of range raises
IndexError, which names it.
"""

from __future__ import annotations

import numpy as np

from .. import dtypes, fused, ops
from ..backend import may_look
from ..tensor import Tensor
from .check import number_of, same_dtype, tensor_of
from .loss import reduced, reduction_of


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-w_k x_k, k the label: input (N, K), (K) or (N, K, d1, ...) of log-probabilities, as from ``log_softmax``.

    target: int64 labels 0..K-1, shape (N), () or (N, d1, ...). 'mean' divides by sum w_k.
    """
    counted = _counted("nll_loss", input, target, _shapes("nll_loss", input, target, weight), ignore_index)
    return _averaged("nll_loss", *_picked(input, target, weight, counted), reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-w_k log softmax(x)_k, k the label: input (N, K), (K) or (N, K, d1, ...) of raw scores (logits).

    target: int64 labels 0..K-1, shape (N), () or (N, d1, ...); or probabilities of input's shape and type, then -sum_k
    w_k y_k log softmax(x)_k, of which 'mean' divides by the number of samples. ``label_smoothing`` e replaces the
    target y by (1 - e) y + e/K (Szegedy 2016). Finite for any finite scores.
    """
    name = "cross_entropy"
    e = number_of(name, "label_smoothing", label_smoothing)
    if not 0 <= e <= 1:
        raise ValueError(f"{name}: label_smoothing must lie in [0, 1], got {label_smoothing}")
    tensor_of(name, "input", input)
    if isinstance(target, Tensor) and dtypes.is_floating(target.dtype) and target.shape == input.shape and input.ndim:
        return _of_probabilities(input, target, weight, ignore_index, reduction, e)
    axis = _shapes(name, input, target, weight)
    plain = input.ndim == 2 and weight is None and not e
    if plain and isinstance(target.array, np.ndarray) and not 0 <= ignore_index < input.shape[1]:
        try:
            return fused.cross_entropy(input, target, reduction=reduction_of(name, reduction))
        except IndexError:  # the kernel has met a label that is no class: to be ignored, or wrong
            pass
    counted = _counted(name, input, target, axis, ignore_index)
    if plain and counted is None:
        return fused.cross_entropy(input, target, reduction=reduction_of(name, reduction))
    log_p = fused.log_softmax(input, dim=axis)
    loss, count = _picked(log_p, target, weight, counted)
    if not e:
        return _averaged(name, loss, count, reduction)
    K = input.shape[axis]
    smooth = -(log_p if weight is None else log_p * _along(weight, axis, input.ndim)).sum(dim=axis)
    if counted is not None:
        smooth = ops.where(counted, smooth, 0.0)
    return _averaged(name, loss * (1 - e) + smooth * (e / K), count, reduction)


def _shapes(name: str, input: Tensor, target: Tensor, weight: Tensor | None) -> int:
    """The classes' axis; an error for types and shapes that do not fit."""
    tensor_of(name, "input", input)
    tensor_of(name, "target", target, floating=False)
    axis = min(input.ndim - 1, 1)
    if not input.ndim or target.shape != input.shape[:axis] + input.shape[axis + 1 :]:
        raise ValueError(
            f"{name}: input must be (N, K) and target (N), or (K) and (), or (N, K, d1, ...) and (N, d1, ...), got "
            f"{input.shape} and {target.shape}"
        )
    if target.dtype != dtypes.int64:
        raise TypeError(f"{name}: target must hold int64 labels, got {target.dtype}; convert it with .long()")
    K = input.shape[axis]
    if not K:
        raise ValueError(f"{name}: input of shape {input.shape} has no classes; K must be at least 1")
    _weights(name, input, weight, K)
    return axis


def _counted(name: str, input: Tensor, target: Tensor, axis: int, ignore_index: int) -> Tensor | None:
    """Which samples count (None: all). An error for labels that are none."""
    K = input.shape[axis]
    ignored = target.array == ignore_index
    wrong = ((target.array < 0) | (target.array >= K)) & ~ignored
    if not may_look(target.array):
        return Tensor(~ignored)
    if wrong.any():
        bad = target.array[wrong].tolist()[0]
        raise IndexError(f"{name}: label {bad} is out of range for {K} classes; labels go from 0 to {K - 1}")
    return Tensor(~ignored) if ignored.any() else None


def _weights(name: str, input: Tensor, weight: Tensor | None, K: int) -> None:
    same_dtype(name, input=input, weight=weight)
    if weight is not None and weight.shape != (K,):
        raise ValueError(f"{name}: weight has shape {weight.shape}, input {input.shape} needs ({K},), one per class")


def _picked(log_p: Tensor, target: Tensor, weight: Tensor | None, counted: Tensor | None) -> tuple[Tensor, Tensor]:
    """-w_k log p_k for each sample's label k, 0 where it does not count; and the sum of the weights."""
    axis = min(log_p.ndim - 1, 1)
    labels = target if counted is None else Tensor(np.where(counted.array, target.array, 0))
    loss = -ops.gather(log_p, labels.unsqueeze(axis), dim=axis).squeeze(axis)
    share = None
    if weight is not None:
        share = ops.getitem(weight, index=(labels.array.copy(),))
        loss = loss * share
    if counted is not None:
        loss = ops.where(counted, loss, 0.0)
        share = counted.to(log_p.dtype) if share is None else ops.where(counted, share, 0.0)
    return loss, Tensor(np.asarray(loss.numel(), log_p.dtype)) if share is None else share.sum()


def _averaged(name: str, loss: Tensor, count: Tensor, reduction: str) -> Tensor:
    return loss.sum() / count if reduction == "mean" else reduced(name, loss, reduction)


def _along(weight: Tensor, axis: int, ndim: int) -> Tensor:
    return weight.reshape((1,) * axis + (-1,) + (1,) * (ndim - 1 - axis))


def _of_probabilities(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, e: float
) -> Tensor:
    name, axis = "cross_entropy", min(input.ndim - 1, 1)
    same_dtype(name, input=input, target=target)
    K = input.shape[axis]
    _weights(name, input, weight, K)
    if ignore_index >= 0:
        raise ValueError(f"{name}: ignore_index={ignore_index} is for labels, target holds probabilities")
    y = target * (1 - e) + e / max(K, 1) if e else target
    loss = fused.log_softmax(input, dim=axis) * y
    loss = -(loss if weight is None else loss * _along(weight, axis, input.ndim)).sum(dim=axis)
    return reduced(name, loss, reduction)
