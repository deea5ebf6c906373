"""What a classifier's probabilities p(y | x) say of pictures x."""

from __future__ import annotations

from typing import Any

import numpy as np


def classifier_score(p: Any) -> float:
    """exp(E_x KL(p(y|x) || p(y))), p(y) = E_x p(y|x): from 1 up to the number of classes, for probabilities (N, C).

    It is high when each picture is clearly of some class and all classes occur: the Inception score (Salimans et al.
    2016), with another classifier. It does not see whether the pictures of a class differ, nor whether they are real.
    """
    p = probabilities(p)
    marginal = p.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * (np.log(p) - np.log(marginal)), 0)  # 0 log 0 = 0
    return float(np.exp(terms.sum(axis=1).mean()))


def class_shares(p: Any) -> list[float]:
    """The share of pictures whose most probable class is 0, 1, ..."""
    p = probabilities(p)
    return (np.bincount(p.argmax(axis=1), minlength=p.shape[1]) / len(p)).tolist()


def conditional_accuracy(p: Any, labels: Any) -> float:
    """The share of pictures whose most probable class is the one they were to be of; labels are integers (N,)."""
    p, labels = probabilities(p), np.asarray(labels)
    if labels.shape != (len(p),):
        raise ValueError(f"labels: shape {labels.shape}, but there are {len(p):,} pictures and each wants one label")
    return float(np.mean(p.argmax(axis=1) == labels))


def probabilities(p: Any) -> np.ndarray:
    p = np.asarray(p, np.float64)
    if p.ndim != 2 or not p.size:
        raise ValueError(f"p: shape {p.shape} is not (N, C) with N, C >= 1")
    if not (p.min() >= 0 and np.allclose(p.sum(axis=1), 1, atol=1e-3)):  # false for NaN too
        raise ValueError("p: rows must be probabilities, at least 0 and summing to 1; softmax makes them of logits")
    return p
