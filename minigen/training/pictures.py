"""What scripts for pictures share: a sheet after each epoch, and samples on request."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import plot
from ..random import Generator
from .checks import positive
from .health import diversity
from .run import Run

if TYPE_CHECKING:
    from .experiment import Experiment

COMPARED = 2000  # real images whose diversity is the measure


def arguments(group: Any) -> None:
    add = group.add_argument
    add("--sample", type=positive, metavar="N", help="draw N images instead of training, into --out")
    add("--classes", "--labels", dest="drawn", metavar="0123456789",
        help="draw images of these classes, one character each, in turn (8 of each without --sample)")  # fmt: skip
    add("--out", type=Path, default=Path("samples.npz"),
        help="arrays `images`, uint8, and `labels` if there are any (default %(default)s)")  # fmt: skip


def save_sheets(experiment: Experiment, run: Run, step: int) -> dict[str, float]:
    """Draw the sheet of this step; returns how diverse it is, compared with real images (1: as they)."""
    sheet = experiment.sheet()
    sheets = dict(sheet) if isinstance(sheet, Mapping) else {"samples": sheet}
    for name, images in sheets.items():
        (run.folder / name).mkdir(exist_ok=True)
        plot.save_grid(images, run.folder / name / f"step_{step:06d}.png", experiment.columns)
    if "samples" not in sheets or not hasattr(experiment.dataset, "images"):
        return {}
    return {"diversity": diversity(sheets["samples"], experiment.dataset.images[:COMPARED])}


def sample(experiment: Experiment, args: argparse.Namespace, source: Any) -> int:
    """Draw what --sample and --classes ask for: an .npz and a sheet beside it."""
    picture = args.out.with_suffix(".png")
    if picture == args.out:
        raise ValueError(f"--out {args.out}: the arrays go there, and a sheet of them beside it as .png; name an .npz")
    wanted = asked(experiment, args.drawn)
    n = args.sample or 8 * len(wanted)
    labels = np.resize(np.array(wanted, np.int64), n) if wanted else None
    images, labels = experiment.draw(n, labels, Generator(args.seed))
    arrays = {"images": images} if labels is None else {"images": images, "labels": labels}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with open(args.out, "wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    columns = len(wanted) or experiment.columns
    titles = [str(c) for c in wanted] if labels is not None else None
    plot.save_grid(images[: 8 * columns], picture, columns, titles=titles)
    N, H, W = images.shape
    print(f"{N} images {H} x {W} from {source}: {args.out}, the first {min(8 * columns, N)} in {picture}")
    return 0


def asked(experiment: Experiment, classes: str | None) -> list[int]:
    """The classes of --classes, by default all that the model knows; [] for an unconditional one."""
    known = experiment.classes
    if classes is None:
        return list(range(known))
    if not known:
        raise ValueError("--classes: this model is unconditional, it was trained without labels; train a conditional "
                         "one (see --help)")
    unknown = sorted({c for c in classes if not c.isdigit() or int(c) >= known})
    if unknown or not classes:
        raise ValueError(f"--classes: there is no class {', '.join(unknown) or 'named'}; the model knows "
                         f"{''.join(map(str, range(known)))}, one character each")
    return [int(c) for c in classes]
