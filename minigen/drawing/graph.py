"""What there is to draw: the engine's nodes as boxes, and the values between them as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..node import FREED, Node
from ..tensor import Tensor
from ..twin import Fused

SHORT = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32"}
PLAIN = {"groups": 1, "dilation": (1, 1), "padding": (0, 0), "keepdim": False}  # settings that need no words
KINDS = {  # the file of minigen.ops that an op stands in -> its kind
    **dict.fromkeys(("matmul", "products", "einsum", "conv"), "product"),
    **dict.fromkeys(("reduce", "extreme", "scan"), "reduction"),
    **dict.fromkeys(("shape", "rearrange", "join", "padding", "triangle", "window"), "shape"),
    **dict.fromkeys(("index", "selection", "sorting", "subscript"), "choice"),
}


@dataclass
class Box:
    """An operation, a leaf, data without gradient, or a result; later a place to stand."""

    kind: str  # product, reduction, shape, choice, elementwise, fused, leaf, data or result
    title: str
    lines: list[str] = field(default_factory=list)
    tip: str = ""  # what a mouse that rests on it is told
    value: str = ""  # shape and type of what it makes
    keeps: bool = False  # is its output kept?
    again: bool = False  # does it stand elsewhere, too?
    layer: int = 0
    x: float = 0.0  # the middle
    y: float = 0.0  # the upper edge
    width: float = 0.0
    room: float = 0.0  # how far ``value``, which is written below, reaches from x
    height: float = 0.0


@dataclass
class Line:
    """A value on its way from one box to another."""

    start: Box
    end: Box
    kept: bool = False  # does ``end`` keep it for the backward pass?
    value: str = ""  # its shape and type, where the box it comes from has several


@dataclass
class Graph:
    boxes: list[Box]
    lines: list[Line]
    kept: int = 0  # how many arrays the backward pass will need, besides the leaves
    kept_bytes: int = 0


def describe(array: Any) -> str:
    """64×10 f32; a 0-d value is a number."""
    kind = np.dtype(array.dtype).name
    return f"{'×'.join(map(str, array.shape)) or 'number'} {SHORT.get(kind, kind)}"


def read(tensors: Tensor | Sequence[Tensor], params: Mapping[str, Tensor], max_nodes: int) -> Graph:
    """The graph above ``tensors``."""
    roots: list[Any] = list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
    if not roots:
        raise ValueError("draw: no tensors were given; pass a loss, or several results")
    for t in roots:
        if not isinstance(t, Tensor):
            raise TypeError(f"draw: tensors must be one Tensor or several, got {type(t).__name__}")
        if t.node is None:
            raise RuntimeError(
                f"draw: the tensor of shape {t.shape} has no graph: nothing it was computed from has "
                "requires_grad=True, or it was made under no_grad()"
            )
    for name, p in params.items():
        if not isinstance(p, Tensor):
            raise TypeError(f"draw: params[{name!r}] must be a Tensor, got {type(p).__name__}")
    return _Reader(params).read(roots, _collect(roots, max_nodes))


def _collect(roots: list[Tensor], max_nodes: int) -> list[Node]:
    """Every node above the roots, the oldest first."""
    seen: set[Node] = {t.node for t in roots if t.node is not None}
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node.kept is FREED:
            raise RuntimeError(
                f"draw: the graph through {node.op.name} was freed by a backward pass; draw before backward(), or "
                "call that with retain_graph=True"
            )
        for parent in node.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
        if len(seen) > max_nodes:
            raise ValueError(
                f"draw: the graph has more than max_nodes={max_nodes} operations and leaves, too many to read; draw a "
                "smaller part (fewer layers, fewer time steps), or pass a larger max_nodes"
            )
    return sorted(seen, key=lambda n: n.seq)


class _Reader:
    def __init__(self, params: Mapping[str, Tensor]) -> None:
        self.leaves = {p.node: name for name, p in params.items() if p.node is not None}
        self.names = {id(p.array): name for name, p in params.items()}
        self.boxes: dict[Node, Box] = {}
        self.lines: list[Line] = []
        self.sources: dict[tuple[Any, int], Box] = {}  # (leaf or data, layer) -> its box there
        self.stored: dict[int, int] = {}  # id of a kept array -> bytes
        self.owned: set[int] = set()  # arrays of leaves: the program holds them anyway

    def read(self, roots: list[Tensor], nodes: list[Node]) -> Graph:
        layers = _layers(nodes)
        for node in nodes:
            if node in layers:
                self._operation(node, layers[node])
        results = []
        for t in roots:
            assert t.node is not None
            value = f"{t.item():.6g}" if t.numel() == 1 else ""
            result = Box("result", self.names.get(id(t.array), "result"), [v for v in (describe(t), value) if v])
            node, which = _origin(t.node)
            if node.op is None:
                self.boxes.setdefault(node, self._source(node, t, 0))
            start = self.boxes[node]
            result.layer = start.layer + 1
            start.value = start.value or (describe(t) if node.op is not None and which is None else "")
            self.lines.append(Line(start, result, value="" if which is None else describe(t)))
            results.append(result)
        last = max(r.layer for r in results)
        for r in results:
            r.layer = last
        kept = {k: n for k, n in self.stored.items() if k not in self.owned}
        boxes = list({id(b): b for b in (*self.boxes.values(), *self.sources.values(), *results)}.values())
        first = min(b.layer for b in boxes)
        for b in boxes:
            b.layer -= first
        return Graph(boxes, self.lines, len(kept), sum(kept.values()))

    def _operation(self, node: Node, layer: int) -> None:
        origins = [None if p is None else _origin(p) for p in node.parents]
        settings = [f"{k}={_brief(v)}" for k, v in node.attrs.items() if v is not None and v != PLAIN.get(k)]
        kind = "fused" if isinstance(node.op, Fused) else "elementwise"
        if kind != "fused":
            kind = KINDS.get(getattr(node.op.forward, "__module__", "").rpartition(".")[2], kind)
        told = ", ".join(f"{k}={v!r:.200}" for k, v in node.attrs.items())
        tip = f"{node.op.name}({told}), on {node.backend.name}"
        box = Box(kind, node.op.name, _wrapped(settings), tip, layer=layer)
        self.boxes[node] = box
        if node.out is not None:
            box.keeps = True
            self._store(node.out[0])
        for origin, value in zip(origins, list(node.kept) or [None] * len(origins), strict=True):
            kept = isinstance(value, Tensor)
            if kept:
                self._store(value.array)
            if origin is None:
                if value is not None:
                    self._constant(box, value, kept)
                continue
            source, which = origin
            if source.op is None:
                start = self._source(source, value, box.layer - 1)
                if kept:
                    self.owned.add(id(value.array))
            else:
                start = self.boxes[source]
                if which is None:
                    start.value = start.value or describe(value)
            self.lines.append(Line(start, box, kept, "" if which is None else describe(value)))

    def _constant(self, box: Box, value: Any, kept: bool) -> None:
        """An input that no gradient flows to: a number is written into the box, an array is a box of its own."""
        if not value.shape:
            text = f"{value.array.item():.4g}" if kept else "a number"
            box.lines.append(f"with {self.names.get(id(value.array), text) if kept else text}")
            return
        key = id(value.array) if kept else (id(box), len(self.lines))  # who was not kept is nobody else
        self.lines.append(Line(self._source(key, value, box.layer - 1, data=True), box, kept))

    def _source(self, key: Any, value: Any, layer: int, data: bool = False) -> Box:
        """The box of a leaf or of data in the layer above the one that uses it."""
        if (key, layer) not in self.sources:
            name = self.names.get(key, "data") if data else self.leaves.get(key, "leaf")
            again = any(k == key for k, _ in self.sources)
            box = Box("data" if data else "leaf", name, [describe(value)], layer=layer, again=again)
            box.tip = f"{name}: {'no gradient flows to it' if data else 'a leaf, which collects a gradient'}"
            self.sources[key, layer] = box
        return self.sources[key, layer]

    def _store(self, values: Any) -> None:
        if isinstance(values, np.ndarray):
            self.stored[id(values)] = values.nbytes
        elif isinstance(values, (list, tuple)):
            for v in values:
                self._store(v)


def _layers(nodes: list[Node]) -> dict[Node, int]:
    """A layer for every operation: the longest path to it, or, if it waits with what leads to it alone, a later one."""
    above: dict[Node, list[Node]] = {}
    below: dict[Node, list[Node]] = {}
    layers: dict[Node, int] = {}
    for node in nodes:
        if node.op is None or node.op.name == "pick":
            continue
        origins = [_origin(p)[0] for p in node.parents if p is not None]
        above[node] = [o for o in origins if o.op is not None]
        layers[node] = 1 + max((layers[o] for o in above[node]), default=0)
        for o in above[node]:
            below.setdefault(o, []).append(node)
    waits: set[Node] = set()  # nothing but leaves leads to it, and no result on the way is used elsewhere
    for node in layers:
        if all(o in waits and len(below[o]) == 1 for o in above[node]):
            waits.add(node)
    for node in reversed(list(layers)):
        if node in waits and node in below:
            layers[node] = min(layers[o] for o in below[node]) - 1
    return layers


def _origin(node: Node) -> tuple[Node, int | None]:
    """The node that made a value, and which of its outputs it is (None: it has one)."""
    if node.op is not None and node.op.name == "pick":
        (parent,) = node.parents
        assert parent is not None
        return parent, node.attrs["i"]
    return node, None


def _brief(value: Any) -> str:
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, (tuple, list)) and value and len(set(map(repr, value))) == 1 and len(value) > 1:
        return f"{value[0]!r:.20}"  # a stride of (2, 2) is a stride of 2
    return f"{value:.4g}" if isinstance(value, float) else f"{value!r:.24}"


def _wrapped(settings: list[str], width: int = 26) -> list[str]:
    """Settings as lines of about ``width`` characters, three at most."""
    lines: list[str] = []
    for s in settings:
        if lines and len(lines[-1]) + len(s) + 2 <= width:
            lines[-1] += f", {s}"
        else:
            lines.append(s)
    return [*lines[:3], "..."] if len(lines) > 3 else lines


__all__ = ["Box", "Graph", "Line", "describe", "read"]
