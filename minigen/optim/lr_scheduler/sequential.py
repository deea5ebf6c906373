"""One schedule after another."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler, check_optimizer


class SequentialLR(LRScheduler):
    """schedulers[i] from t = milestones[i-1] on, each from its own t = 0: a warm-up, then a decay, say.

        warm = LinearLR(optimizer, 0.01, total_iters=500)
        SequentialLR(optimizer, [warm, CosineAnnealingLR(optimizer, 10_000)], milestones=[500])

    Raises ValueError unless the milestones are one fewer and all schedules belong to ``optimizer``.
    """

    _left_out = ("optimizer", "_schedulers")

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1
    ) -> None:
        self.optimizer = check_optimizer(self, optimizer)
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        for i, schedule in enumerate(self._schedulers):
            if not isinstance(schedule, LRScheduler) or isinstance(schedule, ReduceLROnPlateau):
                raise TypeError(
                    f"SequentialLR: schedulers[{i}] must be a schedule that steps without a measure, "
                    f"got {type(schedule).__name__}"
                )
            if schedule.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: schedulers[{i}] belongs to another optimizer")
        if not self._schedulers or len(self._milestones) != len(self._schedulers) - 1:
            raise ValueError(
                "SequentialLR: needs at least one schedule, and one milestone fewer than schedules; got "
                f"{len(self._schedulers)} schedules and the milestones {self._milestones}"
            )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _begin(self) -> None:
        """Undo the beginnings of the parts, which all wrote to the same lr; then begin the first."""
        for schedule in self._schedulers:
            schedule.last_epoch = self.last_epoch
        self.last_epoch += 1
        self._write(self.base_lrs)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._begin()
        self._last_lr = first.get_last_lr()

    def _restart(self) -> None:
        self.last_epoch = -1
        self._begin()

    def step(self) -> None:
        """Step the schedule whose turn it is; at a milestone the next one starts at its t = 0."""
        self.last_epoch += 1
        i = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[i]
        if i and self._milestones[i - 1] == self.last_epoch:
            schedule._restart()
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        saved = state_dict.get("_schedulers", ()) if isinstance(state_dict, Mapping) else ()
        if len(saved) != len(self._schedulers):
            raise ValueError(
                f"load_state_dict: the state has {len(saved)} schedules, this SequentialLR {len(self._schedulers)}"
            )
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for schedule, state in zip(self._schedulers, saved, strict=True):
            schedule.load_state_dict(state)
