"""What a GPU's report comes to: each wanted figure beside what was measured, and all of it as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from minigen.backend.cuda.composed import OURS

CONVOLUTIONS = ("conv2d", "conv2d_input", "conv2d_weight")


def summary(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{what: {"measured", "at least", "aim"}}; a part that did not run leaves its rows out."""
    products, memory, training = (result.get(part, {}) for part in ("products", "memory", "training"))
    found: dict[str, dict[str, Any]] = {}

    def note(what: str, measured: float | None, least: float, aim: float) -> None:
        if measured is not None:
            found[what] = {"measured": measured, "at least": least, "aim": aim}

    share = number(products, f"{OURS['matmul']}, 4096", "share of CuPy")
    note("matmul 4096^3, fp32: share of cuBLAS", share, 0.80, 0.95)
    tf32, most = number(products, "v8_tf32, 4096", "TFLOP/s"), result.get("ceilings", {}).get("matmul TF32 TFLOP/s")
    note("matmul 4096^3, TF32: share of cuBLAS", tf32 / most if tf32 and isinstance(most, float) else None, 0.40, 0.60)
    rows = result.get("convolutions", {})
    last = tuple(f", {op} {OURS[op]}" for op in CONVOLUTIONS)
    ours = [row["cuDNN / ours"] for name, row in rows.items() if name.endswith(last)]
    note("convolutions and gradients: cuDNN / ours, geometric mean", mean(ours), 0.6, 1.0)
    for what in ("softmax", "layer_norm", "group_norm", "batch_norm", "batch_norm, long channels", "adam"):
        rung = OURS[what.split(",")[0]]
        note(f"{what}: share of a copy", number(memory, f"{what} {rung}", "share of a copy"), 0.85, 0.95)
    for n in (64, 128):
        own = number(training, f"n1, batch {n}, minigen, graph", "ms")
        for side, least, aim in (("eager", 1.0, 2.0), ("compiled with graphs", 0.5, 1.0), ("graph", 0.5, 1.0)):
            peer = number(training, f"n1, batch {n}, PyTorch {side}", "ms")
            ratio = peer / own if peer and own else None
            note(f"N1's step, batch {n}: PyTorch {side} / minigen, graph", ratio, least, aim)
    both = [row.get("C++ / Numba") for row in result.get("numba", {}).values() if isinstance(row, dict)]
    note("the same rung: CUDA C++'s time / Numba's, geometric mean", mean(both), 0.4, 0.7)
    return found


def number(rows: Any, name: str, column: str) -> float | None:
    """A cell that holds a number; None where the row or the part is missing or says why it did not run."""
    row = rows.get(name) if isinstance(rows, dict) else None
    value = row.get(column) if isinstance(row, dict) else None
    return value if isinstance(value, float) else None


def mean(values: Iterable[Any]) -> float | None:
    """The geometric mean of the numbers among them."""
    logs = [math.log(v) for v in values if isinstance(v, float)]
    return math.exp(sum(logs) / len(logs)) if logs else None


def markdown(result: dict[str, Any]) -> str:
    """The report as tables."""
    about = result["machine"]
    lines = [f"# {about['gpu']}", "", ", ".join(f"{k} {v}" for k, v in about.items() if k != "gpu"), ""]
    for part, rows in result.items():
        if part in ("machine", "kind", "commits"):
            continue
        commit = result["commits"].get(part)
        lines += [f"## {part}{f' (at {commit})' if commit else ''}", ""]
        table = {k: v for k, v in rows.items() if isinstance(v, dict)}
        if table:
            columns = list(dict.fromkeys(key for row in table.values() for key in row))
            lines += [f"| {' | '.join(['', *columns])} |", "|" + "---|" * (len(columns) + 1)]
            lines += [f"| {' | '.join([k, *[said(row.get(c, '')) for c in columns]])} |" for k, row in table.items()]
            lines.append("")
        lines += [f"{k}: {said(v)}\n" for k, v in rows.items() if k not in table]
    return "\n".join(lines).rstrip() + "\n"


def said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, list):
        return ", ".join(map(said, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
