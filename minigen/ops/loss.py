"""Losses whose derivative is not that of their composition: it stays finite where a logarithm is cut off."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op
from .elementwise import log, log1p, maximum

Array = np.ndarray


@op
def bce(be: Any, x: Array, y: Array) -> Array:
    """z = -y log x - (1 - y) log(1 - x), the logarithms no lower than -100, as in PyTorch."""
    return -y * np.maximum(np.log(x), -100) - (1 - y) * np.maximum(np.log1p(-x), -100)


bce.vjps(
    lambda delta, _z, x, y: delta * (x - y) / maximum(x * (1 - x), 1e-12),  # dz/dx = (x - y) / (x (1 - x))
    lambda delta, _z, x, _y: delta * (maximum(log1p(-x), -100.0) - maximum(log(x), -100.0)),
)
