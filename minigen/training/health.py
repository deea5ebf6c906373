"""Early numbers that tell whether a run is healthy, each beside the range that it had in good runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SETTLED = 200  # steps after which the numbers mean something


@dataclass(frozen=True)
class Healthy:
    """A column of metrics.jsonl, the range of its running median in good runs, and what it means to be outside."""

    column: str
    low: float
    high: float
    outside: str

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high  # False for NaN


@dataclass(frozen=True)
class Finding:
    """The median of a column over the latest rows, and what it was compared with."""

    value: float
    range: Healthy

    @property
    def healthy(self) -> bool:
        return self.range.holds(self.value)

    def __str__(self) -> str:
        seen = f"{self.range.column} {self.value:.3g} (good runs: {self.range.low:g} to {self.range.high:g})"
        return seen if self.healthy else f"{seen} ! {self.range.outside}"


def examine(rows: Iterable[Mapping[str, float]], ranges: Sequence[Healthy]) -> list[Finding]:
    """One finding per range whose column is in some of the rows."""
    rows = list(rows)
    found = []
    for expected in ranges:
        values = [row[expected.column] for row in rows if expected.column in row]
        if values:
            found.append(Finding(float(np.median(values)), expected))
    return found


def diversity(images: np.ndarray, real: np.ndarray) -> float:
    """Mean squared distance of pairs of images, divided by that of real ones: uint8 (N, H, W), (M, H', W').

    About 1 if the images differ from each other as much as real ones do, near 0 if they are all the same (collapse).
    With mu the mean image, E|x - y|^2 = 2 E|x - mu|^2, so no pair has to be formed. Black borders change nothing.
    """

    def spread(x: np.ndarray) -> float:
        return float(x.reshape(len(x), -1).astype(np.float64).var(axis=0).sum())

    return spread(images) / max(spread(real), 1e-12)
