"""From noise to a picture: the ways back through the noise levels of a ``Diffusion``.

    D10c  DDPM (Ho, Jain & Abbeel 2020, algorithm 2), a = abar_t / abar_s, z ~ N(0, I):
              x_s = (x_t - (1 - a) / sqrt(1 - abar_t) eps) / sqrt(a) + sigma z
              sigma^2 = (1 - a) (1 - abar_s) / (1 - abar_t)
    D10d  DDIM (Song, Meng & Ermon 2021, equation 12), sigma = eta times DDPM's:
              x_s = sqrt(abar_s) x0 + sqrt(1 - abar_s - sigma^2) eps + sigma z

x0 and eps are what the network finds in x_t. D10c is written for s = t - 1, where a = a_t; with abar's ratio it may
skip levels, too. DDIM with eta = 0 draws no noise: the starting noise decides the picture, and 50 steps suffice.

A *predict* function maps x (N, ...) and t (N,) to what the network says: a network without classes is one already,
``guided`` makes one of a network with classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..autograd import no_grad
from ..creation import from_numpy, full, full_like
from ..functional import cat
from ..random import Generator, randn
from ..tensor import Tensor
from .diffusion import Diffusion

Predict = Callable[[Tensor, Tensor], Tensor]
Step = Callable[..., Tensor]


# one step -----------------------------------------------------------------------------------------
def ddpm_step(
    process: Diffusion, x: Tensor, t: int, s: int, x0: Tensor, eps: Tensor, generator: Generator | None = None
) -> Tensor:
    """D10c: a draw of x_s, given x_t."""
    abar_t, abar_s = process.alpha_bar[[t, s]]
    a = abar_t / abar_s
    mean = (x - float((1 - a) / np.sqrt(1 - abar_t)) * eps) / float(np.sqrt(a))
    sigma = _sigma(abar_t, abar_s)
    return mean if s == 0 else mean + sigma * randn(*x.shape, generator=generator, dtype=x.dtype)


def ddim_step(
    process: Diffusion, x: Tensor, t: int, s: int, x0: Tensor, eps: Tensor, generator: Generator | None = None,
    eta: float = 0.0,
) -> Tensor:  # fmt: skip
    """D10d: x_s has as much of x0 and of eps as level s asks for; a part of the noise, ``eta``, is fresh."""
    abar_t, abar_s = process.alpha_bar[[t, s]]
    sigma = eta * _sigma(abar_t, abar_s)
    x_s = float(np.sqrt(abar_s)) * x0 + float(np.sqrt(max(1 - abar_s - sigma**2, 0.0))) * eps
    return x_s + sigma * randn(*x.shape, generator=generator, dtype=x.dtype) if sigma else x_s


def _sigma(abar_t: float, abar_s: float) -> float:
    """The standard deviation of x_s where x_t and x_0 are known: q(x_s | x_t, x_0). Ho 2020, equation 7."""
    return float(np.sqrt((1 - abar_t / abar_s) * (1 - abar_s) / (1 - abar_t)))


def stepper(sampler: str = "ddim", eta: float = 0.0) -> Step:
    """The step of this name; ValueError for another name, or for an eta that the sampler has not."""
    if sampler == "ddim" and 0 <= eta <= 1:
        return partial(ddim_step, eta=eta)
    if sampler == "ddpm" and eta in (0, 1):
        return ddpm_step
    raise ValueError(f"sampler must be ddim with 0 <= eta <= 1, or ddpm, got {sampler!r} with eta={eta}")


# which class --------------------------------------------------------------------------------------
def guided(
    network: Any, labels: Any = None, weight: float = 1.0, interval: tuple[float, float] = (0, np.inf)
) -> Predict:
    """out = u + weight (c - u): c the network's answer for the labels, u that for no label (Ho & Salimans 2021, eq. 6).

    Weight 0 is unconditional, 1 conditional; above, pictures become more typical of their class and less various. With
    ``interval`` (low, high) the weight holds at noise levels low < t <= high and is 1 elsewhere (Kynkäänniemi et al.
    2024, arXiv 2404.07724): at high noise guidance takes away variety, at low noise it is hardly needed.
    c and u come of one pass with twice the batch. Answers of all three kinds are linear in eps at a given x_t, so this
    is the same as guiding eps.
    Raises ValueError for a network without classes, for a weight that is no number or, without labels, neither 0 nor 1,
    for an interval that does not rise, IndexError for a label that no class has.
    """
    if not np.isfinite(weight):
        raise ValueError(f"guided: the weight must be a finite number, got {weight}")
    low, high = interval
    if not 0 <= low < high:
        raise ValueError(f"guided: interval must be (low, high) with 0 <= low < high, got {low}, {high}")
    none = getattr(network, "classes", 0)
    if labels is None:
        if weight not in (0, 1):
            raise ValueError(f"guided: guidance of weight {weight} needs labels to guide to; give labels, or weight=0")
        return network
    if not none:
        raise ValueError("guided: this network has no classes (it was trained without labels); leave labels out")
    wanted = np.asarray(labels, np.int64)
    if wanted.size and (wanted.min() < 0 or wanted.max() >= none):
        wrong = sorted({int(v) for v in wanted.ravel() if not 0 <= v < none})
        raise IndexError(f"guided: there is no class {', '.join(map(str, wrong))}; classes are 0 to {none - 1}")
    c = from_numpy(wanted)
    nothing = full_like(c, none)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        level = t.numpy()
        w = np.where((low < level) & (level <= high), weight, 1.0).astype(x.dtype)
        if {*w} <= {0} or {*w} <= {1}:  # one answer is enough
            return network(x, t, c if 1 in w else nothing)
        both = network(cat([x, x]), cat([t, t]), cat([c, nothing]))
        conditional, unconditional = both[: len(x)], both[len(x) :]
        return unconditional + from_numpy(w.reshape(-1, *[1] * (x.ndim - 1))) * (conditional - unconditional)

    return predict


# all steps ----------------------------------------------------------------------------------------
class State(NamedTuple):
    """Where the way back stands: x_t, t, and the picture that the network saw in the level before (None at first)."""

    x: Tensor
    t: int
    x0: Tensor | None


def times(T: int, steps: int, start: int | None = None) -> list[int]:
    """``steps`` + 1 levels from ``start`` (T by default) down to 0, as even as integers allow."""
    start = T if start is None else start
    if not 1 <= start <= T:
        raise ValueError(f"times: start must lie in 1 .. T={T}, got {start}")
    if not 1 <= steps <= start:
        raise ValueError(f"times: steps must lie in 1 .. {start}, as there are no more noise levels, got {steps}")
    return [round(start * (steps - i) / steps) for i in range(steps + 1)]


class Known(NamedTuple):
    """A picture that is known where ``mask`` is 1: x_0 and mask, which broadcasts to it. For inpainting."""

    x0: Tensor
    mask: Tensor


def known(image: Tensor, mask: Any) -> Known:
    """``Known``, after a check that the mask is of 0s and 1s and fits the picture's height and width."""
    array = np.asarray(getattr(mask, "array", mask))
    if array.shape != image.shape[-2:] and array.shape != image.shape:
        raise ValueError(
            f"known: the mask must be (H, W) = {image.shape[-2:]} or as large as the pictures {image.shape}, got "
            f"{array.shape}"
        )
    if not np.isin(array, (0, 1)).all():
        raise ValueError("known: the mask must be 1 where the picture is known and 0 elsewhere")
    return Known(image, from_numpy(array.astype(image.dtype)))


