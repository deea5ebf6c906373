"""What happens to images between the data set and the network: float32 arrays (..., C, H, W) in, the same out.

A transform with `batched = True` treats every image of a batch alike, so it may be given the whole batch at once:
one NumPy call instead of N. All those here are. A plain function is given one image (C, H, W) at a time.
The names and arguments are torchvision's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Transform = Callable[[np.ndarray], np.ndarray]


def apply(transform: Transform | None, images: np.ndarray) -> np.ndarray:
    """`transform` of each image of a batch (N, C, H, W), stacked; the result does not depend on the batching."""
    if transform is None or len(images) == 0:
        return images
    if getattr(transform, "batched", False):
        return transform(images)
    return np.stack([np.asarray(transform(image)) for image in images])


class Compose:
    """One transform after the other: x -> f_n(... f_1(x))."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    @property
    def batched(self) -> bool:
        return all(getattr(transform, "batched", False) for transform in self.transforms)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        for transform in self.transforms:
            x = transform(x)
        return x

    def __repr__(self) -> str:
        return f"Compose({self.transforms!r})"


class ToTensor:
    """uint8 grey images (..., H, W) with values 0-255 to float32 (..., 1, H, W) in [0, 1]; float32 stays as it is.

    It gives arrays, as all transforms do: the DataLoader makes Tensors of them. Our data sets scale their images
    themselves, so there it has nothing to do; it stands here for listings that were written for torchvision.
    """

    batched = True

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if x.dtype == np.uint8:
            return np.expand_dims(x, -3).astype(np.float32) / np.float32(255)
        if x.dtype != np.float32:
            raise TypeError(f"ToTensor: images must be uint8 or float32, not {x.dtype}. Convert with .astype first.")
        return x

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize:
    """(x - mean) / std per channel. mean 0.5 and std 0.5 take [0, 1] to [-1, 1], the range of tanh.

    Raises: ValueError when std has a zero, or when neither 1 nor C values are given.
    """

    batched = True

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = (np.atleast_1d(np.asarray(value, np.float32)) for value in (mean, std))
        if not np.all(self.std > 0):
            raise ValueError(f"Normalize: std must be positive, not {self.std.tolist()}")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        channels = x.shape[-3]
        for name, value in (("mean", self.mean), ("std", self.std)):
            if value.shape not in ((1,), (channels,)):
                raise ValueError(f"Normalize: {name} has {value.size} values, but images of shape {x.shape} "
                                 f"have {channels} channels. Give one value, or one per channel.")
        return (x - self.mean[:, None, None]) / self.std[:, None, None]

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean.tolist()}, std={self.std.tolist()})"


class Pad:
    """A border of `fill` around the image. padding: one width for all, (left/right, top/bottom), or
    (left, top, right, bottom). Pad(2) takes 28 x 28 to 32 x 32, which halves evenly five times.

    `fill` is on the scale of the values that arrive: 0 is black before Normalize(0.5, 0.5), -1 after it.
    Raises: ValueError for negative widths or another number of them.
    """

    batched = True

    def __init__(self, padding: int | Sequence[int], fill: float = 0) -> None:
        widths = (padding,) if isinstance(padding, int) else tuple(padding)
        if len(widths) not in (1, 2, 4) or any(width < 0 for width in widths):
            raise ValueError(f"Pad: padding must be 1, 2 or 4 widths of at least 0, not {padding}")
        self.left, self.top, self.right, self.bottom = widths * (4 // len(widths))
        self.fill = fill

    def __call__(self, x: np.ndarray) -> np.ndarray:
        borders = [(0, 0)] * (x.ndim - 2) + [(self.top, self.bottom), (self.left, self.right)]
        return np.pad(x, borders, constant_values=self.fill)

    def __repr__(self) -> str:
        return f"Pad({(self.left, self.top, self.right, self.bottom)}, fill={self.fill})"


class Resize:
    """Y = A_h X A_w^T with the weights of a triangle filter: bilinear, and without aliasing when it shrinks.

    size: (height, width), or an int for the shorter side, which keeps the ratio of the sides.
    Raises: ValueError for sizes below 1.
    """

    batched = True

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size: int | tuple[int, ...] = size if isinstance(size, int) else tuple(size)
        sides = (size,) if isinstance(size, int) else tuple(size)
        if len(sides) not in (1, 2) or any(side < 1 for side in sides):
            raise ValueError(f"Resize: size must be an int or (height, width), all at least 1, not {size}")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        *_, H, W = x.shape
        if isinstance(self.size, int):
            h, w = self.size * H // min(H, W), self.size * W // min(H, W)
        else:
            h, w = self.size if len(self.size) == 2 else self.size * 2
        return triangle_weights(H, h) @ x @ triangle_weights(W, w).T

    def __repr__(self) -> str:
        return f"Resize({self.size})"


def triangle_weights(n: int, m: int) -> np.ndarray:
    """The matrix A (m, n), float32, that resamples n values to m:  A_ij ~ max(0, 1 - |c_i - (j + 1/2)| / s).

    c_i = (i + 1/2) n/m is the centre of output i among the inputs. s = max(n/m, 1) widens the triangle when many
    inputs fall on one output. Each row sums to 1.
    """
    centre = (np.arange(m) + 0.5) * n / m
    weights = np.maximum(0, 1 - np.abs(centre[:, None] - (np.arange(n) + 0.5)) / max(n / m, 1))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class Lambda:
    """Any function of one image (C, H, W). With batched=True it is given whole batches (N, C, H, W) too."""

    def __init__(self, lambd: Transform, batched: bool = False) -> None:
        if not callable(lambd):
            raise TypeError(f"Lambda: lambd must be a function of one array, not {type(lambd).__name__}")
        self.lambd, self.batched = lambd, batched

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.lambd(x)

    def __repr__(self) -> str:
        return f"Lambda({getattr(self.lambd, '__name__', self.lambd)})"
