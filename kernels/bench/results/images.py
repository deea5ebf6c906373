"""The image models' figures, and the page that shows their samples beside the judge's calibrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from minigen.metrics import table

from ..report_kernels import table as markdown
from . import figures as place
from .figures import Result, Results, Wanted

NAMES = {"vae": "VAE", "gan": "GAN", "acgan": "AC-GAN", "diffusion": "diffusion, DDIM with at most 50 steps"}
BUDGETS = (10, 60)
NLL, RECALL, COVERAGE = ("figures", "nll"), ("judged", "recall"), ("judged", "coverage")
SCORE, CONDITIONAL = ("judged", "classification_accuracy_score"), ("judged", "conditional_accuracy")


def peer_ratio(result: Result, results: Results) -> float | None:
    """Fréchet distance over that of the peer that had the same wall time."""
    other = place.peer(result, results)
    if other is None or "judged" not in other or "judged" not in result:
        return None
    return result["judged"]["frechet"] / other["judged"]["frechet"]


WANTED = [
    Wanted("vae", 10, "test NLL in nats, k = 5000", NLL, 90, None, True),
    Wanted("vae", 60, "test NLL in nats, k = 5000", NLL, 86.8, 86.0, True),
    Wanted("gan", 10, "recall", RECALL, 0.75),
    Wanted("gan", 10, "coverage", COVERAGE, 0.45),
    Wanted("gan", 10, "classification accuracy score", SCORE, 0.93, shown=table.percent),
    Wanted("gan", 60, "recall", RECALL, 0.85),
    Wanted("gan", 60, "coverage", COVERAGE, 0.75),
    Wanted("gan", 60, "classification accuracy score", SCORE, 0.97, shown=table.percent),
    Wanted("gan", 60, "Fréchet distance / that of the N1 listing in PyTorch", peer_ratio, 0.5, None, True),
    Wanted("acgan", 10, "conditional accuracy", CONDITIONAL, 0.95, shown=table.percent),
    Wanted("acgan", 60, "conditional accuracy", CONDITIONAL, 0.985, shown=table.percent),
    Wanted("acgan", 60, "recall", RECALL, 0.8),
    Wanted("diffusion", 10, "recall", RECALL, 0.80),
    Wanted("diffusion", 10, "coverage", COVERAGE, 0.60),
    Wanted("diffusion", 10, "classification accuracy score", SCORE, 0.95, shown=table.percent),
    Wanted("diffusion", 60, "recall", RECALL, 0.90),
    Wanted("diffusion", 60, "coverage", COVERAGE, 0.85),
    Wanted("diffusion", 60, "classification accuracy score", SCORE, 0.98, shown=table.percent),
    Wanted("diffusion", 60, "Fréchet distance / that of the same U-Net in PyTorch", peer_ratio, 0.7, None, True),
]
DISTANCES = {"nearest_median": "nearest training image, median", "nearest_quantile_1": "the same, 1% quantile"}
PAGE = "images.md"


def check(path: Path, result: Result) -> None:
    """Raises ValueError for what was judged by another judge than the calibrations."""
    judge = table.calibrations()[table.REAL]["judge"]
    if "judged" in result and result["judged"].get("judge") != judge:
        raise ValueError(f"{path} was judged by another judge; judge its samples again: python -m minigen.metrics")


def order(result: Result) -> float | None:
    """What decides between two results that reach as many figures: NLL, or the Fréchet distance; less is better."""
    path = NLL if result.get("row") == "vae" else ("judged", "frechet")
    return place.value(Wanted("", 0, "", path, None), result, [])


def memorisation(results: Results, real: Result) -> Iterator[tuple[str, ...]]:
    """Of every result that counts, how near its samples lie to training images."""
    for row in NAMES:
        for budget in BUDGETS:
            result = place.best(results, [w for w in WANTED if (w.row, w.budget) == (row, budget)], order)
            if result is None or "judged" not in result:
                continue
            for key, what in DISTANCES.items():
                wanted = Wanted(row, budget, what, ("judged", key), table.LEAST_DISTANCE * real[key])
                measured = result["judged"][key]
                yield (place.link(result, NAMES, PAGE), f"{budget} min", what, f"≥ {wanted.shown(wanted.bound or 0)}",
                       "", wanted.shown(measured), place.verdict(wanted, measured))  # fmt: skip


def figures(results: Results, calibrations: dict[str, Result]) -> str:
    head = ("model", "budget", "figure", "wanted", "aim", "measured", "verdict")
    rows = [row[:-1] for row in place.rows(results, WANTED, NAMES, order, PAGE)]
    rows += memorisation(results, calibrations[table.REAL])
    return "\n".join(markdown(head, rows)) + "\n"


# ---- the page


HEAD = """# Image models

[All figures](README.md) stand together; this page shows what is behind those of image models. All samples are 10,000,
judged by the same judge; [metrics](../metrics.md) says what the numbers tell and what not.
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


def page(results: Results, calibrations: dict[str, Result]) -> str:
    parts = [HEAD, CALIBRATIONS, table.markdown(calibrations), "\n![twenty of each kind](calibrations.png)\n"]
    titles = (("Results", lambda r: r.get("row")), ("Other programs", lambda r: r.get("peer")),
              ("Other runs", lambda r: not r.get("row") and not r.get("peer")))  # fmt: skip
    for title, belongs in titles:
        chosen = [r for r in results if belongs(r)]
        if chosen:
            parts += [f"\n## {title}\n", *(section(r, results, calibrations) for r in chosen)]
    return "".join(parts)


def section(result: Result, results: Results, calibrations: dict[str, Result]) -> str:
    """One result: how it was made, what it measured, what was tried, and the judge's table beside the calibrations."""
    lines = place.heading(result)
    if own := place.numbers(result.get("figures", {})):
        lines.append(f"Its own figures: {own}\n")
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
