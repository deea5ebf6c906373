"""Adagrad: the gradient divided by the root of the sum of all its squares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Live, Optimizer, at_least_zero, decayed, memory


def adagrad(w: np.ndarray, g: np.ndarray, s: np.ndarray, *, lr: float, eps: float) -> None:
    """s := s + g^2;  w := w - lr g / (sqrt(s) + eps), in place."""
    s += g * g
    w -= lr * g / (np.sqrt(s) + eps)


class Adagrad(Optimizer):
    """w := w - lr_t g / (sqrt(s) + eps),  s := s + g^2,  lr_t = lr / (1 + (t - 1) lr_decay)  in step t, with
    g = dC/dw + weight_decay w; s starts at ``initial_accumulator_value`` (Duchi, Hazan & Singer 2011, figure 1).

    Weights with rare gradients keep long steps. ``maximize`` ascends. ``foreach`` and ``fused`` are taken and ignored.
    Raises ValueError for a negative setting.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None,
        *, maximize: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        settings = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        super().__init__(
            params, {**settings, "initial_accumulator_value": initial_accumulator_value, "maximize": maximize}
        )

    def check(self, group: dict[str, Any]) -> None:
        at_least_zero(self, group, "lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in group["params"]:  # as in PyTorch, a state before the first step: s need not start at 0
            self.state[p]["step"] = 0
            memory(self.state[p], "sum", p.array, group["initial_accumulator_value"])

    def update(self, group: dict[str, Any], live: list[Live]) -> None:
        for p in live:
            p.state["step"] = t = p.state.get("step", 0) + 1
            lr = float(group["lr"]) / (1 + (t - 1) * group["lr_decay"])
            s = memory(p.state, "sum", p.w, group["initial_accumulator_value"])
            adagrad(p.w, decayed(p, float(group["weight_decay"])), s, lr=lr, eps=float(group["eps"]))