def reverse(
    process: Diffusion, predict: Predict, x: Tensor, levels: list[int], step: Step = ddim_step, *,
    clip: bool = True, keep: Known | None = None, repeats: int = 1, generator: Generator | None = None,
) -> Iterator[State]:  # fmt: skip
    """The states from x at ``levels[0]`` down to ``levels[-1]``: the first is x itself, and one follows each step.

    With ``keep`` (RePaint, Lugmayr et al. 2022, algorithm 1) every x_s gets the known pixels, noised to level s, and
    each step is taken ``repeats`` times, noised again in between, so that the rest can fit in with them. At the end the
    known pixels are exactly what was given.
    """
    if repeats < 1:
        raise ValueError(f"reverse: repeats must be at least 1, got {repeats}")
    x0 = None
    yield State(x, levels[0], None)
    for t, s in pairwise(levels):
        for again in range(repeats if keep is not None else 1):
            with no_grad():
                if again:  # D10a from s to t instead of from 0
                    a = float(process.alpha_bar[t] / process.alpha_bar[s])
                    x = a**0.5 * x + (1 - a) ** 0.5 * randn(*x.shape, generator=generator, dtype=x.dtype)
                x0, eps = process.split(x, t, predict(x, full((len(x),), t, dtype=x.dtype)), clip)
                x = step(process, x, t, s, x0, eps, generator=generator)
                if keep is not None:
                    noise = randn(*x.shape, generator=generator, dtype=x.dtype)
                    x = keep.mask * process.noised(keep.x0, s, noise) + (1 - keep.mask) * x
        yield State(x, s, x0)


def sample(
    process: Diffusion, predict: Predict, shape: tuple[int, ...], steps: int = 50, sampler: str = "ddim",
    eta: float = 0.0, *, clip: bool = True, keep: Known | None = None, repeats: int = 1,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Pictures of pure noise in ``steps`` steps: -> x_0 of this shape. ``keep`` paints the rest of known pictures."""
    noise = randn(*shape, generator=generator)
    way = reverse(process, predict, noise, times(process.T, steps), stepper(sampler, eta),
                  clip=clip, keep=keep, repeats=repeats, generator=generator)  # fmt: skip
    return _last(way)


def vary(
    process: Diffusion, predict: Predict, images: Tensor, strength: float = 0.5, steps: int = 50,
    sampler: str = "ddim", eta: float = 0.0, *, clip: bool = True, generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Image to image (SDEdit, Meng et al. 2022): noise the pictures up to level ``strength`` T, then take the way back.

    Strength 0 returns the pictures, 1 forgets them; between, the coarse is kept and the fine is new. ``steps`` are
    those of the whole way, of which the share ``strength`` is taken.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"vary: strength must lie in [0, 1], got {strength}")
    start = round(strength * process.T)
    if start == 0:
        return images
    x = process.noised(images, start, randn(*images.shape, generator=generator, dtype=images.dtype))
    levels = times(process.T, max(1, round(strength * steps)), start)
    return _last(reverse(process, predict, x, levels, stepper(sampler, eta), clip=clip, generator=generator))


def _last(way: Iterator[State]) -> Tensor:
    for state in way:
        x = state.x
    return x
