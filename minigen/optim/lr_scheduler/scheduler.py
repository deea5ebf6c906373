"""What all schedules share: they count steps t = 0, 1, ... and write ``lr`` into the optimiser's groups."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ..optimizer import Optimizer


class LRScheduler:
    """lr_t = what ``get_lr()`` makes of t (``last_epoch``), of ``base_lrs`` and of the groups' present lr.

    t is 0 when the schedule is made and grows by one with each ``step()``. A schedule of your own defines ``get_lr``.
    ``last_epoch`` other than -1 continues a schedule: the groups must hold ``initial_lr``, as a loaded optimiser's do.
    """

    _left_out: tuple[str, ...] = ("optimizer",)  # what state_dict leaves out

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = check_optimizer(self, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"{type(self).__name__}: last_epoch={last_epoch} continues a schedule, but group {i} has no "
                    "'initial_lr'; load the optimiser's state_dict first, or start with last_epoch=-1"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _begin(self) -> None:
        """The step to t = 0 (or to the first t of a continued schedule), which is no step of the user's."""
        self._step_count = 0
        self._starts = True  # get_lr may ask: the lr of a continued schedule is right already
        self._advance()
        self._starts = False

    def get_lr(self) -> list[float]:
        """The learning rate of each group at t = ``last_epoch``."""
        raise NotImplementedError(f"{type(self).__name__} must define get_lr(self)")

    def get_last_lr(self) -> list[float]:
        """The learning rates that the last step set."""
        return self._last_lr

    def _lrs(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self) -> None:
        """t := t + 1, and write the new learning rates. Call it after ``optimizer.step()``."""
        standard = type(self.optimizer).step is Optimizer.step  # a step of one's own need not count itself
        if self._step_count == 1 and standard and not self.optimizer.steps_taken:
            warnings.warn(
                f"{type(self).__name__}.step() was called before optimizer.step(): the first learning rate of the "
                "schedule is skipped; call optimizer.step() first",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        self._advance()

    def _advance(self) -> None:
        self._step_count += 1
        self.last_epoch += 1
        self._write(self.get_lr())

    def _restart(self) -> None:
        """Back to t = 0, from the lr that the schedule was given: what SequentialLR does at a milestone."""
        self.last_epoch = 0
        self._write(self.base_lrs)
        self._write(self.get_lr())

    def _write(self, lrs: list[float]) -> None:
        if len(lrs) != len(self.optimizer.param_groups):
            raise ValueError(
                f"{type(self).__name__}: was made for {len(lrs)} parameter groups, the optimiser has "
                f"{len(self.optimizer.param_groups)} now; make the schedule after the last add_param_group"
            )
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr
        self._last_lr = self._lrs()

    def state_dict(self) -> dict[str, Any]:
        """The numbers that decide the schedule's course; the optimiser is saved by its own ``state_dict``."""
        return {k: v for k, v in self.__dict__.items() if k not in self._left_out}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()`` of a schedule of the same class. Load the optimiser's state, too."""
        if not isinstance(state_dict, Mapping) or "last_epoch" not in state_dict:
            raise ValueError(f"load_state_dict: is it a schedule's state? got {state_dict!r:.80}")
        unknown = sorted(set(state_dict) - set(self.__dict__))
        if unknown:
            name = type(self).__name__
            raise ValueError(f"load_state_dict: a {name} has no {', '.join(unknown)}; is it another schedule's state?")
        self.__dict__.update(state_dict)


def check_optimizer(schedule: Any, optimizer: Any) -> Optimizer:
    """The optimizer, or a TypeError."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(schedule).__name__}: optimizer must be an Optimizer, got {type(optimizer).__name__}")
    return optimizer


def per_group(schedule: Any, name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """``value`` for every group, or a list of one value for each."""
    n = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * n
    if len(values) != n:
        raise ValueError(f"{type(schedule).__name__}: {name} has {len(values)} values for {n} parameter groups")
    return values


def positive_integer(schedule: Any, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{type(schedule).__name__}: {name} must be an integer of at least 1, got {value!r:.60}")
    return value
