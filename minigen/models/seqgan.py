"""SeqGAN (Yu et al. 2017): a discriminator's opinion of whole sentences teaches a text model word by word.

    J(theta) = E[ R(Y) ],  Y = y_1 ... y_T drawn from G_theta                                       (equation 1)
    Q(Y_{1:t-1}, y_t) = 1/N sum_n R(Y^n),  Y^n = y_1 ... y_t completed by roll-outs;  R(Y) at t = T  (equation 4)
    dJ/dtheta = E[ sum_t  d log G_theta(y_t | Y_{1:t-1}) / dtheta . Q(Y_{1:t-1}, y_t) ]              (equation 7)

A sentence can't be differentiated with respect to the numbers that drew its words: an image GAN's gradient does not
exist here. Equation 7 (REINFORCE: Williams 1992) needs none: words that led to rewarded sentences become likelier.
The reward R is D's probability that the sentence is real, or any function of it: ``policy_loss`` does not ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import no_grad
from ..creation import from_numpy, tensor
from ..random import Generator
from ..tensor import Tensor
from .generate import draw
from .rnn import RecurrentLM

Reward = Callable[[np.ndarray], np.ndarray]  # sentences (N, T) -> (N,)
BATCH = 2048  # sentences that are drawn at once


# sentences ----------------------------------------------------------------------------------------
def sample(
    model: Any, n: int, length: int, start: int = 0, generator: Generator | None = None, temperature: float = 1.0
) -> np.ndarray:
    """n sentences of ``length`` tokens, the first drawn after the token ``start``: int64 (n, length)."""
    parts = []
    for i in range(0, n, BATCH):
        first = np.full((min(BATCH, n - i), 1), start, np.int64)
        parts.append(_continued(model, first, None, length, generator, temperature))
    return np.concatenate(parts) if parts else np.zeros((0, length), np.int64)


def _continued(
    model: Any, last: np.ndarray, state: Any, length: int, generator: Generator | None, temperature: float = 1.0
) -> np.ndarray:
    """``length`` tokens after the tokens ``last`` (N, 1), which ``state`` has not read yet."""
    out = np.zeros((len(last), length), np.int64)
    with no_grad():
        for t in range(length):
            logits, state = model.step(tensor(last), state)
            logits = logits[:, -1] if temperature == 1 else logits[:, -1] / temperature
            out[:, t] = draw(F.softmax(logits, dim=-1).numpy(), generator)
            last = out[:, t : t + 1]
    return out


def action_values(
    model: Any, sentences: np.ndarray, reward: Reward, rollouts: int, start: int = 0, generator: Generator | None = None
) -> np.ndarray:
    """Q(Y_{1:t-1}, y_t) for every token of sentences (N, T): float64 (N, T), equation 4.

    The first t tokens of each sentence are completed ``rollouts`` times by ``model``, all of them at once.
    """
    N, T = sentences.shape
    Q, state, last = np.zeros((N, T)), None, np.full((N, 1), start, np.int64)
    for t in range(T - 1):
        with no_grad():  # the state that has read all before y_t, and now y_{t-1}
            _, state = model.step(tensor(last), state)
        last = sentences[:, t : t + 1]
        head = np.repeat(sentences[:, : t + 1], rollouts, axis=0)
        rest = _continued(model, np.repeat(last, rollouts, axis=0), _repeated(state, rollouts), T - t - 1, generator)
        Q[:, t] = reward(np.concatenate([head, rest], axis=1)).reshape(N, rollouts).mean(axis=1)
    Q[:, -1] = reward(sentences)
    return Q


def _repeated(state: Any, times: int) -> Any:
    """A recurrent state (layers, N, H), or a pair of them, with each row ``times`` times."""
    if isinstance(state, tuple):
        return tuple(_repeated(part, times) for part in state)
    return from_numpy(np.repeat(state.numpy(), times, axis=1))


# losses -------------------------------------------------------------------------------------------
def log_probabilities(model: Any, sentences: np.ndarray, start: int = 0, temperature: float = 1.0) -> Tensor:
    """log G(y_t | Y_{1:t-1}) of every token of sentences (N, T): (N, T)."""
    before = np.concatenate([np.full((len(sentences), 1), start, np.int64), sentences[:, :-1]], axis=1)
    logits = model(tensor(before)) / temperature
    flat = F.cross_entropy(logits.flatten(0, 1), tensor(sentences.ravel()), reduction="none")
    return -flat.reshape(*sentences.shape)


def nll(model: Any, sentences: np.ndarray, start: int = 0, temperature: float = 1.0) -> float:
    """-log G per token, the mean over sentences (N, T). Of an oracle's sentences: NLL_test; by the oracle of a model's
    sentences: NLL_oracle (section 4 of the paper)."""
    with no_grad():  # in pieces: logits of thousands of sentences are gigabytes
        parts = [log_probabilities(model, sentences[i : i + 500], start, temperature).sum().item()
                 for i in range(0, len(sentences), 500)]  # fmt: skip
    return -sum(parts) / sentences.size


def policy_loss(model: Any, sentences: np.ndarray, Q: np.ndarray, start: int = 0) -> Tensor:
    """-1/N sum_n sum_t log G(y_t | Y_{1:t-1}) . Q: its gradient is minus the estimate of equation 7."""
    log_p = log_probabilities(model, sentences, start)
    return -(log_p * tensor(Q).to(log_p.dtype)).sum() / len(sentences)


# the discriminator --------------------------------------------------------------------------------
class SentenceCNN(nn.Module):
    """Sentences (N, T) of tokens -> logits (N,) of being real (Kim 2014, with a highway: Srivastava 2015).

        c_k = max_t ReLU(W_k . E[t : t + k] + b_k)                 one filter per width k and channel
        h = gate . ReLU(W_h c) + (1 - gate) . c,  gate = sigmoid(W_g c + b_g)

    ``filters``: {width: how many}. The paper's: widths 1-10, 15, 20 with 100-200 filters each.
    """

    def __init__(
        self, vocabulary: int, filters: Mapping[int, int], embedding: int = 64, dropout: float = 0.25
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.convs = nn.ModuleList(nn.Conv1d(embedding, count, width) for width, count in filters.items())
        total = sum(filters.values())
        self.highway, self.gate = nn.Linear(total, total), nn.Linear(total, total)
        self.drop, self.head = nn.Dropout(dropout), nn.Linear(total, 1)

    def forward(self, sentences: Tensor) -> Tensor:
        e = self.embedding(sentences).transpose(1, 2)  # (N, embedding, T)
        c = F.cat([F.relu(conv(e)).amax(2) for conv in self.convs], dim=1)
        gate = F.sigmoid(self.gate(c))
        h = gate * F.relu(self.highway(c)) + (1 - gate) * c
        return self.head(self.drop(h)).flatten()

    def reward(self, sentences: np.ndarray) -> np.ndarray:
        """D's probability that sentences (N, T) are real, in evaluation mode: (N,)."""
        self.eval()
        with no_grad():
            parts = [F.sigmoid(self(tensor(sentences[i : i + BATCH]))).numpy() for i in range(0, len(sentences), BATCH)]
        self.train()
        return np.concatenate(parts)


