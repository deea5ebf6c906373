"""Results of gemm, conv, fused, ladder and overhead in words, for the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Table = tuple[list[str], list[list[str]]]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, its first column to the left."""
    lines = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table for the terminal."""
    every = [tuple(columns), *map(tuple, rows)]
    widths = [max(len(row[i]) for row in every) for i in range(len(columns))]
    return ["  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) for first, *rest in every]


def kernel_tables(result: dict[str, Any]) -> list[Table]:
    """A row for each problem, a column for each side that some problem of the table has."""
    groups: dict[str, dict[str, Any]] = {}
    split = result["command"] == "ladder"
    for name, case in result["cases"].items():
        groups.setdefault(case["group"] if split else "", {})[name] = case
    found: list[Table] = []
    for cases in groups.values():
        sides = list(dict.fromkeys(side for case in cases.values() for side in case["sides"]))
        rows = []
        for name, case in cases.items():
            cells = [kernel_cell(case, case["sides"].get(side)) for side in sides]
            rows.append([name, f"{case['flop'] / max(case['bytes'], 1):.1f}", *cells])
        found.append((["problem", "FLOP/byte", *sides], rows))
    return found


def kernel_cell(case: dict[str, Any], side: dict[str, Any] | None) -> str:
    if side is None:
        return ""
    if not case["flop"]:
        return f"{side['median']:.4g} us"
    return f"{side['gflop_per_s']:.1f}" + ("" if side["share"] is None else f" ({side['share']:.0%})")


def kernel_ratio_words(name: str, r: dict[str, Any]) -> str:
    times = f"{r['geometric_mean']:.2f} times as fast (geometric mean)"
    return f"{name}: {times}, at worst {r['worst']:.2f} ({r['worst_case']})"


def kernel_spread(result: dict[str, Any]) -> str:
    sides = [side for case in result["cases"].values() for side in case["sides"].values()]
    wide = sorted((side["upper_quartile"] - side["lower_quartile"]) / side["median"] for side in sides)
    return (
        f"medians; the quartiles lie {wide[len(wide) // 2]:.1%} of the median apart (the middle case), at most "
        f"{wide[-1]:.0%}; verified before and after, the largest error is {max(side['error'] for side in sides):.0e} "
        "of the sum of the terms' absolute values"
    )


def kernel_lines(result: dict[str, Any]) -> list[str]:
    lines = ["", "GFLOP/s (share of the peak), or us where no operations are counted"]
    for found in kernel_tables(result):
        lines += [*aligned(*found), ""]
    return [*lines, kernel_spread(result), *(kernel_ratio_words(*item) for item in result["ratios"].items())]


def kernel_page(result: dict[str, Any]) -> list[str]:
    unit = "GFLOP/s (share of the measured peak), or us where nothing is counted; FLOP/byte counts each array once."
    lines = ["", unit, ""]
    for found in kernel_tables(result):
        lines += [*table(*found), ""]
    lines += [f"- {kernel_ratio_words(*item)}" for item in result["ratios"].items()] + [f"- {kernel_spread(result)}"]
    if "file" in result and any(case["flop"] for case in result["cases"].values()):
        lines += ["", f"![rates against the peak]({result['file']}.png)"]
    return lines


MEASURED = {
    "scalar": "y = a * 2 + 1; y.backward() on a scalar", "chain": "10,000 operations, forward and backward",
    "import": "import, less an empty Python", "memory": "largest resident size: import and 20 steps of N1",
}  # fmt: skip


def overhead_table(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for what, found in result["measurements"].items():
        for name, side in found["sides"].items():
            ratio = next((f"{r:.2f}" for names, r in found["ratios"].items() if names.startswith(f"{name} /")), "")
            quartiles = f"{side['lower_quartile']:.4g} to {side['upper_quartile']:.4g}"
            rows.append([MEASURED[what], name, f"{side['median']:.4g} {found['unit']}", quartiles, ratio])
    return ["what", "side", "median", "quartiles", "of PyTorch's"], rows
