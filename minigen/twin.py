"""A fused operation: a fast pair of kernels, forward and backward, and the textbook that they are the twin of."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import anomaly
from .autograd import grad
from .backend import on_gpu, state
from .node import Node, like
from .op import Op, explained
from .tensor import Tensor


class Fused(Op):
    """A fast forward and backward with a textbook. See ``fused``."""

    def __init__(self, reference: Callable, forward: str, vjp: str, nondiff: Sequence[int]) -> None:
        names = list(inspect.signature(reference).parameters.values())
        functools.update_wrapper(self, reference)
        self.reference, self.kernel, self.vjp, self.nondiff = reference, forward, vjp, tuple(nondiff)
        self.name = reference.__name__
        self.variadic = self.view = self.broadcasts = self.floats = False
        self.arity = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in names)
        self.attrs = [p.name for p in names if p.kind is p.KEYWORD_ONLY]
        self.defaults = {p.name: p.default for p in names if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        self.rules, self.optional = None, True

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        inputs, attrs = self.bind(args, attrs)
        watch = state.profile
        began = watch and watch.clock()
        be, arrays = state.backend, [None if x is None else x.array for x in inputs]
        for a in arrays:
            if type(a) is not np.ndarray and a is not None:
                be, arrays = on_gpu(self.name, inputs)
                break
        try:
            result, saved = state.quietly(getattr(be, self.kernel), *arrays, **attrs)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(self, inputs, error) from None
        except (MemoryError, RuntimeError) as error:
            if (known := be.explained(self.name, error)) is error:
                raise
            raise known from error
        many = isinstance(result, tuple)
        outs = [_tensor(a) for a in (result if many else (result,))]
        node = None
        if state.grad_enabled:
            parents = [None if x is None else x.node for x in inputs]
            needs = [p is not None for p in parents]
            if True in needs:
                node = Node(self, parents, inputs, attrs, needs, be)
                log = _NO_WRITES
                for i, out in enumerate(outs):
                    if i not in self.nondiff:
                        out.node = pick(node, i, len(outs)) if many else node
                    if _holds(saved, out.array):
                        log = out._writes()
                node.out = (saved, log)
        if watch:
            watch.op(self.name, began, inputs, outs)
        if state.anomaly:
            anomaly.look(self, inputs, outs, node)
        return tuple(outs) if many else outs[0]

    def backward(self, node: Node, delta: Any, needs: Sequence[bool]) -> list[Tensor | None]:
        deltas = delta if isinstance(delta, list) else [delta]
        if state.grad_enabled:
            return self._differentiate_reference(node, deltas, needs)
        be = node.backend
        try:
            arrays = state.quietly(
                getattr(be, self.vjp), node.out[0], needs, *[None if d is None else d.array for d in deltas]
            )
        except (MemoryError, RuntimeError) as error:
            if (known := be.explained(self.name, error)) is error:
                raise
            raise known from error
        wanted = [a if needed else None for a, needed in zip(arrays, needs, strict=True)]
        return [None if a is None else _tensor(a) for a in wanted]

    def _differentiate_reference(self, node: Node, deltas: list, needs: Sequence[bool]) -> list[Tensor | None]:
        """The gradient as a recorded computation: that of the textbook, at aliases with edges to the inputs' nodes."""
        aliases = [
            Tensor(x.array, Node(_alias, [x.node], [like(x.shape, x.dtype)]), x._writes()) if needed else x
            for x, needed in zip(node.kept, needs, strict=True)
        ]
        outs = self.reference(*aliases, **node.attrs)
        outs = list(outs) if isinstance(outs, tuple) else [outs]
        pairs = [(o, d) for o, d in zip(outs, deltas, strict=True) if d is not None and o.node is not None]
        wanted = [a for a, needed in zip(aliases, needs, strict=True) if needed]
        found = iter(grad([o for o, _ in pairs], wanted, [d for _, d in pairs], create_graph=True, allow_unused=True))
        return [next(found) if needed else None for needed in needs]


def _tensor(a: Any) -> Tensor:
    return Tensor(np.asarray(a) if isinstance(a, np.generic) else a)  # NumPy's 0-d results are numbers, not arrays


def fused(reference: Callable, *, forward: str, vjp: str, nondiff: Sequence[int] = ()) -> Any:
    """Compute ``reference`` by the backend's kernel ``forward`` and its first gradient by ``vjp``.

    ``forward(*arrays, **attributes) -> (outputs, saved)``; ``vjp(saved, mask, *deltas) -> one gradient per input``,
    fresh arrays, None where ``mask`` is False. Under ``create_graph=True`` the engine differentiates the reference.
    """
    return Fused(reference, forward, vjp, nondiff)


_NO_WRITES = [0, 0]  # the log of what nobody but its node has


def _holds(saved: Any, array: np.ndarray) -> bool:
    """Did the kernel save this very output for its backward pass? Then writing to it must be noticed."""
    if isinstance(saved, tuple):
        for a in saved:  # `in` would compare their elements
            if a is array:
                return True
    return saved is array


class _Pick:
    """Output number ``i`` of an op with several."""

    name = "pick"

    def backward(self, node: Node, delta: Tensor, needs: Sequence[bool]) -> list:
        slots: list = [None] * node.attrs["n"]
        slots[node.attrs["i"]] = delta
        return [slots]


_PICK = _Pick()


def pick(parent: Node, i: int, n: int) -> Node:
    """The node of output ``i`` of ``n``: the parent's backward gets a list of n gradients, None where none came."""
    return Node(_PICK, [parent], (), {"i": i, "n": n})


def _alias_forward(be: Any, x: np.ndarray) -> np.ndarray:
    return x


_alias = Op(_alias_forward, False, False, True, 0)
_alias.name = "alias"
_alias.vjps(lambda delta, _z, _x: delta)
