"""Train the judge: the classifier in whose features minigen.metrics compares pictures.

    python examples/train_judge.py              on the whole of MNIST, found or downloaded by minigen.data
    python examples/train_judge.py --resume     goes on where the newest run stopped

Takes ten minutes on one core. Every digit is turned, stretched, shifted and bent anew each time it is seen; the
learning rate falls along half a cosine, and the weights that are kept are an average over the last steps. Writes
judge.safetensors (float16) and judge.json with its accuracy and SHA-256 into the run's folder. To make them the judge
that comes with minigen, put both into minigen/metrics and set SHA256 in judge.py. No figure of the old judge can be
compared with the new one's: calibrate (python -m minigen.metrics calibrate) and judge all samples again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

import minigen
import minigen.functional as F
from minigen import Tensor, training
from minigen.data import MNIST, DataLoader, embedded
from minigen.metrics.judge import WEIGHTS, Judge, JudgeNet
from minigen.optim import AdamW
from minigen.training.checks import positive, positive_float

CONFIG = ("epochs", "batch_size", "lr", "seed", "smoke")


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    try:
        minigen.set_num_threads(args.threads)
        return learn(args)
    except (OSError, FloatingPointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def learn(args: argparse.Namespace) -> int:
    resume = training.newest_checkpoint(args.runs) if args.resume else None
    config = {name: getattr(args, name) for name in CONFIG}
    if resume:
        config = json.loads((resume.parent / "config.json").read_text())
    root = "embedded" if config["smoke"] else args.data
    train, test = (MNIST(root=root, train=part) for part in (True, False))
    if len(test) < 10_000 and not config["smoke"]:
        print("error: the whole of MNIST is needed; name its folder with --data", file=sys.stderr)
        return 1
    run = training.Run(resume.parent, config) if resume else training.Run.new(args.runs, config)
    minigen.manual_seed(config["seed"])
    if config["smoke"]:
        train.images, train.labels = train.images[:300], train.labels[:300]
    loader = DataLoader(train, config["batch_size"], shuffle=True, generator=minigen.Generator(config["seed"]))
    lesson = Lesson(config, steps=config["epochs"] * len(loader))

    def after_epoch(step: int) -> None:
        digits, labels = embedded.load("test")
        print(f"  step {step}: reads {lesson.accuracy(digits, labels):.2%} of the embedded test digits")

    if not training.train(run, lesson.parts(), loader, lesson.step, epochs=config["epochs"], after_epoch=after_epoch,
                          resume=resume, show=lambda row: {"loss": f"{row['loss']:.4f}"}):  # fmt: skip
        print(f"\nStopped. Continue with: python examples/train_judge.py --resume --runs {args.runs}")
        return training.INTERRUPTED
    rows = run.rows()
    save(lesson, test, {**config, "digits": len(train), "steps": rows[-1]["step"], "threads": args.threads,
                        "backend": minigen.current_backend(),
                        "minutes": round(sum(row["seconds"] for row in rows) / 60, 1)}, run.folder)  # fmt: skip
    return 0


class Lesson:
    """The network, its average, its optimiser and one step of training."""

    def __init__(self, config: dict[str, Any], steps: int) -> None:
        self.net, self.lr, self.steps = JudgeNet(), config["lr"], steps
        self.average = training.EMA(self.net, 0.998)
        self.optimizer = AdamW(self.net.parameters(), lr=self.lr, weight_decay=0.02)

    def parts(self) -> dict[str, Any]:
        return {"net": self.net, "average": self.average, "optimizer": self.optimizer}

    def step(self, images: Tensor, labels: Tensor) -> dict[str, float]:
        self.optimizer.param_groups[0]["lr"] = self.lr * rate(self.average.updates / self.steps)
        loss = F.cross_entropy(self.net(bent(images)), labels)
        value = training.finite("loss", loss)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.average.update()
        return {"loss": value}

    def accuracy(self, images: np.ndarray, labels: np.ndarray) -> float:
        """Of the weights that are saved."""
        net = JudgeNet()
        net.load_state_dict({name: value.astype(np.float32) for name, value in self.saved().items()})
        return float(np.mean(Judge(net).look(images)[1].argmax(1) == labels))

    def saved(self) -> dict[str, np.ndarray]:
        """The averaged weights in float16; batch norm's count stays whole."""
        shadow = self.average.shadow.items()
        return {name: v.astype(np.float16) if v.dtype == np.float32 else v for name, v in shadow}


