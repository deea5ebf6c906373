"""U-Net: a diffusion model's step on 28 x 28 images, the noise predicted (Ho, Jain & Abbeel 2020, algorithm 1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..translate import translate
from .workload import Workload

TIMES, TURNS = 1000, 4  # noise levels; draws of t and of noise that the steps take in turn


def network(lib: Any) -> Any:
    return translate("models.unet", lib).UNet((32, 64, 128))


def objective(lib: Any, network: Any, x: Any, t: Any, noise: Any, signal: Any, level: Any) -> Any:
    """|noise - network(sqrt(abar_t) x + sqrt(1 - abar_t) noise, t)|^2."""
    return lib.nn.functional.mse_loss(network(signal * x + level * noise, t), noise)


def images(n: int) -> dict[str, np.ndarray]:
    """x, and for every turn t, the noise, sqrt(abar_t) and sqrt(1 - abar_t)."""
    rng = np.random.default_rng(0)
    t = rng.integers(0, TIMES, (TURNS, n))
    abar = np.cumprod(1 - np.linspace(1e-4, 0.02, TIMES))[t][..., None, None, None]
    return {
        "x": rng.uniform(-1, 1, (n, 1, 28, 28)).astype(np.float32),
        "t*": t.astype(np.float32),
        "noise*": rng.standard_normal((TURNS, n, 1, 28, 28)).astype(np.float32),
        "signal*": np.sqrt(abar).astype(np.float32),
        "level*": np.sqrt(1 - abar).astype(np.float32),
    }


UNET = Workload(
    "U-Net", "DDPM, 32-64-128 channels on 28 x 28 images, residual blocks with group norm, MSE, Adam(1e-3)", 64, 54.1,
    lambda lib: [network(lib)], images,
    optimiser="Adam", settings={"lr": 1e-3}, objective=objective, convolutional=True,
)  # fmt: skip
