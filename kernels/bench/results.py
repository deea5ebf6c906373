"""docs/results/README.md: what the image models reached, beside what was wanted. Made of docs/results/*/*.json alone.

    python -m minigen.kernels.bench results

A result's JSON holds what its script measured and, as "judged", what `python -m minigen.metrics mnist` says of its
10,000 samples. "row" and "budget" name its place in the table of figures; without a row it is listed further down.
"peer" marks another program's result, which Fréchet distances are compared with.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from minigen.metrics import table

from .report_kernels import table as markdown

PAGES = Path(__file__).parents[2] / "docs" / "results"
Result = dict[str, Any]


class Wanted(NamedTuple):
    """A figure: of which model, in how many minutes, where it stands in the JSON, its bound and how it is shown."""

    row: str
    budget: int
    what: str
    path: tuple[str, ...]
    bound: float
    aim: float | None = None
    smaller: bool = False
    shown: Callable[[float], str] = "{:.2f}".format


NAMES = {"vae": "VAE", "gan": "GAN", "acgan": "AC-GAN", "diffusion": "diffusion, DDIM with at most 50 steps"}
BUDGETS = (10, 60)
NLL, RECALL, COVERAGE = ("figures", "nll"), ("judged", "recall"), ("judged", "coverage")
SCORE, CONDITIONAL = ("judged", "classification_accuracy_score"), ("judged", "conditional_accuracy")
RATIO = ("peer ratio",)
WANTED = [
    Wanted("vae", 10, "test NLL in nats, k = 5000", NLL, 90, None, True),
    Wanted("vae", 60, "test NLL in nats, k = 5000", NLL, 86.8, 86.0, True),
    Wanted("gan", 10, "recall", RECALL, 0.75),
    Wanted("gan", 10, "coverage", COVERAGE, 0.45),
    Wanted("gan", 10, "classification accuracy score", SCORE, 0.93, shown=table.percent),
    Wanted("gan", 60, "recall", RECALL, 0.85),
    Wanted("gan", 60, "coverage", COVERAGE, 0.75),
    Wanted("gan", 60, "classification accuracy score", SCORE, 0.97, shown=table.percent),
    Wanted("gan", 60, "Fréchet distance / that of the N1 listing in PyTorch", RATIO, 0.5, None, True),
    Wanted("acgan", 10, "conditional accuracy", CONDITIONAL, 0.95, shown=table.percent),
    Wanted("acgan", 60, "conditional accuracy", CONDITIONAL, 0.985, shown=table.percent),
    Wanted("acgan", 60, "recall", RECALL, 0.8),
    Wanted("diffusion", 10, "recall", RECALL, 0.80),
    Wanted("diffusion", 10, "coverage", COVERAGE, 0.60),
    Wanted("diffusion", 10, "classification accuracy score", SCORE, 0.95, shown=table.percent),
    Wanted("diffusion", 60, "recall", RECALL, 0.90),
    Wanted("diffusion", 60, "coverage", COVERAGE, 0.85),
    Wanted("diffusion", 60, "classification accuracy score", SCORE, 0.98, shown=table.percent),
    Wanted("diffusion", 60, "Fréchet distance / that of the same U-Net in PyTorch", RATIO, 0.7, None, True),
]
DISTANCES = {"nearest_median": "nearest training image, median", "nearest_quantile_1": "the same, 1% quantile"}


def add_options(commands: Any) -> None:
    parser = commands.add_parser("results", help="write docs/results/README.md from the results of the image models")
    parser.add_argument("--folder", type=Path, default=PAGES, help="(default docs/results)")
    parser.set_defaults(threads=1)


def run(wanted: argparse.Namespace) -> int:
    """Write the page; the exit code."""
    try:
        text = page(load(wanted.folder), table.calibrations())
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    part = wanted.folder / ".README.md.part"
    part.write_text(text, encoding="utf-8")
    os.replace(part, wanted.folder / "README.md")
    print(f"wrote {wanted.folder / 'README.md'}")
    return 0


def load(folder: Path) -> list[Result]:
    """Every result, each with its "file". Raises: ValueError naming file and key for what can't be shown."""
    found = []
    judge = table.calibrations()[table.REAL]["judge"]
    for path in sorted(folder.glob("*/*.json")):
        where = path.relative_to(folder).as_posix()
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is no JSON: {error}") from error
        if not (isinstance(result, dict) and isinstance(result.get("name"), str) and result.get("command")):
            raise ValueError(f'{path} is no result: it wants at least "name" and "command"')
        for key in ("row", "peer"):
            if (result.get(key) or "vae") not in NAMES:
                known = ", ".join(NAMES)
                raise ValueError(f'{path}: "{key}" is {result[key]!r}, but must be missing, or one of {known}')
        if (result.get("row") or result.get("peer")) and result.get("budget") not in BUDGETS:
            raise ValueError(f'{path}: "budget" is {result.get("budget")!r}; in the table of figures it is 10 or 60')
        if "judged" in result and result["judged"].get("judge") != judge:
            raise ValueError(f"{path} was judged by another judge; judge its samples again: python -m minigen.metrics")
        found.append({**result, "file": where})
    return found


