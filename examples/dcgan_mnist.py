"""A DCGAN learns to draw handwritten digits: two networks, one game (see minigen/models/gan.py for its equations).

    python examples/dcgan_mnist.py              trains on the digits that come with minigen, ten minutes on two cores
    python examples/dcgan_mnist.py --resume     goes on where the newest run stopped, bitwise
    python examples/dcgan_mnist.py --sample 64 --out digits.npz     draws digits with the newest run's generator

Writes runs/dcgan_mnist/<time>/: a sample sheet per epoch (always from the same noise), real_vs_generated.png,
curves.png, training.gif, metrics.jsonl, config.json, result.json and checkpoint.safetensors. Ctrl-C saves and exits
with status 130.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from minigen import Tensor, checkpoint, optim, plot, training
from minigen.data import MNIST, DataLoader, transforms
from minigen.models import gan

SHEET = 64  # images on a sample sheet
CHECKED = 2000  # generated images that the digit check looks at
CONFIG = ("network", "loss", "epochs", "batch_size", "lr", "beta1", "init", "seed", "data", "smoke")  # what a run is


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    if args.backend:
        minigen.use_backend(args.backend)
    if args.threads:
        minigen.set_num_threads(args.threads)
    try:
        return sample(args) if args.sample is not None else learn(args)
    except (OSError, FloatingPointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--network", choices=sorted(gan.NETWORKS), default="n1",
        help="n1: the DCGAN of the PyTorch listing, 32 x 32; n2: the Keras one, 28 x 28")  # fmt: skip
    add("--loss", choices=["nonsaturating", "minimax"], default="nonsaturating",
        help="the generator's loss: D7 or the second term of D5")  # fmt: skip
    add("--epochs", type=positive, default=30, help="passes over the digits (default %(default)s)")
    add("--batch-size", type=positive, default=64, help="real images a step (default %(default)s)")
    add("--lr", type=float, default=None, help="Adam's learning rate (default 2e-4 for n1, 1e-4 for n2)")
    add("--beta1", type=float, default=0.5,
        help="Adam's first decay; the listings have 0.9, 0.5 damps the oscillation (default %(default)s)")  # fmt: skip
    add("--init", choices=["dcgan", "default"], default="dcgan",
        help="dcgan: N(0, 0.02) weights, as in the paper; default: the layers' own")  # fmt: skip
    add("--seed", type=int, default=0, help="decides weights, noise and order (default %(default)s)")
    add("--data", default="embedded",
        help="embedded, mnist (searches, downloads), or a folder with the IDX files (default %(default)s)")  # fmt: skip
    add("--backend", choices=["numpy", "cpp"], help="who computes (default: the fastest there is)")
    add("--threads", type=positive, help="CPU threads (default: all)")
    add("--runs", type=Path, default=Path("runs", "dcgan_mnist"), help="where runs are written (default %(default)s)")
    add("--resume", nargs="?", const="newest", metavar="FILE",
        help="continue the newest run, or the one of this checkpoint")  # fmt: skip
    add("--sample", type=positive, metavar="N", help="draw N images instead of training, into --out")
    add("--out", type=Path, default=Path("samples.npz"),
        help="for --sample: array `images`, uint8 (default %(default)s)")  # fmt: skip
    add("--checkpoint", type=Path, metavar="FILE",
        help="for --sample: the generator to use (default: the newest run's)")  # fmt: skip
    add("--smoke", action="store_true", help="a few steps on few digits, to see that everything works")
    return parser.parse_args(argv)


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


# the game -----------------------------------------------------------------------------------------
class Game:
    """Generator, discriminator and their optimisers. One step: D learns to tell real from fake, then G to fool it."""

    def __init__(self, config: dict[str, Any]) -> None:
        make_generator, make_discriminator = gan.NETWORKS[config["network"]]
        self.G, self.D = make_generator(), make_discriminator()
        if config["init"] == "dcgan":
            self.G.apply(gan.dcgan_init)
            self.D.apply(gan.dcgan_init)
        self.g_loss = gan.generator_loss if config["loss"] == "nonsaturating" else gan.minimax_generator_loss
        settings = {"lr": config["lr"], "betas": (config["beta1"], 0.999)}
        self.opt_G, self.opt_D = (optim.Adam(net.parameters(), **settings) for net in (self.G, self.D))

    def parts(self) -> dict[str, Any]:
        return {"G": self.G, "D": self.D, "opt_G": self.opt_G, "opt_D": self.opt_D}

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

    def draw(self, z: Tensor, batch: int = 250) -> np.ndarray:
        """Images of noise, uint8 (N, H, W), in evaluation mode."""
        self.G.eval()
        with minigen.no_grad():
            images = [plot.to_uint8(self.G(z[i : i + batch]).numpy()) for i in range(0, len(z), batch)]
        self.G.train()
        return np.concatenate(images)


def _mean_D(logits: Tensor) -> float:
    return minigen.sigmoid(logits.detach()).mean().item()


# training -----------------------------------------------------------------------------------------
def learn(args: argparse.Namespace) -> int:
    resume = None
    if args.resume is not None:
        resume = training.newest_checkpoint(args.runs) if args.resume == "newest" else Path(args.resume)
        config = load(resume)["config"]
        run = training.Run(resume.parent, config)
        dataset = digits(config)
    else:
        config = {name: getattr(args, name) for name in CONFIG}
        config["lr"] = args.lr if args.lr is not None else 2e-4 if args.network == "n1" else 1e-4
        dataset = digits(config)  # before the run's folder: a wrong --data leaves none behind
        run = training.Run.new(args.runs, config)

    minigen.manual_seed(config["seed"])
    game = Game(config)
    order = minigen.Generator(config["seed"])
    loader = DataLoader(dataset, config["batch_size"], shuffle=True, drop_last=True, generator=order)
    noise = minigen.randn(CHECKED, game.G.z_dim, generator=minigen.Generator(config["seed"] + 1))
    (run.folder / "samples").mkdir(exist_ok=True)
    who = minigen.current_backend()
    if who == "numpy":  # pip does not show what an install without a compiler says
        who += ", many times slower than cpp (python -m minigen doctor says which there are, and why)"
    print(f"{len(dataset):,} digits, {config['epochs']} epochs of {len(loader)} steps; "
          f"backend {who}; writing to {run.folder}")  # fmt: skip

    def after_epoch(step: int) -> None:
        plot.save_grid(game.draw(noise[:SHEET]), run.folder / "samples" / f"step_{step:06d}.png")

    finished = training.train(
        run, game.parts(), loader, game.step, epochs=config["epochs"], max_steps=6 if config["smoke"] else None,
        after_epoch=after_epoch, resume=resume, show=lambda row: {k: f"{v:.2f}" for k, v in row.items()},
    )  # fmt: skip
    if not finished:
        print(f"\nStopped. Continue with: python examples/dcgan_mnist.py --resume {run.checkpoint}")
        return training.INTERRUPTED
    conclude(run, game, dataset, noise)
    return 0


def load(path: Path) -> dict[str, Any]:
    """A checkpoint that this script wrote; ValueError for another one, before anything is written beside it."""
    state = checkpoint.load(path)
    config, parts = (state.get(name) if isinstance(state, dict) else None for name in ("config", "parts"))
    if not (isinstance(config, dict) and set(CONFIG) <= set(config) and config["network"] in gan.NETWORKS):
        raise ValueError(f"{path} is no checkpoint of this script: it holds no configuration of a run")
    if not isinstance(parts, dict) or set(parts) != {"G", "D", "opt_G", "opt_D"}:
        raise ValueError(f"{path} is no checkpoint of this script: its parts are {', '.join(parts or ['none'])}")
    return state


def digits(config: dict[str, Any]) -> MNIST:
    """MNIST scaled to [-1, 1], padded with black to 32 x 32 where the network wants that."""
    steps: list[Any] = [transforms.Normalize(0.5, 0.5)]
    if gan.NETWORKS[config["network"]][0].image_size == 32:
        steps.insert(0, transforms.Pad(2))
    root = {"embedded": "embedded", "mnist": None}.get(config["data"], config["data"])
    named = root not in ("embedded", None)
    if named and not Path(root).is_dir():
        raise FileNotFoundError(f"--data: there is no folder {root}; use embedded, mnist, or a folder of IDX files")
    dataset = MNIST(root=root, train=True, transform=transforms.Compose(steps), download=not named)
    if named and not dataset.source.startswith("root "):  # never ten minutes on other digits than those named
        raise FileNotFoundError(
            f"--data: {root} holds no files of MNIST (train-images-idx3-ubyte and train-labels-idx1-ubyte, .gz or not, "
            "there or in its folder mnist/); use embedded, mnist, or another folder"
        )
    if config["smoke"]:
        dataset.images, dataset.labels = dataset.images[:256], dataset.labels[:256]
    return dataset


def conclude(run: training.Run, game: Game, dataset: MNIST, noise: Tensor) -> None:
    """The pictures and the figure that the run ends with."""
    from minigen.metrics import digits as check

    images = game.draw(noise)
    sheets = sorted((run.folder / "samples").glob("step_*.png"))
    rows = run.rows()
    real = plot.to_uint8(dataset.get_batch(np.arange(SHEET))[0])
    plot.save_side_by_side({"real": real, "generated": images[:SHEET]}, run.folder / "real_vs_generated.png")
    panels = {"losses": ("loss_D", "loss_G"), "what D thinks": ("D(x)", "D(G(z))")}
    plot.save_curves(rows, panels, run.folder / "curves.png")
    plot.save_gif(sheets, run.folder / "training.gif")
    report = check.report(images)
    result = {
        "steps": rows[-1]["step"], "minutes": sum(r["seconds"] for r in rows) / 60,
        "checked": report.n, "accepted": report.accepted_share, "accepted_of_real": report.real_share,
        "ratio": report.ratio, "class_shares": report.class_shares, "passed": report.passed,
    }  # fmt: skip
    (run.folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    print(report)
    print(f"Pictures, curves and checkpoint: {run.folder}")


# sampling -----------------------------------------------------------------------------------------
def sample(args: argparse.Namespace) -> int:
    path = args.checkpoint or training.newest_checkpoint(args.runs)
    state = load(path)
    game = Game(state["config"])
    game.G.load_state_dict(state["parts"]["G"])
    images = game.draw(minigen.randn(args.sample, game.G.z_dim, generator=minigen.Generator(args.seed)))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with open(args.out, "wb") as file:
        np.savez_compressed(file, images=images)
    plot.save_grid(images[:SHEET], args.out.with_suffix(".png"))
    N, H, W = images.shape
    print(f"{N} images {H} x {W} from {path}: {args.out}, the first {min(SHEET, N)} in {args.out.with_suffix('.png')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
