"""A graph as SVG text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import pairwise

from .graph import Box, Graph, Line
from .layout import MARGIN, layout

COLOURS = {  # kind -> (fill, edge)
    "elementwise": ("#e7f0fb", "#5b8ac4"), "product": ("#fdebcf", "#cf8a35"), "reduction": ("#e3f4e4", "#55a05c"),
    "shape": ("#f0f0ee", "#93938c"), "choice": ("#e0f3f2", "#43989a"), "fused": ("#f2e7f8", "#9459b0"),
    "leaf": ("#fff7d1", "#bb9a1c"), "data": ("#ffffff", "#a0a0a0"), "result": ("#34383f", "#34383f"),
}  # fmt: skip
INK, SOFT, LINE = "#24292f", "#5c646d", "#8b949e"
SANS = "font-family=\"'Segoe UI', 'Helvetica Neue', Helvetica, Arial, sans-serif\""
MONO = "font-family=\"Consolas, Menlo, 'DejaVu Sans Mono', monospace\""
TITLE, SMALL = 13.0, 10.5


def render(graph: Graph) -> str:
    """The whole picture."""
    for b in graph.boxes:
        _measure(b)
    width, height, paths = layout(graph)
    ports = _ports(paths)
    legend, legend_width, legend_height = _legend(graph, height)
    width, height = max(width, legend_width + 2 * MARGIN), height + legend_height
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">',
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#ffffff"/>',
    ]
    parts += [_curve(line, points, ports[id(line)]) for line, points in paths]
    parts += [_box(b) for b in graph.boxes]
    parts += [_end(line, ports[id(line)]) for line, _ in paths]
    parts += _values(graph, paths)
    return "\n".join([*parts, *legend, "</svg>\n"])


def _measure(b: Box) -> None:
    """Sizes by the letters' usual widths: no font is asked."""
    longest = max([len(b.title) * TITLE * 0.6, *(len(line) * SMALL * 0.605 for line in b.lines)])
    b.width = max(longest + (28 if b.kind in ("leaf", "data", "result") else 22), 54.0)
    b.height = 27.0 + 14.0 * len(b.lines)
    b.room = 7 + len(b.value) * SMALL * 0.605 if b.value else 0.0


# boxes ------------------------------------------------------------------------------------------------
def _box(b: Box) -> str:
    fill, edge = COLOURS[b.kind]
    round_ = b.height / 2 if b.kind in ("leaf", "data", "result") and len(b.lines) < 2 else 7
    dash = ' stroke-dasharray="4 3"' if b.kind == "data" else ""
    ink, soft = ("#ffffff", "#c9d1d9") if b.kind == "result" else (INK, SOFT)
    parts = [
        f'<g{" opacity=" + chr(34) + "0.55" + chr(34) if b.again else ""}>',
        f"<title>{escape(b.tip)}</title>" if b.tip else "",
        f'<rect x="{b.x - b.width / 2:.1f}" y="{b.y:.1f}" width="{b.width:.1f}" height="{b.height:.1f}" '
        f'rx="{round_:.1f}" fill="{fill}" stroke="{edge}" stroke-width="1.3"{dash}/>',
        _text(b.x, b.y + 18, b.title, TITLE, ink, SANS, 'text-anchor="middle" font-weight="600"'),
    ]
    for i, line in enumerate(b.lines):
        parts.append(_text(b.x, b.y + 32 + 14 * i, line, SMALL, soft, MONO, 'text-anchor="middle"'))
    if b.keeps:
        parts.append(_dot(b.x, b.y + b.height, edge))
    return "".join(parts) + "</g>"


