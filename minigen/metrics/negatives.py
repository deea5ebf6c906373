"""Pictures that are no digits, of several kinds: what the digit check learns to refuse, and is tested to refuse.

Every kind is a function (rng, n, images, labels) -> uint8 (n, 28, 28). The digits given, (N, 28, 28) and (N,), are the
material of the kinds that spoil digits; the others ignore them. Another rng and other digits make a held-out set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .. import autograd, random
from ..models.gan import DCGenerator, KerasGenerator, dcgan_init

Images = np.ndarray
Kind = Callable[[np.random.Generator, int, Images, np.ndarray], Images]

PER_NETWORK = 50  # pictures from one untrained generator before another is drawn


def flat(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
    """One grey for all pixels: the picture of a generator that has died."""
    return grey(np.broadcast_to(rng.uniform(0, 1, (n, 1, 1)), (n, 28, 28)))


def uniform(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
    """Independent pixels between two random greys."""
    low, high = np.sort(rng.uniform(0, 1, (2, n, 1, 1)), axis=0)
    return grey(low + (high - low) * rng.random((n, 28, 28)))


def gaussian(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
    """Independent normal pixels around a random grey."""
    return grey(rng.uniform(0, 1, (n, 1, 1)) + rng.uniform(0.02, 0.5, (n, 1, 1)) * rng.standard_normal((n, 28, 28)))


def speckle(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
    """Bright pixels strewn on black, from 1% to 40% of them."""
    lit = rng.random((n, 28, 28)) < rng.uniform(0.01, 0.4, (n, 1, 1))
    return grey(lit * rng.uniform(0.3, 1, (n, 28, 28)))


def blobs(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
    """Smoothed noise above a threshold: clouds with the ink, the black ground and the softness of digits."""
    passes = rng.integers(1, 8, (n, 1, 1))
    x = rng.standard_normal((n, 28, 28))
    for k in range(passes.max()):
        x = np.where(passes > k, smooth(x), x)
    x /= x.std(axis=(1, 2), keepdims=True)
    return grey((x - rng.uniform(-0.5, 1.5, (n, 1, 1))) * rng.uniform(0.3, 2, (n, 1, 1)))


def scribble(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
    """Five to eight crossing curved strokes: ink as in digits, without a digit's order.

    A stroke is a quadratic Bézier curve, (1 - t)^2 a + 2 t (1 - t) b + t^2 c, a pen of about two pixels.
    """
    t = np.linspace(0, 1, 60)[:, None]
    strokes = rng.integers(5, 9, n)
    picture, a, b, c = np.repeat(np.arange(n), strokes), *rng.uniform(4, 23, (3, strokes.sum(), 1, 2))
    row, column = np.moveaxis(np.rint((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c).astype(int), -1, 0)
    ink = np.zeros((n, 28, 28))
    ink[picture[:, None], row, column] = 1
    return grey(smooth(ink) * rng.uniform(2, 4, (n, 1, 1)))


def average(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
    """The mean of two digits of different classes."""
    one, other = two_of_different_classes(rng, n, labels)
    return grey((images[one].astype(np.float32) + images[other]) / 510)


def shuffled(size: int) -> Kind:
    """Digits cut into patches of size x size, put together in another order."""
    side = 28 // size

    def kind(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
        chosen = images[rng.integers(0, len(images), n)]
        patches = chosen.reshape(n, side, size, side, size).swapaxes(2, 3).reshape(n, side * side, size, size)
        order = np.argsort(rng.random((n, side * side)), axis=1)
        same = (order == np.arange(side * side)).all(axis=1)
        order[same] = order[same, ::-1]  # the order that changes nothing would leave a digit
        patches = np.take_along_axis(patches, order[:, :, None, None], axis=1)
        return patches.reshape(n, side, side, size, size).swapaxes(2, 3).reshape(n, 28, 28)

    kind.__doc__ = f"Digits cut into patches of {size} x {size}, put together in another order."
    return kind


def untrained(network: type) -> Kind:
    """What an untrained generator draws from noise: many networks, each with its own random weights."""

    def kind(rng: np.random.Generator, n: int, images: Images, labels: np.ndarray) -> Images:
        with random.fork_rng(), autograd.no_grad():
            random.manual_seed(int(rng.integers(2**63)))
            drawn = [draw(network, rng) for _ in range(-(-n // PER_NETWORK))]
        return grey((np.concatenate(drawn)[:n] + 1) / 2)

    kind.__doc__ = f"What a {network.__name__} with random weights draws from noise."
    return kind


def draw(network: type, rng: np.random.Generator) -> Images:
    """Pictures in [-1, 1] of one new generator.

    Its initial weights are of either kind, batch norm is in either mode, the contrast is as it comes or spread.
    """
    generator = network().train(bool(rng.integers(2)))
    if rng.integers(2):
        generator.apply(dcgan_init)
    x = generator(random.randn(PER_NETWORK, generator.z_dim)).array[:, 0]
    edge = (x.shape[-1] - 28) // 2
    x = x[:, edge : edge + 28, edge : edge + 28]
    return np.clip(x * rng.choice([1, 0.9 / np.abs(x).max()]), -1, 1)


def two_of_different_classes(rng: np.random.Generator, n: int, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of n pairs."""
    one, other = rng.integers(0, len(labels), (2, n))
    while len(same := np.flatnonzero(labels[one] == labels[other])):
        other[same] = rng.integers(0, len(labels), len(same))
    return one, other


def smooth(x: np.ndarray) -> np.ndarray:
    """Each pixel's mean with its neighbours, weights 1 2 1 along rows and columns; black beyond the edge."""
    for axis in (1, 2):
        pad = [(1, 1) if a == axis else (0, 0) for a in range(3)]
        p = np.moveaxis(np.pad(x, pad), axis, 0)
        x = np.moveaxis((p[:-2] + 2 * p[1:-1] + p[2:]) / 4, 0, axis)
    return x


def grey(x: np.ndarray) -> Images:
    """[0, 1] to uint8; what lies outside is cut."""
    return np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)


NEGATIVES: Mapping[str, Kind] = {
    "flat grey": flat,
    "uniform noise": uniform,
    "gaussian noise": gaussian,
    "speckle": speckle,
    "blobs": blobs,
    "scribble": scribble,
    "untrained N1": untrained(DCGenerator),
    "untrained N2": untrained(KerasGenerator),
    "average of two": average,
    "patches of 4": shuffled(4),
    "patches of 7": shuffled(7),
    "patches of 14": shuffled(14),
}
