"""One cycle: up to a large learning rate, and down to a tiny one."""

from __future__ import annotations

import math
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler, check_optimizer, per_group, positive_integer


class OneCycleLR(LRScheduler):
    """From max_lr / div_factor up to max_lr, then down to max_lr / (div_factor final_div_factor) at t = total_steps - 1
    (Smith & Topin 2019). Step it after every batch.

    Between two heights a and b a phase is b + (a - b)(1 + cos(pi s)) / 2, or a + (b - a) s for 'linear', s from 0 to 1.
    ``pct_start`` is the first phase's share. ``three_phase`` falls as it rose, then goes to the lowest. With
    ``cycle_momentum`` the momentum (or beta1) runs the other way, from max_momentum to base_momentum and back.
    Raises ValueError for settings out of range, and for a step past the end.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: Any, total_steps: int | None = None, epochs: int | None = None,
        steps_per_epoch: int | None = None, pct_start: float = 0.3, anneal_strategy: str = "cos",
        cycle_momentum: bool = True, base_momentum: Any = 0.85, max_momentum: Any = 0.95, div_factor: float = 25.0,
        final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        check_optimizer(self, optimizer)
        if total_steps is not None:
            self.total_steps = positive_integer(self, "total_steps", total_steps)
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = positive_integer(self, "epochs", epochs) * positive_integer(
                self, "steps_per_epoch", steps_per_epoch
            )
        else:
            raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
        if isinstance(pct_start, bool) or not isinstance(pct_start, (int, float)) or not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be a number from 0 to 1, got {pct_start!r:.60}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r:.60}")
        self.anneal_strategy, self.cycle_momentum, self.three_phase = anneal_strategy, cycle_momentum, three_phase
        top = pct_start * self.total_steps - 1
        ends = [top, 2 * top, self.total_steps - 1] if three_phase else [top, self.total_steps - 1]
        self.phases = list(zip([0.0, *ends[:-1]], ends, strict=True))
        groups = optimizer.param_groups
        if last_epoch == -1:
            for group, lr in zip(groups, per_group(self, "max_lr", max_lr, optimizer), strict=True):
                low = lr / div_factor
                group.update(initial_lr=low, max_lr=lr, min_lr=low / final_div_factor)
        if cycle_momentum:
            if not {"momentum", "betas"} & set(optimizer.defaults):
                raise ValueError(
                    f"OneCycleLR: {type(optimizer).__name__} has neither momentum nor betas; pass cycle_momentum=False"
                )
            high, low = (
                per_group(self, k, v, optimizer)
                for k, v in (("max_momentum", max_momentum), ("base_momentum", base_momentum))
            )
            if last_epoch == -1:
                for group, most, least in zip(groups, high, low, strict=True):
                    group.update(max_momentum=most, base_momentum=least)
        super().__init__(optimizer, last_epoch)

    def _between(self, a: float, b: float, s: float) -> float:
        return b + (a - b) / 2 * (1 + math.cos(math.pi * s)) if self.anneal_strategy == "cos" else a + (b - a) * s

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(f"OneCycleLR: step {t} is past the end; the cycle was made for {self.total_steps} steps")
        i = next((i for i, (_, end) in enumerate(self.phases) if t <= end), len(self.phases) - 1)
        start, end = self.phases[i]
        s = (t - start) / (end - start) if end > start else 1.0
        heights = ["initial_lr", "max_lr", *(["initial_lr"] if self.three_phase else []), "min_lr"]
        momenta = ["max_momentum", "base_momentum", "max_momentum", "max_momentum"]
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                momentum = self._between(group[momenta[i]], group[momenta[i + 1]], s)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return [self._between(g[heights[i]], g[heights[i + 1]], s) for g in self.optimizer.param_groups]
