"""What a script adds to the loop: its networks, one step, pictures. ``script(YourExperiment)`` does the rest."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..data.grey import GreyImages
from . import pictures
from .health import Healthy
from .run import Run

Pictures = np.ndarray | Mapping[str, np.ndarray]


class Experiment:
    """A model with its data, its step and its pictures. The class's docstring is the script's --help.

    A subclass fills in the class attributes and the methods below; whatever raises OSError, ValueError or
    FloatingPointError is printed as ``error: ...``. Before ``__init__`` the default generator is seeded. ``progress``
    in [0, 1] says while training how far the run is within its epochs or minutes: learning rates can follow it.
    """

    name: ClassVar[str] = "experiment"  # runs/<name>/<time>/, and the name of the pretrained weights
    config: ClassVar[tuple[str, ...]] = ()  # the script's own arguments that define a run: saved, restored by --resume
    defaults: ClassVar[dict[str, Any]] = {"epochs": 30, "batch_size": 64, "lr": None}  # of the shared arguments
    sampler: ClassVar[tuple[str, ...]] = ()  # the parts that draw() needs
    curves: ClassVar[Mapping[str, Sequence[str]]] = {}  # title of a panel: the columns in it
    curves_over: ClassVar[str] = "step"  # or "minutes", where steps take very different times
    columns: ClassVar[int] = 8  # of a sheet
    published: ClassVar[tuple[str, ...]] = ("curves.png", "samples/*.png")  # files of a run's folder, for --publish

    items: ClassVar[str] = "images"  # what a batch is made of
    steps_help: ClassVar[str] = "stop after this many steps"
    data_help: ClassVar[str] = (
        "embedded, mnist or fashion (searched, else downloaded), or a folder with IDX files, with pictures, or with a "
        "folder of pictures per class"
    )

    health: tuple[Healthy, ...] = ()  # of columns of metrics.jsonl
    classes: int = 0  # how many classes draw() can be asked for; 0 if it is unconditional
    progress: float = 0.0

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add the script's own arguments."""

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        """Fill in defaults that depend on other settings, in place; ValueError for settings that don't fit together."""

    @classmethod
    def place(cls, config: dict[str, Any]) -> dict[str, Any]:
        """For a run's result: its "name", and if it counts, its "row" and "budget" in the table of docs/results."""
        return {}

    @classmethod
    def learnt(cls, result: dict[str, Any]) -> dict[str, Any]:
        """What a finished run found out that its model is to be used with: it's added to the configuration then."""
        return {}

    def __init__(self, config: dict[str, Any]) -> None:
        self.settings = config

    def data(self) -> Any:
        """A data set of (image, label); see ``training.dataset``. It is kept as ``self.dataset`` while training."""
        raise NotImplementedError

    dataset: GreyImages

    def parts(self) -> dict[str, Any]:
        """Everything with a state_dict: networks, optimisers, EMAs."""
        raise NotImplementedError

    def step(self, *batch: Any) -> dict[str, float]:
        """One update; the row that goes to metrics.jsonl. Loss values come from ``training.finite``."""
        raise NotImplementedError

    def sheet(self) -> Pictures:
        """uint8 images (N, H, W) of always the same noise, drawn after each epoch; or several of them by name."""
        raise NotImplementedError

    def measure(self) -> dict[str, float]:
        """Numbers that are worth having after each epoch, for metrics.jsonl."""
        return {}

    def draw(self, n: int, labels: np.ndarray | None, generator: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """n samples: uint8 (n, H, W), with their labels (n,) or None. ``labels`` is given iff ``classes`` is not 0."""
        raise NotImplementedError

    def conclude(self, run: Run) -> dict[str, Any]:
        """The script's own pictures and figures at the end; what it returns goes into result.json."""
        return {}

    # what the command line does with it; a model of other things than pictures has its own ------------------
    @classmethod
    def drawing(cls, parser: Any) -> None:
        """Add the arguments of ``sample``."""
        pictures.arguments(parser)

    @classmethod
    def is_used(cls, args: argparse.Namespace) -> bool:
        """Do the arguments ask for samples, and not for training?"""
        return args.sample is not None or getattr(args, "drawn", None) is not None

    def sample(self, args: argparse.Namespace, source: Any) -> int:
        """Make what the arguments ask for with the weights that were read from ``source``; the exit status."""
        return pictures.sample(self, args, source)

    def save_sheets(self, run: Run, step: int) -> dict[str, float]:
        """Show how the model does after ``step``; returns numbers for metrics.jsonl."""
        return pictures.save_sheets(self, run, step)

    def _set_progress(self, progress: float) -> None:
        self.progress = progress
