"""What every training script shares: the loop with its checkpoints, and the command line around an Experiment."""

from .command_line import script
from .datasets import dataset
from .ema import EMA
from .experiment import Experiment
from .guard import INTERRUPTED, Interrupt, finite
from .health import Healthy
from .loop import train
from .publish import publish
from .run import Run, newest_checkpoint

__all__ = [
    "EMA",
    "INTERRUPTED",
    "Experiment",
    "Healthy",
    "Interrupt",
    "Run",
    "dataset",
    "finite",
    "newest_checkpoint",
    "publish",
    "script",
    "train",
]
