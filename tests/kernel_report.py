"""What the closing words of a test run say of every GPU kernel: verified on a GPU, emulated, or compiled only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from minigen.kernels.source import CUDA, inlined, kernels

import minigen
from minigen.backend.cuda.composed import LADDERS

EMULATED: set[str] = set()  # launched in this run by the emulator
SIMULATED: set[str] = set()  # by Numba's simulator
COMPILED: set[str] = set()  # by NVRTC or Numba


def watch() -> None:
    """Note every kernel that the emulator launches."""
    from minigen.kernels.emulator import Kernel

    launch = Kernel._launch

    def noted(self, *args):
        EMULATED.add(self.name)
        return launch(self, *args)

    Kernel._launch = noted


def verified(path: Path = CUDA / "verified.json") -> dict[str, str]:
    """{kernel: "NVIDIA H100, 2026-12-01, 1f9e823"} of the committed report of a GPU; empty if there is none."""
    if not path.exists():
        return {}
    report = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: f"{report['gpu']}, {report['date']}, {commit}"
        for rung, commit in report["rungs"].items() for name in names() if belongs(name, *rung.split())
    }  # fmt: skip


def belongs(name: str, op: str, rung: str) -> bool:
    """Is this kernel part of ``op`` on ``rung``? The sums are called reduce; one without a rung serves them all."""
    name = name.replace("reduce_", "sum_")
    owner = max((other for other in LADDERS if name.startswith(other)), key=len, default="")
    return owner == op and (f"_{rung}" in name or not re.search(r"_v\d", name))


def names(folder: Path = CUDA) -> list[str]:
    """All kernels of ``kernels/cuda``."""
    return sorted({name for path in folder.rglob("*.cu") for name in kernels(inlined(path))})


def lines(verified: dict[str, str]) -> Iterator[str]:
    """The closing words; nothing about kernels where none was tried."""
    if not minigen.cuda.is_available():
        yield "GPU: NOT RUN (no CUDA device here: kernels are emulated, and compiled where NVRTC or Numba is installed)"
    if not EMULATED | SIMULATED | COMPILED:
        return
    groups: dict[str, list[str]] = {}
    for name in sorted({*names(), *SIMULATED, *COMPILED}):
        if name in verified:
            state = f"verified on {verified[name]}"
        elif name in EMULATED | SIMULATED:
            state = "emulated" + (" and compiled" if name in COMPILED else "")
        else:
            state = "compiled only" if name in COMPILED else "NOT RUN"
        groups.setdefault(state, []).append(name)
    for state in sorted(groups):
        yield f"GPU kernels {state}: {len(groups[state])} ({', '.join(groups[state])})"
