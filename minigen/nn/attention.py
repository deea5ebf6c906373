"""Attention in several heads. Parameters have PyTorch's names, shapes and initial values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtypes
from .. import functional as F
from ..creation import zeros
from ..tensor import Tensor
from . import init
from .linear import Linear, check_sizes, parameter, placed
from .module import Module


class MultiheadAttention(Module):
    """head_i = softmax(Q_i K_i^T / sqrt(d) + mask) V_i;  y = [head_1, ..., head_h] W_o^T + b_o, with Q_i, K_i, V_i the
    i-th slices, d = embed_dim / num_heads wide, of the projected query, key and value (Vaswani 2017, section 3.2.2).

    query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim), the batch first with ``batch_first``, or without N
    -> y like query, and the weights (N, L, S), averaged over the heads (else (N, h, L, S)), or None.
    ``attn_mask`` (L, S) or (N h, L, S) and ``key_padding_mask`` (N, S): True, unlike in
    ``scaled_dot_product_attention``, means *do not* look there; floating masks are added to the scores. A query that
    may look nowhere gets NaN with ``need_weights``, else heads of 0, as in PyTorch. ``is_causal`` only says that
    attn_mask is the causal one. ``add_bias_kv`` and ``add_zero_attn`` are not supported.
    """

    @placed
    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        check_sizes(self, embed_dim=embed_dim, num_heads=num_heads)
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: num_heads={num_heads} must divide embed_dim={embed_dim}, both at least 1"
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f"MultiheadAttention: dropout must lie in [0, 1], got {dropout}")
        if add_bias_kv or add_zero_attn:
            raise ValueError("MultiheadAttention: add_bias_kv and add_zero_attn are not supported; leave them False")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.dropout, self.batch_first = dropout, batch_first
        joint = self.kdim == self.vdim == embed_dim  # then the three projections are one matrix
        self.in_proj_weight = parameter(3 * embed_dim, embed_dim) if joint else None
        self.q_proj_weight = None if joint else parameter(embed_dim, embed_dim)
        self.k_proj_weight = None if joint else parameter(embed_dim, self.kdim)
        self.v_proj_weight = None if joint else parameter(embed_dim, self.vdim)
        self.in_proj_bias = parameter(3 * embed_dim) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias)
        for w in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if w is not None:
                init.xavier_uniform_(w)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | None = None,
        need_weights: bool = True, attn_mask: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        batched = self._check(query, key, value)
        if is_causal and attn_mask is None:
            raise RuntimeError("MultiheadAttention: is_causal is a hint about attn_mask; give attn_mask as well")
        alike = query is key is value
        if not batched:
            query, key, value = (x.unsqueeze(0) for x in (query, key, value))
            key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        N, L, E = query.shape
        S, h = key.shape[1], self.num_heads
        q, k, v = (
            x.reshape(N, x.shape[1], h, self.head_dim).transpose(1, 2)  # (N, h, L or S, d)
            for x in self._project(query, key, value, alike)
        )
        mask = self._mask(attn_mask, key_padding_mask, N, L, S, q.dtype)
        found = None
        if need_weights:
            scores = (q / math.sqrt(self.head_dim)) @ k.transpose(-2, -1)  # (N, h, L, S)
            weights = F.softmax(scores if mask is None else scores + mask, dim=-1)
            weights = F.dropout(weights, self.dropout, self.training)
            heads, found = weights @ v, weights.mean(dim=1) if average_attn_weights else weights
        else:
            heads = F.scaled_dot_product_attention(q, k, v, mask, self.dropout if self.training else 0.0)
        y = self.out_proj(heads.transpose(1, 2).reshape(N, L, E))
        if not batched:
            return y.squeeze(0), None if found is None else found.squeeze(0)
        return y if self.batch_first else y.transpose(0, 1), found

    def _project(self, query: Tensor, key: Tensor, value: Tensor, alike: bool) -> list[Tensor]:
        E, b = self.embed_dim, self.in_proj_bias
        if alike and self.in_proj_weight is not None:
            return list(F.linear(query, self.in_proj_weight, b).chunk(3, dim=-1))
        if self.in_proj_weight is not None:
            weights = [self.in_proj_weight[i * E : (i + 1) * E] for i in range(3)]
        else:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]  # type: ignore[list-item]
        biases = [None] * 3 if b is None else [b[i * E : (i + 1) * E] for i in range(3)]
        return [F.linear(x, w, c) for x, w, c in zip((query, key, value), weights, biases, strict=True)]

    def _check(self, query: Any, key: Any, value: Any) -> bool:
        """Errors for inputs that do not fit; is there a batch?"""
        widths = {"query": (query, self.embed_dim), "key": (key, self.kdim), "value": (value, self.vdim)}
        for name, (x, width) in widths.items():
            if not isinstance(x, Tensor):
                raise TypeError(f"MultiheadAttention: {name} must be a Tensor, got {type(x).__name__}")
            if x.ndim not in (2, 3) or x.ndim != query.ndim or x.shape[-1] != width:
                raise ValueError(
                    f"MultiheadAttention: {name} must be ({'N, ' * self.batch_first}L, {'N, ' * (not self.batch_first)}"
                    f"{width}) or (L, {width}), all three with a batch or none, got shape {x.shape}"
                )
        batch = 0 if self.batch_first else 1
        both = [x.shape[:-1] for x in (key, value)]
        if both[0] != both[1] or (query.ndim == 3 and query.shape[batch] != key.shape[batch]):
            raise ValueError(
                f"MultiheadAttention: query {query.shape}, key {key.shape} and value {value.shape} do not fit: one "
                "batch size for all, and as many values as keys"
            )
        return query.ndim == 3

    def _mask(
        self, attn: Tensor | None, padding: Tensor | None, N: int, L: int, S: int, dtype: np.dtype
    ) -> Tensor | None:
        """What is added to the scores: (N, h, L, S) or broadcastable to it."""
        h, parts = self.num_heads, []
        if attn is not None:
            mask = _additive("attn_mask", attn, [(L, S), (N * h, L, S)], dtype)
            parts.append(mask if mask.ndim == 2 else mask.reshape(N, h, L, S))
        if padding is not None:
            parts.append(_additive("key_padding_mask", padding, [(N, S)], dtype).reshape(N, 1, 1, S))
        return None if not parts else parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _additive(name: str, mask: Any, shapes: list[tuple[int, ...]], dtype: np.dtype) -> Tensor:
    """0 where a bool mask is False and -inf where it is True; a floating one as it is."""
    if not isinstance(mask, Tensor):
        raise TypeError(f"MultiheadAttention: {name} must be a Tensor, got {type(mask).__name__}")
    if mask.shape not in shapes:
        raise ValueError(f"MultiheadAttention: {name} has shape {mask.shape}, expected {' or '.join(map(str, shapes))}")
    if mask.dtype == dtypes.bool_:
        return F.where(mask, -math.inf, zeros((), dtype=dtype))
    if not mask.is_floating_point():
        raise TypeError(f"MultiheadAttention: {name} must be bool or floating, got {mask.dtype}")
    return mask.to(dtype)
