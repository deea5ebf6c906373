"""The judge: a classifier of digits that minigen trained itself, whose features the metrics compare pictures in.

    from minigen.metrics import judge
    features, p = judge.load().look(images)     # float32 (N, 64), and the probabilities (N, 10) of the classes

It was trained on MNIST's training digits by examples/train_judge.py; judge.json holds what it achieved. It sees no
generator, and no generator may see it: a model that is trained or guided by its judge pleases the judge alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import autograd, nn
from .. import functional as F
from ..creation import from_numpy
from ..tensor import Tensor
from .pictures import as_images
from .weights import read

WEIGHTS = "judge.safetensors"
SHA256 = "070e8ccc7c076f1c3a31cbbc2aaca2e97d3821f9ede423ab61f8dd7c983f671a"
FEATURES = 64
BATCH = 500


class JudgeNet(nn.Module):
    """(N, 1, 28, 28) in [0, 1] → logits (N, 10), by way of 64 features; 560,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 4, stride=2, padding=1, bias=False),  # 28 → 14
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Conv2d(64, 64, 4, stride=2, padding=1, bias=False),  # 14 → 7
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Conv2d(64, 128, 3, padding=1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(128 * 7 * 7, FEATURES, bias=False),
            nn.BatchNorm1d(FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(FEATURES, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class Judge:
    """The network in evaluation mode: what it sees in a picture does not depend on the others of its batch."""

    def __init__(self, net: JudgeNet) -> None:
        self.net = net.eval()

    def look(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Penultimate features, float32 (N, 64), and class probabilities, float32 (N, 10).

        images: as `minigen.metrics.pictures.as_images` takes them, which says what it raises.
        """
        x = as_images(images)
        features, p = np.empty((len(x), FEATURES), np.float32), np.empty((len(x), 10), np.float32)
        with autograd.no_grad():
            for i in range(0, len(x), BATCH):
                seen = self.net.body(from_numpy(x[i : i + BATCH]))
                features[i : i + BATCH] = seen.array
                p[i : i + BATCH] = F.softmax(self.net.head(seen), dim=1).array
        return features, p


def load() -> Judge:
    """The trained judge that comes with minigen.

    Raises: FileNotFoundError when the weights did not come with the package, ValueError when they are not those that
    minigen was published with.
    """
    net = JudgeNet()
    weights = read(WEIGHTS, SHA256, "minigen/metrics/judge.py")
    net.load_state_dict({name: value.astype(np.float32) for name, value in weights.items()})
    return Judge(net)
