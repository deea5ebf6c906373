"""The judge is judged: what the metrics say of real digits, and of digits that are wrong in a known way."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .mnist import SAMPLES, Reference, judge
from .table import REAL


def calibrate(reference: Reference, progress: bool = False, **options: Any) -> dict[str, dict[str, Any]]:
    """{kind: judgement} of each of `kinds`, with the digits' true labels.

    Most are made of test digits, so the classification accuracy score is taken with others: the last training digits.
    """
    reference = copy.copy(reference)
    last = slice(-len(reference.test), None)
    reference.exam = reference.train[last], reference.train_labels[last]
    return {
        kind: judge(images, labels, reference, allow_few=True, progress=progress, **options)
        for kind, (images, labels) in kinds(reference).items()
    }


def kinds(reference: Reference) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{kind: (images, labels)}; all but the last are made of test digits."""
    images, labels = reference.test, reference.test_labels
    grey = images / np.float32(255)
    kept = labels != 4
    later = slice(len(reference.compared), len(reference.compared) + SAMPLES)  # not those that the features compare
    return {
        REAL: (images, labels),
        "binarised at 0.5": ((grey > 0.5).astype(np.float32), labels),
        "without the 4s": (images[kept], labels[kept]),
        "blurred 3 x 3": (blurred(grey), labels),
        "noise of 0.1": (noisy(grey, 0.1), labels),
        "copied training images": (reference.train[later], reference.train_labels[later]),
    }


def blurred(x: np.ndarray) -> np.ndarray:
    """Each pixel the mean of its 3 x 3 neighbourhood, black beyond the edge."""
    _, H, W = x.shape
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    return np.clip(sum(p[:, i : i + H, j : j + W] for i in range(3) for j in range(3)) / np.float32(9), 0, 1)


def noisy(x: np.ndarray, sigma: float) -> np.ndarray:
    """Normal noise on every pixel, cut to [0, 1]."""
    noise = np.random.default_rng(0).standard_normal(x.shape, np.float32)
    return np.clip(x + np.float32(sigma) * noise, 0, 1)
