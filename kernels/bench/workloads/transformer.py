"""Transformer: a causal language model of four pre-norm blocks (Radford 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .workload import Workload

VOCABULARY, STEPS, WIDTH, HEADS, BLOCKS = 100, 128, 256, 4, 4


def network(lib: Any) -> Any:
    nn, F = lib.nn, lib.nn.functional

    class Block(lib.nn.Module):
        """x + attention(norm(x)), then x + MLP(norm(x))."""

        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def attend(self, x: Any) -> Any:
            N, T, _ = x.shape
            heads = self.qkv(x).reshape(N, T, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
            q, k, v = heads.unbind(0)  # each (N, heads, T, 64)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(y.transpose(1, 2).reshape(N, T, WIDTH))

        def forward(self, x: Any) -> Any:
            x = x + self.attend(self.norm1(x))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Transformer(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(STEPS, WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

        def forward(self, tokens: Any) -> Any:
            x = self.token(tokens) + self.place.weight  # (N, T, width)
            return self.head(self.norm(self.blocks(x)))

    return Transformer()


def objective(lib: Any, network: Any, tokens: Any, targets: Any) -> Any:
    logits = network(tokens)
    return lib.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))


def text(n: int) -> dict[str, np.ndarray]:
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, (n, STEPS + 1))
    return {"tokens": tokens[:, :-1].copy(), "targets": tokens[:, 1:].copy()}


# F = 2 n T (4 (3 d d + d d + 8 d d) + 100 d) + attention, 2 products of n heads T T 64 a block, counted at half; 3 F
TRANSFORMER = Workload(
    "Transformer", "4 blocks, d 256, 4 heads, MLP 1024 (GELU), pre-norm, causal, T 128, vocabulary 100, AdamW(1e-3)",
    16, 40.58, lambda lib: [network(lib)], text, optimiser="AdamW", settings={"lr": 1e-3}, objective=objective,
)  # fmt: skip
