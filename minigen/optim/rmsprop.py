"""RMSprop: the gradient divided by a running root mean square of itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Live, Optimizer, at_least_zero, decayed, memory


def rmsprop(
    w: np.ndarray, g: np.ndarray, s: np.ndarray, mean: np.ndarray | None, v: np.ndarray | None,
    *, lr: float, alpha: float, eps: float, momentum: float,
) -> None:  # fmt: skip
    """s := alpha s + (1 - alpha) g^2;  w := w - lr g / (sqrt(s) + eps), in place; ``mean`` and ``v`` as in RMSprop."""
    s[...] = alpha * s + (1 - alpha) * g * g
    variance = s
    if mean is not None:
        mean += (1 - alpha) * (g - mean)
        variance = s - mean * mean
    step = g / (np.sqrt(variance) + eps)
    if v is not None:
        v[...] = momentum * v + step
        step = v
    w -= lr * step


class RMSprop(Optimizer):
    """w := w - lr g / (sqrt(s) + eps),  s := alpha s + (1 - alpha) g^2,  g = dC/dw + weight_decay w (Hinton 2012).

    ``centered`` subtracts the squared running mean of g from s: a variance (Graves 2013, equation 40). ``momentum``
    adds the steps up, v := momentum v + step, w := w - lr v. ``maximize`` ascends. ``foreach`` is accepted and ignored.
    Raises ValueError for a negative setting.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False,
        *, foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        settings = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, {**settings, "centered": centered, "maximize": maximize})

    def check(self, group: dict[str, Any]) -> None:
        at_least_zero(self, group, "lr", "alpha", "eps", "weight_decay", "momentum")

    def update(self, group: dict[str, Any], live: list[Live]) -> None:
        names = ("lr", "alpha", "eps", "momentum")
        settings = {k: float(group[k]) for k in names}
        for p in live:
            p.state["step"] = p.state.get("step", 0) + 1
            s = memory(p.state, "square_avg", p.w)
            v = memory(p.state, "momentum_buffer", p.w) if group["momentum"] else None
            mean = memory(p.state, "grad_avg", p.w) if group["centered"] else None
            rmsprop(p.w, decayed(p, float(group["weight_decay"])), s, mean, v, **settings)
