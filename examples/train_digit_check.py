"""Train the digit check: a small network that reads digits, and says "no digit" to what is none.

    python examples/train_digit_check.py                  on the whole of MNIST, found or downloaded by minigen.data
    python examples/train_digit_check.py --data FOLDER    MNIST from a folder

Takes twelve minutes on one core. Prints accuracies and, per kind of negative (minigen/metrics/negatives.py), the share
that is wrongly accepted; writes the weights and a JSON with the figures. To make them the check that comes with
minigen, put both into minigen/metrics (--out minigen/metrics) and set SHA256 in digits.py.
"""

import argparse
import hashlib
import json
import math
import sys
import time
from pathlib import Path

import numpy as np

import minigen
import minigen.functional as F
from minigen.data import MNIST, embedded
from minigen.metrics.digits import NO_DIGIT, WEIGHTS, DigitCheck, DigitNet
from minigen.metrics.negatives import NEGATIVES
from minigen.optim import Adam

HELD_OUT = 2000  # pictures of each kind of negative


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    minigen.set_num_threads(args.threads)
    minigen.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    train, test = (MNIST(root=args.data, train=part) for part in (True, False))
    if len(test) < 10_000:
        print("error: the whole of MNIST is needed; name its folder with --data", file=sys.stderr)
        return 1

    net, start = DigitNet(), time.monotonic()
    learn(net, train, rng, args)
    figures = {
        **measure(DigitCheck(net), test, np.random.default_rng(args.seed + 1)),
        "training": {"digits": len(train), "backend": minigen.backend.current_backend(),
                     **{name: value for name, value in vars(args).items() if name not in ("data", "out")},
                     "minutes": round((time.monotonic() - start) / 60, 1)},
    }  # fmt: skip
    show(figures)
    save(net, figures, Path(args.out))
    return 0


def learn(net: DigitNet, digits: MNIST, rng: np.random.Generator, args: argparse.Namespace) -> None:
    """Adam on digits and fresh negatives, the learning rate falling to 0 along half a cosine."""
    from tqdm import tqdm

    optimizer = Adam(net.parameters(), lr=args.lr)
    made = len(NEGATIVES) * args.negatives
    batches = -(-(len(digits) + made) // args.batch_size)
    labels = np.concatenate([digits.labels, np.full(made, NO_DIGIT)])
    for epoch in range(args.epochs):
        negatives = [make(rng, args.negatives, digits.images, digits.labels) for make in NEGATIVES.values()]
        images = np.concatenate([digits.images, *negatives])
        total, bar = 0.0, tqdm(range(batches), desc=f"epoch {epoch + 1}/{args.epochs}")
        order = rng.permutation(len(images))
        for b in bar:
            chosen = order[b * args.batch_size : (b + 1) * args.batch_size]
            optimizer.param_groups[0]["lr"] = args.lr * rate((epoch + b / batches) / args.epochs)
            x, y = minigen.from_numpy(varied(images[chosen], rng)), minigen.from_numpy(labels[chosen])
            loss = F.cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
            bar.set_postfix(loss=f"{total / (b + 1):.4f}", refresh=False)


def rate(done: float) -> float:
    """(1 + cos(pi done)) / 2: 1 at the beginning, 0 at the end."""
    return (1 + math.cos(math.pi * done)) / 2


def varied(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """uint8 (N, 28, 28) → float32 (N, 1, 28, 28) in [0, 1]: shifted by up to two pixels, paler, a little noisy.

    Generated digits are neither centred nor clean; a digit stays one all the same.
    """
    N = len(images)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    down, right = rng.integers(0, 5, (2, N))
    pixels = np.arange(28)
    x = padded[np.arange(N)[:, None, None], (down[:, None] + pixels)[:, :, None], (right[:, None] + pixels)[:, None, :]]
    x = x / np.float32(255) * rng.uniform(0.8, 1, (N, 1, 1)).astype(np.float32)
    noise = rng.standard_normal(x.shape, np.float32) * rng.uniform(0, 0.06, (N, 1, 1)).astype(np.float32)
    return np.clip(x + noise, 0, 1)[:, None]


def measure(check: DigitCheck, test: MNIST, rng: np.random.Generator) -> dict:
    """Accuracy on the test digits, as one of eleven classes, and the accepted share of negatives made of them."""
    few, few_labels = embedded.load("test")
    read = check.classify(test.images)
    accepted = {
        kind: float(np.mean(check.classify(make(rng, HELD_OUT, test.images, test.labels)) >= 0))
        for kind, make in NEGATIVES.items()
    }
    return {
        "test_accuracy": float(np.mean(read == test.labels)),
        "test_accepted": float(np.mean(read >= 0)),
        "embedded_test_accuracy": float(np.mean(check.classify(few) == few_labels)),
        "negatives_accepted": accepted,
        "negatives_accepted_overall": float(np.mean(list(accepted.values()))),
        "negatives_per_kind": HELD_OUT,
    }


def show(figures: dict) -> None:
    print(f"test digits read rightly    {figures['test_accuracy']:8.2%}  (11 classes, {10_000:,} digits)")
    print(f"test digits accepted        {figures['test_accepted']:8.2%}")
    print(f"embedded test digits        {figures['embedded_test_accuracy']:8.2%}")
    print(f"held-out negatives wrongly accepted, {HELD_OUT:,} of each kind:")
    for kind, share in figures["negatives_accepted"].items():
        print(f"  {kind:<26}{share:8.2%}")
    print(f"  {'all':<26}{figures['negatives_accepted_overall']:8.2%}")


def save(net: DigitNet, figures: dict, folder: Path) -> None:
    """digit_check.safetensors, and the figures with its SHA-256 beside it."""
    from safetensors.numpy import save as serialise

    content = serialise({name: value.numpy() for name, value in net.state_dict().items()})
    sha256 = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(content)
    figures = {"sha256": sha256, **figures}
    (folder / WEIGHTS).with_suffix(".json").write_text(json.dumps(figures, indent=2) + "\n")
    print(f"{folder / WEIGHTS}: {len(content):,} bytes, SHA-256 {sha256}")


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with MNIST's files")
    parser.add_argument("--out", default="runs/digit_check", help="folder to write to (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--negatives", type=int, default=3000, help="of each kind per epoch (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