def rate(done: float) -> float:
    """(1 + cos(pi done)) / 2: 1 at the beginning, 0 at the end."""
    return (1 + math.cos(math.pi * done)) / 2


def bent(images: Tensor) -> Tensor:
    """Each of (N, 1, 28, 28) turned by up to 12 degrees, stretched and sheared by 12%, shifted by 2 pixels and bent.

    Output pixel p takes the value at q = A p + b + e(p) of the input, bilinearly: A and b per image, e a smooth field
    that interpolates 5 x 5 random arrows (elastic deformation: Simard, Steinkraus & Platt 2003).
    """
    x = images.numpy()[:, 0]
    N, H, W = x.shape
    u = minigen.rand(N, 7).numpy() * 2 - 1  # in [-1, 1]
    turn, (high, wide, shear) = np.deg2rad(12) * u[:, 0], 0.12 * u[:, 1:4].T
    cos, sin = np.cos(turn), np.sin(turn)
    A = np.stack([cos * (1 + high), -sin + shear, sin, cos * (1 + wide)], 1).reshape(N, 2, 2)
    p = np.stack(np.meshgrid(np.arange(H), np.arange(W), indexing="ij")).reshape(2, -1) - (H - 1) / 2
    arrows = minigen.randn(N, 2, 5, 5).numpy() * 1.1
    field = (SPREAD @ arrows @ SPREAD.T).reshape(N, 2, -1)
    q = A @ p.astype(np.float32) + 2 * u[:, 4:6, None] + field + np.float32((H - 1) / 2)
    q = np.clip(q + 1, 0, np.reshape([H + 1.99, W + 1.99], (2, 1)))  # in the picture with a black border
    corner = q.astype(np.int32)
    down, right = np.moveaxis((q - corner).astype(np.float32), 1, 0)
    flat = np.pad(x, ((0, 0), (1, 2), (1, 2))).reshape(-1)
    at = np.arange(N)[:, None] * ((H + 3) * (W + 3)) + corner[:, 0] * (W + 3) + corner[:, 1]
    upper = flat[at] * (1 - right) + flat[at + 1] * right
    lower = flat[at + W + 3] * (1 - right) + flat[at + W + 4] * right
    return minigen.from_numpy((upper * (1 - down) + lower * down).reshape(N, 1, H, W).astype(np.float32))


def spread(n: int, m: int) -> np.ndarray:
    """The weights (n, m) of m points over n pixels: bell curves as wide as the points are apart, each row sums to 1."""
    distance = (np.arange(n)[:, None] - np.linspace(0, n - 1, m)) / (n / (m - 1))
    bells = np.exp(-2 * distance**2)
    return (bells / bells.sum(1, keepdims=True)).astype(np.float32)


SPREAD = spread(28, 5)


def save(lesson: Lesson, test: MNIST, how: dict[str, Any], folder: Path) -> None:
    """judge.safetensors, and judge.json with its SHA-256 and what it achieved."""
    from safetensors.numpy import save as serialise

    content = serialise(lesson.saved())
    few, few_labels = embedded.load("test")
    figures = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "test_accuracy": lesson.accuracy(test.images, test.labels),
        "embedded_test_accuracy": lesson.accuracy(few, few_labels),
        "training": how,
    }
    (folder / WEIGHTS).write_bytes(content)
    (folder / WEIGHTS).with_suffix(".json").write_text(json.dumps(figures, indent=2) + "\n")
    print(f"reads {figures['test_accuracy']:.2%} of {len(test):,} test digits\n"
          f"{folder / WEIGHTS}: {len(content):,} bytes, SHA-256 {figures['sha256']}")  # fmt: skip


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", help="folder with MNIST's files")
    add("--runs", type=Path, default=Path("runs", "judge"), help="where runs are written (default: %(default)s)")
    add("--resume", action="store_true", help="go on with the newest run")
    add("--epochs", type=positive, default=17)
    add("--batch-size", type=positive, default=100)
    add("--lr", type=positive_float, default=2e-3)
    add("--seed", type=int, default=1)
    add("--threads", type=positive, default=1)
    add("--smoke", action="store_true", help="a few steps on a few digits, to see that everything works")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
