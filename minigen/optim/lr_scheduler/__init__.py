"""Learning-rate schedules: call ``scheduler.step()`` after ``optimizer.step()``, once per epoch or once per batch."""

from .curves import CosineAnnealingLR, LambdaLR
from .onecycle import OneCycleLR
from .plateau import ReduceLROnPlateau
from .ratios import ConstantLR, ExponentialLR, LinearLR, MultiStepLR, StepLR
from .scheduler import LRScheduler
from .sequential import SequentialLR

__all__ = [
    "ConstantLR", "CosineAnnealingLR", "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR",
    "OneCycleLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
