"""What a block of code asks of the machine: to record or not, and to watch for the first NaN or inf."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .backend import state


class _Flag:
    """Sets one flag of this thread inside ``with``, or inside a decorated function (not a generator: it would leak)."""

    flag = "grad_enabled"
    value: Any = False

    def __init__(self) -> None:
        self._before: list[Any] = []  # a stack: one object may be entered again inside itself

    def __enter__(self) -> None:
        self._before.append(getattr(state, self.flag))
        setattr(state, self.flag, self.value)

    def __exit__(self, *error: Any) -> None:
        setattr(state, self.flag, self._before.pop())

    def __call__(self, function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):
            raise TypeError(
                f"{type(self).__name__}: cannot decorate the generator {function.__name__}; use `with` inside "
                "it, around code without yield"
            )

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return wrapped

    def _fresh(self) -> _Flag:
        return type(self)()


class no_grad(_Flag):
    """Compute without recording: for evaluation and for updates."""


class enable_grad(_Flag):
    """Record again inside a ``no_grad`` block."""

    value = True


class inference_mode(no_grad):
    """``no_grad``; ``inference_mode(False)`` changes nothing."""

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        if not isinstance(mode, bool):
            raise TypeError(f"inference_mode: mode must be a bool, got {mode!r:.60}; to decorate, add ()")
        self.mode = mode

    def __enter__(self) -> None:
        self.value = not self.mode and state.grad_enabled
        super().__enter__()

    def _fresh(self) -> inference_mode:
        return inference_mode(self.mode)


class set_grad_enabled(_Flag):
    """Record or not, as ``mode`` says: from this call on, or inside its ``with`` block or decorated function alone."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled: mode must be a bool, got {mode!r:.60}")
        super().__init__()
        self.value, self._outside, state.grad_enabled = mode, state.grad_enabled, mode

    def __enter__(self) -> None:
        if not self._before:
            state.grad_enabled = self._outside  # what the end of the block goes back to
        super().__enter__()

    def __call__(self, function: Callable) -> Callable:
        state.grad_enabled = self._outside
        return super().__call__(function)

    def _fresh(self) -> set_grad_enabled:
        return set_grad_enabled(self.value)


class detect_anomaly(_Flag):
    """Raise FloatingPointError at the first op whose result or gradient is NaN or inf. The text names the op, the line
    of the program that called it, shape, type, min, max and mean of its inputs and how many of them are NaN or inf.

    If an input was not finite already, it says so: the op is not at fault then. ``check_inf=False`` lets infinities
    pass that are meant, as in an attention mask. It looks at every number and keeps every input, which costs time and
    memory: use it to find a fault.
    """

    flag = "anomaly"

    def __init__(self, check_nan: bool = True, check_inf: bool = True) -> None:
        super().__init__()
        self.value = tuple([kind for kind, wanted in (("nan", check_nan), ("inf", check_inf)) if wanted])

    def _fresh(self) -> detect_anomaly:
        return detect_anomaly("nan" in self.value, "inf" in self.value)


def is_grad_enabled() -> bool:
    """True where operations are recorded."""
    return state.grad_enabled
