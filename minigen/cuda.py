"""What listings ask of CUDA before they choose a device. This version of minigen computes on the CPU.

    device = minigen.device("cuda" if minigen.cuda.is_available() else "cpu")      # device(type='cpu')
"""

from __future__ import annotations


def is_available() -> bool:
    """False: there is no device but ``"cpu"``."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing, as in PyTorch without a GPU; ``minigen.manual_seed`` seeds the one stream that there is."""


def manual_seed_all(seed: int) -> None:
    """Nothing, as in PyTorch without a GPU."""


def empty_cache() -> None:
    """Nothing: arrays are freed with their last reference."""
