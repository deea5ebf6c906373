"""docs/results/*.md: what the models reached, beside what was wanted. Made of docs/results/*/*.json alone.

    python -m minigen.kernels.bench results

README.md has every figure, images.md and text.md what stands behind it. A result's JSON is what `--publish` of its
script wrote; "row" and "budget" name its place in the table of figures, without a row it is listed further down. "peer"
marks what a row is compared with: another program, or a simpler model. Results of image models also hold, as "judged",
what `python -m minigen.metrics mnist` says of their 10,000 samples.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from minigen.metrics import table

from . import figures, images, text
from .figures import Result

PAGES = Path(__file__).parents[3] / "docs" / "results"
HEAD = """# What the models reached

This page and those it leads to are generated from the results beside them by `python -m minigen.kernels.bench results`;
nothing on them is typed. A run has one core, minutes are those of training steps. Where several runs stand for one
figure the best counts; [images](images.md) and [text](text.md) show all, each with its command.
"""


def add_options(commands: Any) -> None:
    parser = commands.add_parser("results", help="write the pages of docs/results from the results of the models")
    parser.add_argument("--folder", type=Path, default=PAGES, help="(default docs/results)")
    parser.set_defaults(threads=1)


def run(wanted: argparse.Namespace) -> int:
    """Write the pages; the exit code."""
    try:
        made = pages(figures.load(wanted.folder, (images, text)), wanted.folder)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for name, content in made.items():
        part = wanted.folder / f".{name}.part"
        part.write_text(content, encoding="utf-8")
        os.replace(part, wanted.folder / name)
    print(f"wrote {', '.join(made)} in {wanted.folder}")
    return 0


def pages(results: list[Result], folder: Path) -> dict[str, str]:
    """Each page's text by its name. ``folder`` has the samples that are shown."""
    calibrations = table.calibrations()
    of_images = [r for r in results if not text.owns(r)]
    of_text = [r for r in results if text.owns(r)]
    index = [HEAD, "\n## Images\n\n", images.figures(of_images, calibrations), images.PUBLISHED]
    index += ["\n## Text\n\n", text.figures(of_text), text.EXPLAINED]
    return {
        "README.md": "".join(index),
        "images.md": images.page(of_images, calibrations),
        "text.md": text.page(of_text, folder),
    }
