"""Text from a language model, token by token: each is drawn from what the model thinks may follow.

    p_i = softmax(logit_i / temperature)

Temperature 0 takes the likeliest; below 1 sharpens, above 1 flattens. ``top_k`` keeps the k likeliest tokens, ``top_p``
the fewest likeliest that make up the probability p (nucleus sampling: Holtzman 2020, equation 2). At a low temperature
a text goes in circles; ``no_repeat_ngram_size`` (Paulus 2018, section 2.5) leaves out each token that would end a row
of so many tokens that was said before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..creation import tensor
from ..random import Generator, default_generator


def probabilities(
    logits: np.ndarray, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> np.ndarray:
    """softmax(logits / temperature) over the last axis, cut to top_k and top_p and made to sum to 1: float64.

    Raises ValueError for a temperature that is negative or not finite, top_k below 1, top_p outside (0, 1].
    """
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature must be finite and at least 0, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must lie in (0, 1], got {top_p}")
    logits = np.asarray(logits, np.float64)
    if temperature == 0:
        p = np.zeros_like(logits)
        np.put_along_axis(p, logits.argmax(-1)[..., None], 1.0, -1)
        return p
    p = np.exp((logits - logits.max(-1, keepdims=True)) / temperature)
    p /= p.sum(-1, keepdims=True)
    if top_k is top_p is None:
        return p
    order = np.argsort(-p, axis=-1, kind="stable")  # the likeliest first, ties by number
    ranked = np.take_along_axis(p, order, -1)
    if top_p is not None:
        ranked[np.cumsum(ranked, -1) - ranked >= top_p] = 0  # those before it already make up top_p
    if top_k is not None:
        ranked[..., top_k:] = 0
    np.put_along_axis(p, order, ranked, -1)
    return p / p.sum(-1, keepdims=True)


def draw(p: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """One index of each distribution p (N, V), by inverting its distribution function: int64 (N,).

    In two looks, first for the block of sqrt(V) indices that holds u and then within it: of V numbers, 2 sqrt(V) are
    added up one by one, and that is what would take the time.
    """
    N, V = p.shape
    u = (generator or default_generator).uniform(N, np.dtype(np.float64)).reshape(N, 1)
    width = math.isqrt(max(V - 1, 0)) + 1
    starts = np.arange(0, V, width)
    blocks, left = _locate(np.add.reduceat(p, starts, axis=1), u)
    within = np.minimum(starts[blocks] + np.arange(width), V - 1)
    inside = np.take_along_axis(p, within, 1).astype(np.float64)
    inside[starts[blocks] + np.arange(width) >= V] = 0
    place, _ = _locate(inside, left)
    return (starts[blocks] + place)[:, 0]


def _locate(weights: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In each row of weights the index (N, 1) whose share of the sum holds u (N, 1) in [0, 1), and where in it u is."""
    edges = np.cumsum(weights, axis=1, dtype=np.float64)
    at = u * edges[:, -1:]
    last = weights.shape[1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=1, keepdims=True)  # of those that are possible
    found = np.minimum((edges <= at).sum(1, keepdims=True), last)
    size = np.take_along_axis(weights, found, 1)
    inside = (at - np.take_along_axis(edges, found, 1) + size) / size
    return found, np.clip(inside, 0, np.nextafter(1, 0))


def generate(
    model: Any, prompt: Iterable[int], n: int, temperature: float = 1.0, top_k: int | None = None,
    top_p: float | None = None, no_repeat_ngram_size: int | None = None, generator: Generator | None = None,
) -> Iterator[int]:  # fmt: skip
    """Yields n tokens that continue ``prompt``, each as soon as it is drawn. Same generator state, same text.

    model: ``step(tokens (1, T), state) -> (logits (1, T, V), state)`` and ``shortened``; put into evaluation mode here.
    Where every token would repeat a row of ``no_repeat_ngram_size``, all may be drawn.
    Raises ValueError for an empty prompt, and for a ``no_repeat_ngram_size`` below 1.
    """
    tokens = [int(token) for token in prompt]
    if not tokens:
        raise ValueError("generate: the prompt is empty; give at least one token to continue from")
    said = Said(tokens, no_repeat_ngram_size) if no_repeat_ngram_size is not None else None
    model.eval()
    state, new = None, tokens if model.context is None else tokens[-model.context :]
    for _ in range(n):
        with no_grad():  # not around the yield: what the caller does in between is none of our business
            logits, state = model.step(tensor([list(new)]), state)
        last = logits.numpy()[:, -1]
        if said is not None:
            last = np.where(said.repeats(tokens, last.shape[-1]), -np.inf, last)
        p = probabilities(last, temperature, top_k, top_p)
        tokens.append(int(draw(p, generator)[0]))
        if said is not None:
            said.add(tokens)
        yield tokens[-1]
        state, new = model.shortened(state, tokens)


class Said:
    """The rows of ``size`` tokens that a text has had: which tokens followed each row of one less."""

    def __init__(self, tokens: list[int], size: int) -> None:
        if size < 1:
            raise ValueError(f"no_repeat_ngram_size must be at least 1, got {size}")
        self.size = size
        self.after: dict[tuple[int, ...], set[int]] = {}
        for end in range(size, len(tokens) + 1):
            self.add(tokens[end - size : end])

    def add(self, tokens: list[int]) -> None:
        """``tokens`` have become one more."""
        if len(tokens) >= self.size:
            *before, last = tokens[-self.size :]
            self.after.setdefault(tuple(before), set()).add(last)

    def repeats(self, tokens: list[int], vocabulary: int) -> np.ndarray:
        """Which tokens would, after ``tokens``, end a row that was there before: bool (vocabulary,); none if all."""
        found = np.zeros(vocabulary, bool)
        found[list(self.after.get(tuple(tokens[len(tokens) - self.size + 1 :]), ()))] = True
        return found & ~found.all()
