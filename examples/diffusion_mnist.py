"""A diffusion model learns to draw digits out of noise (equations: minigen/models/diffusion.py and denoising.py)."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from minigen import Tensor, optim, plot, training
from minigen.data import transforms
from minigen.data.arrays import read_arrays
from minigen.models import denoising, diffusion
from minigen.models.unet import UNet, quiet_start
from minigen.training import Healthy
from minigen.training.arguments import positive

CLASSES = 10
SHEET = 8 * CLASSES  # images on a sample sheet
STEPS, ETA, GUIDANCE, INTERVAL = 50, 1.0, 1.75, "0.3,0.7"  # from noise to a picture
WARM_UP = 200  # steps in which the learning rate rises
BATCH = 100  # images that are drawn at once
HALVES: dict[str, Any] = {"top": np.s_[:14], "bottom": np.s_[14:], "left": np.s_[:, :14], "right": np.s_[:, 14:]}

BY_LEVEL = (  # of v under the cosine schedule, from the first epoch of MNIST to the end of ten minutes
    Healthy("loss 1/4", 0.08, 0.17, "little noise, the strokes' edges: above, they stay blurred"),
    Healthy("loss 2/4", 0.05, 0.095, "the strokes' form: above, digits have gaps"),
    Healthy("loss 3/4", 0.07, 0.12, "which strokes belong together: above, digits fall apart"),
    Healthy("loss 4/4", 0.14, 0.215, "almost all noise, the first guess: above, time or class is not used"),
)
DIVERSITY = Healthy("diversity", 0.7, 1.2, "below: samples are alike or empty; above: they are noise")


class Diffusion(training.Experiment):
    """A diffusion model learns to find digits in noise, and then draws digits out of nothing else (see
    minigen/models/diffusion.py and denoising.py for its equations).

        python examples/diffusion_mnist.py             trains on the digits that come with minigen
        python examples/diffusion_mnist.py --data mnist --budget 10           on all of MNIST, for ten minutes
        python examples/diffusion_mnist.py --pretrained --classes 0123456789  draws a labelled grid at once
        python examples/diffusion_mnist.py --pretrained --sample 80 --steps 20 --guidance 2     faster; more typical
        python examples/diffusion_mnist.py --pretrained --sample 80 --inpaint top     keeps the top halves of digits
        python examples/diffusion_mnist.py --pretrained --sample 80 --vary 0.6        noises digits, draws them anew

    Writes runs/diffusion_mnist/<time>/: a sheet of samples after each epoch; at the end forward.png (a digit drowns),
    reverse.png (digits come out of noise), inpainting.png, image_to_image.png, curves.png, training.gif and
    result.json; and metrics.jsonl, config.json and checkpoint.safetensors.
    """

    name = "diffusion_mnist"
    config = (
        "schedule", "prediction", "levels", "focus", "channels", "patch", "blocks", "heads", "condition", "forget",
        "ema",
    )  # fmt: skip
    defaults = {"epochs": 30, "batch_size": 32, "lr": 3e-3}
    sampler = ("ema",)
    columns = CLASSES
    steps_help = f"stop after this many steps; with --sample: steps from noise to a picture ({STEPS})"
    curves = {
        "loss": ("loss",), "loss by noise level": ("loss 1/4", "loss 2/4", "loss 3/4", "loss 4/4"),
    }  # fmt: skip

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add("--schedule", choices=sorted(diffusion.SCHEDULES), default="cosine", help="how the noise rises")
        add("--prediction", choices=diffusion.PREDICTIONS, default="v", help="what the network says of a noisy picture")
        add("--levels", type=positive, default=1000, help="noise levels T (default %(default)s)")
        add("--focus", metavar="LOW,HIGH,TIMES", default="0.3,0.9,5",
            help="between these shares of the noise levels training draws levels so many times as often (default "
            "%(default)s; 0,1,1: all alike)")
        add("--channels", default="32,64", help="of the U-Net's levels, the finest first (default %(default)s)")
        add("--patch", type=positive, default=2, help="pixels a side that the finest level sees as one place")
        add("--blocks", type=positive, default=1, help="residual blocks a level, down and up (default %(default)s)")
        add("--heads", type=int, default=4, help="of the attention in the middle; 0: none (default %(default)s)")
        add("--condition", choices=["label", "none"], default="label", help="tell the network the class, or not")
        add("--forget", type=float, default=0.1, help="share of labels that training hides, for guidance")
        add("--ema", type=float, default=0.999, help="decay of the averaged weights (default %(default)s)")

    @classmethod
    def drawing(cls, parser: Any) -> None:
        super().drawing(parser)
        add = parser.add_argument
        add("--sampler", choices=["ddim", "ddpm"], default="ddim", help="ddpm wants more steps, up to --levels")
        add("--eta", type=float, default=ETA,
            help="for ddim: fresh noise in each step, 0 none, 1 as much as ddpm (default %(default)s)")
        add("--guidance", type=float, metavar="W",
            help="0: as without label, 1: as trained, more: more typical of the class, less various (default: "
            f"{GUIDANCE} in the interval {INTERVAL})")
        add("--guidance-interval", metavar="LOW,HIGH",
            help="the noise levels that guidance is for, as shares of all: elsewhere it is 1 (with --guidance: 0,1)")
        add("--inpaint", metavar="MASK",
            help=f"{', '.join(HALVES)}: the part of test digits that is kept; or a 28 x 28 picture, white: kept")
        add("--repeats", type=positive, default=5, help="for --inpaint: how often each step is taken")
        add("--vary", type=float, metavar="STRENGTH", help="noise test digits this much, 0 to 1, and draw them anew")
        add("--start", type=Path, metavar="FILE.npz", help="for --inpaint and --vary: `images`, not test digits")

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        sizes = config["channels"].split(",")
        if not all(c.isdigit() and int(c) >= 8 and int(c) % 8 == 0 for c in sizes):
            raise ValueError(f"--channels: multiples of 8 (the norms' groups), as in 32,64; got {config['channels']}")
        if 28 % (config["patch"] * 2 ** (len(sizes) - 1)):
            raise ValueError(f"--patch {config['patch']} and {len(sizes)} levels of --channels do not divide 28 pixels")
        if config["heads"] and int(sizes[-1]) % config["heads"]:
            raise ValueError(f"--heads {config['heads']} must divide the {sizes[-1]} channels of the coarsest level")

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.classes = CLASSES if config["condition"] == "label" else 0
        alpha_bar = diffusion.SCHEDULES[config["schedule"]](config["levels"])
        frequency = diffusion.focused(config["levels"], *focus(config["focus"]))
        self.process = diffusion.Diffusion(alpha_bar, config["prediction"], frequency)
        self.net = quiet_start(UNet(
            [int(c) for c in config["channels"].split(",")], patch=config["patch"], blocks=config["blocks"],
            heads=config["heads"], classes=self.classes, adaptive=True,
        ))  # fmt: skip
        self.optimiser = optim.Adam(self.net.parameters(), lr=config["lr"])
        self.ema = training.EMA(self.net, config["ema"])
        known = (config["prediction"], config["schedule"]) == ("v", "cosine")
        self.health = (*(BY_LEVEL if known else ()), DIVERSITY)
        self.way = argparse.Namespace(
            steps=min(STEPS, config["levels"]), sampler="ddim", eta=ETA, repeats=5, **self.guidance(None, None)
        )  # how pictures are drawn in training

    def data(self) -> Any:
        """Digits in [-1, 1]."""
        found = training.dataset(self.settings["data"], transforms.Normalize(0.5, 0.5), smoke=self.settings["smoke"])
        if self.classes and found.labels.max() >= CLASSES:
            raise ValueError(f"--data: labels up to {found.labels.max()}, but classes are 0 to {CLASSES - 1}; merge "
                             "some, or train without them: --condition none")  # fmt: skip
        return found

    def parts(self) -> dict[str, Any]:
        return {"net": self.net, "optimiser": self.optimiser, "ema": self.ema}

    def step(self, images: Tensor, labels: Tensor) -> dict[str, float]:
        condition = (diffusion.forgetful(labels, CLASSES, self.settings["forget"]),) if self.classes else ()
        loss, t, errors = self.process.loss(self.net, images, *condition)  # D10b
        row = {"loss": training.finite("loss", loss), **diffusion.by_level(t, errors, self.process.T)}
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.param_groups[0]["lr"] = self.settings["lr"] * self.pace()
        self.optimiser.step()
        self.ema.update()
        return row

    def pace(self) -> float:
        """Up in the first steps, then down along a cosine: large steps early, a place to rest at the end."""
        return min(1.0, (self.ema.updates + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * self.progress))

    # drawing --------------------------------------------------------------------------------------
    def sheet(self) -> np.ndarray:
        labels = np.arange(SHEET) % CLASSES if self.classes else None
        return self.images(SHEET, labels, minigen.Generator(self.settings["seed"] + 1))

    def sample(self, args: argparse.Namespace, source: Any) -> int:
        steps = args.steps or min(STEPS, self.process.T)
        guidance = self.guidance(args.guidance, args.guidance_interval)
        self.way = argparse.Namespace(**{**vars(args), "steps": steps, **guidance})
        return super().sample(args, source)

    def guidance(self, weight: float | None, interval: str | None) -> dict[str, Any]:
        """What --guidance and --guidance-interval mean together, each given or not."""
        usual = GUIDANCE if self.classes else 0.0
        return {
            "guidance": usual if weight is None else weight,
            "guidance_interval": shares(interval or (INTERVAL if weight is None else "0,1")),
        }

    def draw(
        self, n: int, labels: np.ndarray | None, generator: minigen.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        options = self.way
        if options.inpaint is None and options.vary is None:
            if options.start is not None:
                raise ValueError("--start names pictures for --inpaint or --vary: give one of these, too")
            return self.images(n, labels, generator), labels
        if options.inpaint is not None and options.vary is not None:
            raise ValueError("--inpaint and --vary are two ways to use a picture: give one of them")
        pictures, own = self.starts(n)
        if labels is not None and options.drawn is None and own is not None:
            labels = own  # a digit stays what it is, unless --classes says what it becomes
        if options.inpaint is not None:
            return self.inpainted(pictures, kept_part(options.inpaint), labels, generator), labels
        return self.varied(pictures, options.vary, labels, generator), labels

    def images(self, n: int, labels: Any, generator: Any) -> np.ndarray:
        o = self.way
        drawn = [
            denoising.sample(self.process, predict, (size, 1, 28, 28), o.steps, o.sampler, o.eta, generator=generator)
            for _, size, predict in self.batches(n, labels, o.guidance)
        ]
        return joined(drawn)

    def inpainted(self, pictures: np.ndarray, mask: np.ndarray, labels: Any, generator: Any) -> np.ndarray:
        """The pictures where the mask is 1, and what goes with that elsewhere."""
        o, drawn = self.way, []
        for i, size, predict in self.batches(len(pictures), labels, o.guidance):
            keep = denoising.known(scaled(pictures[i : i + size]), mask)
            drawn.append(denoising.sample(self.process, predict, keep.x0.shape, o.steps, o.sampler, o.eta, keep=keep,
                                          repeats=o.repeats, generator=generator))  # fmt: skip
        return joined(drawn)

    def varied(self, pictures: np.ndarray, strength: float, labels: Any, generator: Any) -> np.ndarray:
        """The pictures, noised up to ``strength`` and drawn anew."""
        o = self.way
        drawn = [
            denoising.vary(self.process, predict, scaled(pictures[i : i + size]), strength, o.steps, o.sampler, o.eta,
                           generator=generator)
            for i, size, predict in self.batches(len(pictures), labels, o.guidance)
        ]  # fmt: skip
        return joined(drawn)

    def batches(self, n: int, labels: np.ndarray | None, guidance: float) -> Iterator[tuple[int, int, Any]]:
        """Where each batch begins, how many are in it, and what predicts for it, with the averaged weights."""
        from tqdm import tqdm

        low, high = (share * self.process.T for share in self.way.guidance_interval)
        with self.ema.applied() as net, tqdm(total=n, unit="picture", leave=False, disable=n <= BATCH) as bar:
            for i in range(0, n, BATCH):
                some, size = None if labels is None else labels[i : i + BATCH], min(BATCH, n - i)
                yield i, size, denoising.guided(net, some, guidance, (low, high))
                bar.update(size)

    def starts(self, n: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Pictures to start from, uint8 (n, 28, 28), and their labels if they have any."""
        images: np.ndarray
        labels: np.ndarray | None
        path = self.way.start
        if path is None:
            test = training.dataset(self.settings["data"], train=False)
            images, labels = test.images, test.labels
        else:
            arrays = read_arrays(path)
            if "images" not in arrays:
                raise ValueError(f"--start: {path} holds {', '.join(filter(None, arrays))}, but no array `images`")
            images, labels = arrays["images"], arrays.get("labels")
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28) or not len(images):
            raise ValueError(f"--start: images must be uint8 (N, 28, 28), got {images.dtype} {images.shape}")
        if labels is not None and (labels.shape != images.shape[:1] or not np.isin(labels, range(CLASSES)).all()):
            raise ValueError(f"--start: labels must be {len(images)} classes from 0 to {CLASSES - 1}, one an image")
        which = np.arange(n) % len(images)
        return images[which], None if labels is None else labels[which]

    # the pictures at the end ----------------------------------------------------------------------
    def conclude(self, run: training.Run) -> dict[str, Any]:
        for name, (images, columns) in self.pictures().items():
            plot.save_grid(images, run.folder / f"{name}.png", columns)
        last = [row for row in run.rows() if "loss" in row][-500:]
        c = self.settings
        figure = c["data"] == "mnist" and c["budget"] in (10, 60) and self.classes and not c["smoke"]
        return {
            "name": f"diffusion on {c['data']}",
            **({"row": "diffusion", "budget": int(c["budget"])} if figure else {}),  # its place in docs/results
            "loss of the last 500 steps": float(np.mean([row["loss"] for row in last])),
            "parameters": sum(p.numel() for p in self.net.parameters()),
        }

    def pictures(self) -> dict[str, tuple[np.ndarray, int]]:
        """forward, reverse, inpainting and image_to_image: sheets and their columns."""
        generator = minigen.Generator(self.settings["seed"] + 2)
        labels = np.arange(CLASSES) if self.classes else None
        test = training.dataset(self.settings["data"], train=False)
        first = [int(np.argmax(test.labels == c)) for c in range(CLASSES)]  # a digit of each class
        real = test.images[first]
        T = self.process.T
        shown = denoising.times(T, min(10, T))[::-1]

        x0 = scaled(real[:4])
        noise = minigen.randn(*x0.shape, generator=generator)
        forward = np.stack([plot.to_uint8(self.process.noised(x0, t, noise).numpy() / 2, -1, 1) for t in shown], 1)

        ((_, _, predict),) = self.batches(CLASSES, labels, 1.0)  # a network, its averaged weights no longer in it
        with self.ema.applied():
            start = minigen.randn(CLASSES, 1, 28, 28, generator=generator)
            way = list(denoising.reverse(self.process, predict, start, denoising.times(T, min(40, T))))
        states = [way[i] for i in np.linspace(1, len(way) - 1, min(7, len(way) - 1)).astype(int)]
        x = np.stack([plot.to_uint8(s.x.numpy() / 2 if s.t else s.x.numpy(), -1, 1) for s in states])
        seen = np.stack([plot.to_uint8(s.x0.numpy()) for s in states if s.x0 is not None])
        reverse = np.concatenate([x, seen])  # (times, CLASSES, 28, 28): what there is, then what the network sees in it

        own = None if labels is None else test.labels[first]
        rows = [real]
        for part in ("top", "left"):
            mask = kept_part(part)
            rows += [np.where(mask == 1, real, np.uint8(96)), self.inpainted(real, mask, own, generator)]
        varied = [real, *(self.varied(real, strength, own, generator) for strength in (0.3, 0.5, 0.7, 0.9))]
        return {
            "forward": (forward.reshape(-1, 28, 28), len(shown)),
            "reverse": (reverse.reshape(-1, 28, 28), CLASSES),
            "inpainting": (np.concatenate(rows), CLASSES),
            "image_to_image": (np.concatenate(varied), CLASSES),
        }


