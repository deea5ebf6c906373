"""What was measured, beside the same numbers of real digits and of digits that are wrong in a known way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

from . import judge

FILE = "calibrations.json"
REAL = "real test digits"
LEAST_DISTANCE = 0.9  # of real test digits' distance to the nearest training image: below it, samples may be copies

Judged = Mapping[str, Any]


def percent(x: float) -> str:
    return f"{x:.1%}"


def number(x: float) -> str:
    return f"{x:.2f}"


def distance(x: float) -> str:
    return f"{x:.3f}" if x < 1 else f"{x:.2f}"


ROWS: Sequence[tuple[str, Callable[[Judged], Any], Callable[[Any], str]]] = (
    ("samples", lambda m: m["samples"], "{:,}".format),
    ("Fréchet distance, judge", lambda m: m["frechet"], distance),
    ("recall, judge", lambda m: m["recall"], number),
    ("coverage, judge", lambda m: m["coverage"], number),
    ("Fréchet distance, random network", lambda m: m["random"]["frechet"], distance),
    ("precision, random network", lambda m: m["random"]["precision"], number),
    ("recall, random network", lambda m: m["random"]["recall"], number),
    ("density, random network", lambda m: m["random"]["density"], number),
    ("coverage, random network", lambda m: m["random"]["coverage"], number),
    ("classifier score, 1 to 10", lambda m: m["classifier_score"], number),
    ("rarest class", lambda m: min(m["class_shares"]), percent),
    ("conditional accuracy", lambda m: m["conditional_accuracy"], percent),
    ("classification accuracy score", lambda m: m["classification_accuracy_score"], percent),
    ("nearest training image, median", lambda m: m["nearest_median"], number),
    ("nearest training image, 1% quantile", lambda m: m["nearest_quantile_1"], number),
    ("memorised?", lambda m: m.get("memorised"), lambda yes: "YES" if yes else "no"),
)


def calibrations() -> dict[str, dict[str, Any]]:
    """{kind: its judgement}: real digits first, then digits that are wrong in a known way, all by this judge.

    Raises: FileNotFoundError when they did not come with the package; ValueError when another judge made them.
    """
    try:
        found = json.loads(resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{FILE} is missing: make it by python -m minigen.metrics calibrate") from error
    strange = [kind for kind, judged in found.items() if judged["judge"] != judge.SHA256]
    if strange:
        raise ValueError(f"{FILE} was made by another judge. Make it anew: python -m minigen.metrics calibrate")
    return found


def memorised(judged: Judged, real: Judged) -> bool:
    """Are the samples nearer to training images than real test digits, by median or 1% quantile below 0.9 of theirs?"""
    return any(judged[name] < LEAST_DISTANCE * real[name] for name in ("nearest_median", "nearest_quantile_1"))


def rows(columns: Mapping[str, Judged]) -> list[list[str]]:
    """The table as words: a header, then one row per metric; "-" where a column has no such number."""
    real = columns.get(REAL)
    full = {name: {**m, "memorised": None if real is None else memorised(m, real)} for name, m in columns.items()}
    table = [["", *columns]]
    for title, value, shown in ROWS:
        values = [value(m) for m in full.values()]
        table.append([title, *("-" if v is None else shown(v) for v in values)])
    return table


def text(columns: Mapping[str, Judged]) -> str:
    """The table for a terminal; long column names are broken into two lines."""
    table = rows(columns)
    header = [name.rsplit(" ", 1) if len(name) > 9 else ["", name] for name in table[0]]
    header = [pair if len(pair) == 2 else ["", pair[0]] for pair in header]
    lines = [[pair[0] for pair in header], [pair[1] for pair in header], *table[1:]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table[0]))]
    places = [f"{{:{'<' if i == 0 else '>'}{width}}}" for i, width in enumerate(widths)]
    return "\n".join("  ".join(places).format(*line) for line in lines)


def markdown(columns: Mapping[str, Judged]) -> str:
    head, *body = rows(columns)
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *body)) + "\n"
