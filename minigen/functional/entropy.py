"""Losses of probabilities: the information that is lost where a distribution stands for another."""

from __future__ import annotations

from .. import fused, ops
from ..backend import may_look
from ..creation import ones_like
from ..tensor import Tensor
from .check import pair_of
from .loss import fits, reduced


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """-y log x - (1 - y) log(1 - x), the logarithms no lower than -100, as in PyTorch; x must lie in [0, 1]."""
    pair_of("binary_cross_entropy", input, target)
    if input.numel() and may_look(input.array) and not (input.array.min() >= 0 and input.array.max() <= 1):
        raise ValueError(
            "binary_cross_entropy: input must lie in [0, 1]; for raw scores use binary_cross_entropy_with_logits"
        )
    return reduced("binary_cross_entropy", ops.bce(input, target), reduction, weight)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-y log s(x) - (1 - y) log(1 - s(x)), s the sigmoid, finite for any finite x; ``pos_weight`` multiplies the
    first term."""
    pair_of("binary_cross_entropy_with_logits", input, target)
    loss = fused.bce_with_logits(input, target)
    if pos_weight is not None:  # the first term is y softplus(-x), which is the loss itself at target 1
        fits("binary_cross_entropy_with_logits", "pos_weight", pos_weight, input)
        loss = loss + (pos_weight - 1) * target * fused.bce_with_logits(input, ones_like(input))
    return reduced("binary_cross_entropy_with_logits", loss, reduction, weight)


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """y (log y - x), x = log of the model's probabilities, y the true ones: KL(y || e^x) summed over the classes.

    ``log_target``: y is given as a logarithm, too. ``reduction='batchmean'`` divides the sum by the batch's size, which
    is the mathematical KL divergence's mean; 'mean' divides by the number of elements. y = 0 gives 0.
    """
    pair_of("kl_div", input, target)
    if log_target:
        loss = ops.exp(target) * (target - input)
    else:
        zero = target == 0
        loss = ops.where(zero, 0.0, target * ops.log(ops.where(zero, 1.0, target))) - target * input
    if reduction == "batchmean":
        return loss.sum() / (input.shape[0] if input.ndim else 1)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"kl_div: reduction must be 'none', 'batchmean', 'mean' or 'sum', got {reduction!r}")
    return reduced("kl_div", loss, reduction)
