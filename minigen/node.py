"""The graph of a computation: nodes that remember how a Tensor was made."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .backend import state

if TYPE_CHECKING:
    from .tensor import Tensor

tick = itertools.count(1).__next__  # the clock of nodes and of writes: every call gives a later time
NO_ATTRS: dict[str, Any] = {}  # shared by all nodes without attributes
last_write = [0]  # when any storage was last written in place
FREED: Any = ("freed",)  # stands for the kept values of a node that a backward pass is done with


class Like:
    """What is left of a value that was not kept: its shape and dtype."""

    __slots__ = ("dtype", "shape")
    _log = None  # nobody writes to it

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape = shape
        self.dtype = dtype


@functools.lru_cache(4096)
def like(shape: tuple[int, ...], dtype: np.dtype) -> Like:
    """The one Like of that shape and dtype: a graph of a million nodes has few of them for the collector to walk."""
    return Like(shape, dtype)


@functools.lru_cache(4096)
def two_like(shape: tuple[int, ...], other: tuple[int, ...], dtype: np.dtype) -> tuple[Like, Like]:
    """The one pair of Likes: what an op of two inputs keeps that keeps neither."""
    return like(shape, dtype), like(other, dtype)


class Node:
    """One step of a computation. A leaf has no op; every edge leads to one node."""

    __slots__ = (
        "attrs", "backend", "grad", "hooks", "kept", "needs", "op", "out", "parents", "retains", "seq", "site",
    )  # fmt: skip

    def __init__(
        self, op: Any = None, parents: Sequence[Node | None] = (), kept: Any = (), attrs: Any = NO_ATTRS,
        needs: Sequence[bool] | None = None, backend: Any = None,
    ) -> None:  # fmt: skip
        self.seq = tick()  # parents are always older: sorting by it is a topological order
        self.op = op
        self.parents = parents
        self.needs = [p is not None for p in parents] if needs is None else needs  # which inputs need a gradient
        self.kept = kept
        self.attrs = attrs
        self.backend = backend or state.backend
        self.out: Any = None  # (array, log of its writes): never the output Tensor, which would be a cycle
        self.grad: Tensor | None = None
        self.hooks: dict[int, Callable] | None = None
        self.retains = False
        self.site: Any = None  # under detect_anomaly: the line of the program that called the op, and its input arrays

    def add_hook(self, hook: Callable) -> Handle:
        self.hooks = self.hooks or {}
        key = tick()
        self.hooks[key] = hook
        return Handle(self.hooks, key)

    def check_writes(self) -> None:
        """A RuntimeError if a kept value was written after this node was made (later than ``last_write`` none was)."""
        now = self.seq
        for x in self.kept:
            if x is not None and (log := x._log) is not None and log[1] > now:
                break
        else:
            if self.out is None or self.out[1][1] < now:
                return
        raise RuntimeError(
            f"backward: a value that {self.op.name} needs was written in place after it was used "
            "(by an optimiser's step, or an in-place method); run the forward pass again, or write to a .clone()"
        )


class Handle:
    """Removes a hook."""

    def __init__(self, hooks: dict[int, Callable], key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Call the hook no more; removing twice is harmless."""
        self._hooks.pop(self._key, None)
