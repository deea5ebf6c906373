"""The table of docs/cuda-ladders.md: what the emulator counts for each rung of the shorter ladders.

    python -m minigen.kernels.bench.cuda_counts        # writes the table again
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from minigen.kernels.emulator.counts import Counts

from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.composed import LADDERS, OURS
from minigen.backend.cuda.launch import Emulated, Shape

from .report_kernels import table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cuda-ladders.md"
BEGIN, END = "<!-- counted: python -m minigen.kernels.bench.cuda_counts -->", "<!-- end -->"
ROWS, LONG = 4, 1024
N, C, SIDE, OC, K = 1, 8, 16, 64, 3
HEAD = (
    "kernel", "loads by warps", "sectors a load", "stores by warps", "sectors a store", "MB moved", "FLOP a byte",
    "shared loads by warps", "passes, of those needed",
)  # fmt: skip


class Counting(Emulated):
    """The emulator, counting every launch."""

    def __init__(self) -> None:
        super().__init__(looks=True)
        self.counts: dict[str, Counts] = {}

    def run(
        self, function: Any, grid: Shape, block: Shape, args: list[Any], shared: int, reachable: Sequence[Any]
    ) -> None:
        self.counts[function.name] = function.count(grid, block, tuple(args), shared)


def counted(op: str, rung: str) -> tuple[str, Counts]:
    """(the kernel's name, what it asked for)"""
    rng = np.random.default_rng(0)
    x, w, g, rows, weight = (
        rng.standard_normal(shape, np.float32)
        for shape in ((N, C, SIDE, SIDE), (OC, C, K, K), (N, OC, SIDE, SIDE), (ROWS, LONG), (LONG,))
    )
    launcher, how = Counting(), ((1, 1), (1, 1), (1, 1), 1)
    be: Any = CudaBackend(np, launcher, "emulator", "cpu", OURS).with_kernel(op, rung)
    {
        "sum": lambda: be.sum(rows, (1,), False, np.dtype(np.float32)),
        "softmax": lambda: be.softmax(rows, -1),
        "layer_norm": lambda: be.layer_norm(rows, weight, weight, 1, 1e-5),
        "conv2d": lambda: be.conv2d(x, w, *how),
        "conv2d_input": lambda: be.conv2d_input(g, w, (SIDE, SIDE), *how),
        "conv2d_weight": lambda: be.conv2d_weight(g, x, (K, K), *how),
    }[op]()
    name = f"{'reduce' if op == 'sum' else op}_{rung}"
    return name, launcher.counts[name]


def row(name: str, counts: Counts) -> list[str]:
    """A row of the table."""
    load, store, shared = (counts.total(kind) for kind in ("global load", "global store", "shared load"))
    return [
        f"`{name}`", f"{load.warps:,}", f"{load.sectors_per_warp:.1f}", f"{store.warps:,}",
        f"{store.sectors_per_warp:.1f}", f"{counts.global_bytes / 1e6:.2f}",
        f"{counts.flops / counts.global_bytes:.1f}", f"{shared.warps:,}" if shared.warps else "",
        f"{shared.conflicts:.2f}" if shared.warps else "",
    ]  # fmt: skip


def rungs() -> Iterator[tuple[str, str]]:
    for op in ("sum", "softmax", "layer_norm", "conv2d", "conv2d_input", "conv2d_weight"):
        yield from ((op, rung) for rung in LADDERS[op])


def main() -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    lines = table(HEAD, [row(*counted(op, rung)) for op, rung in rungs()])
    PAGE.write_text("\n".join([before + BEGIN, *lines, END]) + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
