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
        counted = any(case["flop"] for case in cases.values())
        rows = []
        for name, case in cases.items():
            cells = [kernel_cell(case, case["sides"].get(side)) for side in sides]
            more = [f"{case['flop'] / max(case['bytes'], 1):.1f}", *cells] if counted else [*cells, *gain(case, sides)]
            rows.append([name, *more])
        columns = ["FLOP/byte", *sides] if counted else [*sides, *(["times as fast"] if "torch" in sides else [])]
        found.append((["problem", *columns], rows))
    return found


def gain(case: dict[str, Any], sides: list[str]) -> list[str]:
    """PyTorch's time over that of the first side."""
    if "torch" not in sides:
        return []
    return [f"{case['sides']['torch']['median'] / case['sides'][sides[0]]['median']:.2f} x"]


def kernel_cell(case: dict[str, Any], side: dict[str, Any] | None) -> str:
    if side is None:
        return ""
    if not case["flop"]:
        return f"{side['median']:.4g} us"
    mark = "*" if side.get("faster", 1) > 1 and (side["share"] or 0) > 1 else ""
    return f"{side['gflop_per_s']:.1f}" + ("" if side["share"] is None else f" ({side['share']:.0%}{mark})")


def kernel_notes(result: dict[str, Any]) -> list[str]:
    """What the table's signs mean, and what isn't in it."""
    sides = [side for case in result["cases"].values() for side in case["sides"].values()]
    factor = max((side.get("faster", 1) for side in sides), default=1)
    found = []
    if factor > 1:
        found.append(
            "rates of convolutions are by their definition; a fast algorithm multiplies less, so up to "
            f"{factor:g} times the peak are allowed, and * marks what lies above it"
        )
    if result.get("without_a_case"):
        found.append(f"twins that are not measured here: {', '.join(result['without_a_case'])}")
    return found


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
    lines += [kernel_spread(result), *kernel_notes(result)]
    return lines + [kernel_ratio_words(*item) for item in result["ratios"].items()]


def kernel_page(result: dict[str, Any]) -> list[str]:
    unit = "GFLOP/s (share of the measured peak), or us where nothing is counted; FLOP/byte counts each array once."
    lines = ["", unit, ""]
    for found in kernel_tables(result):
        lines += [*table(*found), ""]
    lines += [f"- {kernel_ratio_words(*item)}" for item in result["ratios"].items()] + [f"- {kernel_spread(result)}"]
    lines += [f"- {words}" for words in kernel_notes(result)]
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
