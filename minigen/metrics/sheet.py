"""Sheets: a row of samples per class, and the samples that lie nearest to a training image above those images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import plot
from .pictures import as_images

COLUMNS = 20


def save(images: Any, labels: np.ndarray | None, judged: Mapping[str, Any], train: np.ndarray, path: Path) -> None:
    """PNG: ten rows of samples, one per class if they have labels; an empty row; then the samples nearest to training
    images, above these images.
    """
    x = grey(images)
    rows = [np.flatnonzero(labels == c)[:COLUMNS] for c in range(10)] if labels is not None else in_order(len(x))
    closest = [x[judged["closest"]["sample"]], train[judged["closest"]["train"]]]
    draw([*(x[row] for row in rows), x[:0], *closest], path)


def save_kinds(kinds: Mapping[str, Any], path: Path) -> None:
    """PNG: a row of each kind."""
    draw([grey(images)[:COLUMNS] for images in kinds.values()], path)


def in_order(n: int) -> list[np.ndarray]:
    return [np.arange(i, min(i + COLUMNS, n)) for i in range(0, min(n, 10 * COLUMNS), COLUMNS)]


def draw(rows: list[np.ndarray], path: Path) -> None:
    """Each row on its own line, filled up with black."""
    filled = [np.concatenate([row, np.zeros((COLUMNS - len(row), 28, 28), np.uint8)]) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    plot.save_grid(np.concatenate(filled), path, columns=COLUMNS, scale=1)


def grey(images: Any) -> np.ndarray:
    return plot.to_uint8(as_images(images), 0, 1)
