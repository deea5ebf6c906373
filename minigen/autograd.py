"""The backward pass: dC/d(node) for every node, from the newest to the oldest, by the chain rule.

Each node's delta is the sum of what its consumers send. A node's op turns it into one delta per input by
vector-Jacobian products. They are written on Tensors, so that with ``create_graph=True`` they are recorded and can be
differentiated again, to any order.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import anomaly
from .backend import of, state
from .modes import detect_anomaly, enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .node import FREED, Node, last_write
from .tensor import Tensor

__all__ = [
    "backward", "detect_anomaly", "enable_grad", "grad", "inference_mode", "is_grad_enabled", "no_grad",
    "set_grad_enabled",
]  # fmt: skip
_SEQ = operator.attrgetter("seq")


# the backward pass --------------------------------------------------------------------------------
def _collect(roots: Sequence[Node], oldest: int) -> list[Node]:
    """Every node that the roots were computed from, no older than ``oldest``, newest first."""
    seen = dict.fromkeys(roots)
    found = list(seen)
    for node in found:  # which grows
        if node.kept is FREED:
            raise RuntimeError(
                f"backward: the graph through {node.op.name} was freed by an earlier backward pass; call that one with "
                "retain_graph=True, or run the forward pass again"
            )
        for parent in node.parents:
            if parent is not None and parent not in seen and parent.seq >= oldest:
                seen[parent] = None
                found.append(parent)
    found.sort(key=_SEQ, reverse=True)
    return found


def _run(
    roots: Sequence[tuple[Node, Tensor]], targets: set[Node] | None, retain: bool, create: bool
) -> dict[Node, Tensor]:
    """Propagate deltas; return those of the targets, or (targets None) add each leaf's to its ``grad``."""
    nodes = _collect([n for n, _ in roots], min((n.seq for n in targets), default=0) if targets is not None else 0)
    useful = None if targets is None else _leading_to(targets, nodes)  # None: all of them
    deltas: dict[Node, Any] = {}
    borrowed: set[Node] = set()  # nodes whose delta's array somebody else may hold
    found: dict[Node, Tensor] = {}

    watch = state.profile
    began = watch and watch.clock()
    outside = state.grad_enabled, state.backend, state.anomaly, state.cuda
    current = state.backend
    state.grad_enabled, state.anomaly = create, ()  # the pass itself looks for anomalies, and names the rule
    try:
        for node, delta in roots:
            borrowed.add(node)
            deltas[node] = _sum(deltas.get(node), delta)
        for node in nodes:
            delta = deltas.pop(node, None)
            if delta is None or (useful is not None and node not in useful):
                continue
            if node.backend is not current:
                current = state.choose(node.backend)
            if node.hooks:
                delta = _hooked(node, delta)
                borrowed.add(node)  # a hook may hold on to what it saw or gave
            if targets is not None and node in targets:
                found[node] = delta if create else _own(delta, node in borrowed)
            if node.op is None:
                if targets is None:
                    _accumulate(node, delta if create else _own(delta, node in borrowed), create)
                continue
            if node.retains and targets is None:
                _accumulate(node, delta if create else Tensor(delta.array.copy()), create)
            needs = node.needs if useful is None else [p in useful for p in node.parents]
            if True not in needs:
                continue
            if last_write[0] > node.seq:
                node.check_writes()
            grads = watch.vjp(node, delta, needs) if watch else node.op.backward(node, delta, needs)
            if outside[2]:
                anomaly.look_back(node, delta, grads, outside[2])
            # One for each, which to ask of zip would take as long as all else in this loop
            for parent, g in zip(node.parents, grads):  # noqa: B905
                if g is None or parent is None:
                    continue
                before = deltas.get(parent)
                if before is not None:
                    deltas[parent] = _sum(before, g)
                    borrowed.discard(parent)  # the sum is a new array
                    continue
                deltas[parent] = g
                if (parent.op is None or targets is not None) and not _owned(g, delta, grads):
                    borrowed.add(parent)
            if not retain:
                node.kept, node.parents, node.out, node.site = FREED, (), None, None
    finally:
        state.grad_enabled, state.backend, state.anomaly, state.cuda = outside
        if watch:
            watch.whole_pass(began)
    return found


def _leading_to(targets: set[Node], nodes: Sequence[Node]) -> set[Node]:
    """Those of ``nodes`` (newest first) that a target's gradient comes through."""
    useful: set[Node] = set()
    for node in reversed(nodes):
        if node in targets or any(p in useful for p in node.parents):
            useful.add(node)
    return useful


def _owned(g: Any, delta: Any, grads: Sequence[Any]) -> bool:
    """Is this gradient's array the rule's own work, which nobody else holds?"""
    if g is delta or type(g) is not Tensor or g.array.base is not None:
        return False
    count = 0
    for h in grads:
        if h is g:
            count += 1
    return count == 1


def _sum(before: Any, delta: Any) -> Any:
    """What two consumers send to one node: a Tensor each, or a list with one for each output of a node with several."""
    if before is None:
        return delta
    if isinstance(delta, list):
        return [a if b is None else b if a is None else a + b for a, b in zip(before, delta, strict=True)]
    return before + delta


