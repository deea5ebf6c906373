"""Grey images with a label each, in memory: what the data sets of this folder have in common."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from . import transforms


class GreyImages:
    """Item i is (image, label): float32 (1, H, W) in [0, 1], or what `transform` makes of it, and an int. An array or
    slice of indices gives (N, 1, H, W) and int64 (N,) at once. `images` (N, H, W) uint8 and `labels` (N,) int64 are
    there to look at, and `source` says in words where they are from.
    """

    name: str
    split = "all"
    images: np.ndarray
    labels: np.ndarray
    source: str
    transform: transforms.Transform | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> tuple[np.ndarray, Any]:
        if isinstance(index, slice):
            return self.get_batch(np.arange(len(self))[index])
        index = np.asarray(getattr(index, "array", index))
        if index.ndim:
            return self.get_batch(index)
        images, labels = self.get_batch(np.array([operator.index(index[()])]))
        return images[0], int(labels[0])

    def get_batch(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, 1, 28, 28), transformed, and labels (N,) of an array of indices."""
        try:
            images, labels = self.images[indices], self.labels[indices]
        except IndexError as error:
            raise IndexError(f"{self.name}: {error}; it has {len(self):,} {self.split} images") from None
        scaled = images[:, None].astype(np.float32) / np.float32(255)
        return transforms.apply(self.transform, scaled), labels
