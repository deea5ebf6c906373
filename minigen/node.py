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

_clock = itertools.count()
NO_ATTRS: dict[str, Any] = {}  # shared by all nodes without attributes
FREED: Any = ("freed",)  # stands for the kept values of a node that a backward pass is done with


class Like:
    """What is left of a value that was not kept: its shape and dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape = shape
        self.dtype = dtype


@functools.lru_cache(4096)
def like(shape: tuple[int, ...], dtype: np.dtype) -> Like:
    """The one Like of that shape and dtype: a graph of a million nodes has few of them for the collector to walk."""
    return Like(shape, dtype)


class Node:
    """One step of a computation. A leaf has no op; every edge leads to one node."""

    __slots__ = (
        "attrs", "backend", "grad", "hooks", "kept", "op", "out", "parents", "retains", "seq", "site", "versions",
    )  # fmt: skip

    def __init__(
        self, op: Any = None, parents: Sequence[Node | None] = (), kept: Any = (), attrs: Any = NO_ATTRS,
        versions: tuple[int, ...] | None = None,
    ) -> None:  # fmt: skip
        self.seq = next(_clock)  # parents are always older: sorting by it is a topological order
        self.op = op
        self.parents = parents
        self.kept = kept
        self.attrs = attrs
        self.backend = state.backend
        self.versions = _versions(kept) if versions is None else versions
        self.out: Any = None  # (array, version counter, version then): never the output Tensor, which would be a cycle
        self.grad: Tensor | None = None
        self.hooks: dict[int, Callable] | None = None
        self.retains = False
        self.site: Any = None  # under detect_anomaly: the line of the program that called the op, and its input arrays

    def add_hook(self, hook: Callable) -> Handle:
        self.hooks = self.hooks or {}
        key = next(_clock)
        self.hooks[key] = hook
        return Handle(self.hooks, key)

    def check_versions(self) -> None:
        out = self.out
        if (self.versions and _versions(self.kept) != self.versions) or (out is not None and out[1][0] != out[2]):
            raise RuntimeError(
                f"backward: a value that {self.op.name} needs was written in place after it was used "
                "(by an optimiser's step, or an in-place method); run the forward pass again, or write to a .clone()"
            )

    def free(self) -> None:
        self.kept, self.parents, self.out, self.site = FREED, (), None, None


class Handle:
    """Removes a hook."""

    def __init__(self, hooks: dict[int, Callable], key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Call the hook no more; removing twice is harmless."""
        self._hooks.pop(self._key, None)


def _versions(kept: Sequence[Any]) -> tuple[int, ...]:
    """How often each kept Tensor's storage has been written."""
    return tuple([t._version[0] for t in kept if t is not None and type(t) is not Like])
