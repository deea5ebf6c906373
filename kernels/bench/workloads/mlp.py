"""MLP: a classifier of digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .workload import Workload


def network(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def objective(lib: Any, network: Any, x: Any, labels: Any) -> Any:
    return lib.nn.functional.cross_entropy(network(x), labels)


def digits(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"x": rng.standard_normal((n, 784)).astype(np.float32), "labels": rng.integers(0, 10, n)}


MLP = Workload(
    "MLP", "784-256-128-10, ReLU, cross-entropy, SGD", 32, 0.03220, lambda lib: [network(lib)], digits,
    optimiser="SGD", settings={"lr": 1e-2}, objective=objective,
)  # fmt: skip
