"""Recurrent language models: a state h_t that has read all tokens so far says the next.

    D9   h_t = tanh(W_hh h_{t-1} + W_xh x_t + b_h),   y_t = W_hy h_t + b_y

x_t is the embedding of token t, y_t the logits of the token after it. LSTM and GRU put gates around the same idea.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import nn
from ..tensor import Tensor

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentLM(nn.Module):
    """Tokens (N, T) -> logits (N, T, vocabulary); the state of ``step`` carries on what was read before."""

    context = None  # of any length

    def __init__(
        self, vocabulary: int, embedding: int = 128, hidden: int = 512, layers: int = 2, cell: str = "lstm",
        dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"RecurrentLM: cell must be one of {', '.join(CELLS)}, got {cell!r}")
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.recurrent = CELLS[cell](embedding, hidden, layers, dropout=dropout if layers > 1 else 0.0)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.step(tokens)[0]

    def step(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """The logits of tokens (N, T) that follow those which ``state`` has read, and the state after them."""
        x = self.drop(self.embedding(tokens.T))  # (T, N, embedding): recurrent layers take the time first
        h, state = self.recurrent(x, state)
        return self.head(self.drop(h)).transpose(0, 1), state

    def shortened(self, state: Any, tokens: Sequence[int]) -> tuple[Any, Sequence[int]]:
        """What generation goes on from: the state, which never fills up, and the newest token."""
        return state, tokens[-1:]


class N3(nn.Module):
    """The Keras listing: embedding 10,000 → 128, LSTM 1024 (all steps), LSTM 1024 (last step), dense softmax layer.

    Tokens (N, T) -> logits (N, 1, vocabulary) of the one token that follows all T: the listing learns one prediction a
    sequence, where ``RecurrentLM`` learns T of them. Keras' initial values: the embedding uniform in ±0.05, input and
    dense weights Glorot uniform, recurrent weights orthogonal, biases 0 but the forget gates' 1.
    """

    context = None

    def __init__(self, vocabulary: int = 10_000, embedding: int = 128, hidden: int = 1024) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.lstm = nn.LSTM(embedding, hidden, 2)
        self.head = nn.Linear(hidden, vocabulary)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        for name, p in (*self.lstm.named_parameters(), *self.head.named_parameters()):
            if "weight_hh" in name:
                nn.init.orthogonal_(p)
            elif "weight" in name:
                nn.init.xavier_uniform_(p)
            else:
                nn.init.zeros_(p)
                if "bias_ih" in name:
                    nn.init.ones_(p.detach()[hidden : 2 * hidden])  # gates i, f, g, o

    def forward(self, tokens: Tensor) -> Tensor:
        return self.step(tokens)[0]

    def step(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, state = self.lstm(self.embedding(tokens.T), state)
        return self.head(h[-1:]).transpose(0, 1), state

    shortened = RecurrentLM.shortened
