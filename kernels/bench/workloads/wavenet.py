"""WaveNet: the next sample of a waveform from 256 classes, by gated dilated convolutions (van den Oord 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np

import minigen.models.wavenet

from .workload import Workload

CLASSES, STEPS, RESIDUAL, SKIP = 256, 4096, 32, 64
DILATIONS = [2**i for i in range(8)] * 2


def residual_unit(lib: Any, layer: Any, x: Any, skips: Any) -> tuple[Any, Any]:
    """z = tanh(f) sigmoid(g), (f, g) = W x_t + V x_(t - dilation) + b (equation 2);  x + R z,  skips + S z.

    x (N, 32, T), skips (N, 64, T). ``layer.residual`` is None in the last layer, whose x nobody reads.
    """
    F = lib.nn.functional
    f, g = layer.dilated(F.pad(x, (layer.dilation, 0))).chunk(2, 1)
    z = lib.tanh(f) * lib.sigmoid(g)
    skip = layer.skip(z)
    skips = skip if skips is None else skips + skip
    return (x if layer.residual is None else x + layer.residual(z)), skips


def network(lib: Any) -> Any:
    """minigen's own model, whose units are fused; for other libraries the same by their functions."""
    if lib is minigen:
        return minigen.models.wavenet.WaveNet(CLASSES, RESIDUAL, SKIP, stacks=2, layers=8)
    nn, F = lib.nn, lib.nn.functional

    class Layer(lib.nn.Module):
        def __init__(self, dilation: int, last: bool) -> None:
            super().__init__()
            self.dilation = dilation
            self.dilated = nn.Conv1d(RESIDUAL, 2 * RESIDUAL, 2, dilation=dilation)
            self.skip = nn.Conv1d(RESIDUAL, SKIP, 1)
            self.residual = None if last else nn.Conv1d(RESIDUAL, RESIDUAL, 1)

    class WaveNet(lib.nn.Module):
        """Two stacks of 8 layers, dilation 1 to 128, then ReLU, 1 x 1, ReLU, 1 x 1."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(CLASSES, RESIDUAL)
            last = len(DILATIONS) - 1
            self.layers = nn.ModuleList([Layer(d, i == last) for i, d in enumerate(DILATIONS)])
            self.head1, self.head2 = nn.Conv1d(SKIP, SKIP, 1), nn.Conv1d(SKIP, CLASSES, 1)

        def forward(self, samples: Any) -> Any:
            x, skips = self.embedding(samples).transpose(1, 2), None  # (N, 32, T)
            for layer in self.layers:
                x, skips = residual_unit(lib, layer, x, skips)
            return self.head2(F.relu(self.head1(F.relu(skips))))  # (N, 256, T)

        def loss(self, samples: Any, targets: Any) -> Any:
            return F.cross_entropy(self(samples), targets)

    return WaveNet()


def objective(lib: Any, network: Any, samples: Any, targets: Any) -> Any:
    return network.loss(samples, targets)


def waveform(n: int) -> dict[str, np.ndarray]:
    samples = np.random.default_rng(0).integers(0, CLASSES, (n, STEPS + 1))
    return {"samples": samples[:, :-1].copy(), "targets": samples[:, 1:].copy()}


# F = 2 n T (16 (2 32 64 + 32 64) + 15 32 32 + 64 64 + 64 256); 3 F: the embedding needs its gradient
WAVENET = Workload(
    "WaveNet", "embedding 256 x 32, 2 stacks x 8 layers, kernel 2, dilation 1..128, residual 32, gate tanh·sigmoid, "
    "skip 64, head 64 and 256, T 4096, cross-entropy at every step, Adam(1e-3)", 4, 13.19, lambda lib: [network(lib)],
    waveform, optimiser="Adam", settings={"lr": 1e-3}, objective=objective,
)  # fmt: skip
