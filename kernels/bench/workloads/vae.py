"""VAE: the evidence lower bound on images of 784 pixels (Kingma & Welling 2014)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .workload import Workload

TURNS = 4  # draws of eps that the steps take in turn


def network(lib: Any) -> Any:
    nn, F = lib.nn, lib.nn.functional

    class VAE(lib.nn.Module):
        """784-400-(20, 20)-20-400-784."""

        def __init__(self) -> None:
            super().__init__()
            self.encode = nn.Linear(784, 400)
            self.mean, self.log_variance = nn.Linear(400, 20), nn.Linear(400, 20)
            self.decode, self.pixels = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, x: Any, eps: Any) -> tuple[Any, Any, Any]:
            h = F.relu(self.encode(x))
            mean, log_variance = self.mean(h), self.log_variance(h)
            z = mean + eps * lib.exp(0.5 * log_variance)  # equation 10: the draw is an input, so gradients pass
            return self.pixels(F.relu(self.decode(z))), mean, log_variance

    return VAE()


def objective(lib: Any, network: Any, x: Any, eps: Any) -> Any:
    """-log p(x | z) + KL(q(z | x) | N(0, 1)), summed over the batch."""
    logits, mean, log_variance = network(x, eps)
    reconstruction = lib.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return reconstruction - 0.5 * (1 + log_variance - mean * mean - lib.exp(log_variance)).sum()


def pixels(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "x": rng.uniform(0, 1, (n, 784)).astype(np.float32),
        "eps*": rng.standard_normal((TURNS, n, 20)).astype(np.float32),
    }


# F = 2 n (784 400 + 2 400 20 + 20 400 + 400 784); 3 F without the input gradient at x
VAE = Workload(
    "VAE", "784-400-(20, 20)-20-400-784, ReLU, BCE sum + KL, Adam(1e-3)", 128, 0.4199,
    lambda lib: [network(lib)], pixels, optimiser="Adam", settings={"lr": 1e-3}, objective=objective,
)  # fmt: skip
