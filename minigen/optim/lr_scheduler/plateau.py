"""Lower the learning rate where a measure no longer improves."""

from __future__ import annotations

import math
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler, check_optimizer, per_group


class ReduceLROnPlateau(LRScheduler):
    """lr := max(lr factor, min_lr) once ``metrics`` was not better than the best for more than ``patience`` steps.

    Better means below best (1 - threshold) for mode 'min', above best (1 + threshold) for 'max'; for threshold_mode
    'abs' best - threshold and best + threshold. After a reduction ``cooldown`` steps are not counted. A change of at
    most ``eps`` is not made. Call ``step(metrics)`` after each validation. Raises ValueError for settings out of range.
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0, min_lr: Any = 0, eps: float = 1e-8,
    ) -> None:  # fmt: skip
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, got {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode must be 'min' or 'max', got {mode!r:.60}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"ReduceLROnPlateau: threshold_mode must be 'rel' or 'abs', got {threshold_mode!r:.60}")
        self.optimizer = check_optimizer(self, optimizer)
        self.min_lrs = per_group(self, "min_lr", min_lr, optimizer)
        self.mode, self.factor, self.patience, self.cooldown = mode, factor, patience, cooldown
        self.threshold, self.threshold_mode, self.eps = threshold, threshold_mode, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = self.last_epoch = 0
        self._last_lr = self._lrs()

    def is_better(self, value: float) -> bool:
        """Is ``value`` an improvement on the best so far? NaN never is."""
        sign = -1 if self.mode == "min" else 1
        margin = sign * self.threshold
        limit = self.best * (1 + margin) if self.threshold_mode == "rel" else self.best + margin
        return value > limit if sign > 0 else value < limit

    def step(self, metrics: Any = None) -> None:
        """Look at the latest value of the measure (a number or a one-element Tensor)."""
        if metrics is None:
            raise TypeError("ReduceLROnPlateau.step: needs the measured value, as in scheduler.step(validation_loss)")
        value = float(metrics)
        self.last_epoch += 1
        if self.is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            lrs = self._lrs()
            if len(set(self.min_lrs)) == 1:  # one for all, also for a group that was added since
                self.min_lrs = self.min_lrs[:1] * len(lrs)
            lower = [max(lr * self.factor, least) for lr, least in zip(lrs, self.min_lrs, strict=False)]
            self._write([new if lr - new > self.eps else lr for lr, new in zip(lrs, lower, strict=False)])
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._lrs()
