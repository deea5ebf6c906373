"""The graph of a computation as a picture: ``minigen.draw(loss)``.

graph.py reads the engine's nodes, layout.py gives them places, svg.py draws; none of it needs anything but Python.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..tensor import Tensor
from . import graph, svg
from .dot import to_dot
from .graph import Graph


class Drawing:
    """A drawn graph: notebooks show it, ``save`` writes it. ``svg`` is its text, ``graph`` what was read."""

    def __init__(self, read: Graph) -> None:
        self.graph = read
        self.svg = svg.render(read)

    def _repr_svg_(self) -> str:
        return self.svg

    def dot(self) -> str:
        """The graph in Graphviz's language, for its own layouts: ``dot -Tpdf graph.dot``."""
        return to_dot(self.graph)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .svg picture, or a .dot (.gv) text for Graphviz; ValueError for any other ending."""
        ending = Path(path).suffix.lower()
        if ending not in (".svg", ".dot", ".gv"):
            raise ValueError(f"save: a drawing is written as .svg, .dot or .gv, not as {Path(path).name!r}")
        Path(path).write_text(self.svg if ending == ".svg" else self.dot(), encoding="utf-8")

    def __repr__(self) -> str:
        return f"<drawing of {len(self.graph.boxes)} boxes; .save('graph.svg') writes it>"


def draw(
    tensors: Tensor | Sequence[Tensor], params: Mapping[str, Tensor] | None = None, *, max_nodes: int = 500
) -> Drawing:
    """The graph that ``tensors`` (a loss, say) were computed by, from the leaves at the top down to the results.

    A box is an operation, coloured by its kind, or a leaf; a line carries a value, whose shape and type stand beside
    it. A dot marks what is kept for the backward pass: where a line ends, an input of that operation; below a box, its
    output. Dashed boxes are data that no gradient flows to, and a leaf used in several rows stands again, pale, at
    each. ``params`` names leaves and data: ``params={"x": x, **dict(net.named_parameters())}``.

    Raises RuntimeError if there is no graph, or a backward pass has freed it; ValueError for more than ``max_nodes``
    operations and leaves; TypeError for what is no Tensor.
    """
    return Drawing(graph.read(tensors, params or {}, max_nodes))


__all__ = ["Drawing", "draw"]
