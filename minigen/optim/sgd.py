"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend import of
from ..tensor import Tensor
from .optimizer import Live, Optimizer, at_least_zero


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
        names = ("lr", "momentum", "dampening", "weight_decay")
        lr, momentum, dampening, decay = (float(group[k]) for k in names)
        first: list[Live] = []  # their velocity starts as the first gradient, undamped
        later: list[Live] = []
        for p in live:
            begins = momentum and p.state.get("momentum_buffer") is None
            if begins:
                p.state["momentum_buffer"] = Tensor(np.zeros_like(p.w, order="C"))
            (first if begins else later).append(p)
        for members, damped in ((later, dampening), (first, 0.0)):
            if members:
                vs = [p.state["momentum_buffer"].array for p in members] if momentum else None
                of(live[0].w).sgd(
                    [p.w for p in members], [p.g for p in members], vs, lr, momentum, damped, decay, group["nesterov"]
                )
