"""The N1 listing in PyTorch, trained as it stands: what a GAN of minigen is compared with, in the same wall time.

    python -m minigen.kernels.bench listing --minutes 10 --out n1_torch.npz
    python -m minigen.metrics mnist n1_torch.npz

As the listing has it: PyTorch's own initial weights, Adam(2e-4) with PyTorch's betas (0.9, 0.999), batch 64, binary
cross-entropy on D's sigmoid with labels 1 and 0. Mended as it must be to run: digits padded to 32 x 32, one channel's
mean, D's answers flattened. In PyTorch's favour: all digits lie ready in memory, D's step sees detached fakes, and only
steps are timed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np

from minigen.data import MNIST
from minigen.files import write_json

from . import machine, options, timed

SAMPLES = 10_000
BATCH = 64


def add_options(commands: Any) -> None:
    parser = commands.add_parser("listing", help="train the N1 listing in PyTorch and draw 10,000 digits with it")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training steps (default %(default)s)")
    parser.add_argument("--data", metavar="FOLDER", help="with MNIST's files (default: searched, downloaded)")
    parser.add_argument("--out", type=Path, default=Path("n1_torch.npz"), help="images, uint8 (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=options.at_least_one, default=1)


def run(wanted: argparse.Namespace) -> int:
    """Train, draw, write FILE.npz and FILE.json; the exit code."""
    if not options.installed("torch"):
        print("PyTorch is not installed, and this command trains with it: pip install torch", file=sys.stderr)
        return 1
    import torch

    torch.set_num_threads(wanted.threads)
    torch.manual_seed(wanted.seed)
    digits = MNIST(wanted.data)
    game = Game(torch)
    before = machine.describe()
    steps, seconds = game.train(digits.images, wanted.minutes * 60)
    images = game.draw(SAMPLES)
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(wanted.out, images=images)
    result = {
        "name": "the N1 listing in PyTorch", "seed": wanted.seed,
        **({"peer": "gan", "budget": wanted.minutes} if seconds >= wanted.minutes * 60 else {}),
        "command": f"python -m minigen.kernels.bench listing --minutes {wanted.minutes:g} --seed {wanted.seed}",
        "minutes": seconds / 60, "steps": steps, "threads": wanted.threads, "digits": len(digits), "machine": before,
    }  # fmt: skip
    write_json(wanted.out.with_suffix(".json"), result)
    print(f"{steps:,} steps in {seconds / 60:.1f} minutes; {len(images):,} digits in {wanted.out}")
    return 0


class Game:
    """The listing's two networks, its losses and its optimisers."""

    def __init__(self, torch: Any) -> None:
        from .workloads import torch_gan

        self.torch = torch
        self.G, self.D = torch_gan.n1()  # D ends before the listing's sigmoid
        self.opt_G, self.opt_D = (torch.optim.Adam(net.parameters(), lr=0.0002) for net in (self.G, self.D))
        self.loss = torch.nn.BCELoss()

    def train(self, digits: np.ndarray, limit: float) -> tuple[int, float]:
        """Epochs over uint8 digits (N, 28, 28) until the steps have taken ``limit`` seconds: steps and seconds."""
        torch = self.torch
        padded = np.pad(digits, ((0, 0), (2, 2), (2, 2)))[:, None]
        images = torch.from_numpy((padded.astype(np.float32) / 255 - 0.5) / 0.5)
        epochs = (torch.randperm(len(images)).split(BATCH) for _ in itertools.count())
        losses, seconds = timed.train(
            lambda chosen, _: self.step(images[chosen]), itertools.chain.from_iterable(epochs), limit
        )
        return len(losses), seconds

    def step(self, real: Any) -> tuple[float, float]:
        """One update of D and one of G; the two losses."""
        torch, n = self.torch, len(real)
        fake = self.G(torch.randn(n, 100, 1, 1))
        answers = torch.sigmoid(self.D(real)), torch.sigmoid(self.D(fake.detach()))
        loss_D = self.loss(answers[0], torch.ones(n)) + self.loss(answers[1], torch.zeros(n))
        self.opt_D.zero_grad()
        loss_D.backward()
        self.opt_D.step()

        loss_G = self.loss(torch.sigmoid(self.D(fake)), torch.ones(n))
        self.opt_G.zero_grad()
        loss_G.backward()
        self.opt_G.step()
        return loss_D.item(), loss_G.item()

    def draw(self, n: int) -> np.ndarray:
        """uint8 (n, 32, 32), in evaluation mode."""
        self.G.eval()
        with self.torch.no_grad():
            drawn = [self.G(self.torch.randn(min(500, n - i), 100, 1, 1)).numpy() for i in range(0, n, 500)]
        return np.rint((np.concatenate(drawn)[:, 0] + 1) * 127.5).astype(np.uint8)
