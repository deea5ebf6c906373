"""The U-Net of a diffusion run, trained by PyTorch for the same time: what minigen's run is compared with.

    python -m minigen.kernels.bench denoise --like runs/diffusion_mnist/<time>/config.json --minutes 10 --out unet_torch
    python examples/diffusion_mnist.py --checkpoint unet_torch/checkpoint.safetensors --sample 10000
    python -m minigen.metrics mnist samples.npz

The same network from the same initial weights (PyTorch runs minigen's source file, see translate.py), the same loss,
batch, learning rates, schedule and averaged weights; the numbers drawn are PyTorch's own. In PyTorch's favour: the
faster one of its two layouts, the fused Adam, all digits ready in memory, and only steps are timed. What it has learnt
becomes a checkpoint of the script: both are sampled by the same code.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import minigen
from minigen import checkpoint, training
from minigen.data import transforms
from minigen.files import write_json
from minigen.models import diffusion, unet

from . import machine, options, timed
from .translate import translate

WARM_UP = 200  # as in the script
TRIED = 5  # steps that choose the layout


def add_options(commands: Any) -> None:
    parser = commands.add_parser("denoise", help="train a diffusion run's U-Net in PyTorch, for the same time")
    parser.add_argument("--like", type=Path, required=True, metavar="config.json", help="of minigen's run")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training steps (default %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("unet_torch"), help="a folder (default %(default)s)")
    parser.add_argument("--threads", type=options.at_least_one, default=1)


def run(wanted: argparse.Namespace) -> int:
    """Train, write OUT/checkpoint.safetensors and OUT/result.json; the exit code."""
    if not options.installed("torch"):
        print("PyTorch is not installed, and this command trains with it: pip install torch", file=sys.stderr)
        return 1
    import torch

    torch.set_num_threads(wanted.threads)
    config = json.loads(wanted.like.read_text(encoding="utf-8"))
    before = machine.describe()
    run = Run(torch, config)
    steps, seconds, loss = run.train(wanted.minutes * 60)
    shadow = {name: average.contiguous().numpy() for name, average in zip(run.names, run.averages, strict=True)}
    parts = {"ema": {"shadow": shadow, "updates": steps}}
    checkpoint.save(wanted.out / "checkpoint.safetensors", {"parts": parts, "config": config})
    command = f"python -m minigen.kernels.bench denoise --like {wanted.like} --minutes {wanted.minutes:g}"
    result = {
        "name": "the diffusion U-Net in PyTorch",
        **({"peer": "diffusion", "budget": round(wanted.minutes)} if seconds >= wanted.minutes * 60 else {}),
        "command": f"{command} --out {wanted.out}", "minutes": seconds / 60, "steps": steps,
        "loss of the last 500 steps": loss, "layout": run.layout, "threads": wanted.threads,
        "torch": torch.__version__, "machine": before, "config": config,
    }  # fmt: skip
    write_json(wanted.out / "result.json", result)
    print(f"{steps:,} steps in {seconds / 60:.1f} minutes, {run.layout}; loss {loss:.4f}; {wanted.out}")
    return 0


class Run:
    """The script's step (examples/diffusion_mnist.py), in PyTorch."""

    def __init__(self, torch: Any, config: dict[str, Any]) -> None:
        self.torch, self.config = torch, config
        torch.manual_seed(config["seed"])
        minigen.manual_seed(config["seed"])
        self.classes = 10 if config["condition"] == "label" else 0
        channels = [int(c) for c in config["channels"].split(",")]
        sizes = {"adaptive": True, **{name: config[name] for name in ("patch", "blocks", "heads")}}
        first = unet.quiet_start(unet.UNet(channels, classes=self.classes, **sizes)).state_dict()
        self.first = {name: torch.from_numpy(t.numpy().copy()) for name, t in first.items()}
        self.net = translate("models.unet", torch).UNet(channels, classes=self.classes, **sizes)
        alpha_bar = diffusion.SCHEDULES[config["schedule"]](config["levels"])
        frequency = diffusion.focused(config["levels"], *map(float, config["focus"].split(",")))
        self.process = diffusion.Diffusion(alpha_bar, config["prediction"], frequency)
        self.signal, self.level = (torch.tensor(a, dtype=torch.float32).sqrt() for a in (alpha_bar, 1 - alpha_bar))
        digits = training.dataset(config["data"], transforms.Normalize(0.5, 0.5), smoke=config["smoke"])
        self.images, self.labels = map(torch.from_numpy, digits.get_batch(np.arange(len(digits))))
        self.layout = self.faster_layout()

    def restart(self, layout: str) -> None:
        """The first weights, in this layout, and a new optimiser."""
        self.net.load_state_dict(self.first)
        self.net.to(memory_format=getattr(self.torch, layout))
        self.names, self.weights = zip(*self.net.named_parameters(), strict=True)
        self.averages = [w.detach().clone() for w in self.weights]
        self.optimiser = self.torch.optim.Adam(self.weights, lr=self.config["lr"], fused=True)
        self.shape = getattr(self.torch, layout)
        self.updates = 0

    def faster_layout(self) -> str:
        seconds = {}
        for layout in ("contiguous_format", "channels_last"):
            self.restart(layout)
            chosen = self.torch.arange(self.config["batch_size"])
            self.step(chosen, 0.0)
            start = perf_counter()
            for _ in range(TRIED):
                self.step(chosen, 0.0)
            seconds[layout] = perf_counter() - start
        fastest = min(seconds, key=lambda layout: seconds[layout])
        self.restart(fastest)
        return fastest

    def train(self, limit: float) -> tuple[int, float, float]:
        """Steps until they have taken ``limit`` seconds: their number, the seconds, the last 500 losses' mean."""
        n, size = len(self.images), self.config["batch_size"]
        epochs = (self.torch.randperm(n)[: n // size * size].split(size) for _ in itertools.count())
        losses, seconds = timed.train(self.step, itertools.chain.from_iterable(epochs), limit)
        return len(losses), seconds, float(np.mean(losses[-500:]))

    def step(self, chosen: Any, progress: float) -> float:
        torch, config = self.torch, self.config
        x0, n = self.images[chosen], len(chosen)
        t = torch.from_numpy(self.process.levels(n))
        noise = torch.randn_like(x0)
        signal, level = (table[t][:, None, None, None] for table in (self.signal, self.level))
        x = (signal * x0 + level * noise).contiguous(memory_format=self.shape)
        target = {"epsilon": noise, "x0": x0, "v": signal * noise - level * x0}[config["prediction"]]
        condition: tuple = ()
        if self.classes:
            forgotten = torch.rand(n) < config["forget"]
            condition = (torch.where(forgotten, self.classes, self.labels[chosen]),)
        loss = torch.nn.functional.mse_loss(self.net(x, t.float(), *condition), target)
        self.optimiser.zero_grad()
        loss.backward()
        pace = min(1.0, (self.updates + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * progress))
        self.optimiser.param_groups[0]["lr"] = config["lr"] * pace
        self.optimiser.step()
        self.updates += 1
        decay = min(config["ema"], (1 + self.updates) / (10 + self.updates))
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, list(self.weights), 1 - decay)
        return loss.item()
