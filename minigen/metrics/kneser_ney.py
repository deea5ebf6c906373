"""The n-gram model that a neural one has to beat: modified Kneser-Ney smoothing (Chen & Goodman 1999, section 3).

    p(w | h) = [c(h w) - D(c(h w))] / c(h)  +  gamma(h) p(w | h')            h' is h without its oldest token

    D(1), D(2), D(3+) = 1 - 2 Y n2/n1,  2 - 3 Y n3/n2,  3 - 4 Y n4/n3,      Y = n1 / (n1 + 2 n2)        (equation 26)
    gamma(h) = [D(1) N1(h) + D(2) N2(h) + D(3+) N3+(h)] / c(h)

n_i is how many n-grams occur i times, N_i(h) how many words follow h i times. Orders below the highest do not count how
often h w occurs but how many different tokens stand before it; below the lowest every token is equally likely.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class KneserNey:
    """``order``-gram model over tokens 0 .. vocabulary - 1, estimated from one row of tokens.

    Raises ValueError for an order below 1, and for tokens outside the vocabulary.
    """

    def __init__(self, tokens: Iterable[int], order: int, vocabulary: int) -> None:
        if order < 1:
            raise ValueError(f"KneserNey: order must be at least 1, got {order}")
        row = _row(tokens, vocabulary)
        self.order, self.vocabulary = order, vocabulary
        self.levels = []  # for n = 1 .. order: keys of the n-grams, their discounted p, keys of the histories, gamma
        for n in range(1, order + 1):
            if n == order:
                keys, counts = np.unique(self._keys(row, n), return_counts=True)
            else:  # continuation counts: each different (n + 1)-gram votes once for its last n tokens
                longer = np.unique(self._keys(row, n + 1))
                keys, counts = np.unique(longer % self._base(n), return_counts=True)
            self.levels.append(self._level(keys, counts))

    def _base(self, n: int) -> int:
        base = self.vocabulary**n
        if base >= 2**63:
            raise ValueError(f"KneserNey: {n}-grams of {self.vocabulary:,} tokens need over 63 bits; lower the order")
        return base

    def _keys(self, row: np.ndarray, n: int) -> np.ndarray:
        """Each n-gram of the row as one number, the oldest token its highest digit."""
        self._base(n)
        keys = np.zeros(max(len(row) - n + 1, 0), np.int64)
        for i in range(n):
            keys = keys * self.vocabulary + row[i : i + len(keys)]
        return keys

    def _level(self, keys: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, ...]:
        D = discounts(counts)
        histories, first = np.unique(keys // self.vocabulary, return_index=True)  # keys are sorted: runs of one history
        if not len(keys):
            return keys, np.zeros(0), histories, np.zeros(0)
        total = np.add.reduceat(counts, first)
        discount = D[np.minimum(counts, 3)]
        gamma = np.add.reduceat(discount, first) / total
        p = (counts - discount) / np.repeat(total, np.diff([*first, len(keys)]))
        return keys, p, histories, gamma

    def nats(self, tokens: Iterable[int], context: Iterable[int] = ()) -> np.ndarray:
        """-log p of each token given the ``order - 1`` before it (``context`` stands before the first): (n,) nats."""
        row, before = _row(tokens, self.vocabulary), _row(context, self.vocabulary)
        return -np.log(self._probabilities(np.concatenate([before, row]))[len(before) :])

    def _probabilities(self, row: np.ndarray) -> np.ndarray:
        p = np.full(len(row), 1 / self.vocabulary)
        for n, (keys, direct, histories, gamma) in enumerate(self.levels, 1):
            grams = self._keys(row, n)
            if not len(grams) or not len(keys):
                break
            seen, weight = _find(keys, direct, grams, 0.0), _find(histories, gamma, grams // self.vocabulary, 1.0)
            p[n - 1 :] = seen + weight * p[n - 1 :]
        return p


def discounts(counts: np.ndarray) -> np.ndarray:
    """0 and D(1), D(2), D(3+) of equation 26, or 0.5 each where a text is too short or too repetitive to estimate them:
    a discount of 0 would leave what was never seen a probability of 0."""
    n1, n2, n3, n4 = (int(np.sum(counts == i)) for i in (1, 2, 3, 4))
    if not n1 * n2 * n3:
        return np.array([0, 0.5, 0.5, 0.5])
    Y = n1 / (n1 + 2 * n2)
    D = np.array([0, 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3])
    return np.minimum(D, np.arange(4)) if (D[1:] > 0).all() else np.array([0, 0.5, 0.5, 0.5])


def _find(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, otherwise: float) -> np.ndarray:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], otherwise)


def _row(tokens: Iterable[int], vocabulary: int) -> np.ndarray:
    row = np.asarray(tokens if isinstance(tokens, np.ndarray) else list(tokens), np.int64)
    if row.size and not (row.min() >= 0 and row.max() < vocabulary):
        raise ValueError(f"KneserNey: tokens must lie in 0 .. {vocabulary - 1}, got {row.min()} .. {row.max()}")
    return row
