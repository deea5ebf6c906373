"""The sentence VAE (Bowman et al. 2016): a whole sentence from one vector of a continuous space.

    D8   L = E_q(z|x)[ log p(x|z) ] - KL( q(z|x) || N(0, I) ),     q(z|x) = N(mu(x), diag(sigma(x)^2))

The encoder is an LSTM whose last state gives mu and log sigma^2, the decoder an LSTM that starts from z and also sees z
at every word. A decoder that can guess words from words ignores z, and then the KL is 0: the collapse. Two remedies of
the paper (section 3.1): the KL's weight rises from 0 to 1, and some words that the decoder reads are replaced by <unk>.
A third is of Kingma 2016: the first few nats of KL are free, so that there is nothing to gain from losing them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import no_grad
from ..creation import arange, full_like, tensor
from ..random import Generator, rand, randn
from ..tensor import Tensor
from .generate import draw, probabilities
from .vae import kl_to_prior, reparametrise


class SentenceVAE(nn.Module):
    """Sentences (N, T) of tokens, ``pad`` after their end, -> log p(x|z) and KL, each (N,), in nats.

    Tokens 0 .. vocabulary - 1 are words; vocabulary, + 1, + 2 stand for <unk>, the beginning and the end (and padding).
    """

    def __init__(
        self, vocabulary: int, embedding: int = 64, hidden: int = 256, latent: int = 32, word_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.unknown, self.begin, self.end = vocabulary, vocabulary + 1, vocabulary + 2
        self.latent, self.word_dropout = latent, word_dropout
        self.embedding = nn.Embedding(vocabulary + 3, embedding)
        self.encoder = nn.LSTM(embedding, hidden)
        self.to_q = nn.Linear(hidden, 2 * latent)
        self.to_h, self.to_c = nn.Linear(latent, hidden), nn.Linear(latent, hidden)
        self.decoder = nn.LSTM(embedding + latent, hidden)
        self.head = nn.Linear(hidden, vocabulary + 3)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """mu and log sigma^2 of q(z|x), each (N, latent). The state at a sentence's end counts, not that of padding."""
        lengths = (x.numpy() != self.end).sum(1)
        states, _ = self.encoder(self.embedding(x.T))  # (T, N, hidden)
        last = states[tensor(np.maximum(lengths - 1, 0)), arange(len(lengths))]
        mu, log_var = self.to_q(last).chunk(2, dim=-1)
        return mu, log_var

    def read(self, x: Tensor) -> Tensor:
        """What the decoder reads at each place: the beginning, then the words before, some of them unknown."""
        before = F.cat([full_like(x[:, :1], self.begin), x], dim=1)
        if self.training and self.word_dropout:
            lost = rand(*before.shape) < self.word_dropout
            before = F.where(lost & (before != self.begin), self.unknown, before)
        return before

    def decode(self, before: Tensor, z: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple]:
        """Logits (N, T, V) of the word after each of ``before`` (N, T), and the state."""
        if state is None:
            state = F.tanh(self.to_h(z)).unsqueeze(0), F.tanh(self.to_c(z)).unsqueeze(0)
        T = before.shape[1]
        e = self.embedding(before.T)  # (T, N, embedding)
        h, state = self.decoder(F.cat([e, z.unsqueeze(0).expand(T, *z.shape)], dim=2), state)
        return self.head(h).transpose(0, 1), state

    def forward(self, x: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        mu, log_var = self.encode(x)
        z = reparametrise(mu, log_var, randn(*mu.shape, generator=generator, dtype=mu.dtype))
        return self.log_likelihood(x, z), kl_to_prior(mu, log_var).sum(1)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of the words and the end of each sentence: (N,)."""
        logits, _ = self.decode(self.read(x), z)  # (N, T + 1, V): after the beginning and after every word
        target = np.concatenate([x.numpy(), np.full((len(x), 1), self.end)], axis=1)
        counted = np.cumsum(target == self.end, axis=1) <= 1  # all words, and the first end
        nats = F.cross_entropy(logits.flatten(0, 1), tensor(target.ravel()), reduction="none")
        return -(nats.reshape(*target.shape) * tensor(counted).to(nats.dtype)).sum(1)

    def write(
        self, z: Tensor, length: int, temperature: float = 0.0, generator: Generator | None = None,
        never: Sequence[int] = (),
    ) -> list[list[int]]:  # fmt: skip
        """One sentence for each z (N, latent), at most ``length`` words, without the end and the words ``never``."""
        self.eval()
        before, state = np.full((len(z), 1), self.begin, np.int64), None
        words = np.full((len(z), length), self.end, np.int64)
        with no_grad():
            for t in range(length):
                logits, state = self.decode(tensor(before), z, state)
                scores = logits.numpy()[:, -1].copy()
                scores[:, [self.unknown, self.begin, *never]] = -math.inf  # nobody wants to read these
                words[:, t] = draw(probabilities(scores, temperature), generator)
                before = words[:, t : t + 1]
        ended = np.cumsum(words == self.end, axis=1) > 0
        self.train()
        return [row[~over].tolist() for row, over in zip(words, ended, strict=True)]


def padded(sentences: list[np.ndarray], end: int) -> np.ndarray:
    """Sentences of different lengths as one array (N, longest), filled up with ``end``."""
    out = np.full((len(sentences), max(map(len, sentences), default=0)), end, np.int64)
    for row, sentence in zip(out, sentences, strict=True):
        row[: len(sentence)] = sentence
    return out


def annealed(progress: float, middle: float = 0.2, steepness: float = 40.0) -> float:
    """The KL's weight: a sigmoid of the run's progress in [0, 1], 1/2 at ``middle``. Bowman 2016, section 3.1."""
    return 1 / (1 + math.exp(-steepness * (progress - middle)))
