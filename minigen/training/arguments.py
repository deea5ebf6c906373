"""The arguments that every script takes; a script adds its own."""

from __future__ import annotations

import argparse
import inspect
from pathlib import Path

from .checks import positive, positive_float
from .experiment import Experiment

SHARED = ("epochs", "steps", "budget", "batch_size", "lr", "seed", "data", "smoke")  # those that define a run
DEFAULTS = {"epochs": 30, "batch_size": 64, "lr": None, "budget": None, "data": "embedded", "seed": 0}


def parse(kind: type[Experiment], argv: list[str]) -> argparse.Namespace:
    defaults = {**DEFAULTS, **kind.defaults}
    parser = argparse.ArgumentParser(description=inspect.getdoc(kind),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    own = parser.add_argument_group("this model")
    kind.arguments(own)  # type: ignore[arg-type]
    shared(parser.add_argument_group("training"), kind)
    use = parser.add_argument_group("using a trained model")
    kind.drawing(use)
    trained(use)
    epochs = defaults.pop("epochs")
    parser.set_defaults(**{k: v for k, v in defaults.items() if k in SHARED})
    args = parser.parse_args(argv)
    unsaid = argparse.Namespace(**dict.fromkeys(vars(args)))  # what is there already, argparse gives no default
    said = vars(parser.parse_args(argv, unsaid))
    args.said = {name: value for name, value in said.items() if value is not None}
    if args.epochs is args.steps is args.budget is args.resume is None:
        args.epochs = epochs
    if args.pretrained and not kind.is_used(args):
        parser.error("--pretrained is for using a trained model: give --sample N, too")
    if args.pretrained and args.checkpoint:
        parser.error("--pretrained and --checkpoint are two different weights: give one of them")
    return args


def shared(group: argparse._ArgumentGroup, kind: type[Experiment]) -> None:
    add = group.add_argument
    epochs = {**DEFAULTS, **kind.defaults}["epochs"]
    add("--epochs", type=positive, help=f"passes over the data (default {epochs}, unless --steps or --budget is given)")
    add("--steps", type=positive, help=kind.steps_help)
    add("--budget", type=positive_float, metavar="MINUTES", help="stop after this time of training, over all resumes")
    add("--batch-size", type=positive, help=f"{kind.items} a step (default %(default)s; None: the model's own)")
    add("--lr", type=positive_float, help="the optimiser's learning rate (default %(default)s; None: the model's own)")
    add("--seed", type=int, help="decides weights, noise and order (default %(default)s)")
    add("--data", help=f"{kind.data_help} (default %(default)s)")
    add("--backend", choices=["numpy", "cpp"], help="who computes (default: the fastest there is)")
    add("--threads", type=positive, help="CPU threads (default: all)")
    add("--runs", type=Path, default=Path("runs", kind.name), help="where runs are written (default %(default)s)")
    add("--resume", nargs="?", const="newest", metavar="FILE",
        help="continue the newest run, or this checkpoint's; --epochs, --steps or --budget set a new end")  # fmt: skip
    add("--smoke", action="store_true", help=f"a few steps on few {kind.items}, to see that everything works")


def trained(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--checkpoint", type=Path, metavar="FILE", help="use these weights (default: the newest run's, else minigen's)")
    add("--pretrained", action="store_true", help="use the weights that come with minigen")
    add("--export", action="store_true", help="make a checkpoint's weights those that come with minigen")
    add("--publish", type=Path, metavar="FOLDER/NAME", help="copy a finished run's figures, curves and samples there")
    add("--title", help="of what is published (default: the run's own)")
    add("--tried", help="what else was tried, in words, for what is published")