# ---- the table of figures


def value(result: Result, path: tuple[str, ...], results: list[Result]) -> float | None:
    if path == RATIO:
        return peer_ratio(result, results)
    at: Any = result
    for key in path:
        at = at.get(key) if isinstance(at, dict) else None
    return at


def peer_ratio(result: Result, results: list[Result]) -> float | None:
    """Fréchet distance over that of the peer that had the same wall time."""
    for other in results:
        same = result.get("row") and (other.get("peer"), other.get("budget")) == (result["row"], result["budget"])
        if same and "judged" in other and "judged" in result:
            return result["judged"]["frechet"] / other["judged"]["frechet"]
    return None


def reaches(wanted: Wanted, measured: float | None, bound: float | None) -> bool:
    if measured is None or bound is None:
        return False
    return measured <= bound if wanted.smaller else measured >= bound


def best(results: list[Result], row: str, budget: int) -> Result | None:
    """Of the results of one place the one that reaches most of its figures, then the least Fréchet distance or NLL."""
    place = [w for w in WANTED if (w.row, w.budget) == (row, budget)]

    def rank(result: Result) -> tuple[int, float]:
        reached = sum(reaches(w, value(result, w.path, results), w.bound) for w in place)
        order = value(result, NLL if row == "vae" else ("judged", "frechet"), results)
        return -reached, float("inf") if order is None else order

    return min((r for r in results if (r.get("row"), r.get("budget")) == (row, budget)), key=rank, default=None)


def verdict(wanted: Wanted, measured: float | None) -> str:
    if measured is None:
        return "not measured"
    if reaches(wanted, measured, wanted.aim):
        return "aim reached"
    if reaches(wanted, measured, wanted.bound):
        return "reached"
    gap = abs(measured - wanted.bound)
    return f"MISSED by {wanted.shown(gap) if float(wanted.shown(gap).rstrip('%')) else format(gap, '.1g')}"


def figures(results: list[Result]) -> Iterator[tuple[str, ...]]:
    """A row for each figure; "not run" where no result is."""
    for wanted in WANTED:
        result = best(results, wanted.row, wanted.budget)
        shown = ["" if x is None else ("≤ " if wanted.smaller else "≥ ") + wanted.shown(x)
                 for x in (wanted.bound, wanted.aim)]  # fmt: skip
        if result is None:
            yield NAMES[wanted.row], f"{wanted.budget} min", wanted.what, *shown, "", "not run"
            continue
        measured = value(result, wanted.path, results)
        yield (link(result), f"{wanted.budget} min", wanted.what, *shown,
               "" if measured is None else wanted.shown(measured), verdict(wanted, measured))  # fmt: skip


def memorisation(results: list[Result], real: Result) -> Iterator[tuple[str, ...]]:
    """Of every result that counts, how near its samples lie to training images."""
    for row in NAMES:
        for budget in BUDGETS:
            result = best(results, row, budget)
            if result is None or "judged" not in result:
                continue
            for key, what in DISTANCES.items():
                wanted = Wanted(row, budget, what, ("judged", key), table.LEAST_DISTANCE * real[key])
                measured = result["judged"][key]
                yield (link(result), f"{budget} min", what, f"≥ {wanted.shown(wanted.bound)}", "",
                       wanted.shown(measured), verdict(wanted, measured))  # fmt: skip