def scaled(images: np.ndarray) -> Tensor:
    """uint8 (N, H, W) -> (N, 1, H, W) in [-1, 1]."""
    return minigen.from_numpy(images[:, None].astype(np.float32) / np.float32(127.5) - 1)


def joined(drawn: list[Tensor]) -> np.ndarray:
    return np.concatenate([plot.to_uint8(x.numpy()) for x in drawn])


def shares(interval: str) -> tuple[float, float]:
    """'0.2,0.8' -> 0.2 and 0.8: between which shares of the noise levels guidance works."""
    try:
        low, high = (float(part) for part in interval.split(","))
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 <= low < high <= 1:
        raise ValueError(f"--guidance-interval: give two shares of the noise levels, as in 0.2,0.8, got {interval!r}")
    return low, high


def focus(text: str) -> tuple[float, float, float]:
    """'0.3,0.9,5' -> 0.3, 0.9 and 5: between which shares of the noise levels training draws so many times as often."""
    try:
        low, high, times = (float(part) for part in text.split(","))
    except ValueError:
        low, high, times = 1.0, 0.0, 0.0
    if not (0 <= low < high <= 1 and 0 < times < math.inf):
        raise ValueError(f"--focus: give two shares of the noise levels and a number, as in 0.3,0.9,5, got {text!r}")
    return low, high, times


def kept_part(mask: str) -> np.ndarray:
    """1 where a picture is kept, (28, 28): a half by its name, or where the picture of this name is bright."""
    if mask in HALVES:
        kept = np.zeros((28, 28))
        kept[HALVES[mask]] = 1
        return kept
    from PIL import Image

    if not Path(mask).is_file():
        raise FileNotFoundError(f"--inpaint: {mask} is none of {', '.join(HALVES)}, and there is no such file")
    found = np.asarray(Image.open(mask).convert("L"))
    if found.shape != (28, 28):
        raise ValueError(f"--inpaint: the mask must be a picture of 28 x 28, {mask} has the shape {found.shape}")
    return (found > 127).astype(np.float64)


if __name__ == "__main__":
    sys.exit(training.script(Diffusion))