def _text(x: float, y: float, text: str, size: float, colour: str, font: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" {font} {more}>{escape(text)}</text>'


def _dot(x: float, y: float, edge: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{edge}" stroke="#ffffff" stroke-width="1.2"/>'


# lines ------------------------------------------------------------------------------------------------
Points = list[tuple[float, float]]


def _ports(paths: list[tuple[Line, Points]]) -> dict[int, float]:
    """Where each line enters its box: side by side, in the order in which the lines arrive."""
    arriving: dict[int, list[tuple[float, Line]]] = {}
    for line, points in paths:
        arriving.setdefault(id(line.end), []).append((points[-1][0] if points else line.start.x, line))
    found = {}
    for lines in arriving.values():
        lines.sort(key=lambda pair: pair[0])
        box, n = lines[0][1].end, len(lines)
        step = min(24.0, (box.width - 20) / n)
        for i, (_, line) in enumerate(lines):
            found[id(line)] = box.x + (i - (n - 1) / 2) * step
    return found


def _curve(line: Line, points: Points, port: float) -> str:
    """A smooth line that leaves and enters vertically, and runs straight past the boxes of the layers between."""
    x, y = line.start.x, line.start.y + line.start.height
    places = [(x, y + 19), *points, (port, line.end.y - 5)]  # straight down first, past what is written there
    path = [f"M{x:.1f},{y:.1f} L{x:.1f},{y + 19:.1f}"]
    for (x, y), (u, v) in pairwise(places):
        middle = (y + v) / 2
        path.append(f"C{x:.1f},{middle:.1f} {u:.1f},{middle:.1f} {u:.1f},{v:.1f}")
    faint = ' stroke-dasharray="4 3"' if line.start.kind == "data" else ""
    return f'<path d="{" ".join(path)}" fill="none" stroke="{LINE}" stroke-width="1.3"{faint}/>'


def _end(line: Line, x: float) -> str:
    """An arrow, or the dot of a value that is kept."""
    y = line.end.y
    if line.kept:
        return _dot(x, y - 2, COLOURS[line.end.kind][1])
    return f'<path d="M{x - 3.6:.1f},{y - 7:.1f} L{x + 3.6:.1f},{y - 7:.1f} L{x:.1f},{y - 0.5:.1f} Z" fill="{LINE}"/>'


def _values(graph: Graph, paths: list[tuple[Line, Points]]) -> Iterable[str]:
    """Shape and type of each value, beside the place where it leaves its box."""
    texts = [(b.x + 7, b.y + b.height + 15, b.value) for b in graph.boxes if b.value]
    texts += [(line.end.x + 7, line.end.y - 12, line.value) for line, _ in paths if line.value]  # of several outputs
    for x, y, text in texts:
        yield _text(x, y, text, SMALL, "#ffffff", MONO, 'stroke="#ffffff" stroke-width="4" stroke-linejoin="round"')
        yield _text(x, y, text, SMALL, SOFT, MONO)


# legend -----------------------------------------------------------------------------------------------
def _legend(graph: Graph, top: float) -> tuple[list[str], float, float]:
    used = [k for k in COLOURS if k != "result" and any(b.kind == k for b in graph.boxes)]
    x, y, parts = MARGIN, top + 6, []
    for kind in used:
        fill, edge = COLOURS[kind]
        dash = ' stroke-dasharray="3 2"' if kind == "data" else ""
        look = f'width="14" height="11" rx="3" fill="{fill}" stroke="{edge}"{dash}'
        parts.append(f'<rect x="{x:.1f}" y="{y - 9:.1f}" {look}/>')
        parts.append(_text(x + 19, y, kind, SMALL, SOFT, SANS))
        x += 19 + len(kind) * SMALL * 0.55 + 16
    size = f"{graph.kept_bytes / 1e6:.1f} MB" if graph.kept_bytes >= 1e6 else f"{graph.kept_bytes / 1e3:.1f} kB"
    text = f"kept for the backward pass: {graph.kept} array{'s' * (graph.kept != 1)}, {size}, not counting leaves"
    parts.append(_dot(MARGIN + 7, y + 15, SOFT))
    parts.append(_text(MARGIN + 19, y + 19, text, SMALL, SOFT, SANS))
    return parts, max(x - MARGIN, 19 + len(text) * SMALL * 0.5), 40.0
