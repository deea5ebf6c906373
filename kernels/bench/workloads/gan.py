"""N1 and N2: a DCGAN's step, the discriminator's update and then the generator's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .workload import Arrays, Means, Phase, Workload


class Adversarial:
    """D on real and detached generated images, then G on the same generated images; BCE with logits, Adam on both.

    Where ``means.frozen``, D gets no weight gradients in G's phase: nobody uses them, but plain eager PyTorch has them.
    """

    def __init__(self, workload: Workload, means: Means, networks: list[Any], data: Arrays, settings: dict) -> None:
        lib = means.lib
        self.G, self.D = networks
        make = getattr(lib.optim, workload.optimiser)
        self.opt_G, self.opt_D = (make(n.parameters(), **settings, **means.optimiser) for n in networks)
        self.x, self.z = (means.tensor(data[key]) for key in ("x", "z"))
        self.ones, self.zeros = lib.ones(len(data["x"])), lib.zeros(len(data["x"]))
        self.unused = list(self.D.parameters()) if means.frozen else []
        self.generate = means.compiled(lambda z: self.G(z))
        self.loss_D = means.compiled(lambda x, fakes: discriminator_loss(lib, self.D, x, fakes, self.ones, self.zeros))
        self.loss_G = means.compiled(lambda fakes: workload.objective(lib, self.D, fakes, self.ones))
        self.phases = [Phase("D", self.discriminator, self.D), Phase("G", self.generator, self.G)]

    def discriminator(self) -> float:
        self.fakes = self.generate(self.z)
        self.opt_D.zero_grad()
        loss = self.loss_D(self.x, self.fakes.detach())
        loss.backward()
        self.opt_D.step()
        return loss.item()

    def generator(self) -> float:
        self.opt_G.zero_grad()
        for weight in self.unused:
            weight.requires_grad_(False)
        loss = self.loss_G(self.fakes)
        loss.backward()
        for weight in self.unused:
            weight.requires_grad_(True)
        self.opt_G.step()
        return loss.item()


def discriminator_loss(lib: Any, D: Any, x: Any, fakes: Any, ones: Any, zeros: Any) -> Any:
    bce = lib.nn.functional.binary_cross_entropy_with_logits
    return bce(D(x), ones) + bce(D(fakes), zeros)


def generator_loss(lib: Any, D: Any, fakes: Any, ones: Any) -> Any:
    """-log D(G(z)), the loss that does not saturate."""
    return lib.nn.functional.binary_cross_entropy_with_logits(D(fakes), ones)


def networks(lib: Any, name: str) -> list[Any]:
    """G and D: minigen's own model, or its twin."""
    if lib.__name__ == "torch":
        from . import torch_gan

        return getattr(torch_gan, name)()
    from minigen.models.gan import NETWORKS

    G, D = NETWORKS[name]
    return [G(), D()]


def images(size: int) -> Callable[[int], dict[str, np.ndarray]]:
    def batch(n: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        x = rng.uniform(-1, 1, (n, 1, size, size)).astype(np.float32)
        return {"x": x, "z": rng.standard_normal((n, 100, 1, 1)).astype(np.float32)}

    return batch


# A pre-activation near 0 falls on the other side of a LeakyReLU's kink by rounding alone: between PyTorch's own two
# layouts first gradients differ by 2e-3.
KINK = 5e-3

# 3G - g1 + 2 (3D - d1) + 2D with g1 and d1 the first layers, whose input gradients nobody needs
N1 = Workload(
    "N1", "DCGAN on 32 x 32 images, Adam(2e-4, 0.5, 0.999)", 64, 24.03, lambda lib: networks(lib, "n1"), images(32),
    optimiser="Adam", settings={"lr": 2e-4, "betas": (0.5, 0.999)}, objective=generator_loss, step=Adversarial,
    convolutional=True, phases=(1, 0), gradient_tolerance=KINK,
)  # fmt: skip
N2 = Workload(
    "N2", "the Keras DCGAN on 28 x 28 images, Adam(1e-4)", 64, 30.23, lambda lib: networks(lib, "n2"), images(28),
    optimiser="Adam", settings={"lr": 1e-4}, objective=generator_loss, step=Adversarial, convolutional=True,
    phases=(1, 0), gradient_tolerance=KINK,
)  # fmt: skip
