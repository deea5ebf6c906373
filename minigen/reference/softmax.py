"""Softmax, its logarithm, and attention."""

from __future__ import annotations

import math

import numpy as np

from .. import ops
from ..tensor import Tensor


def _shifted(input: Tensor, dim: int) -> Tensor:
    """x - max x: any shift gives the same softmax, this one cannot overflow."""
    return input - input.amax(dim=dim, keepdim=True).detach() if input.numel() else input


def softmax(input: Tensor, *, dim: int) -> Tensor:
    """e^(x_i) / sum_k e^(x_k) along ``dim``."""
    e = ops.exp(_shifted(input, dim))
    return e / e.sum(dim=dim, keepdim=True)


def log_softmax(input: Tensor, *, dim: int) -> Tensor:
    """x_i - log sum_k e^(x_k) along ``dim``."""
    shifted = _shifted(input, dim)
    return shifted - ops.log(ops.exp(shifted).sum(dim=dim, keepdim=True))


def attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, kept: Tensor | None, *, scale: float,
    causal: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(scale q k^T + mask) v (Vaswani 2017, equation 1): q (..., L, E), k (..., S, E), v (..., S, D) -> (..., L,
    D).

    mask (..., L, S) is -inf where a query must not look; one that may look nowhere gets 0. kept (..., L, S) multiplies
    the weights: dropout's mask. ``causal``: query i looks at keys 0..i.
    """
    scores = ops.matmul(query, key.transpose(-2, -1)) * scale
    if causal:
        scores = ops.where(Tensor(np.tri(*scores.shape[-2:], dtype=np.bool_, like=scores.array)), scores, -math.inf)
    if mask is not None:
        scores = scores + mask
    nowhere = (scores == -math.inf).all(dim=-1, keepdim=True)
    weights = ops.where(nowhere, 0.0, softmax(ops.where(nowhere, 0.0, scores), dim=-1))
    return ops.matmul(weights if kept is None else weights * kept, value)
