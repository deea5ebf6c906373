"""+ - * / of small float32 arrays, where finding out what to do costs ten times the arithmetic.

The same as ``Op.__call__`` does, without its loops and questions; whatever is not small or not float32 goes there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .backend import state
from .node import NO_ATTRS, Node, two_like
from .op import Op
from .tensor import Tensor


def _new(value: float) -> Tensor:
    return Tensor(np.array(value, dtypes.float32))


_constant = functools.lru_cache(256)(_new)  # the same Tensor each time: nobody writes to it


class SmallOp(Op):
    """An op of two inputs whose backend may have a kernel of its name for small float32 arrays.

    ``method(x, y)`` is its operator: x is a Tensor, y a Tensor or a number.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.method = _method(self)

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        if len(args) == 2 and not attrs and isinstance(args[0], Tensor):
            return self.method(*args)
        return super().__call__(*args, **attrs)

    def backward(self, node: Node, delta: Any, needs: Sequence[bool]) -> list[Tensor | None]:
        assert self.rules is not None
        (rule_x, rule_y), (x, y) = self.rules, node.kept
        z = None if node.out is None else Tensor(node.out[0], node, node.out[1])
        grads: list[Tensor | None] = [None, None]
        if needs[0]:
            g = rule_x(delta, z, x, y)
            grads[0] = g if g.array.shape == x.shape else g.sum_to(shape=x.shape)
        if needs[1]:
            g = rule_y(delta, z, x, y)
            grads[1] = g if g.array.shape == y.shape else g.sum_to(shape=y.shape)
        return grads


def _method(op: SmallOp) -> Callable[[Tensor, Any], Tensor]:
    name, full = op.name, super(SmallOp, op).__call__

    def method(self: Tensor, other: Any) -> Tensor:
        backend = state.backend
        kernel = backend.small.get(name)
        if kernel is None or state.anomaly:
            return full(self, other)
        p = self.node
        if isinstance(other, Tensor):
            q, array = other.node, kernel(self.array, other.array)
        else:
            q, array = None, None if isinstance(other, np.ndarray) else kernel(self.array, other)
        if array is None:  # neither warns of inf and NaN, nor takes any but small arrays of float32
            return full(self, other)
        out = Tensor(array)
        if (p is not None or q is not None) and state.grad_enabled:
            mask = (p is not None, q is not None)
            needs, keep_out, (keep_x, keep_y) = op.plans.get(mask) or op.plan(mask)
            number = not isinstance(other, Tensor)
            kept: Any = two_like(self.array.shape, () if number else other.array.shape, dtypes.float32)
            if keep_x or keep_y:
                if number and keep_y:
                    other = _constant(other) if other else _new(other)  # 0.0 == -0.0, which are two numbers
                kept = (self if keep_x else kept[0], other if keep_y else kept[1])
            out.node = node = Node(op, (p, q), kept, NO_ATTRS, needs, backend)
            if keep_out:
                node.out = (array, out._writes())
        return out

    return method
