"""A network that nobody trained: three convolutions with random weights, always the same, as a second opinion.

A classifier's features keep what tells classes apart and drop the rest: pictures that only a classifier takes for
digits may look good there. Random features drop nothing on purpose (Naeem et al. 2020, section 4.1).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .. import autograd, nn
from ..creation import from_numpy
from ..random import Generator, fork_rng, rand
from .pictures import as_images

FEATURES = 64
SEED = 2020
BATCH = 500


@cache
def network() -> nn.Sequential:
    """(N, 1, 28, 28) in [0, 1] → (N, 64). Weights are uniform with variance 2 / fan-in (He et al. 2015), biases 0.

    Uniform numbers of minigen's generator are bitwise the same on every machine.
    """
    with fork_rng():  # layers draw their first weights, which are overwritten
        net = nn.Sequential(
            nn.Conv2d(1, 32, 4, stride=2, padding=1, bias=False),  # 28 → 14
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, stride=2, padding=1, bias=False),  # 14 → 7
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, FEATURES, 7, bias=False),  # 7 → 1
            nn.Flatten(),
        )
    generator = Generator(SEED)
    with autograd.no_grad():
        for weight in net.parameters():
            bound = np.sqrt(6 / np.prod(weight.shape[1:]))
            weight.copy_((rand(*weight.shape, generator=generator) * 2 - 1) * float(bound))
    return net.eval()


def look(images: Any) -> np.ndarray:
    """Features, float32 (N, 64), of pictures that `pictures.as_images` takes."""
    x = as_images(images)
    features = np.empty((len(x), FEATURES), np.float32)
    with autograd.no_grad():
        for i in range(0, len(x), BATCH):
            features[i : i + BATCH] = network()(from_numpy(x[i : i + BATCH])).array
    return features
