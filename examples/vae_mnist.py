"""A variational autoencoder learns handwritten digits and how to invent them (equations: minigen/models/vae.py)."""

from __future__ import annotations

import argparse
import math
import sys
from statistics import NormalDist
from typing import Any

import numpy as np

import minigen
from minigen import Tensor, nn, optim, plot, training
from minigen.models import vae
from minigen.training import Healthy

SHEET = 64  # images on a sample sheet
LONGEST = 100.0  # gradient: 25 is usual; in an hour some batch has a thousand, and a few of these end a run in NaN
SHOWN = 32  # test digits whose reconstructions are on a sheet
MEASURED = 500  # test digits that are measured after each epoch


class VAEExperiment(training.Experiment):
    """A variational autoencoder learns handwritten digits: an encoder q(z|x) writes each as a code of a few numbers, a
    decoder p(x|z) reads it (see minigen/models/vae.py for its equations). Each time a digit is drawn in training, its
    grey pixels are the probabilities of fresh black and white ones.

        python examples/vae_mnist.py              trains on the digits that come with minigen
        python examples/vae_mnist.py --data mnist --budget 10          on all of MNIST, for ten minutes
        python examples/vae_mnist.py --latent 2                        a code of two numbers: the plane of all digits
        python examples/vae_mnist.py --conditional                     then --classes 0123456789 draws a labelled grid
        python examples/vae_mnist.py --sample 64 --pretrained          draws digits at once

    Writes runs/vae_mnist/<time>/: after each epoch a sheet of samples and one of reconstructions; at the end
    reconstructions.png, interpolations.png, latent_plane.png, codes.png, kl_per_dimension.png, curves.png, training.gif
    and result.json with the test digits' negative log-likelihood; and metrics.jsonl, config.json and
    checkpoint.safetensors.
    """

    name = "vae_mnist"
    config = ("network", "latent", "conditional", "beta", "warm_up", "k", "ema", "nll_digits", "nll_draws")
    defaults = {"epochs": 30, "batch_size": 128, "lr": 4e-3}
    sampler = ("ema",)
    health = (
        Healthy("kl", 5, 35, "nats that a code carries; near 0 the decoder ignores it: lower --beta or --lr"),
        Healthy("active share", 0.6, 1, "of the codes answer to the image, the others have collapsed: lower --beta or "
                "--lr, a longer --warm-up; or there are more of them than it takes: a smaller --latent"),
        Healthy("diversity", 0.3, 1.1, "how much samples differ, real digits 1; near 0 all are one: see kl"),
    )  # fmt: skip
    curves = {
        "nats per digit": ("loss", "test loss"), "what the loss is made of": ("reconstruction", "kl"),
        "codes in use": ("active share",),
    }  # fmt: skip

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add("--network", choices=sorted(vae.NETWORKS), default="dense",
            help="n4: 784-400-20, as in the articles; dense: residual blocks of width 500; conv: convolutions on 7 x 7 "
            "cells; mixed: dense encoder, convolutional decoder (default %(default)s)")  # fmt: skip
        add("--latent", type=training.arguments.positive,
            help="numbers in a code; 2 can be drawn as a plane (default 20 for n4, else 40)")  # fmt: skip
        add("--conditional", action="store_true", help="tell encoder and decoder the label: draws with --classes")
        add("--beta", type=training.arguments.positive_float, default=1.0,
            help="weight of the divergence: above 1 a beta-VAE (default %(default)s)")  # fmt: skip
        add("--warm-up", type=float, default=0.1,
            help="part of the run in which beta rises from 0, or codes collapse before the decoder has learnt to read "
            "them (default %(default)s)")  # fmt: skip
        add("--k", type=training.arguments.positive, default=1,
            help="draws of the importance-weighted bound; 1 is the ELBO (default %(default)s)")  # fmt: skip
        add("--ema", type=float, default=0.999, help="decay of the averaged weights (default %(default)s)")
        add("--nll-digits", type=int, default=200,
            help="test digits whose likelihood is estimated at the end, 0 to leave it out (default %(default)s; all "
            "10,000 take twenty minutes: examples/vae_likelihood.py)")  # fmt: skip
        add("--nll-draws", type=training.arguments.positive, default=5000,
            help="codes that each estimate draws (default %(default)s)")  # fmt: skip

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        config["latent"] = config["latent"] or (20 if config["network"] == "n4" else 40)
        if config["k"] > 1 and config["beta"] != 1:
            raise ValueError("--k above 1 is a bound on log p(x), and --beta is none: leave out one of them")
        if not 0 <= config["warm_up"] <= 1:
            raise ValueError(f"--warm-up is a part of the run, from 0 to 1, not {config['warm_up']}")
        if config["nll_digits"] < 0:
            raise ValueError(f"--nll-digits must be at least 0, not {config['nll_digits']}")

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.classes = 10 if config["conditional"] else 0
        self.net = vae.NETWORKS[config["network"]](config["latent"], self.classes)
        self.ema = training.EMA(self.net, config["ema"])
        self.optimiser = optim.Adam(self.net.parameters(), lr=config["lr"])

    def data(self) -> Any:
        place, smoke = self.settings["data"], self.settings["smoke"]
        test = training.dataset(place, train=False, smoke=smoke)
        if len(test) < 8:
            raise ValueError(f"--data {place}: {len(test)} test images do not fill a row of 8; give more (of a folder "
                             "of pictures every tenth is for testing)")
        self.test, self.test_labels = test.get_batch(np.arange(len(test)))
        self.binary = vae.binarised_test(self.test)
        return training.dataset(place, smoke=smoke)

    def parts(self) -> dict[str, Any]:
        return {"net": self.net, "optimiser": self.optimiser, "ema": self.ema}

    def step(self, images: Tensor, labels: Tensor) -> dict[str, float]:
        x = minigen.bernoulli(images)  # a fresh binarisation
        label = labels if self.classes else None
        k, whole = self.settings["k"], self.settings["warm_up"]
        warm = min(self.progress / whole, 1.0) if whole else 1.0
        if k == 1 or warm < 1:
            bound = vae.elbo(self.net, x, label, beta=self.settings["beta"] * warm)
        else:
            bound = vae.iwae(self.net, x, label, k=k)
        loss = -bound.value.mean()
        row = {
            "loss": training.finite("loss", loss),
            "reconstruction": -bound.reconstruction.mean().item(),
            "kl": bound.kl.sum(1).mean().item(),
            "active share": vae.active_units(bound.mean.numpy()) / self.net.latent,
        }
        self.optimiser.zero_grad()
        loss.backward()
        row["gradient"] = nn.utils.clip_grad_norm_(self.net.parameters(), LONGEST).item()
        ramp = min(self.progress * 100 + 0.01, 1.0)  # Adam's first steps are large ones in directions still unknown
        self.optimiser.param_groups[0]["lr"] = (
            self.settings["lr"] * ramp * 0.5 * (1 + math.cos(math.pi * self.progress))
        )
        self.optimiser.step()
        self.ema.update()
        return row

    # pictures -------------------------------------------------------------------------------------
    def sheet(self) -> dict[str, np.ndarray]:
        labels = np.arange(SHEET) % self.classes if self.classes else None
        samples, _ = self.draw(SHEET, labels, minigen.Generator(self.settings["seed"] + 1))
        return {"samples": samples, "reconstructions": self.reconstructed(SHOWN)}

    def draw(
        self, n: int, labels: np.ndarray | None, generator: minigen.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Pictures of z ~ N(0, I): p(x_i = 1|z) as grey."""
        return self.pictures(minigen.randn(n, self.net.latent, generator=generator).numpy(), labels), labels

    def pictures(self, z: np.ndarray, labels: np.ndarray | None = None, batch: int = 1000) -> np.ndarray:
        """p(x_i = 1|z) of codes (N, latent), as uint8 (N, 28, 28)."""
        images = []
        with self.ema.applied(), minigen.no_grad():
            for i in range(0, len(z), batch):
                label = None if labels is None else minigen.tensor(labels[i : i + batch])
                logits = self.net.decode(minigen.tensor(np.asarray(z[i : i + batch], np.float32)), label)
                images.append(plot.to_uint8(minigen.sigmoid(logits).numpy(), 0, 1))
        return np.concatenate(images)

    def codes(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """mean and logvar of q(z|x) for the first test digits, (n, latent) each."""
        with self.ema.applied(), minigen.no_grad():
            mean, logvar = self.net.encode(minigen.tensor(self.binary[:n]), self.given(n))
        return mean.numpy(), logvar.numpy()

    def given(self, n: int) -> Tensor | None:
        return minigen.tensor(self.test_labels[:n]) if self.classes else None

    def labels(self, like: np.ndarray) -> np.ndarray | None:
        return np.asarray(like) if self.classes else None

    def reconstructed(self, n: int) -> np.ndarray:
        """Rows of eight test digits, binarised, each row above what decoder and mean code make of it."""
        n = min(n, len(self.test)) // 8 * 8
        mean, _ = self.codes(n)
        again = self.pictures(mean, self.labels(self.test_labels[:n]))
        both = np.stack([plot.to_uint8(self.binary[:n], 0, 1).reshape(-1, 8, 28, 28), again.reshape(-1, 8, 28, 28)], 1)
        return both.reshape(-1, 28, 28)

    def measure(self) -> dict[str, float]:
        n = min(MEASURED, len(self.test))
        with self.ema.applied(), minigen.no_grad():
            bound = vae.elbo(self.net, minigen.tensor(self.binary[:n]), self.given(n), generator=minigen.Generator(1))
        return {"test loss": -bound.value.mean().item()}

    def conclude(self, run: training.Run) -> dict[str, Any]:
        place = run.folder
        plot.save_grid(self.reconstructed(96), place / "reconstructions.png")
        plot.save_grid(self.interpolations(), place / "interpolations.png", columns=10)
        mean, logvar = self.codes(min(len(self.test), 5000))
        with minigen.no_grad():
            kl = vae.kl_to_prior(minigen.tensor(mean), minigen.tensor(logvar)).double().numpy().mean(axis=0)
        kl = np.sort(kl)[::-1]
        plane, axes = self.plane(mean)
        plot.save_grid(plane, place / "latent_plane.png", columns=20)
        plot.save_scatter(mean @ axes, self.test_labels[: len(mean)], place / "codes.png", "mean codes of test digits")
        plot.save_bars(kl, place / "kl_per_dimension.png", "KL(q(z|x) || p(z)) per dimension, in nats")
        active = vae.active_units(mean)
        if active < self.net.latent:
            print(f"{self.net.latent - active} of {self.net.latent} codes have collapsed: they say nothing about x")
        found = {"kl_per_dimension": kl.round(4).tolist(), "active_units": active}
        n = min(self.settings["nll_digits"], len(self.test))
        if n and not self.settings["smoke"]:
            with self.ema.applied():
                x = minigen.tensor(self.binary[:n])
                likelihood = vae.log_likelihood(self.net, x, self.given(n), k=self.settings["nll_draws"])
            found |= likelihood.summary(self.settings["nll_draws"])
            print(f"test NLL of {n} digits: {likelihood.nll:.2f} nats (standard error {likelihood.standard_error:.2f})")
        return found

    def interpolations(self, rows: int = 10, columns: int = 10) -> np.ndarray:
        """Each row leads along a straight line from the code of one test digit to that of another."""
        rows = min(rows, len(self.test) // 2)
        mean, _ = self.codes(2 * rows)
        along = np.linspace(0, 1, columns)[:, None]
        lines = [(1 - along) * mean[2 * i] + along * mean[2 * i + 1] for i in range(rows)]
        labels = np.repeat(self.test_labels[: 2 * rows : 2], columns)  # a conditional VAE writes the first one's class
        return self.pictures(np.concatenate(lines), self.labels(labels))

    def plane(self, mean: np.ndarray, side: int = 20) -> tuple[np.ndarray, np.ndarray]:
        """The plane in which the codes are spread most, at the quantiles of N(0, 1) in either direction; its two axes.

        With two numbers in a code that is all there is (Kingma & Welling 2014, figure 4).
        """
        if mean.shape[1] <= 2:
            axes = np.eye(mean.shape[1])
        else:
            axes = np.linalg.svd(mean - mean.mean(axis=0), full_matrices=False)[2][:2].T
        along = np.array([NormalDist().inv_cdf((i + 0.5) / side) for i in range(side)])
        points = np.stack(np.meshgrid(along, along[::-1]), -1).reshape(-1, 2)[:, : axes.shape[1]]
        return self.pictures(points @ axes.T, self.labels(np.full(len(points), 3))), axes


if __name__ == "__main__":
    sys.exit(training.script(VAEExperiment))
