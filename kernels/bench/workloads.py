"""The training steps that are timed: networks and fixed batches, float32; each loss is read in every step.

minigen has PyTorch's names, so one definition serves both: ``lib`` is the module ``minigen`` or ``torch``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Phase(NamedTuple):
    """A part of a step that ends with an update: ``run()`` returns the loss, ``trained`` is what it updates."""

    name: str
    run: Callable[[], float]
    trained: Any


class Adversarial:
    """D on real and detached generated images, then G on the same generated images; BCE with logits, Adam on both.

    ``frozen``: in G's phase D gets no weight gradients, which nobody would use. Plain eager PyTorch computes them.
    """

    def __init__(
        self, lib: Any, networks: list[Any], data: dict[str, np.ndarray], settings: dict[str, Any], frozen: bool
    ) -> None:
        self.F = lib.nn.functional
        self.G, self.D = networks
        self.opt_G, self.opt_D = (lib.optim.Adam(network.parameters(), **settings) for network in networks)
        self.x, self.z = (lib.from_numpy(data[key]) for key in ("x", "z"))
        self.ones, self.zeros = lib.ones(len(data["x"])), lib.zeros(len(data["x"]))
        self.targets = list(self.G.parameters()) if frozen else None
        self.phases = [Phase("D", self.discriminator, self.D), Phase("G", self.generator, self.G)]

    def discriminator(self) -> float:
        bce = self.F.binary_cross_entropy_with_logits
        self.fakes = self.G(self.z)
        self.opt_D.zero_grad()
        loss = bce(self.D(self.x), self.ones) + bce(self.D(self.fakes.detach()), self.zeros)
        loss.backward()
        self.opt_D.step()
        return loss.item()

    def generator(self) -> float:
        self.opt_G.zero_grad()
        loss = self.F.binary_cross_entropy_with_logits(self.D(self.fakes), self.ones)
        loss.backward(inputs=self.targets)
        self.opt_G.step()
        return loss.item()


class Classifier:
    """Cross-entropy and SGD."""

    def __init__(
        self, lib: Any, networks: list[Any], data: dict[str, np.ndarray], settings: dict[str, Any], frozen: bool
    ) -> None:
        self.F = lib.nn.functional
        (self.network,) = networks
        self.optimiser = lib.optim.SGD(self.network.parameters(), **settings)
        self.x, self.labels = (lib.from_numpy(data[key]) for key in ("x", "labels"))
        self.phases = [Phase("step", self.step, self.network)]

    def step(self) -> float:
        self.optimiser.zero_grad()
        loss = self.F.cross_entropy(self.network(self.x), self.labels)
        loss.backward()
        self.optimiser.step()
        return loss.item()


def mlp(nn: Any) -> list[Any]:
    return [nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))]


def minigen_gan(network: str) -> list[Any]:
    from minigen.models.gan import NETWORKS

    G, D = NETWORKS[network]
    return [G(), D()]


def minigen_mlp() -> list[Any]:
    from minigen import nn

    return mlp(nn)


def torch_mlp() -> list[Any]:
    from torch import nn

    return mlp(nn)


def torch_gan(network: str) -> list[Any]:
    from . import torch_networks

    return getattr(torch_networks, network)()


def images(size: int) -> Callable[[int], dict[str, np.ndarray]]:
    def batch(n: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        x = rng.uniform(-1, 1, (n, 1, size, size)).astype(np.float32)
        return {"x": x, "z": rng.standard_normal((n, 100, 1, 1)).astype(np.float32)}

    return batch


def digits(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"x": rng.standard_normal((n, 784)).astype(np.float32), "labels": rng.integers(0, 10, n)}


@dataclass(frozen=True)
class Workload:
    """A step by its name, and what it is in words."""

    name: str
    words: str
    batch_size: int
    step: Callable[..., Any]
    settings: dict[str, Any]
    data: Callable[[int], dict[str, np.ndarray]]
    minigen: Callable[[], list[Any]]
    torch: Callable[[], list[Any]]


WORKLOADS = {
    w.name: w
    for w in (
        Workload(
            "N1", "DCGAN on 32 x 32 images, Adam(2e-4, 0.5, 0.999)", 64, Adversarial,
            {"lr": 2e-4, "betas": (0.5, 0.999)}, images(32), lambda: minigen_gan("n1"), lambda: torch_gan("n1"),
        ),
        Workload(
            "N2", "the Keras DCGAN on 28 x 28 images, Adam(1e-4)", 64, Adversarial,
            {"lr": 1e-4}, images(28), lambda: minigen_gan("n2"), lambda: torch_gan("n2"),
        ),
        Workload(
            "MLP", "784-256-128-10, ReLU, cross-entropy, SGD", 32, Classifier,
            {"lr": 1e-2}, digits, minigen_mlp, torch_mlp,
        ),
    )
}  # fmt: skip
