"""Gradients against finite differences, along random directions.

A whole Jacobian costs as many runs as there are elements. One random direction v and one random cotangent u cost four,
and a wrong gradient passes with probability 0. Both sides are the number <u, J v>:

    by the engine        <J^T u, v>
    by differences       (8 (s(h) - s(-h)) - (s(2h) - s(-2h))) / 12h,  s(t) = <u, f(x + t v)>,  the error is O(h^4)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .autograd import grad
from .random import Generator
from .tensor import Tensor

Function = Callable[..., Any]


class GradcheckError(RuntimeError):
    """A gradient is not the derivative of its function."""


def gradcheck(
    func: Function,
    inputs: Tensor | Sequence[Tensor],
    *,
    eps: float = 1e-3,
    atol: float = 1e-8,
    rtol: float = 1e-6,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """True if the first gradients of ``func(*inputs)`` are right for every float64 input that requires a gradient.

    ``func`` returns a Tensor or several. Stay ``3 eps`` away from kinks. A wrong gradient raises GradcheckError, which
    names the input, or gives False with ``raise_exception=False``. An input of another type raises TypeError, and
    nothing to check ValueError.
    """
    points = _points(inputs)

    def compare() -> None:
        outputs = _outputs(func(*points))
        draw = Generator(seed)
        cotangents = [_uniform(draw, o) for o in outputs]
        live = [(o, Tensor(u)) for o, u in zip(outputs, cotangents, strict=True) if o.requires_grad]
        wanted = [x for x in points if x.requires_grad]
        if not live:
            raise GradcheckError("gradcheck: no output requires a gradient, so none flows to any input")
        found = iter(grad([o for o, _ in live], wanted, [u for _, u in live], allow_unused=True))
        for i, x in enumerate(points):
            if x.requires_grad:
                _agree(func, points, i, next(found), cotangents, _uniform(draw, x), eps, atol, rtol)

    return _judge(compare, raise_exception)


def gradgradcheck(
    func: Function,
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-3,
    atol: float = 1e-8,
    rtol: float = 1e-6,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """True if the second gradients are right: ``gradcheck`` of the function (x, u) -> J(x)^T u.

    ``grad_outputs`` are the u, random by default. Errors are those of ``gradcheck``.
    """
    points = _points(inputs)
    outputs = [o for o in _outputs(func(*points)) if o.requires_grad]
    if grad_outputs is None:
        draw = Generator(seed + 1)
        seeds = [Tensor(_uniform(draw, o)) for o in outputs]
    else:
        seeds = [t.detach() for t in _outputs(grad_outputs)]
    for u in seeds:
        u.requires_grad_()

    def first(*args: Tensor) -> list[Tensor]:
        x, u = args[: len(points)], args[len(points) :]
        wanted = [a for a in x if a.requires_grad]
        outs = [o for o in _outputs(func(*x)) if o.requires_grad]
        found = grad(outs, wanted, u, create_graph=True, allow_unused=True)
        return [g for g in found if g is not None]

    return gradcheck(
        first, [*points, *seeds], eps=eps, atol=atol, rtol=rtol, seed=seed, raise_exception=raise_exception
    )


def _judge(compare: Callable[[], None], raise_exception: bool) -> bool:
    try:
        compare()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _points(inputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    points = _outputs(inputs)
    for i, x in enumerate(points):
        if x.requires_grad and x.dtype != np.float64:
            raise TypeError(f"gradcheck: input {i} is {x.dtype}; differences need float64: convert it with .double()")
    if not any(x.requires_grad for x in points):
        raise ValueError("gradcheck: no input requires a gradient; call .requires_grad_() on those to check")
    return points


def _outputs(found: Any) -> list[Tensor]:
    return list(found) if isinstance(found, (tuple, list)) else [found]


def _uniform(draw: Generator, like: Tensor) -> np.ndarray:
    """Numbers in (-1, 1), so that no element moves further than its step."""
    return 2 * draw.uniform(like.numel(), np.dtype(np.float64)).reshape(like.shape) - 1


def _agree(
    func: Function, points: Sequence[Tensor], i: int, gradient: Tensor | None, cotangents: Sequence[np.ndarray],
    direction: np.ndarray, eps: float, atol: float, rtol: float,
) -> None:  # fmt: skip
    x = points[i]
    if gradient is not None and (gradient.shape, gradient.dtype) != (x.shape, x.dtype):
        raise GradcheckError(
            f"gradcheck: input {i} is {x.dtype} of shape {x.shape}, its gradient {gradient.dtype} of {gradient.shape}"
        )

    def s(t: float) -> float:
        moved = Tensor(np.asarray(x.array + t * direction)).requires_grad_()  # func may ask for gradients itself
        outputs = _outputs(func(*points[:i], moved, *points[i + 1 :]))
        return sum(float(np.vdot(u, o.array)) for u, o in zip(cotangents, outputs, strict=True))

    numeric = (8 * (s(eps) - s(-eps)) - (s(2 * eps) - s(-2 * eps))) / (12 * eps)
    analytic = 0.0 if gradient is None else float(np.vdot(gradient.array, direction))
    if not abs(analytic - numeric) <= rtol * abs(numeric) + atol:  # written so that NaN fails
        raise GradcheckError(
            f"gradcheck: for input {i}, of shape {x.shape}, the engine's derivative along a random direction is "
            f"{analytic!r}, by finite differences {numeric!r}"
        )
