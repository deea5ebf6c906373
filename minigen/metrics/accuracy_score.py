"""The classification accuracy score: a classifier learns from generated pictures alone, and is tested on real ones.

What the generated classes lack, blur or confuse, the classifier can't learn (Ravuri & Vinyals 2019). The classifier and
its recipe are fixed and begin with the same weights each time, so the score depends on the pictures alone, not even on
their order: they are sorted before they are shuffled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import autograd, nn, optim, random
from .. import functional as F
from ..creation import from_numpy
from .pictures import as_images

SEED = 2019
STEPS, BATCH, RATE = 2500, 64, 2e-3


def classification_accuracy_score(
    images: Any, labels: Any, real: Any, real_labels: Any, steps: int = STEPS, tick: Callable[[], Any] | None = None
) -> float:
    """The share of real pictures that the classifier reads rightly after `steps` steps on the generated ones.

    images, real: as `pictures.as_images` takes them; labels: integers 0-9 (N,), those that the generator was given.
    tick: called after each step, for a progress bar. About a minute on one core; the caller's random numbers stay.
    Raises: ValueError for labels of another number, or outside 0-9.
    """
    x, test = as_images(images), as_images(real)
    y, truth = labels_of("labels", labels, len(x)), labels_of("real_labels", real_labels, len(test))
    bytes_of = np.ascontiguousarray(x.reshape(len(x), -1)).view(f"V{784 * 4}")[:, 0]
    order = np.argsort(bytes_of, kind="stable")
    x, y = x[order], y[order]
    with random.fork_rng():
        random.manual_seed(SEED)
        net = classifier()
        learn(net, x, y, steps, tick)
    return float(np.mean(read(net, test) == truth))


def classifier() -> nn.Sequential:
    """(N, 1, 28, 28) → logits (N, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 4, stride=2, padding=1, bias=False),  # 28 → 14
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 4, stride=2, padding=1, bias=False),  # 14 → 7
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(64 * 7 * 7, 128, bias=False),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


def learn(net: nn.Module, x: np.ndarray, y: np.ndarray, steps: int, tick: Callable[[], Any] | None) -> None:
    """Adam on cross-entropy, the rate falling to 0 along half a cosine."""
    optimizer, rng = optim.Adam(net.parameters(), lr=RATE), np.random.default_rng(SEED)
    queue = np.empty(0, np.int64)
    for step in range(steps):
        if len(queue) < BATCH:
            queue = np.concatenate([queue, *(rng.permutation(len(x)) for _ in range(-(-BATCH // len(x))))])
        chosen, queue = queue[:BATCH], queue[BATCH:]
        optimizer.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        loss = F.cross_entropy(net(from_numpy(x[chosen])), from_numpy(y[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if tick is not None:
            tick()


def read(net: nn.Module, x: np.ndarray, batch: int = 500) -> np.ndarray:
    net.eval()
    with autograd.no_grad():
        return np.concatenate([net(from_numpy(x[i : i + batch])).array.argmax(1) for i in range(0, len(x), batch)])


def labels_of(name: str, labels: Any, n: int) -> np.ndarray:
    """Labels as int64 (n,); ValueError or TypeError for anything else."""
    y = np.asarray(labels)
    if y.shape != (n,):
        raise ValueError(f"{name}: shape {y.shape}, but there are {n:,} pictures and each wants one label: ({n},)")
    if y.dtype.kind not in "iu":
        raise TypeError(f"{name}: dtype {y.dtype} must be an integer type, with the classes 0 to 9")
    if n and not (y.min() >= 0 and y.max() <= 9):
        raise ValueError(f"{name}: they lie in [{y.min()}, {y.max()}], but the classes are 0 to 9")
    return y.astype(np.int64)
