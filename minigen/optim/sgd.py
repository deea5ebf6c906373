"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Live, Optimizer, at_least_zero, decayed


def sgd(
    w: np.ndarray, g: np.ndarray, v: np.ndarray | None, *, lr: float, momentum: float, dampening: float, nesterov: bool
) -> None:
    """v := momentum v + (1 - dampening) g;  w := w - lr v, or w - lr (g + momentum v) for Nesterov's."""
    if v is None:
        w -= lr * g
        return
    v *= momentum
    v += (1 - dampening) * g if dampening else g
    w -= lr * (g + momentum * v if nesterov else v)


class SGD(Optimizer):
    """w := w - lr v,  v := momentum v + (1 - dampening) g,  g = dC/dw + weight_decay w; v starts as the first g.

    ``nesterov``: w := w - lr (g + momentum v) (Sutskever et al. 2013, in the form that needs no look ahead).
    ``maximize`` ascends. ``foreach`` and ``fused`` are accepted and ignored.
    Raises ValueError for a negative setting, or Nesterov's without momentum or with dampening.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float = 0, nesterov: bool = False,
        *, maximize: bool = False, foreach: bool | None = None, fused: bool | None = None,
    ) -> None:  # fmt: skip
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay}
        super().__init__(params, {**settings, "nesterov": nesterov, "maximize": maximize})

    def check(self, group: dict[str, Any]) -> None:
        at_least_zero(self, group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "SGD: nesterov=True needs momentum > 0 and dampening 0, "
                f"got momentum={group['momentum']} and dampening={group['dampening']}"
            )

    def update(self, group: dict[str, Any], live: list[Live]) -> None:
        names = ("lr", "momentum", "dampening")
        lr, momentum, dampening = (float(group[k]) for k in names)
        for p in live:
            g, v = decayed(p, float(group["weight_decay"])), None
            first = momentum and p.state.get("momentum_buffer") is None
            if first:
                p.state["momentum_buffer"] = Tensor(np.zeros_like(p.w, order="C"))
            if momentum:
                v = p.state["momentum_buffer"].array
            sgd(p.w, g, v, lr=lr, momentum=momentum, dampening=0 if first else dampening, nesterov=group["nesterov"])
