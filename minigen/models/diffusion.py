"""Diffusion (Sohl-Dickstein 2015; Ho, Jain & Abbeel 2020): noise drowns a picture in T small steps; a network learns to
find the picture again, and so can be led from pure noise to a picture that nobody has seen.

    D10a  q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I),   abar_t = a_1 a_2 ... a_t,   abar_0 = 1
    D10b  L = E |eps - eps_theta(x_t, t)|^2,   x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps,   t uniform in 1 .. T

Only abar decides; a ``Diffusion`` is that table and what its network predicts. The way back, D10c and D10d, is in
``minigen.models.denoising``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functional as F
from ..creation import from_numpy
from ..random import Generator, rand, randn
from ..tensor import Tensor

PREDICTIONS = ("v", "epsilon", "x0")


# how abar falls from 1 to nearly 0 ---------------------------------------------------------------
def linear(T: int = 1000, first: float = 1e-4, last: float = 0.02) -> np.ndarray:
    """abar_0 .. abar_T with a_t = 1 - beta_t, beta rising evenly from ``first`` to ``last``. Ho 2020, section 4."""
    beta = np.linspace(first, last, T) * (1000 / T)  # published for 1000 steps: fewer must each do more
    return np.concatenate([[1.0], np.cumprod(1 - np.minimum(beta, 0.999))])


def cosine(T: int = 1000, s: float = 0.008) -> np.ndarray:
    """abar_t = f(t) / f(0), f(t) = cos^2(pi/2 (t/T + s) / (1 + s)); no a_t below 0.001. Nichol & Dhariwal 2021, eq. 17.

    Small pictures are drowned too early by ``linear``: its last quarter is nothing but noise. Here abar falls evenly.
    """
    f = np.cos(np.pi / 2 * (np.arange(T + 1) / T + s) / (1 + s)) ** 2
    return np.concatenate([[1.0], np.cumprod(np.maximum(f[1:] / f[:-1], 0.001))])


SCHEDULES: dict[str, Callable[..., np.ndarray]] = {"cosine": cosine, "linear": linear}


class Diffusion:
    """T noise levels: ``alpha_bar`` (T + 1,), falling from 1; ``prediction`` names what the network says of x_t.

        epsilon    the noise eps                                         Ho 2020
        x0         the picture x_0
        v          sqrt(abar_t) eps - sqrt(1 - abar_t) x_0               Salimans & Ho 2022, section 4

    Any of the three gives the others, as x_t is known. They differ in what the squared error weighs: eps hardly counts
    what is wrong with the picture at high noise, x_0 hardly what is wrong at low noise, v counts both alike.
    ``frequency`` (T,): how often training draws the levels 1 .. T, relative to each other; all alike if not given, as
    D10b has it. Otherwise the loss weighs each level by it.
    """

    def __init__(self, alpha_bar: np.ndarray, prediction: str = "v", frequency: np.ndarray | None = None) -> None:
        alpha_bar = np.asarray(alpha_bar, np.float64)
        if alpha_bar.ndim != 1 or len(alpha_bar) < 2 or alpha_bar[0] != 1 or alpha_bar[-1] < 0:
            raise ValueError("Diffusion: alpha_bar must be abar_0 .. abar_T with abar_0 = 1 and abar_T >= 0")
        if not (np.diff(alpha_bar) < 0).all():
            raise ValueError("Diffusion: alpha_bar must fall at every step, or a step adds no noise")
        if prediction not in PREDICTIONS:
            raise ValueError(f"Diffusion: prediction must be one of {', '.join(PREDICTIONS)}, got {prediction!r}")
        self.alpha_bar, self.prediction, self.T = alpha_bar, prediction, len(alpha_bar) - 1
        frequency = np.ones(self.T) if frequency is None else np.asarray(frequency, np.float64)
        if frequency.shape != (self.T,) or not (frequency > 0).all() or not np.isfinite(frequency).all():
            raise ValueError(f"Diffusion: frequency must hold {self.T} positive numbers, for the levels 1 .. {self.T}")
        self.cumulated = np.cumsum(frequency) / frequency.sum()

    def scales(self, t: Any, like: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(abar_t) and sqrt(1 - abar_t), shaped to multiply x; t an integer or one for each sample of x."""
        t = np.asarray(t)
        if t.size and (t.min() < 0 or t.max() > self.T):
            raise IndexError(f"Diffusion: t must lie in 0 .. {self.T}, got {t.min()} to {t.max()}")
        abar = self.alpha_bar[t].reshape(t.shape + (1,) * (like.ndim - 1) if t.ndim else ())
        return from_numpy(np.asarray(np.sqrt(abar), like.dtype)), from_numpy(np.asarray(np.sqrt(1 - abar), like.dtype))

    # D10a
    def noised(self, x0: Tensor, t: Any, noise: Tensor) -> Tensor:
        """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps: (N, ...) -> the same shape. At t = 0 it is x_0."""
        signal, level = self.scales(t, x0)
        return signal * x0 + level * noise

    def target(self, x0: Tensor, t: Any, noise: Tensor) -> Tensor:
        """What the network should say."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "x0":
            return x0
        signal, level = self.scales(t, x0)
        return signal * noise - level * x0

    def split(self, x: Tensor, t: Any, output: Tensor, clip: bool = False) -> tuple[Tensor, Tensor]:
        """x_0 and eps, of which x_t = ``x`` is mixed, according to the network's ``output``.

        ``clip`` keeps x_0 in [-1, 1], where pictures are, and takes eps from it.
        """
        signal, level = self.scales(t, x)
        if self.prediction == "x0":
            x0 = output
        elif self.prediction == "v":
            x0 = signal * x - level * output
        else:
            x0 = (x - level * output) / signal
        if clip:
            x0 = x0.clamp(-1, 1)
        elif self.prediction == "v":
            return x0, level * x + signal * output
        elif self.prediction == "epsilon":
            return x0, output
        return x0, (x - signal * x0) / level

    # D10b
    def levels(self, n: int, generator: Generator | None = None) -> np.ndarray:
        """t of n samples in 1 .. T, as often as ``frequency`` says: one draw, spread evenly, so that every batch has
        some of each level.

        F(t_i - 1) <= (u + i/n) mod 1 < F(t_i), F the cumulated frequency: less noise in the loss than n draws
        (Kingma et al. 2021, appendix I.1).
        """
        u = rand((), generator=generator).item()
        levels = 1 + np.searchsorted(self.cumulated, (u + np.arange(n) / n) % 1, side="right")
        return levels.astype(np.int64).clip(1, self.T)  # F(T) may be rounded to less than 1

    def loss(
        self, network: Callable[..., Tensor], x0: Tensor, *condition: Tensor, generator: Generator | None = None
    ) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """D10b for one batch of pictures: the mean squared error of network(x_t, t, *condition), and, for curves, every
        sample's t and error."""
        t = self.levels(len(x0), generator)
        noise = randn(*x0.shape, generator=generator, dtype=x0.dtype)
        target = self.target(x0, t, noise)
        output = network(self.noised(x0, t, noise), from_numpy(t.astype(x0.dtype)), *condition)
        errors = np.square(output.array - target.array).reshape(len(t), -1).mean(1)
        return F.mse_loss(output, target), t, errors


