"""Hooks: functions that look at, or change, what goes into a module and what comes out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from ..node import Handle

_keys = itertools.count()


class Hook(NamedTuple):
    """A function, and whether it takes the keyword arguments as well."""

    function: Callable
    with_kwargs: bool


def register(name: str, hooks: dict[int, Hook], hook: Callable, prepend: bool, with_kwargs: bool) -> Handle:
    """Put the hook behind (or before) those that are there."""
    if not callable(hook):
        raise TypeError(f"{name}: hook must be a function, got {type(hook).__name__}")
    key = next(_keys)
    others = dict(hooks)
    if prepend:
        hooks.clear()
    hooks[key] = Hook(hook, with_kwargs)
    hooks.update(others)
    return Handle(hooks, key)  # type: ignore[arg-type]


def call(module: Any, before: dict[int, Hook], after: dict[int, Hook], args: tuple, kwargs: dict[str, Any]) -> Any:
    """forward with the hooks around it, in the order of their registration."""
    for hook in tuple(before.values()):
        changed = hook.function(module, args, kwargs) if hook.with_kwargs else hook.function(module, args)
        if changed is None:
            continue
        if not hook.with_kwargs:
            args = changed if isinstance(changed, tuple) else (changed,)
        elif isinstance(changed, tuple) and len(changed) == 2 and isinstance(changed[1], dict):
            args, kwargs = changed
        else:
            raise TypeError(f"a forward pre-hook with kwargs must return None or (args, kwargs), got {changed!r:.80}")
    output = module.forward(*args, **kwargs)
    for hook in tuple(after.values()):
        given = (args, kwargs) if hook.with_kwargs else (args,)
        changed = hook.function(module, *given, output)
        output = output if changed is None else changed
    return output
