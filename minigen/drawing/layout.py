"""Places for boxes: layers from top to bottom, few crossings, lines that run straight.

Sugiyama, Tagawa & Toda 1981 in three steps. A box's layer is the longest path to it. A line over several layers gets
a bend in each; then every layer is sorted by where its neighbours stand (their barycentre), to and fro, and the order
with the fewest crossings is kept. Last, x: each box wants to stand at the mean of its neighbours, and none may overlap.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .graph import Box, Graph, Line

GAP_X, GAP_Y, MARGIN = 26.0, 58.0, 24.0


@dataclass
class Place:
    """A box, or a bend of a line, in its layer."""

    left: float  # how far it reaches from its x
    right: float
    box: Box | None = None
    up: list[Place] = field(default_factory=list)
    down: list[Place] = field(default_factory=list)
    position: int = 0
    x: float = 0.0


def layout(graph: Graph) -> tuple[float, float, list[tuple[Line, list[tuple[float, float]]]]]:
    """Write x and y into the boxes; return width, height and the points that each line passes."""
    layers: list[list[Place]] = [[] for _ in range(1 + max(b.layer for b in graph.boxes))]
    places = {id(b): Place(b.width / 2, max(b.width / 2, b.room - 24), b) for b in graph.boxes}
    for b in graph.boxes:
        layers[b.layer].append(places[id(b)])
    chains = [_chain(line, places, layers) for line in graph.lines]
    _order(layers)
    _align(layers)
    left = min(p.x - p.left for layer in layers for p in layer)
    y, rows = MARGIN, []
    for layer in layers:
        height = max((p.box.height for p in layer if p.box), default=0.0)
        rows.append((y, height))
        for p in layer:
            p.x += MARGIN - left
            if p.box:
                p.box.x = p.x
                p.box.y = y + height - p.box.height  # on one ground, so that what is written below stays free
        y += height + GAP_Y
    paths = []
    for line, chain in zip(graph.lines, chains, strict=True):
        bends = [(p.x, rows[line.start.layer + 1 + i]) for i, p in enumerate(chain)]
        points = [(x, at) for x, (top, height) in bends for at in (top, top + height)]
        paths.append((line, points))
    width = max(p.x + max(p.right, p.box.room if p.box else 0) for layer in layers for p in layer) + MARGIN
    return width, y - GAP_Y + MARGIN, paths


def _chain(line: Line, places: dict[int, Place], layers: list[list[Place]]) -> list[Place]:
    """The bends of a line, one in each layer that it crosses."""
    chain = [Place(3.0, 3.0) for _ in range(line.start.layer + 1, line.end.layer)]
    for i, bend in enumerate(chain):
        layers[line.start.layer + 1 + i].append(bend)
    row = [places[id(line.start)], *chain, places[id(line.end)]]
    for a, b in pairwise(row):
        a.down.append(b)
        b.up.append(a)
    return chain


# the order within layers ----------------------------------------------------------------------------
def _order(layers: list[list[Place]]) -> None:
    _number(layers)
    best, fewest = [list(layer) for layer in layers], crossings(layers)
    for sweep in range(24):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            centre = {id(p): _barycentre(p, p.up if downwards else p.down) for p in layer}
            layer.sort(key=lambda p: centre[id(p)])
            _number([layer])
        found = crossings(layers)
        if found < fewest:
            best, fewest = [list(layer) for layer in layers], found
    for layer, order in zip(layers, best, strict=True):
        layer[:] = order
    _number(layers)


def _number(layers: list[list[Place]]) -> None:
    for layer in layers:
        for i, p in enumerate(layer):
            p.position = i


def _barycentre(p: Place, neighbours: Sequence[Place]) -> float:
    return sum(n.position for n in neighbours) / len(neighbours) if neighbours else float(p.position)


def crossings(layers: list[list[Place]]) -> int:
    """How many pairs of line pieces cross: inversions between the orders of their two ends."""
    total = 0
    for layer in layers:
        ends: list[int] = []  # lower ends of the pieces so far, sorted
        for p in layer:
            lower = sorted(n.position for n in p.down)
            total += sum(len(ends) - bisect_right(ends, i) for i in lower)
            for i in lower:
                insort(ends, i)
    return total


# x ----------------------------------------------------------------------------------------------------
def _align(layers: list[list[Place]]) -> None:
    for layer in layers:
        _spread(layer, [0.0] * len(layer), [1.0] * len(layer))
    for sweep in range(60):
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            wanted, weights = [], []
            for p in layer:
                near = [(n.x, _pull(p, n)) for n in (p.up if downwards else p.down)] or [(p.x, 0.05)]
                weight = sum(w for _, w in near)
                wanted.append(sum(x * w for x, w in near) / weight)
                weights.append(weight)
            _spread(layer, wanted, weights)


def _pull(a: Place, b: Place) -> float:
    """Bends pull hard, so that long lines are straight; then operations; leaves give way."""
    if a.box is None and b.box is None:
        return 8.0
    return 0.02 if any(p.box is not None and p.box.kind in ("leaf", "data") for p in (a, b)) else 2.0


def _spread(layer: list[Place], wanted: list[float], weights: list[float]) -> None:
    """The x nearest to ``wanted`` (weighted least squares) that keep order and distance.

    With the distances subtracted the x must only not decrease: isotonic regression, solved by pooling neighbours that
    stand in each other's way into blocks at their common mean.
    """
    offsets, at = [], 0.0
    for i, p in enumerate(layer):
        if i:
            at += layer[i - 1].right + p.left + GAP_X
        offsets.append(at)
    blocks: list[tuple[float, float, int]] = []  # (mean, weight, how many)
    for w, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, heavy, n = w - offset, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, more, m = blocks.pop()
            mean, heavy, n = (mean * heavy + other * more) / (heavy + more), heavy + more, n + m
        blocks.append((mean, heavy, n))
    means = [mean for mean, _, n in blocks for _ in range(n)]
    for p, mean, offset in zip(layer, means, offsets, strict=True):
        p.x = mean + offset
