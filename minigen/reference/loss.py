"""Losses, one number per element or sample."""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor
from .activation import softplus


def bce_with_logits(input: Tensor, target: Tensor) -> Tensor:
    """-y log s(x) - (1 - y) log(1 - s(x)) = log(1 + e^x) - x y, elementwise, s the sigmoid."""
    return softplus(input) - input * target


def cross_entropy(input: Tensor, labels: Tensor, *, reduction: str = "none") -> Tensor:
    """-log softmax(x)[label] = log sum_k e^(x_k) - x_label: x (N, K), labels (N) -> (N), or their mean or sum."""
    top = input.amax(dim=1, keepdim=True).detach()  # any shift gives the same value; this one cannot overflow
    log_sum = ops.log(ops.exp(input - top).sum(dim=1)) + top.squeeze(1)
    loss = log_sum - ops.gather(input, labels.unsqueeze(1), dim=1).squeeze(1)
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()
