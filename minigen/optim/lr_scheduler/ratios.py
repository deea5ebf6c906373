"""Schedules that multiply the learning rate by a factor at each step: several on one optimiser multiply together."""

from __future__ import annotations

from collections.abc import Iterable

from ..optimizer import Optimizer
from .scheduler import LRScheduler, positive_integer


class _Ratio(LRScheduler):
    """lr_t = lr_{t-1} ratio(t)."""

    def ratio(self, t: int) -> float:
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        factor = self.ratio(self.last_epoch)
        return [lr * factor for lr in self._lrs()]


class StepLR(_Ratio):
    """lr_t = lr_0 gamma^floor(t / step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = positive_integer(self, "step_size", step_size), gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self, t: int) -> float:
        return self.gamma if t and t % self.step_size == 0 else 1.0


class MultiStepLR(_Ratio):
    """lr_t = lr_0 gamma^(how many milestones are at or before t)."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if not isinstance(milestones, Iterable):
            raise TypeError(f"MultiStepLR: milestones must be several integers, got {type(milestones).__name__}")
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self, t: int) -> float:
        return self.gamma ** self.milestones.count(t)


class ExponentialLR(_Ratio):
    """lr_t = lr_0 gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def ratio(self, t: int) -> float:
        return 1.0 if self._starts or not t else self.gamma


class ConstantLR(_Ratio):
    """lr_t = lr_0 factor for t < total_iters, then lr_0. 0 < factor <= 1."""

    def __init__(
        self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 < factor <= 1:
            raise ValueError(f"ConstantLR: factor must lie in (0, 1], got {factor}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def ratio(self, t: int) -> float:
        return self.factor if t == 0 else 1 / self.factor if t == self.total_iters else 1.0


class LinearLR(_Ratio):
    """lr_t = lr_0 (start + (end - start) min(t, total_iters) / total_iters): a warm-up where start < end = 1."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor must lie in (0, 1], got {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor must lie in [0, 1], got {end_factor}")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = positive_integer(self, "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def _factor(self, t: int) -> float:
        return self.start_factor + (self.end_factor - self.start_factor) * t / self.total_iters

    def ratio(self, t: int) -> float:
        if t == 0:
            return self.start_factor
        return 1.0 if self._starts or t > self.total_iters else self._factor(t) / self._factor(t - 1)
