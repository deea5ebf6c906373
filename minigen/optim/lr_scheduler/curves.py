"""Schedules that follow a curve: half a cosine, or any function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler, check_optimizer, per_group, positive_integer


class CosineAnnealingLR(LRScheduler):
    """lr_t = eta_min + (lr_0 - eta_min) (1 + cos(pi t / T_max)) / 2 (Loshchilov & Hutter 2017, equation 5).

    Past T_max it rises again, half a period per T_max. It moves the present lr by the ratio of neighbouring cosines,
    so that it works together with other schedules on the same optimiser.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = positive_integer(self, "T_max", T_max), eta_min
        super().__init__(optimizer, last_epoch)

    def _height(self, t: int) -> float:
        return (1 + math.cos(math.pi * t / self.T_max)) / 2

    def get_lr(self) -> list[float]:
        t = self.last_epoch
        if self._starts or t == 0:
            return self._lrs()
        if t % (2 * self.T_max) == (self.T_max + 1) % (2 * self.T_max):  # up from the bottom, where the ratio is x / 0
            up = self._height(t)
            return [lr + (base - self.eta_min) * up for lr, base in zip(self._lrs(), self.base_lrs, strict=True)]
        ratio = self._height(t) / self._height(t - 1)
        return [self.eta_min + (lr - self.eta_min) * ratio for lr in self._lrs()]


class LambdaLR(LRScheduler):
    """lr_t = lr_0 f(t), with one function for all groups or a list of one for each.

    Linear warm-up over 500 steps: ``LambdaLR(optimizer, lambda t: min(1, (t + 1) / 500))``.
    ``state_dict`` holds no functions, but the attributes of an object with ``__call__``.
    """

    _left_out = ("optimizer", "lr_lambdas")

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self.lr_lambdas = per_group(self, "lr_lambda", lr_lambda, check_optimizer(self, optimizer))
        for f in self.lr_lambdas:
            if not callable(f):
                raise TypeError(f"LambdaLR: lr_lambda must be a function of t, or a list of them, got {f!r:.60}")
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        plain = (FunctionType, BuiltinFunctionType)
        return {
            **super().state_dict(),
            "lr_lambdas": [None if isinstance(f, plain) else dict(vars(f)) for f in self.lr_lambdas],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        saved = state_dict.get("lr_lambdas", ()) if isinstance(state_dict, Mapping) else ()
        if len(saved) != len(self.lr_lambdas):
            raise ValueError(
                f"load_state_dict: the state has {len(saved)} functions, this LambdaLR {len(self.lr_lambdas)}"
            )
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for f, attributes in zip(self.lr_lambdas, saved, strict=True):
            if attributes is not None:
                vars(f).update(attributes)
