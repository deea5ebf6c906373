"""A decoder-only Transformer (Vaswani 2017; Radford 2019): the next token from all before it.

    h_0 = W_e[token] + W_p[place]
    h'  = h + Attention(LayerNorm(h)),   h = h' + MLP(LayerNorm(h'))              in every block (pre-norm)
    p(next token) = softmax(LayerNorm(h) W_e^T)                                   (tied weights: Press & Wolf 2017)

    Attention(Q, K, V) = softmax(Q K^T / sqrt(d)) V, each place looking at itself and at what stands before it
    MLP(x) = W_2 GELU(W_1 x)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functional as F
from .. import nn
from ..creation import from_numpy, tensor
from ..tensor import Tensor

Cache = list[tuple[Tensor, Tensor]]  # of each block: keys and values (N, heads, places so far, d)


class Attention(nn.Module):
    """(N, T, width) -> the same; ``kept`` are the keys and values of the places before x."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(
        self, x: Tensor, turn: tuple[Tensor, Tensor] | None, kept: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        N, T, C = x.shape
        q, k, v = self.qkv(x).reshape(N, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        if turn is not None:
            q, k = rotate(q, *turn), rotate(k, *turn)
        drop = self.dropout if self.training else 0.0
        if kept is None:
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=drop, is_causal=True)
        else:
            k, v = F.cat([kept[0], k], dim=2), F.cat([kept[1], v], dim=2)
            S = k.shape[2]
            seen = tensor(np.tri(T, S, S - T, dtype=bool))  # the i-th new place sees all old ones and i new ones
            y = F.scaled_dot_product_attention(q, k, v, seen, dropout_p=drop)
        return self.out(y.transpose(1, 2).reshape(N, T, C)), (k, v)


class Block(nn.Module):
    """h' = h + Attention(LayerNorm(h)),  h = h' + MLP(LayerNorm(h'))."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, h: Tensor, turn: Any = None, kept: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        y, kept = self.attention(self.norm1(h), turn, kept)
        h = h + self.drop(y)
        return h + self.drop(self.down(F.gelu(self.up(self.norm2(h))))), kept


class Transformer(nn.Module):
    """Tokens (N, T) -> logits (N, T, vocabulary) of the token after each. T may be at most ``context``.

    ``positions``: "learned" adds a vector per place; "rotary" turns queries and keys by the place (Su 2021), and
    knows no longest text, so that ``context`` only limits training and the cache.
    Initial weights N(0, 0.02^2), those before a residual sum divided by sqrt(2 layers) (Radford 2019, section 2.3).
    """

    def __init__(
        self, vocabulary: int, width: int = 256, layers: int = 4, heads: int = 4, context: int = 128,
        dropout: float = 0.0, positions: str = "learned", tied: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if width % heads or (positions == "rotary" and width // heads % 2):
            raise ValueError(f"Transformer: heads={heads} must divide width={width}, for rotary into even parts")
        if positions not in ("learned", "rotary"):
            raise ValueError(f"Transformer: positions must be 'learned' or 'rotary', got {positions!r}")
        self.context, self.positions, self.head_width = context, positions, width // heads
        self.token = nn.Embedding(vocabulary, width)
        self.place = nn.Embedding(context, width) if positions == "learned" else None
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = None if tied else nn.Linear(width, vocabulary, bias=False)
        self.apply(_initial)
        for block in self.blocks:
            for last in (block.attention.out, block.down):
                nn.init.normal_(last.weight, 0.0, 0.02 / math.sqrt(2 * layers))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.step(tokens)[0]

    def step(self, tokens: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """The logits of tokens (N, T) that follow those in the cache, and the cache with them."""
        T, before = tokens.shape[1], cache[0][0].shape[2] if cache else 0
        if before + T > self.context:
            raise ValueError(
                f"Transformer: {before + T} tokens do not fit into its context of {self.context}; give the last "
                f"{self.context} only"
            )
        h = self.token(tokens)  # (N, T, width)
        turn = None
        if self.place is not None:
            h = h + self.place.weight[before : before + T]
        else:
            turn = angles(before, T, self.head_width, h)
        h, now = self.drop(h), []
        for i, block in enumerate(self.blocks):
            h, kept = block(h, turn, cache[i] if cache else None)
            now.append(kept)
        h = self.norm(h)
        return (h @ self.token.weight.T if self.head is None else self.head(h)), now

    def shortened(self, cache: Cache, tokens: Sequence[int]) -> tuple[Cache | None, Sequence[int]]:
        """What generation goes on from when the cache is full: none, and the later half of the context again."""
        if not cache or cache[0][0].shape[2] < self.context:
            return cache, tokens[-1:]
        return None, tokens[-max(self.context // 2, 1) :]


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE: the pair (x_i, x_{i + d/2}) turned by the angle place * 10000^(-2i/d) (Su 2021, equation 34, halves)."""
    a, b = x.chunk(2, dim=-1)
    return F.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def angles(before: int, T: int, d: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin, (T, d/2), of place * 10000^(-2i/d) for the places before .. before + T - 1; in ``like``'s dtype."""
    rate = 10000.0 ** (-np.arange(0, d, 2) / d)
    angle = np.arange(before, before + T)[:, None] * rate
    return from_numpy(np.cos(angle)).to(like.dtype), from_numpy(np.sin(angle)).to(like.dtype)


def _initial(module: nn.Module) -> None:
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
