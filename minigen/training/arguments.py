"""The arguments that every script takes; a script adds its own."""

from __future__ import annotations

import argparse
import inspect
import math
from pathlib import Path

from .experiment import Experiment

SHARED = ("epochs", "budget", "batch_size", "lr", "seed", "data", "smoke")  # those that define a run
DEFAULTS = {"epochs": 30, "batch_size": 64, "lr": None, "budget": None, "data": "embedded", "seed": 0}


def parse(kind: type[Experiment], argv: list[str]) -> argparse.Namespace:
    defaults = {**DEFAULTS, **kind.defaults}
    parser = argparse.ArgumentParser(description=inspect.getdoc(kind),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    own = parser.add_argument_group("this model")
    kind.arguments(own)  # type: ignore[arg-type]
    shared(parser.add_argument_group("training"), kind)
    drawing(parser.add_argument_group("drawing with a trained model"))
    epochs = defaults.pop("epochs")
    parser.set_defaults(**{k: v for k, v in defaults.items() if k in SHARED})
    args = parser.parse_args(argv)
    if args.epochs is None and args.budget is None:
        args.epochs = epochs
    if args.pretrained and args.sample is None and args.drawn is None:
        parser.error("--pretrained draws: give --sample N, too")
    if args.pretrained and args.checkpoint:
        parser.error("--pretrained and --checkpoint are two different weights: give one of them")
    return args


def shared(group: argparse._ArgumentGroup, kind: type[Experiment]) -> None:
    add = group.add_argument
    epochs = {**DEFAULTS, **kind.defaults}["epochs"]
    add("--epochs", type=positive, help=f"passes over the data (default {epochs}; none if there is a --budget)")
    add("--budget", type=positive_float, metavar="MINUTES", help="stop after this time of training, over all resumes")
    add("--batch-size", type=positive, help="images a step (default %(default)s)")
    add("--lr", type=positive_float, help="the optimiser's learning rate (default %(default)s; None: the model's own)")
    add("--seed", type=int, help="decides weights, noise and order (default %(default)s)")
    add("--data", help="embedded, mnist or fashion (searched, else downloaded), or a folder with IDX files, with "
        "pictures, or with a folder of pictures per class (default %(default)s)")  # fmt: skip
    add("--backend", choices=["numpy", "cpp"], help="who computes (default: the fastest there is)")
    add("--threads", type=positive, help="CPU threads (default: all)")
    add("--runs", type=Path, default=Path("runs", kind.name), help="where runs are written (default %(default)s)")
    add("--resume", nargs="?", const="newest", metavar="FILE",
        help="continue the newest run, or the one of this checkpoint")  # fmt: skip
    add("--smoke", action="store_true", help="a few steps on few images, to see that everything works")


def drawing(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--sample", type=positive, metavar="N", help="draw N images instead of training, into --out")
    add("--classes", "--labels", dest="drawn", metavar="0123456789",
        help="draw images of these classes, one character each, in turn (8 of each without --sample)")  # fmt: skip
    add("--out", type=Path, default=Path("samples.npz"),
        help="arrays `images`, uint8, and `labels` if there are any (default %(default)s)")  # fmt: skip
    add("--checkpoint", type=Path, metavar="FILE", help="draw with these weights (default: the newest run's)")
    add("--pretrained", action="store_true", help="draw with the weights that come with minigen")
    add("--export", action="store_true", help="make a checkpoint's weights those that come with minigen")


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text!r}")
    return value
