"""The figures that minigen aims at, each beside what a run measured: reached, or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Figure(NamedTuple):
    what: str
    measured: float
    least: float | None
    aim: float | None
    unit: str
    smaller: bool = False  # is a smaller number better?

    def verdict(self) -> str:
        def better(bound: float | None) -> bool:
            return bound is not None and (self.measured <= bound if self.smaller else self.measured >= bound)

        if better(self.aim):
            return "aim reached"
        if self.least is None:
            return "aim NOT reached"
        return "reached" if better(self.least) else "NOT reached"


# {workload: (at least, against PyTorch eager; aim, against the best peer)}
STEPS = {
    "N1": (1.5, 2.0), "N2": (1.5, 1.8), "VAE": (2.0, 1.5), "LSTM": (1.2, 1.3), "Transformer": (1.2, 1.3),
    "U-Net": (1.5, 1.6), "WaveNet": (3.0, 4.0), "MLP": (1.5, 1.5),
}  # fmt: skip
COLUMNS = ("figure", "at least", "aim", "measured", "verdict")


def figures(results: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Rows for a table. A figure without a result says so."""
    by = {(r["command"], r["settings"]["threads"]): r for r in results}
    for threads in (1, 2):
        yield from steps(by.get(("train", threads)), threads)
    yield from kernels(by.get(("gemm", 1)), "gemm", "minigen against mkl", "GEMM against MKL", (0.9, 1.0), (0.75, 0.9))
    conv = "convolution and its gradients against oneDNN, the faster layout"
    yield from kernels(by.get(("conv", 1)), "conv", "minigen against the best peer", conv, (1.3, 1.8), (0.9, 1.2))
    yield from costs(by.get(("overhead", 1)))
    yield from threads_row(by.get(("threads", 2)))


def row(figure: Figure) -> tuple[str, ...]:
    numbers = figure.least, figure.aim, figure.measured
    least, aim, measured = ("" if n is None else f"{n:.3g}{figure.unit}" for n in numbers)
    return figure.what, least, aim, measured, figure.verdict()


def missing(what: str, command: str) -> tuple[str, ...]:
    return what, "", "", "", f"not measured: {command}"


def steps(result: dict[str, Any] | None, threads: int) -> Iterator[tuple[str, ...]]:
    """How many times as fast a step is: at least against PyTorch eager, the aim against the best peer."""
    count = "one thread" if threads == 1 else f"{threads} threads"
    for name, (least, aim) in STEPS.items():
        label = f"{name} step, {count}, times as fast as"
        work = result["workloads"].get(name) if result else None
        ratios = work["ratios"] if work else {}
        eager = next((r for names, r in ratios.items() if names.endswith("cpp / torch")), None)
        best = next((r for names, r in ratios.items() if names.endswith("cpp / the best peer")), None)
        if eager is None or best is None:
            yield missing(f"{name} step, {count}", "train")
            continue
        yield row(Figure(f"{label} PyTorch eager", 1 / eager["of_medians"], least, None, " x"))
        yield row(Figure(f"{label} the best peer ({best['peer']})", 1 / best["of_medians"], None, aim, " x"))


def kernels(
    result: dict[str, Any] | None, command: str, key: str, what: str, mean: tuple[float, float],
    worst: tuple[float, float],
) -> Iterator[tuple[str, ...]]:  # fmt: skip
    found = result["ratios"].get(key) if result else None
    if found is None:
        yield missing(what, command)
        return
    yield row(Figure(f"{what}: geometric mean", found["geometric_mean"], *mean, " x"))
    yield row(Figure(f"{what}: worst ({found['worst_case']})", found["worst"], *worst, " x"))


def costs(result: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    measured = result["measurements"] if result else {}
    relative = {
        "scalar": ("y = a * 2 + 1; y.backward(), of PyTorch's time", 1 / 2, 1 / 3),
        "chain": ("a chain of 10,000 operations, of PyTorch's time", 1 / 2, 1 / 3),
        "memory": ("peak memory of 20 N1 steps, of PyTorch's", 1.0, 0.7),
    }
    for key, (what, least, aim) in relative.items():
        ratio = next(iter(measured.get(key, {}).get("ratios", {}).values()), None)
        yield missing(what, "overhead") if ratio is None else row(Figure(what, ratio, least, aim, "", True))
    sides = measured.get("import", {}).get("sides", {})
    ours = next((side for name, side in sides.items() if name.startswith("minigen")), None)
    what = "import minigen, less an empty Python"
    yield missing(what, "overhead") if ours is None else row(Figure(what, ours["median"] / 1e3, 0.35, 0.25, " s", True))


def threads_row(result: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    what = "two threads' time over one's beside a busy process, the worst kernel's median"
    if result is None:
        yield missing(what, "threads")
        return
    limit = result["settings"]["limit"]
    name, pair = max(result["pairs"].items(), key=lambda item: item[1]["ratio"]["median"])
    yield row(Figure(f"{what} ({name})", pair["ratio"]["median"], limit, limit, "", True))