def link(result: Result) -> str:
    label = f"{NAMES[result['row']]}: {result['name']}" if result.get("row") else result["name"]
    return f"[{label}](#{anchor(result)})"


def anchor(result: Result) -> str:
    return result["file"].removesuffix(".json").replace("/", "-").replace("_", "-").lower()


# ---- the page


HEAD = """# Image models: what they reached

This page is generated from the results beside it by `python -m minigen.kernels.bench results`; nothing on it is typed.
All samples are 10,000, judged by the same judge; [metrics](../metrics.md) says what the numbers tell and what not. A
run has one core, minutes are those of training steps. Where several runs stand for one figure the best counts; all are
below.

"""
PUBLISHED = """
For orientation, test NLL of dynamically binarised digits as published: a VAE of one stochastic layer 86.76 (3,280
epochs), IWAE with k = 50 84.78, a convolutional ladder 80.5. Classification accuracy score: 99.0% from 50,000 synthetic
digits of a diffusion model that was trained on four GPUs.
"""
CALIBRATIONS = """
## Calibrations

A Fréchet distance means nothing across judges. So this is what the committed judge and the random network say of real
test digits, of digits that are wrong in a known way, and of copied training images: no feature sees that they are
copies, their distance to the nearest training image does. (The classification accuracy score is tested on other real
digits here than the kinds are made of.)

"""


def page(results: list[Result], calibrations: dict[str, Result]) -> str:
    head = ("model", "budget", "figure", "wanted", "aim", "measured", "verdict")
    rows = [*figures(results), *memorisation(results, calibrations[table.REAL])]
    parts = [HEAD, "## Figures\n\n", "\n".join(markdown(head, rows)) + "\n", PUBLISHED, CALIBRATIONS]
    parts += [table.markdown(calibrations), "\n![twenty of each kind](calibrations.png)\n"]
    titles = (("Results", lambda r: r.get("row")), ("Other programs", lambda r: r.get("peer")),
              ("Other runs", lambda r: not r.get("row") and not r.get("peer")))  # fmt: skip
    for title, belongs in titles:
        chosen = [r for r in results if belongs(r)]
        if chosen:
            parts += [f"\n## {title}\n", *(section(r, results, calibrations) for r in chosen)]
    return "".join(parts)


def section(result: Result, results: list[Result], calibrations: dict[str, Result]) -> str:
    """One result: how it was made, what it measured, what was tried, and the judge's table beside the calibrations."""
    machine = result.get("machine", {})
    facts = [f"{result['minutes']:.1f} minutes" if "minutes" in result else "", count(result, "steps"),
             count(result, "threads"), f"seed {result['seed']}" if "seed" in result else "",
             machine.get("cpu", "") if isinstance(machine, dict) else str(machine)]  # fmt: skip
    lines = [f'\n<a id="{anchor(result)}"></a>\n', f"### {result['name']}\n", f"    {result['command']}\n",
             ", ".join(filter(None, facts)) + f" ([{result['file']}]({result['file']}))\n"]  # fmt: skip
    own = {name: x for name, x in result.get("figures", {}).items() if isinstance(x, int | float)}
    if own:
        lines.append("Its own figures: " + ", ".join(f"{name} {x:.4g}" for name, x in own.items()) + "\n")
    if (ratio := peer_ratio(result, results)) is not None:
        lines.append(f"Fréchet distance over the peer's in the same wall time: {ratio:.2f}\n")
    if result.get("tried"):
        lines.append(f"What was tried: {result['tried']}\n")
    if "judged" in result:
        judged = result["judged"]
        if judged["labels"] != "given" and judged["classification_accuracy_score"] is not None:
            lines.append("The classification accuracy score uses the judge's labels: the model has none.\n")
        lines.append(table.markdown({"this": judged, **calibrations}))
        lines.append(f"![samples]({result['file'].removesuffix('.json')}.png)\n")
    return "\n".join(lines)


def count(result: Result, what: str) -> str:
    n = result.get(what)
    return "" if n is None else f"{n:,} {what.rstrip('s') if n == 1 else what}"
