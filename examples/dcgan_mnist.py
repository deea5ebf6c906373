"""The DCGAN of the listings, as a script: see minigen/models/gan/ for the equations, docs/dcgan.md for the story."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import minigen
from minigen import Tensor, optim, plot, training
from minigen.data import transforms
from minigen.models import gan

SHEET = 64  # images on a sample sheet
CHECKED = 2000  # generated images that the digit check looks at


class DCGAN(training.Experiment):
    """A DCGAN learns to draw handwritten digits: two networks, one game (see minigen/models/gan/ for its equations).

    python examples/dcgan_mnist.py              trains on the digits that come with minigen, ten minutes on two cores
    python examples/dcgan_mnist.py --resume     goes on where the newest run stopped, bitwise
    python examples/dcgan_mnist.py --sample 64 --out digits.npz     draws digits with the newest run's generator
    python examples/dcgan_mnist.py --sample 64 --pretrained         draws digits with one that comes with minigen

    Writes runs/dcgan_mnist/<time>/: a sample sheet per epoch (always from the same noise), real_vs_generated.png,
    curves.png, training.gif, metrics.jsonl, config.json, result.json and checkpoint.safetensors. Ctrl-C saves and exits
    with status 130.
    """

    name = "dcgan_mnist"
    config = ("network", "loss", "beta1", "init")
    defaults = {"epochs": 30, "batch_size": 64}
    sampler = ("G",)
    curves = {"losses": ("loss_D", "loss_G"), "what D thinks": ("D(x)", "D(G(z))")}
    health = (
        training.Healthy("D(x)", 0.6, 0.95, "above: D wins, G gets no gradient; below: D is blind"),
        training.Healthy("D(G(z))", 0.05, 0.4, "below: D wins, G gets no gradient; above: D is blind"),
        training.Healthy("diversity", 0.7, 1.3, "below: G draws the same image again and again (mode collapse)"),
    )

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--network", choices=sorted(gan.NETWORKS), default="n1",
            help="n1: the DCGAN of the PyTorch listing, 32 x 32; n2: the Keras one, 28 x 28")  # fmt: skip
        add("--loss", choices=["nonsaturating", "minimax"], default="nonsaturating",
            help="the generator's loss: D7 or the second term of D5")  # fmt: skip
        add("--beta1", type=float, default=0.5,
            help="Adam's first decay; the listings have 0.9, 0.5 damps oscillation (default %(default)s)")  # fmt: skip
        add("--init", choices=["dcgan", "default"], default="dcgan",
            help="dcgan: N(0, 0.02) weights, as in the paper; default: the layers' own")  # fmt: skip

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        if config["lr"] is None:
            config["lr"] = 2e-4 if config["network"] == "n1" else 1e-4

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        makers: Any = gan.NETWORKS[config["network"]]
        self.G, self.D = (make() for make in makers)
        if config["init"] == "dcgan":
            self.G.apply(gan.dcgan_init)
            self.D.apply(gan.dcgan_init)
        self.g_loss = gan.generator_loss if config["loss"] == "nonsaturating" else gan.minimax_generator_loss
        settings = {"lr": config["lr"], "betas": (config["beta1"], 0.999)}
        self.opt_G, self.opt_D = (optim.Adam(net.parameters(), **settings) for net in (self.G, self.D))
        self.noise = minigen.randn(CHECKED, self.G.z_dim, generator=minigen.Generator(config["seed"] + 1))

    def data(self) -> Any:
        """Digits scaled to [-1, 1], padded with black to 32 x 32 where the network wants that."""
        steps: list[Any] = [transforms.Normalize(0.5, 0.5)]
        if self.G.image_size == 32:
            steps.insert(0, transforms.Pad(2))
        return training.dataset(self.settings["data"], transforms.Compose(steps), smoke=self.settings["smoke"])

    def parts(self) -> dict[str, Any]:
        return {"G": self.G, "D": self.D, "opt_G": self.opt_G, "opt_D": self.opt_D}

    # the game: D learns to tell real from fake, then G to fool it --------------------------------------
    def step(self, real: Tensor, _labels: Tensor) -> dict[str, float]:
        fake = self.G(minigen.randn(len(real), self.G.z_dim))

        logit_real, logit_fake = self.D(real), self.D(fake.detach())
        loss_D = gan.discriminator_loss(logit_real, logit_fake)  # D6
        row = {"loss_D": training.finite("loss_D", loss_D), "D(x)": _mean_D(logit_real), "D(G(z))": _mean_D(logit_fake)}
        self.opt_D.zero_grad()
        loss_D.backward()
        self.opt_D.step()

        loss_G = self.g_loss(self.D(fake))  # D7
        row["loss_G"] = training.finite("loss_G", loss_G)
        self.opt_G.zero_grad()
        loss_G.backward(inputs=list(self.G.parameters()))  # no gradient for D's weights: nobody asks for them
        self.opt_G.step()
        return row

    # pictures -----------------------------------------------------------------------------------------
    def images(self, z: Tensor, batch: int = 250) -> np.ndarray:
        """Images of noise, uint8 (N, H, W), in evaluation mode."""
        self.G.eval()
        with minigen.no_grad():
            images = [plot.to_uint8(self.G(z[i : i + batch]).numpy()) for i in range(0, len(z), batch)]
        self.G.train()
        return np.concatenate(images)

    def sheet(self) -> np.ndarray:
        return self.images(self.noise[:SHEET])

    def draw(self, n: int, labels: np.ndarray | None, generator: Any) -> tuple[np.ndarray, None]:
        return self.images(minigen.randn(n, self.G.z_dim, generator=generator)), None

    def conclude(self, run: training.Run) -> dict[str, Any]:
        from minigen.metrics import digits as check

        images = self.images(self.noise)
        real = plot.to_uint8(self.dataset[:SHEET][0])
        plot.save_side_by_side({"real": real, "generated": images[:SHEET]}, run.folder / "real_vs_generated.png")
        if self.dataset.name != "MNIST":
            return {}  # the check knows digits alone
        report = check.report(images)
        print(report)
        return {
            "checked": report.n, "accepted": report.accepted_share, "accepted_of_real": report.real_share,
            "ratio": report.ratio, "class_shares": report.class_shares, "passed": report.passed,
        }  # fmt: skip


def _mean_D(logits: Tensor) -> float:
    return minigen.sigmoid(logits.detach()).mean().item()


if __name__ == "__main__":
    sys.exit(training.script(DCGAN))
