"""What can end a run early: Ctrl-C, which waits for a whole step, and a loss that is no number, whose op is named."""

from __future__ import annotations

import contextlib
import math
import signal
from collections.abc import Callable
from typing import Any

from .. import random
from ..anomaly import Anomaly
from ..autograd import detect_anomaly
from ..tensor import Tensor

INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended


class Interrupt:
    """Ctrl-C asks for an end between two steps, so that what is saved is a whole step; a second Ctrl-C ends at once."""

    def __enter__(self) -> Interrupt:
        self.asked = False
        self._before: Any = None
        with contextlib.suppress(ValueError):  # not in the main thread: Ctrl-C does not arrive here
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *error: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)


def finite(name: str, loss: Tensor) -> float:
    """The loss as a number, or FloatingPointError. Call it before the update: then no parameter is touched by a NaN."""
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(f"{name} is {value}")
    return value


def explain(step: Callable[..., dict[str, float]], batch: Any, before: tuple[int, int]) -> str:
    """Run the failing batch again with every op checked, to name the one that made the first NaN or inf.

    An inf that was brought along may be meant (a mask, say). Then the first NaN tells more, if there is one.
    """
    found = _replay(step, batch, before)
    if isinstance(found, Anomaly) and found.brought:
        later = _replay(step, batch, before, check_inf=False)
        if isinstance(later, Anomaly) and not later.brought:
            return f"{found}\nand the first NaN: {later}"
    return str(found or "run again with every op checked, it did not recur")


def _replay(step: Callable, batch: Any, before: tuple[int, int], **what: bool) -> FloatingPointError | None:
    random.default_generator.set_state(before)
    try:
        with detect_anomaly(**what):
            step(*batch)
    except FloatingPointError as error:
        return error
    return None
