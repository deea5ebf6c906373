"""What every metric takes for pictures: grey, 28 x 28 or 32 x 32, uint8 or floats in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor


def as_images(images: Any) -> np.ndarray:
    """Pictures as networks take them: float32 (N, 1, 28, 28) in [0, 1].

    images: array or Tensor, (N, 28, 28), (N, 32, 32) or either with one channel, (N, 1, H, W); of 32 x 32 the middle
    28 x 28 are looked at. uint8 0-255 or floats in [0, 1]; ink is bright, the ground dark.
    Raises: ValueError for other shapes, for floats outside [0, 1] and for NaN; TypeError for other dtypes.
    """
    x = images.array if isinstance(images, Tensor) else np.asarray(images)
    shape = x.shape[:1] + x.shape[2:] if x.ndim == 4 and x.shape[1] == 1 else x.shape
    if len(shape) != 3 or shape[1:] not in ((28, 28), (32, 32)):
        raise ValueError(f"images: shape {x.shape} is not (N, H, W) or (N, 1, H, W) with 28 x 28 or 32 x 32 pixels. "
                         "One picture becomes a batch by images[None].")
    x = x.reshape(shape)
    if x.dtype == np.uint8:
        x = x.astype(np.float32) / np.float32(255)
    elif x.dtype not in (np.float16, np.float32, np.float64):
        raise TypeError(f"images: dtype {x.dtype} must be uint8 (0 to 255) or floating ([0, 1])")
    elif x.size and not (x.min() >= 0 and x.max() <= 1):  # false for NaN too
        raise ValueError(f"images: floats must lie in [0, 1], but these lie in [{x.min():.3g}, {x.max():.3g}]. "
                         "From tanh's [-1, 1] take (images + 1) / 2; from 0 to 255 take images.astype(np.uint8).")
    edge = (shape[1] - 28) // 2
    return np.ascontiguousarray(x[:, None, edge : edge + 28, edge : edge + 28], dtype=np.float32)