def focused(T: int, low: float, high: float, times: float) -> np.ndarray:
    """A frequency (T,) for ``Diffusion``: levels between the shares low and high of T are drawn so many times as often.

    What a digit becomes is decided where noise has drowned its strokes but not its form; little noise teaches how edges
    look, of which much less needs to be learnt (Choi et al. 2022; Karras et al. 2022, section 5).
    """
    if not (0 <= low < high <= 1 and 0 < times < np.inf):
        raise ValueError(f"focused: wants 0 <= low < high <= 1 and a positive times, got {low}, {high}, {times}")
    share = np.arange(1, T + 1) / T
    return np.where((share > low) & (share <= high), float(times), 1.0)


def by_level(t: np.ndarray, errors: np.ndarray, T: int, buckets: int = 4) -> dict[str, float]:
    """The mean error of each quarter (or other share) of the noise levels, least noise first: {"loss 1/4": ..., ...}.

    One number hides what goes wrong where: little noise asks for sharp strokes, much noise for which digit it may be.
    """
    bucket = (t - 1) * buckets // T
    return {
        f"loss {b + 1}/{buckets}": float(errors[bucket == b].mean())
        for b in range(buckets)
        if (bucket == b).any()
    }


def forgetful(labels: Tensor, none: int, probability: float = 0.1, generator: Generator | None = None) -> Tensor:
    """Labels of which each becomes ``none`` with this probability: a network that is taught so knows pictures with and
    without a label, which is what guidance compares (Ho & Salimans 2021, algorithm 1)."""
    if not 0 <= probability <= 1:
        raise ValueError(f"forgetful: probability must lie in [0, 1], got {probability}")
    forgotten = rand(*labels.shape, generator=generator).numpy() < probability
    return from_numpy(np.where(forgotten, none, labels.numpy()))
