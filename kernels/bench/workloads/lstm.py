"""LSTM: a language model, the next token at every step of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from .workload import Workload

VOCABULARY, STEPS = 100, 64


def network(lib: Any) -> Any:
    nn = lib.nn

    class LanguageModel(lib.nn.Module):
        """Embedding 100 x 128, two LSTM layers of 512, linear to 100."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, 128)
            self.lstm = nn.LSTM(128, 512, num_layers=2)
            self.head = nn.Linear(512, VOCABULARY)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.lstm(self.embedding(tokens))[0])  # (T, N) -> (T, N, vocabulary)

    return LanguageModel()


def objective(lib: Any, network: Any, tokens: Any, targets: Any) -> Any:
    logits = network(tokens)
    return lib.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))


def text(n: int) -> dict[str, np.ndarray]:
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, (STEPS + 1, n))
    return {"tokens": tokens[:-1].copy(), "targets": tokens[1:].copy()}


# F = 2 T n (4 512 (128 + 512) + 4 512 (512 + 512) + 512 100); 3 F: the embedding needs its gradient
LSTM = Workload(
    "LSTM", "embedding 100 x 128, two LSTM layers of 512, linear to 100, T 64, cross-entropy on every step, Adam(1e-3)",
    32, 42.50, lambda lib: [network(lib)], text, optimiser="Adam", settings={"lr": 1e-3}, objective=objective,
)  # fmt: skip
