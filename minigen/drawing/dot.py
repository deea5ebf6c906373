"""A graph in Graphviz's language."""

from __future__ import annotations

from .graph import Graph
from .svg import COLOURS


def _quoted(*lines: str) -> str:
    text = "\n".join(line for line in lines if line)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def to_dot(graph: Graph) -> str:
    """Boxes as nodes, lines as edges; a kept value's arrow is a dot."""
    lines = ["digraph minigen {", '  node [shape=box, style="rounded,filled", fontname=Helvetica];']
    names = {id(b): f"n{i}" for i, b in enumerate(graph.boxes)}
    for b in graph.boxes:
        fill, edge = COLOURS[b.kind]
        ink = ", fontcolor=white" if b.kind == "result" else ""
        style = ', style="rounded,dashed"' if b.kind == "data" else ""
        label = _quoted(b.title, *b.lines)
        lines.append(f'  {names[id(b)]} [label={label}, fillcolor="{fill}", color="{edge}"{ink}{style}];')
    for line in graph.lines:
        head = "dot" if line.kept else "normal"
        label = _quoted(line.value or line.start.value)
        lines.append(f"  {names[id(line.start)]} -> {names[id(line.end)]} [label={label}, arrowhead={head}];")
    return "\n".join([*lines, "}\n"])
