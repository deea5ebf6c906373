"""Where a step of minigen spends its time: the backend's methods by shape, and the rest, which is the engine's."""

from __future__ import annotations

from time import perf_counter

from minigen import backend

from . import sides
from .record import Recorder
from .workloads import Workload


def rows(side: sides.Side, steps: int) -> list[tuple[str, ...]]:
    """What a mean step asks of the backend: (method(shapes), ms, share of all that it asks, calls, GFLOP/s)."""
    assert isinstance(side, sides.Minigen)
    with Recorder(backend.get(side.backend)) as recorder:
        for _ in range(steps):
            for phase in side.phases:
                phase.run()
    entries = sorted(recorder.entries.items(), key=lambda row: -row[1].seconds)
    total = sum(entry.seconds for _, entry in entries)
    return [
        (
            f"{name}({shapes})", f"{1e3 * e.seconds / steps:.3f}", f"{e.seconds / total:.1%}", f"{e.calls / steps:.4g}",
            f"{e.flop / e.seconds / 1e9:.1f}" if e.flop else "",
        )
        for (name, shapes), e in entries
    ]  # fmt: skip


def step(workload: Workload, be: str, batch_size: int | None, steps: int) -> str:
    """A table of the mean step, the most expensive method first."""
    side = sides.build(workload, batch_size, [be], [], 1)[0]
    side.step()
    with Recorder(backend.get(be)) as recorder:
        start = perf_counter()
        for _ in range(steps):
            for phase in side.phases:
                phase.run()
        total = perf_counter() - start
    rows = sorted(recorder.entries.items(), key=lambda row: -row[1].seconds)
    inside = sum(entry.seconds for _, entry in rows)
    whole = f"{1e3 * total / steps:.2f} ms a step (recording included), {recorder.gflop / steps:.3g} GFLOP"
    lines = [f"{workload.name}, {side.name}: {whole}"]
    lines.append(f"{'ms':>9} {'share':>6} {'calls':>6} {'GFLOP/s':>8}  method, shapes")
    for (name, shapes), entry in rows:
        rate = f"{entry.flop / entry.seconds / 1e9:8.1f}" if entry.flop else " " * 8
        share = f"{entry.seconds / total:6.1%}"
        lines.append(f"{1e3 * entry.seconds / steps:9.3f} {share} {entry.calls / steps:6.4g} {rate}  {name}({shapes})")
    rest = total - inside
    lines.append(f"{1e3 * rest / steps:9.3f} {rest / total:6.1%} {'':15}  the engine, and what no backend is asked for")
    return "\n".join(lines) + "\n"
