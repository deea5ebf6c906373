"""The GANs of minigen/models/gan/ on small grey images: every loss, with and without classes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import minigen
from minigen import Tensor, optim, plot, training
from minigen.data import transforms
from minigen.models import gan
from minigen.training.checks import positive, positive_float

SHEET = 80

# D's norm, Adam's beta1, learning rates of G and D, steps of D for one of G. Nonsaturating, hinge: as tried on MNIST;
# least-squares and minimax take the former's, the others their papers' (whose RMSprop is Adam without beta1).
SETTINGS = {
    "nonsaturating": {"norm": "batch", "beta1": 0.5, "lr": 4e-4, "lr_d": 4e-4, "critic": 1},
    "minimax": {"norm": "batch", "beta1": 0.5, "lr": 4e-4, "lr_d": 4e-4, "critic": 1},
    "least-squares": {"norm": "batch", "beta1": 0.5, "lr": 4e-4, "lr_d": 4e-4, "critic": 1},
    "wgan": {"norm": "batch", "beta1": 0.0, "lr": 5e-5, "lr_d": 5e-5, "critic": 5},
    "wgan-gp": {"norm": "none", "beta1": 0.0, "lr": 1e-4, "lr_d": 1e-4, "critic": 5},
    "hinge": {"norm": "spectral", "beta1": 0.0, "lr": 4e-4, "lr_d": 8e-4, "critic": 1},
}
BALANCE = {  # of D's loss, which says who is ahead
    "nonsaturating": training.Healthy("loss_D", 0.2, 1.0, "below: D wins, G learns nothing; near 1.39: D is blind"),
    "hinge": training.Healthy("loss_D", 0.1, 1.85, "below: D wins, G learns nothing; near 2: D is blind"),
}
COLLAPSE = training.Healthy("diversity", 0.8, 1.2, "below: G draws the same image again and again (mode collapse)")
PENALTY = 10.0  # lambda of WGAN-GP
CLIP = 0.01  # WGAN's c


class GAN(training.Experiment):
    """A generative adversarial network learns to draw: docs/gan.md has the equations and figures.

    python examples/gan_mnist.py --data mnist --budget 10               ten minutes on all of MNIST
    python examples/gan_mnist.py --classes 0123456789                   draws with the newest run's generator
    python examples/gan_mnist.py --classes 0123456789 --pretrained      ... with the one that comes with minigen
    python examples/gan_mnist.py --condition classifier                 AC-GAN
    python examples/gan_mnist.py --condition none --loss wgan-gp        without classes, another game
    """

    name = "gan_mnist"
    config = ("loss", "condition", "norm", "beta1", "lr_d", "critic", "width", "z_dim", "ema", "r1", "weight")
    defaults = {"epochs": 30, "batch_size": None}
    sampler = ("ema",)
    curves = {"losses": ("loss_D", "loss_G"), "d of real and generated images": ("d(x)", "d(G(z))")}
    columns = 10

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--loss", choices=list(gan.GAMES), default="hinge", help="the game (default %(default)s)")
        add("--condition", choices=gan.CONDITIONS, default="labels",
            help="labels: G is told a class, and so is D; classifier: D has to name the class, AC-GAN; none: G draws "
            "what it likes (default %(default)s)")  # fmt: skip
        add("--width", type=positive, default=32, help="channels of the widest layers / 2 (default %(default)s)")
        add("--z-dim", type=positive, default=64, help="numbers of noise per image (default %(default)s)")
        add("--norm", choices=gan.NORMS, help="D's (default: what suits the loss)")
        add("--beta1", type=float, help="Adam's first decay (default: what suits the loss)")
        add("--lr-d", type=positive_float, help="D's learning rate; --lr is G's (default: what suits the loss)")
        add("--critic", type=positive,
            help="steps of D for one of G, which share the --batch-size, by default 64 each (default: what suits)")
        add("--ema", type=float, default=0.999, help="decay of the average of G's weights, which draws")
        add("--r1", type=float, default=0.0, help="weight of the penalty |grad d(x)|^2 / 2 at real images")
        add("--weight", type=float, default=0.25,
            help="AC-GAN: weight of the classification loss for G; it is 1 for D (default %(default)s)")  # fmt: skip

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        for name, value in SETTINGS[config["loss"]].items():
            if config[name] is None:
                config[name] = value
        if config["batch_size"] is None:
            config["batch_size"] = 64 * config["critic"]
        if config["batch_size"] < config["critic"]:
            raise ValueError(f"--batch-size {config['batch_size']}: D's {config['critic']} steps need an image each")
        if config["norm"] == "batch" and (config["loss"] == "wgan-gp" or config["r1"]):
            raise ValueError("--norm batch: a gradient penalty needs a D that treats each image by itself; use "
                             "spectral or none")

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        conditional = config["condition"] != "none"
        self.classes = 10 if conditional else 0
        self.game = gan.GAMES[config["loss"]]
        self.health = (*filter(None, [BALANCE.get(config["loss"])]), COLLAPSE)
        self.G = gan.Generator(config["z_dim"], config["width"], self.classes)
        self.D = gan.Discriminator(config["width"], self.classes, config["condition"], config["norm"])
        self.G.apply(gan.dcgan_init)
        if config["norm"] == "batch":
            self.D.apply(gan.dcgan_init)
        betas = (config["beta1"], 0.999)
        self.opt_G = optim.Adam(self.G.parameters(), lr=config["lr"], betas=betas)
        self.opt_D = optim.Adam(self.D.parameters(), lr=config["lr_d"], betas=betas)
        self.ema = training.EMA(self.G, config["ema"])
        own = minigen.Generator(config["seed"] + 1)
        self.noise = minigen.randn(SHEET, config["z_dim"], generator=own)

    def data(self) -> Any:
        dataset = training.dataset(self.settings["data"], transforms.Normalize(0.5, 0.5), smoke=self.settings["smoke"])
        if self.classes and len(np.unique(dataset.labels)) < 2:
            raise ValueError(f"--condition {self.settings['condition']}: the images of {dataset.source} have no "
                             "labels, all are of one class; put them into a folder per class, or use --condition none")
        if self.classes and dataset.labels.max() >= self.classes:
            raise ValueError(f"--condition: {dataset.source} has {dataset.labels.max() + 1} classes, at most "
                             f"{self.classes} can be learned here")
        return dataset

    def parts(self) -> dict[str, Any]:
        return {"G": self.G, "D": self.D, "opt_G": self.opt_G, "opt_D": self.opt_D, "ema": self.ema}

    # the game -----------------------------------------------------------------------------------------
    def step(self, images: Tensor, labels: Tensor) -> dict[str, float]:
        decay = min(1.0, 2 * (1 - self.progress))  # the second half anneals to 0
        self.opt_G.param_groups[0]["lr"] = self.settings["lr"] * decay
        self.opt_D.param_groups[0]["lr"] = self.settings["lr_d"] * decay
        k = self.settings["critic"]
        share = len(images) // k
        row: dict[str, float] = {}
        for i in range(k):
            part = slice(i * share, (i + 1) * share)
            row = self.step_D(images[part], labels[part])
        return row | self.step_G(labels[:share])

    def step_D(self, real: Tensor, labels: Tensor) -> dict[str, float]:
        """D learns to tell real images from generated ones, and, in an AC-GAN, to name the real ones' classes."""
        with minigen.no_grad():
            fake = self.G(minigen.randn(len(real), self.G.z_dim), labels)
        (d_real, c_real), (d_fake, _) = self.D(real, labels), self.D(fake, labels)
        loss = self.game.discriminator(d_real, d_fake)
        row = {"loss_D": training.finite("loss_D", loss), "d(x)": d_real.mean().item(), "d(G(z))": d_fake.mean().item()}
        if c_real is not None:
            loss_C = gan.classification_loss(c_real, labels)  # D11
            row["loss_C"] = training.finite("loss_C", loss_C)
            loss = loss + loss_C
        if self.settings["loss"] == "wgan-gp":
            penalty = gan.gradient_penalty(lambda x: self.D(x, labels)[0], real, fake)
            row["penalty"] = training.finite("penalty", penalty)
            loss = loss + PENALTY * penalty
        if self.settings["r1"]:
            loss = loss + self.settings["r1"] * gan.r1_penalty(lambda x: self.D(x, labels)[0], real)
        self.opt_D.zero_grad()
        loss.backward()
        self.opt_D.step()
        if self.settings["loss"] == "wgan":
            gan.clip_weights_(self.D, CLIP)
        return row

    def step_G(self, labels: Tensor) -> dict[str, float]:
        """G learns to raise d of its images, and, in an AC-GAN, to be recognised as the class that was asked for."""
        d, c = self.D(self.G(minigen.randn(len(labels), self.G.z_dim), labels), labels)
        loss = self.game.generator(d)
        row = {"loss_G": training.finite("loss_G", loss)}
        if c is not None:
            loss = loss + self.settings["weight"] * gan.classification_loss(c, labels)
        self.opt_G.zero_grad()
        loss.backward(inputs=list(self.G.parameters()))  # no gradient for D's weights: nobody asks for them
        self.opt_G.step()
        self.ema.update()
        return row

    # pictures -----------------------------------------------------------------------------------------
    def images(self, z: Tensor, labels: np.ndarray | None, batch: int = 250) -> np.ndarray:
        """Images of noise, uint8 (N, H, W), by the averaged generator in evaluation mode."""
        chosen = None if labels is None else minigen.tensor(labels)
        found = []
        with minigen.no_grad(), self.ema.applied() as G:
            G.eval()
            for i in range(0, len(z), batch):
                y = None if chosen is None else chosen[i : i + batch]
                found.append(plot.to_uint8(G(z[i : i + batch], y).numpy()))
            G.train()
        return np.concatenate(found)

    def sheet(self) -> np.ndarray:
        return self.images(self.noise, np.arange(SHEET) % 10 if self.classes else None)

    def draw(self, n: int, labels: np.ndarray | None, generator: Any) -> tuple[np.ndarray, np.ndarray | None]:
        return self.images(minigen.randn(n, self.G.z_dim, generator=generator), labels), labels

    def conclude(self, run: training.Run) -> dict[str, Any]:
        real = plot.to_uint8(self.dataset[:SHEET][0])
        panels = {"real": real, "generated": self.sheet()}
        plot.save_side_by_side(panels, run.folder / "real_vs_generated.png", self.columns)
        loss, condition, budget = (self.settings[name] for name in ("loss", "condition", "budget"))
        kind = {"labels": "told the class", "classifier": "AC-GAN", "none": "without classes"}[condition]
        name = {"name": f"{loss}, {kind}"}
        if budget and self.dataset.name == "MNIST" and len(self.dataset) == 60_000:  # a row of docs/results/README.md
            return {**name, "row": "acgan" if condition == "classifier" else "gan", "budget": round(budget)}
        return name


if __name__ == "__main__":
    sys.exit(training.script(GAN))
