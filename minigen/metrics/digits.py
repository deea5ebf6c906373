"""Are these pictures digits? A small network, taught to say "no digit", judges what a generator draws.

    from minigen.metrics import digits
    print(digits.report(images))        # images: uint8 (N, 28, 28) or (N, 32, 32), say
    digits.load().classify(images)      # 0-9, or -1 for no digit

minigen itself trained the network on MNIST (examples/train_digit_check.py); digit_check.json holds what it achieved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import autograd, nn
from ..creation import from_numpy
from ..data import embedded
from .pictures import as_images
from .weights import read

WEIGHTS = "digit_check.safetensors"
SHA256 = "e66399bb3a0358549cada0b24a74708419eecf680cdf188f9bb6c8eeaef3f312"
NO_DIGIT = 10  # the network's eleventh class; classify says -1

LEAST_RATIO = 0.75  # of the share of real digits that is accepted
LEAST_CLASS_SHARE = 0.03  # of the accepted
BATCH = 500


class DigitNet(nn.Sequential):
    """(N, 1, 28, 28) in [0, 1] → logits (N, 11): the classes 0-9 and "no digit". 130,000 parameters."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 32, 4, stride=2, padding=1, bias=False),  # 28 → 14
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2, padding=1, bias=False),  # 14 → 7
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False),  # 7 → 4
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, 11),
        )


class DigitCheck:
    """The network with its decision rule: the class of the largest logit, and no threshold to choose.

    A picture is accepted if that class is a digit, whichever.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net = net.eval()

    def classify(self, images: Any) -> np.ndarray:
        """The class 0-9 of each picture, or -1 for no digit: int64 (N,).

        images: (N, 28, 28) or (N, 32, 32), uint8 or floats in [0, 1]; `pictures.as_images` says all that it takes.
        Raises: ValueError for other shapes, for floats outside [0, 1] and for NaN; TypeError for other dtypes.
        """
        x = as_images(images)
        with autograd.no_grad():
            batches = [self.net(from_numpy(x[i : i + BATCH])).array.argmax(axis=1) for i in range(0, len(x), BATCH)]
        classes = np.concatenate([np.zeros(0, np.int64), *batches])
        return np.where(classes == NO_DIGIT, -1, classes)

    def report(self, images: Any, real: Any = None) -> DigitReport:
        """Judge generated pictures beside real ones, by default the 2,000 test digits that come with minigen.

        Both as for classify. Raises ValueError also when there is not a picture, or when no real one is accepted.
        """
        real = embedded.load("test")[0] if real is None else real
        return judge(self.classify(images), self.classify(real))


@dataclass(frozen=True)
class DigitReport:
    """How digit-like n generated pictures are. All shares lie in [0, 1]."""

    n: int
    accepted_share: float  # of the generated pictures
    real_share: float  # of the real digits
    class_shares: tuple[float, ...]  # of each class 0-9 among the accepted; all 0 when none is

    @property
    def ratio(self) -> float:
        """accepted_share / real_share."""
        return self.accepted_share / self.real_share

    @property
    def smallest_class(self) -> int:
        """The digit that is drawn least often."""
        return int(np.argmin(self.class_shares))

    @property
    def passed(self) -> bool:
        """ratio >= 0.75 and every class at least 3% of the accepted."""
        return self.ratio >= LEAST_RATIO and min(self.class_shares) >= LEAST_CLASS_SHARE

    def __str__(self) -> str:
        least = self.smallest_class
        return "\n".join((
            f"digit check of {self.n:,} pictures: {'passed' if self.passed else 'NOT passed'}",
            f"  accepted as digits  {self.accepted_share:6.1%} of them, {self.real_share:.1%} of real test digits: "
            f"ratio {self.ratio:.3f} (at least {LEAST_RATIO})",
            f"  rarest class        {self.class_shares[least]:6.1%} of the accepted are {least}s "
            f"(at least {LEAST_CLASS_SHARE:.0%})",
            "  classes 0-9         " + " ".join(f"{share:.1%}" for share in self.class_shares),
        ))  # fmt: skip


def judge(labels: np.ndarray, real_labels: np.ndarray) -> DigitReport:
    """The report of two lists of classes, -1 for no digit: those of the generated pictures and of the real ones.

    Raises: ValueError when a list is empty, or when no real picture is accepted.
    """
    for name, given in (("images", labels), ("real", real_labels)):
        if len(given) == 0:
            raise ValueError(f"{name}: there is not a picture to judge; give (N, 28, 28) or (N, 32, 32) with N >= 1")
    real_share = float(np.mean(real_labels >= 0))
    if real_share == 0:
        raise ValueError(f"real: none of the {len(real_labels):,} pictures is accepted as a digit, so they can't be "
                         "the measure. Are they digits, bright on dark, uint8 0-255 or floats in [0, 1]?")
    accepted = labels[labels >= 0]
    counts = np.bincount(accepted, minlength=10)
    return DigitReport(n=len(labels), accepted_share=len(accepted) / len(labels), real_share=real_share,
                       class_shares=tuple((counts / max(len(accepted), 1)).tolist()))


def load() -> DigitCheck:
    """The trained check that comes with minigen.

    Raises: FileNotFoundError when the weights did not come with the package, ValueError when they are not those that
    minigen was published with.
    """
    net = DigitNet()
    net.load_state_dict(read(WEIGHTS, SHA256, "minigen/metrics/digits.py"))
    return DigitCheck(net)


def report(images: Any, real: Any = None) -> DigitReport:
    """Judge generated pictures with the check that comes with minigen: see DigitCheck.classify and .report."""
    return load().report(images, real)
