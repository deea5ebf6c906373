"""Pictures of a result: the ladder (rungs and peers against the peak) and the roofline (rate over intensity)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

OURS, OTHERS = "#1b6ca8", "#b0b0b0"
PEERS = ("#e08214", "#7f7f7f", "#35978f", "#8073ac")  # of the roofline


def save(result: dict[str, Any], path: Path) -> None:
    """A PNG of a result of gemm, conv, fused or ladder."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure = ladder(result, plt) if result["command"] == "ladder" else roofline(result, plt)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def ladder(result: dict[str, Any], plt: Any) -> Any:
    """One panel for each problem, one bar for each rung, then the peers."""
    cases, peak = result["cases"], result["peak"]["gflop_per_s"]
    columns = min(4, len(cases))
    rows = -(-len(cases) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 3.4 * rows), layout="constrained", squeeze=False)
    for axis in axes.flat[len(cases) :]:
        axis.set_visible(False)
    for axis, (name, case) in zip(axes.flat, cases.items(), strict=False):
        labels = list(case["sides"])
        values = [case["sides"][label]["gflop_per_s"] for label in labels]
        places = range(len(labels) - 1, -1, -1)
        axis.barh(places, values, color=[OURS if label[0] == "v" else OTHERS for label in labels])
        axis.set_yticks(places, labels, fontsize=8)
        for place, value in zip(places, values, strict=True):
            axis.text(value + 0.01 * (peak or max(values)), place, f"{value:.3g}", va="center", fontsize=8)
        if peak:
            axis.axvline(peak, color="#c0392b", linewidth=1)
            axis.set_xlim(0, 1.15 * max(peak, *values))
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("GFLOP/s" + (f" (line: measured peak, {peak:.0f})" if peak else ""), fontsize=8)
    figure.suptitle(words(result), fontsize=10)
    return figure


def roofline(result: dict[str, Any], plt: Any) -> Any:
    """Every problem at its intensity, under the roofs of memory and arithmetic (Williams, Waterman, Patterson 2009)."""
    figure, axis = plt.subplots(figsize=(9, 5.5), layout="constrained")
    timed = {name: case for name, case in result["cases"].items() if case["flop"]}
    intensity = [case["flop"] / case["bytes"] for case in timed.values()]
    low, high = min(intensity) / 2, max(intensity) * 2
    peak, bandwidth = result["peak"]["gflop_per_s"], result["peak"]["gbyte_per_s"]
    if peak:
        corner = peak / bandwidth
        ends = [low, min(corner, high), high]
        label = f"roof: {peak:.0f} GFLOP/s, {bandwidth:.0f} GB/s"
        axis.plot(ends, [min(peak, end * bandwidth) for end in ends], color="#c0392b", label=label)
    sides = list(dict.fromkeys(side for case in timed.values() for side in case["sides"]))
    colours = itertools.cycle(PEERS)
    for side, marker in zip(sides, "osD^vP*X<>", strict=False):
        points = [
            (case["flop"] / case["bytes"], case["sides"][side]["gflop_per_s"])
            for case in timed.values() if side in case["sides"]
        ]  # fmt: skip
        style = {"color": OURS, "zorder": 3, "s": 34} if side == "minigen" else {"color": next(colours), "s": 20}
        axis.scatter(*zip(*points, strict=True), marker=marker, label=side, **style)
    axis.set(xscale="log", yscale="log", xlabel="FLOP per byte that must be moved", ylabel="GFLOP/s")
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8)
    axis.set_title(words(result), fontsize=10)
    return figure


def words(result: dict[str, Any]) -> str:
    m, threads = result["machine"], result["settings"]["threads"]
    return f"{result['command']}, {threads} thread{'s' if threads > 1 else ''}, {m['cpu']}, minigen {m['commit']}"