def _own(delta: Tensor, borrowed: bool) -> Tensor:
    """``delta``, or a copy if somebody else may hold its array."""
    array = delta.array
    return Tensor(array.copy()) if borrowed or not array.flags.c_contiguous else delta


def _hooked(node: Node, delta: Tensor) -> Tensor:
    """What the node's hooks make of its complete gradient, in the order of their registration."""
    for hook in tuple((node.hooks or {}).values()):
        changed = hook(delta)
        if changed is not None:
            if not isinstance(changed, Tensor) or (changed.shape, changed.dtype) != (delta.shape, delta.dtype):
                raise TypeError(
                    f"a hook must return None or a Tensor like the gradient, of shape {delta.shape} and {delta.dtype}, "
                    f"got {changed!r:.80}"
                )
            delta = changed
    return delta


def _accumulate(leaf: Node, delta: Tensor, create: bool) -> None:
    if leaf.grad is None:
        leaf.grad = delta
    elif create:
        leaf.grad = leaf.grad + delta
    else:
        state.quietly(np.add, leaf.grad.array, delta.array, leaf.grad.array)
        leaf.grad._written()


def _tensors(name: str, argument: str, value: Any) -> list[Tensor]:
    """One Tensor or several as a list, or a TypeError."""
    found = [value] if isinstance(value, Tensor) else list(value) if isinstance(value, Iterable) else [value]
    for x in found:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: {argument} must be one Tensor or several, got {type(x).__name__}")
    return found


def _seeds(outputs: Sequence[Tensor], given: Sequence[Tensor | None] | None) -> list[tuple[Node, Tensor]]:
    if given is not None and len(given) != len(outputs):
        raise ValueError(f"grad_outputs: {len(given)} were given for {len(outputs)} outputs")
    roots: list[tuple[Node, Tensor]] = []
    for i, out in enumerate(outputs):
        if out.node is None:
            raise RuntimeError(
                "backward: this tensor does not require a gradient: nothing it was computed from has "
                "requires_grad=True, or it was made under no_grad()"
            )
        seed = None if given is None else given[i]
        if seed is None:
            if out.numel() != 1:
                raise RuntimeError(
                    f"backward: only a scalar has a gradient by itself, this tensor has shape {out.shape}; "
                    "reduce it with .sum() or .mean(), or pass gradient="
                )
            seed = Tensor(of(out.array).xp.array(1, out.dtype, ndmin=out.ndim))  # a third of the time of np.ones
        elif not isinstance(seed, Tensor):
            raise TypeError(f"gradient: must be a Tensor, got {type(seed).__name__}; use minigen.tensor")
        elif seed.shape != out.shape:
            raise ValueError(f"gradient: must have the output's shape {out.shape}, got {seed.shape}; reshape it")
        elif seed.dtype != out.dtype:
            seed = seed.cast(dtype=out.dtype)
        roots.append((out.node, seed))
    return roots


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add dC/d(leaf) to the ``grad`` of every leaf (or only of ``inputs``) that ``tensors`` were computed from.

    The graph is freed on the way unless ``retain_graph``. With ``create_graph=True`` a leaf's grad holds the graph, and
    the graph holds the leaf: a cycle that only the collector frees. Prefer ``minigen.grad`` there.
    """
    outputs = _tensors("backward", "tensors", tensors)
    given = [grad_tensors] if isinstance(grad_tensors, Tensor) else grad_tensors
    retain = create_graph if retain_graph is None else retain_graph
    roots = _seeds(outputs, given)
    if inputs is None:
        _run(roots, None, retain, create_graph)
        return
    leaves = _tensors("backward", "inputs", inputs)
    nodes = [x.node for x in leaves if x.node is not None]
    for node, delta in _run(roots, set(nodes), retain, create_graph).items():
        _accumulate(node, delta, create_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """sum_k <grad_outputs_k, d outputs_k / d input> for every input; nothing is stored.

    With ``create_graph=True`` the results can be differentiated again, to any order. An input that the outputs do not
    depend on raises, or gives None with ``allow_unused=True``.
    """
    outs, wanted = _tensors("grad", "outputs", outputs), _tensors("grad", "inputs", inputs)
    given = [grad_outputs] if isinstance(grad_outputs, Tensor) else grad_outputs
    for i, x in enumerate(wanted):
        if x.node is None and not allow_unused:
            raise RuntimeError(
                f"grad: input {i}, of shape {x.shape}, does not require a gradient; call .requires_grad_() "
                "before computing with it"
            )
    targets = {x.node for x in wanted if x.node is not None}
    retain = create_graph if retain_graph is None else retain_graph
    found = _run(_seeds(outs, given), targets, retain, create_graph)
    results = tuple(found.get(x.node) if x.node is not None else None for x in wanted)
    for i, g in enumerate(results):
        if g is None and not allow_unused:
            raise RuntimeError(
                f"grad: the outputs do not depend on input {i}; pass allow_unused=True to get None for it"
            )
    return results


Tensor.backward = lambda self, gradient=None, retain_graph=None, create_graph=False, inputs=None: backward(  # type: ignore[attr-defined]
    self, gradient, retain_graph, create_graph, inputs
)
