"""A multilayer perceptron learns to read handwritten digits, by the four equations of backpropagation and nothing else.

    python examples/mlp_backprop.py             trains on the digits that come with minigen, under a minute
    python examples/mlp_backprop.py --explain   one training step of a tiny network, every number shown

Writes runs/mlp_backprop/<time>/: config.json, metrics.jsonl, model.npz, curves.png and digits.png (the mistakes, and
what the first layer looks at). Ctrl-C saves what there is and exits with status 130.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from minigen.backprop import MLP, Array, one_hot
from minigen.files import written


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    if args.explain:
        explain()
        return 0
    from minigen.training import dataset

    try:
        train, test = (dataset(args.data, train=part) for part in (True, False))
        if max(train.labels.max(), test.labels.max()) > 9:
            raise ValueError(f"--data {args.data}: there are more than ten classes")
    except (OSError, ValueError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if args.smoke:
        args.epochs = 2
    x, labels = columns(train, 1000 if args.smoke else None)
    x_test, labels_test = columns(test)

    net = MLP((784, args.hidden, 10), hidden=args.activation, seed=args.seed)
    folder = Path(args.out or Path("runs", "mlp_backprop", time.strftime("%Y-%m-%d_%H-%M-%S")))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(vars(args), indent=2) + "\n")
    print(f"{len(labels):,} digits to learn from, {len(labels_test):,} to test; network 784 → {args.hidden} → 10")

    history: list[dict] = []
    try:
        for row in learn(net, x, labels, x_test, labels_test, args):
            history.append(row)
            with open(folder / "metrics.jsonl", "a") as log:
                log.write(json.dumps(row) + "\n")
            print(
                f"epoch {row['epoch']:3d}/{args.epochs}  cost {row['cost']:.4f}  "
                f"right: training {row['train']:.2%}, test {row['test']:.2%}  {row['seconds']:.1f} s"
            )
    except KeyboardInterrupt:
        save(net, folder)
        print(f"\nStopped. The weights so far are in {folder / 'model.npz'}")
        return 130
    except FloatingPointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    save(net, folder)
    draw_curves(history, folder / "curves.png")
    draw_digits(net, x_test, labels_test, folder / "digits.png")
    print(f"{history[-1]['test']:.2%} of the test digits are read rightly. Figures and weights: {folder}")
    return 0


def learn(net: MLP, x: Array, labels: np.ndarray, x_test: Array, labels_test: np.ndarray, args: argparse.Namespace):
    """Gradient descent on shuffled, shifted batches; yields one row of measurements per epoch."""
    y, N = one_hot(labels, 10), x.shape[1]
    rng, start = np.random.default_rng(args.seed), time.monotonic()
    for epoch in range(1, args.epochs + 1):
        order, total = rng.permutation(N), 0.0
        for i in range(0, N, args.batch_size):
            batch = order[i : i + args.batch_size]
            cost = net.step(shifted(x[:, batch], rng), y[:, batch], args.eta)
            if not math.isfinite(cost):
                raise FloatingPointError(
                    f"the cost is {cost} in epoch {epoch}, batch {i // args.batch_size}: try an --eta below {args.eta}"
                )
            total += cost * len(batch)
        yield {
            "epoch": epoch,
            "cost": total / N,
            "train": float((net.predict(x) == labels).mean()),
            "test": float((net.predict(x_test) == labels_test).mean()),
            "seconds": time.monotonic() - start,
        }


def shifted(x: Array, rng: np.random.Generator) -> Array:
    """The batch moved by up to one pixel each way: a digit stays that digit, and pixels can't be learned by heart.

    The digits have an empty border, so what np.roll brings in on the other side is blank.
    """
    move = tuple(rng.integers(-1, 2, size=2))
    return np.roll(x.reshape(28, 28, -1), move, axis=(0, 1)).reshape(x.shape)


def columns(digits, n: int | None = None) -> tuple[Array, np.ndarray]:
    """The first n digits, uint8 (N, 28, 28) → float32 (784, N) in [0, 1]: a sample is a column, as in the equations."""
    images, labels = digits.images[:n], digits.labels[:n]
    return images.reshape(len(images), 784).T.astype(np.float32) / 255, labels


def save(net: MLP, folder: Path) -> None:
    """The weights as plain arrays W1, b1, ..."""
    named = (("W", net.W), ("b", net.b))
    arrays: dict[str, Any] = {f"{name}{l}": value for name, layers in named for l, value in layers.items()}
    with written(folder / "model.npz") as part:
        np.savez(part, **arrays)


def draw_curves(history: list[dict], path: Path) -> None:
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history]
    left, right = (figure := Figure(figsize=(9, 3.4), layout="constrained")).subplots(1, 2)
    left.semilogy(epochs, [row["cost"] for row in history], marker="o", markersize=3)
    left.set(xlabel="epoch", ylabel="cost C (mean over the epoch)")
    for part in ("train", "test"):
        right.plot(epochs, [100 * row[part] for row in history], marker="o", markersize=3, label=part)
    right.set(xlabel="epoch", ylabel="digits read rightly (%)")
    right.legend()
    figure.savefig(path, dpi=120)


def draw_digits(net: MLP, x: Array, labels: np.ndarray, path: Path) -> None:
    """Up to 32 mistakes (what the network said, and the truth), above the weights that lead into 32 hidden units."""
    from matplotlib.figure import Figure

    said = net.predict(x)
    wrong = np.flatnonzero(said != labels)[:32]
    figure = Figure(figsize=(10, 7), layout="constrained")
    parts: Any = figure.subfigures(2, 1)
    upper, lower = parts
    upper.suptitle("mistakes on test digits: read as / is")
    lower.suptitle("first layer: the pixels that raise (red) and lower (blue) a hidden unit")
    for part in (upper, lower):
        part.subplots(4, 8)
        for axis in part.axes:
            axis.axis("off")
    for axis, i in zip(upper.axes, wrong, strict=False):
        axis.imshow(x[:, i].reshape(28, 28), cmap="gray_r")
        axis.set_title(f"{said[i]} / {labels[i]}", fontsize=8, pad=2)
    for axis, w in zip(lower.axes, net.W[1], strict=False):
        axis.imshow(w.reshape(28, 28), cmap="RdBu_r", vmin=-abs(w).max(), vmax=abs(w).max())
    figure.savefig(path, dpi=120)


def explain() -> None:
    """One training step of a network with 2 inputs, 3 hidden units and 2 classes, on a batch of 2 samples."""
    net = MLP((2, 3, 2), hidden="tanh", dtype=np.float64, seed=1)
    x = np.array([[1.0, 0.0], [0.5, -1.0]])
    y = one_hot(np.array([0, 1]), 2, np.float64)
    eta = 0.5
    z, a = net.forward(x)
    before, delta = net.cost(x, y), net.errors(z, a, y)
    dW, db = net.gradients(x, y)

    print("A network 2 → 3 → 2, tanh inside, softmax at the end, cross-entropy. Samples are columns: N = 2.\n")
    show("x = a^0", a[0])
    show("y", y)
    print("\nForward: z^l = W^l a^{l-1} + b^l, a^l = s(z^l)")
    for l in (1, 2):
        for name, value in ((f"W^{l}", net.W[l]), (f"b^{l}", net.b[l]), (f"z^{l}", z[l]), (f"a^{l}", a[l])):
            show(name, value)
    print(f"\nCost: C = -1/N Σ y log a^2 = {before:.6f}")
    print("\n1. Error of the output layer: δ^2 = (a^2 - y) / N   (softmax and cross-entropy: J^T dC/da^2, collapsed)")
    show("δ^2", delta[2])
    print("   and of the layer before: δ^1 = (W^2)^T δ^2 ⊙ s'(z^1),  s' = 1 - tanh²")
    show("(W^2)^T δ^2", net.W[2].T @ delta[2])
    show("s'(z^1)", 1 - np.tanh(z[1]) ** 2)
    show("δ^1", delta[1])
    print("\n2. Weight gradients: dC/dW^l = δ^l (a^{l-1})^T, the product sums over the batch")
    for l in (1, 2):
        show(f"dC/dW^{l}", dW[l])
    print("\n3. Bias gradients: dC/db^l = δ^l, summed over the batch")
    for l in (1, 2):
        show(f"dC/db^{l}", db[l])
    h = 1e-5
    up, down = (shifted_cost(net, x, y, step) for step in (h, -h))
    print("\n   Is it true? Move one weight, W^1[0,0], by ±0.00001 and see how C changes:")
    print(f"   (C+ - C-) / 0.00002 = {(up - down) / (2 * h):.8f}, and dC/dW^1[0,0] = {dW[1][0, 0]:.8f}")
    net.step(x, y, eta)
    print(f"\n4. Gradient descent: w := w - η dC/dw with η = {eta}, for every weight and bias")
    for l in (1, 2):
        show(f"W^{l}", net.W[l])
        show(f"b^{l}", net.b[l])
    print(f"\nThe cost was {before:.6f} and is {net.cost(x, y):.6f} now.")


def shifted_cost(net: MLP, x: Array, y: Array, h: float) -> float:
    """C with W^1[0,0] moved by h."""
    net.W[1][0, 0] += h
    cost = net.cost(x, y)
    net.W[1][0, 0] -= h
    return cost


def show(name: str, value: Array) -> None:
    rows = ["  ".join(f"{v:8.4f}" for v in row) for row in value]
    print(f"   {name:<12} {value.shape!s:<7}  {rows[0]}")
    for row in rows[1:]:
        print(" " * 25 + row)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="embedded", help="embedded (default), mnist, fashion or a folder")
    parser.add_argument("--epochs", type=positive, default=30)
    parser.add_argument("--batch-size", type=positive, default=32)
    parser.add_argument("--eta", type=float, default=0.2, help="the learning rate η (default 0.2)")
    parser.add_argument("--hidden", type=positive, default=256, help="hidden units (default 256)")
    parser.add_argument("--activation", choices=("relu", "tanh", "sigmoid"), default="relu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="the folder to write into (default runs/mlp_backprop/<time>)")
    parser.add_argument("--smoke", action="store_true", help="a few seconds: 1,000 digits, two epochs")
    parser.add_argument("--explain", action="store_true", help="one step of a tiny network, every number shown")
    return parser.parse_args(argv)


def positive(text: str) -> int:
    if (n := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {n}")
    return n


if __name__ == "__main__":
    sys.exit(main())