PAPER_FILTERS = {1: 100, 2: 200, 3: 200, 4: 200, 5: 200, 6: 100, 7: 100, 8: 100, 9: 100, 10: 100, 15: 160, 20: 160}


# the synthetic benchmark --------------------------------------------------------------------------
def oracle(weights: Mapping[str, np.ndarray]) -> RecurrentLM:
    """The published oracle: an LSTM with N(0, 1) weights whose sentences are the data, so that any sentence's true
    probability is known. ``weights``: embedding, Wi Ui bi Wf Uf bf Wog Uog bog Wc Uc bc, Wo bo, as in x W + h U + b.

    Raises ValueError for a file that lacks one of them.
    """
    gates = ("i", "f", "c", "og")  # this layer's order: i, f, g, o
    wanted = ["embedding", "Wo", "bo", *(part + g for g in gates for part in "WUb")]
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise ValueError(f"oracle: the weights lack {', '.join(missing)}")
    vocabulary, embedding = weights["embedding"].shape
    hidden = len(weights["bi"])
    net = RecurrentLM(vocabulary, embedding, hidden, layers=1, cell="lstm")

    def joined(part: str, axis: int) -> np.ndarray:
        return np.concatenate([weights[part + g] for g in gates], axis=axis)

    net.load_state_dict({
        "embedding.weight": weights["embedding"],
        "recurrent.weight_ih_l0": joined("W", 1).T, "recurrent.bias_ih_l0": joined("b", 0),
        "recurrent.weight_hh_l0": joined("U", 1).T, "recurrent.bias_hh_l0": np.zeros(4 * hidden, np.float32),
        "head.weight": weights["Wo"].T, "head.bias": weights["bo"],
    })  # fmt: skip
    return net.eval()


def moved_towards(old: nn.Module, new: nn.Module, rate: float) -> None:
    """old := rate old + (1 - rate) new: the roll-out policy follows the generator slowly."""
    weights: Iterable[tuple[str, Tensor]] = new.state_dict().items()
    mine = old.state_dict()
    old.load_state_dict({name: rate * mine[name].numpy() + (1 - rate) * w.numpy() for name, w in weights})
