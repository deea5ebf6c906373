"""Attention: each query's weighted mean of the values."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes, fused
from ..tensor import Tensor
from .check import number_of, same_dtype, tensor_of
from .dropout import kept, probability


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale q k^T + mask) v, scale = 1 / sqrt(E) by default (Vaswani 2017, equation 1).

    query (..., L, E), key (..., S, E), value (..., S, D) -> (..., L, D); the dimensions before broadcast.
    ``attn_mask`` broadcasts to (..., L, S): bool, True where a query may look, or numbers that are added to the scores.
    ``is_causal``: query i looks at keys 0..i. A query that may look at nothing gets 0, as in PyTorch since 2.5 (a
    softmax of nothing but -inf alone is NaN). ``dropout_p`` drops weights, always: pass 0 in evaluation.

    Raises ValueError for shapes that do not fit and for a mask together with is_causal, TypeError for types.
    """
    name = "scaled_dot_product_attention"
    same_dtype(name, query=query, key=key, value=value)
    tensor_of(name, "query", query)
    probability(name, "dropout_p", dropout_p)
    few = min(query.ndim, key.ndim, value.ndim) < 2
    if few or (query.shape[-1], key.shape[-2]) != (key.shape[-1], value.shape[-2]):
        raise ValueError(
            f"{name}: query (..., L, E), key (..., S, E) and value (..., S, D) must share E and S, got {query.shape}, "
            f"{key.shape} and {value.shape}"
        )
    L, E, S = *query.shape[-2:], key.shape[-2]
    try:
        lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    except ValueError:
        raise ValueError(
            f"{name}: the dimensions before the last two do not broadcast: query {query.shape}, key {key.shape}, value "
            f"{value.shape}"
        ) from None
    if is_causal and attn_mask is not None:
        raise ValueError(f"{name}: give attn_mask or is_causal, not both; combine them as attn_mask & tril(ones)")
    mask = attn_mask
    if mask is not None:
        lead = _with_mask(name, mask, query, lead, (L, S))
        if mask.dtype == np.bool_:
            mask = Tensor(np.where(mask.array, query.dtype.type(0), query.dtype.type(-math.inf)))
        mask = mask.broadcast_to((*lead, L, S))
    query, key, value = (
        x if x.shape[:-2] == lead else x.broadcast_to((*lead, *x.shape[-2:])) for x in (query, key, value)
    )
    drop = kept((*lead, L, S), dropout_p, query) if dropout_p else None
    factor = 1 / math.sqrt(max(E, 1)) if scale is None else number_of(name, "scale", scale)
    return fused.attention(query, key, value, mask, drop, scale=factor, causal=bool(is_causal))


def _with_mask(name: str, mask: Tensor, query: Tensor, lead: tuple[int, ...], last: tuple[int, int]) -> tuple[int, ...]:
    """The leading dimensions, broadcast with the mask's; an error if mask does not fit."""
    tensor_of(name, "attn_mask", mask, floating=False)
    if mask.dtype not in (dtypes.bool_, query.dtype):
        raise TypeError(f"{name}: attn_mask must be bool or {query.dtype} as query, got {mask.dtype}; use .to(dtype)")
    try:
        if np.broadcast_shapes(mask.shape, last)[-2:] == last:
            return np.broadcast_shapes(lead, mask.shape[:-2])
    except ValueError:
        pass
    raise ValueError(
        f"{name}: attn_mask of shape {mask.shape} does not broadcast to {(*lead, *last)}: one number for each query "
        "and key"
    )
