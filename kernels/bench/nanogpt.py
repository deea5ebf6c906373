"""nanoGPT's configuration for CPUs on both sides: minigen and PyTorch take the same steps in turn, in one process.

    python -m minigen.kernels.bench nanogpt --out docs/results/text_transformer/nanogpt_torch.json

The same network from the same initial weights (PyTorch runs minigen's source file, see translate.py), the same
batches, learning rates and clipping; one function is the step of both. In PyTorch's favour: its fused AdamW. minigen's
side takes exactly the steps of

    examples/text_transformer.py --data shakespeare --context 64 --batch-size 12 --steps 2000 --dropout 0 --lr 1e-3

and nats are those of the whole held-out text in windows as in training, so half of the context on average.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import minigen
from minigen.data import DataLoader
from minigen.data.text import Windows, read
from minigen.data.tokens import CharTokenizer
from minigen.files import write_json
from minigen.training.language import groups, rate

from . import machine, options
from .translate import translate

LAYERS, WIDTH, HEADS, CONTEXT, BATCH = 4, 128, 4, 64, 12
LR, BETAS, CLIP, WARM_UP = 1e-3, (0.9, 0.99), 1.0, 0.05
PLACE = {"peer": "nanogpt", "budget": "2,000 steps"}  # in the tables of docs/results
TURN = 50  # steps of one side before the other's
ROWS = 64  # windows at once when the held-out part is read


def add_options(commands: Any) -> None:
    parser = commands.add_parser("nanogpt", help="train nanoGPT's CPU configuration in minigen and PyTorch, in turn")
    parser.add_argument("--steps", type=options.at_least_one, default=2000, help="of each (default %(default)s)")
    parser.add_argument("--data", default="shakespeare", help="a text's name or file (default %(default)s)")
    parser.add_argument("--positions", choices=["learned", "rotary"], default="rotary", help="(default %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("nanogpt_torch.json"), help="(default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=options.at_least_one, default=1)


def run(wanted: argparse.Namespace) -> int:
    """Train both, write OUT; the exit code."""
    if not options.installed("torch"):
        print("PyTorch is not installed, and this command compares with it: pip install torch", file=sys.stderr)
        return 1
    import torch

    torch.set_num_threads(wanted.threads)
    minigen.set_num_threads(wanted.threads)
    before, text = machine.describe(), read(wanted.data)
    tokenizer = CharTokenizer.fit(text.content)
    train, held_out = map(tokenizer.encode, text.split())
    minigen.manual_seed(wanted.seed)
    sides = both(torch, len(tokenizer), wanted.positions)
    losses = {name: 0.0 for name in sides}
    seconds = dict(losses)
    for turn in turns(train, wanted.steps, wanted.seed):
        for name, side in sides.items():
            start = perf_counter()
            for x, y, progress in turn:
                losses[name] = side.step(x, y, progress)
            seconds[name] += perf_counter() - start
        shown = ", ".join(f"{name} loss {losses[name]:.3f} in {seconds[name]:.1f} s" for name in sides)
        print(f"{shown}, ratio {seconds['minigen'] / seconds['torch']:.2f}", file=sys.stderr)
    nats = {name: side.nats(held_out) for name, side in sides.items()}
    result = {
        "name": f"The same steps by minigen and PyTorch, {wanted.positions} positions",
        **(PLACE if (wanted.steps, wanted.data) == (2000, "shakespeare") else {}),
        "command": "python -m minigen.kernels.bench " + shlex.join(sys.argv[1:]),
        "steps": wanted.steps, "seed": wanted.seed, "threads": wanted.threads, "positions": wanted.positions,
        "seconds": seconds, "nats": nats, "loss_of_the_last_step": losses, "machine": before,
    }  # fmt: skip
    write_json(wanted.out, result)
    for name in sides:
        print(f"{name:8} {seconds[name]:7.1f} s, {nats[name]:.4f} nats per character")
    return 0


class Side:
    """A library's network and optimiser. ``first``: the initial weights by name, or None: as the network has them."""

    def __init__(self, lib: Any, vocabulary: int, positions: str, first: dict[str, np.ndarray] | None = None) -> None:
        self.lib = lib
        network = translate("models.transformer", lib).Transformer
        self.net = network(vocabulary, WIDTH, LAYERS, HEADS, CONTEXT, 0.0, positions)
        if first is not None:
            self.net.load_state_dict({name: lib.from_numpy(a.copy()) for name, a in first.items()})
        fused = {} if lib is minigen else {"fused": True}
        self.optimiser = lib.optim.AdamW(groups(self.net, 0.1), lr=LR, betas=BETAS, **fused)

    def step(self, x: np.ndarray, y: np.ndarray, progress: float) -> float:
        loss = self.loss(x, y)
        value = loss.item()
        self.optimiser.zero_grad()
        loss.backward()
        self.lib.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        for group in self.optimiser.param_groups:
            group["lr"] = LR * rate(progress, WARM_UP)
        self.optimiser.step()
        return value

    def loss(self, x: np.ndarray, y: np.ndarray) -> Any:
        logits = self.net(self.lib.from_numpy(x))
        return self.lib.nn.functional.cross_entropy(logits.flatten(0, 1), self.lib.from_numpy(y).flatten())

    def nats(self, codes: np.ndarray) -> float:
        """The mean of -log p over all tokens of a text but the first, in windows as in training."""
        windows, total = Windows(codes, CONTEXT), 0.0
        whole = np.arange(len(windows)) * CONTEXT
        with self.lib.no_grad():
            for i in range(0, len(whole), ROWS):
                x, y = contiguous(windows.cut(whole[i : i + ROWS]))
                total += self.loss(x, y).item() * x.size
            if rest := len(codes) - 1 - len(whole) * CONTEXT:  # what a last window, moved back to the end, adds
                x, y = contiguous(windows.cut([len(codes)]))
                last = self.net(self.lib.from_numpy(x))[0, -rest:]
                target = self.lib.from_numpy(y)[0, -rest:]
                total += self.lib.nn.functional.cross_entropy(last, target).item() * rest
        return total / (len(codes) - 1)


def both(torch: Any, vocabulary: int, positions: str) -> dict[str, Side]:
    mine = Side(minigen, vocabulary, positions)
    first = {name: value.numpy() for name, value in mine.net.state_dict().items()}
    return {"minigen": mine, "torch": Side(torch, vocabulary, positions, first)}


def turns(codes: np.ndarray, steps: int, seed: int) -> Iterator[list[tuple[np.ndarray, np.ndarray, float]]]:
    """Batches (x, y, progress), TURN at a time, drawn as minigen/training/language.py draws them."""
    windows = Windows(codes, CONTEXT)
    loader = DataLoader(windows, BATCH, shuffle=True, drop_last=True, generator=minigen.Generator(seed))
    done, turn = 0, []
    while done < steps:
        for (starts,) in loader:
            shift = minigen.randint(0, CONTEXT, (BATCH,))
            turn.append((*contiguous(windows.cut((starts + shift).numpy())), done / steps))
            done += 1
            if len(turn) == TURN or done == steps:
                yield turn
                turn = []
            if done == steps:
                break


def contiguous(pair: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    x, y = map(np.ascontiguousarray, pair)
    return x, y
