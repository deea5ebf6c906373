"""Clipping: gradients made shorter before a step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ...tensor import Tensor


def _gradients(name: str, parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    if not isinstance(parameters, (Tensor, Iterable)):
        raise TypeError(
            f"{name}: parameters must be Tensors, as in model.parameters(), got {type(parameters).__name__}"
        )
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for p in given:
        if not isinstance(p, Tensor):
            raise TypeError(f"{name}: parameters must be Tensors, as in model.parameters(), got {type(p).__name__}")
    return [p.grad for p in given if p.grad is not None]


def _bound(name: str, word: str, value: float) -> float:
    if not isinstance(value, (int, float, np.number, Tensor)):
        raise TypeError(f"{name}: {word} must be a number, got {value!r:.60}")
    if float(value) < 0:
        raise ValueError(f"{name}: {word} must be at least 0, got {value}: below it, the gradients would change sides")
    return float(value)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """g := g min(1, max_norm / (||g|| + 1e-6)), ||g|| the norm of all gradients as one vector; in place, returns ||g||
    (Pascanu 2013, algorithm 1).

    A norm that is NaN or inf makes every gradient NaN or 0, as in PyTorch, or raises a RuntimeError with
    ``error_if_nonfinite``.
    """
    grads, p = _gradients("clip_grad_norm_", parameters), float(norm_type)
    max_norm = _bound("clip_grad_norm_", "max_norm", max_norm)
    if not p > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be above 0 (inf is the largest element), got {norm_type}")
    if not grads:
        return Tensor(np.zeros((), np.float32))
    kind = np.result_type(*[g.dtype for g in grads])
    sizes = [np.abs(g.array.astype(np.float64, copy=False)) for g in grads if g.numel()]
    with np.errstate(all="ignore"):
        top = float(np.max([a.max() for a in sizes], initial=0.0))  # NaN stays NaN
        if math.isinf(p) or top == 0 or not math.isfinite(top):
            norm = top
        else:  # by the largest element, so that no power overflows
            norm = top * float(np.sum([((a / top) ** p).sum() for a in sizes])) ** (1 / p)
    if error_if_nonfinite and not math.isfinite(norm):
        raise RuntimeError(
            f"clip_grad_norm_: the gradients' norm of order {p} is {norm}, so they cannot be scaled; "
            "minigen.detect_anomaly() finds the op, error_if_nonfinite=False lets it pass"
        )
    scale = max_norm / (norm + 1e-6)
    if not scale >= 1:
        for g in grads:
            with np.errstate(all="ignore"):
                g.array[...] *= np.asarray(scale, g.dtype)
            g._written()
    return Tensor(np.asarray(norm, kind))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """g := min(max(g, -clip_value), clip_value), element by element, in place."""
    limit = _bound("clip_grad_value_", "clip_value", clip_value)
    for g in _gradients("clip_grad_value_", parameters):
        np.clip(g.array, -limit, limit, out=g.array)
        g._written()
