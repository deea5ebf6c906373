"""Interleaved timing: the sides take turns step by step, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from .machine import page_faults

WARM_UP = 2


def interleaved(
    sides: dict[str, Callable[[], Any]], rounds: int, title: str, threads: int = 1
) -> dict[str, dict[str, list]]:
    """{name: {"ms": one per round, "page_faults": ...}}. Who begins changes from round to round: each follows each.

    With several threads each turn begins with a step that is not timed: helpers of the side before may still be waiting
    actively for more work, on a processor that this side needs.
    """
    from tqdm import tqdm

    for run in sides.values():
        for _ in range(WARM_UP):
            run()
    samples: dict[str, dict[str, list]] = {name: {"ms": [], "page_faults": []} for name in sides}
    names = list(sides)
    for i in tqdm(range(rounds), desc=title, file=sys.stderr):
        for name in names[i % len(names) :] + names[: i % len(names)]:
            if threads > 1:
                sides[name]()
            faults, start = page_faults(), perf_counter()
            sides[name]()
            samples[name]["ms"].append(1e3 * (perf_counter() - start))
            samples[name]["page_faults"].append(None if faults is None else page_faults() - faults)  # type: ignore[operator]
    return samples


def spread(values: list[float]) -> dict[str, float]:
    """Median, quartiles and the best."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": middle, "lower_quartile": low, "upper_quartile": high, "best": min(values)}


def ratio(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Our time over theirs: of the medians, and of each round, where both ran side by side."""
    pairs = spread([a / b for a, b in zip(ours, theirs, strict=True)])
    return {
        "of_medians": statistics.median(ours) / statistics.median(theirs),
        "median_of_pairs": pairs["median"],
        "lower_quartile": pairs["lower_quartile"],
        "upper_quartile": pairs["upper_quartile"],
    }
