"""How many nats does a trained VAE need for a test digit? -log p(x) by importance sampling (minigen/models/vae.py).

    python examples/vae_likelihood.py runs/vae_mnist/TIME/checkpoint.safetensors
    python examples/vae_likelihood.py pretrained --data mnist --digits 100
    python examples/vae_likelihood.py CHECKPOINT --publish docs/results/vae_mnist/ten_minutes

The estimate draws 5,000 codes for each of 10,000 digits: twenty minutes of one core for the dense network, more for
a convolutional one. So the estimates are kept, every 50 digits, in likelihood.npz beside the checkpoint: Ctrl-C and
the same command again go on where it stopped, to the same numbers. likelihood.json has the result.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from minigen import checkpoint, training
from minigen.files import write_json, written
from minigen.models import vae
from minigen.training import pretrained

PART = 50  # digits between two savings
FIGURES = ("nll", "standard_error", "monte_carlo_error", "negative_elbo", "digits", "draws")
PICTURES = ("reconstructions", "interpolations", "latent_plane", "codes", "kl_per_dimension", "curves")


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("checkpoint", help="of examples/vae_mnist.py, or the word pretrained")
    add("--data", help="whose test digits (default: those of the run)")
    add("--digits", type=training.arguments.positive, default=10_000, help="the first N (default: %(default)s)")
    add("--draws", type=training.arguments.positive, default=5000, help="codes for each (default %(default)s)")
    add("--threads", type=training.arguments.positive, help="CPU threads (default: all)")
    add("--out", type=Path, help="folder for likelihood.npz and .json (default: the checkpoint's)")
    add("--publish", type=Path, metavar="FOLDER/NAME", help="write the run's result and pictures there, too")
    add("--name", default="VAE", help="of the result, where it's published (default %(default)s)")
    add("--tried", help="what else was tried, in words, for the page of results")
    args = parser.parse_args(argv)
    if args.threads:
        minigen.set_num_threads(args.threads)
    try:
        result = {**measure(args), "command": shlex.join(["python", sys.argv[0], *argv])}
        folder = place(args)
        write_json(folder / "likelihood.json", result)
        if args.publish:
            publish(folder, args.publish, args.name, args.tried)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.")
        return training.INTERRUPTED
    print(f"{result['nll']:.2f} nats per digit (standard error over digits {result['standard_error']:.2f}, of the "
          f"estimate {result['monte_carlo_error']:.3f}): {folder / 'likelihood.json'}")  # fmt: skip
    return 0


def place(args: argparse.Namespace) -> Path:
    return args.out or (Path() if args.checkpoint == "pretrained" else Path(args.checkpoint).parent)


def network(state: dict[str, Any], where: str) -> vae.VAE:
    """The averaged weights of a checkpoint."""
    try:
        config, shadow = state["config"], state["parts"]["ema"]["shadow"]
        net = vae.NETWORKS[config["network"]](config["latent"], 10 if config["conditional"] else 0)
    except (KeyError, TypeError):
        raise ValueError(f"{where} is no checkpoint of examples/vae_mnist.py") from None
    net.load_state_dict(shadow)
    return net


def measure(args: argparse.Namespace) -> dict[str, Any]:
    from tqdm import tqdm

    known = args.checkpoint == "pretrained"
    state = pretrained.load("vae_mnist") if known else checkpoint.load(args.checkpoint)
    net = network(state, args.checkpoint)
    test = training.dataset(args.data or state["config"]["data"], train=False)
    images, labels = test.get_batch(np.arange(len(test)))
    n = min(args.digits, len(images))
    x, y = minigen.tensor(vae.binarised_test(images)[:n]), minigen.tensor(labels[:n]) if net.classes else None

    folder = place(args)
    folder.mkdir(parents=True, exist_ok=True)
    # what decides the numbers: estimates of anything else are not continued
    of = [float(abs(p.numpy()).sum()) for p in net.parameters()] + [float(args.draws), float(images.sum())]
    path, done, began = folder / "likelihood.npz", np.empty((3, 0)), time.perf_counter()
    if path.exists():
        kept = np.load(path)
        done = kept["estimates"] if np.array_equal(kept["of"], of) else done
    with tqdm(total=n, initial=min(done.shape[1], n), unit="digit") as bar:
        while (start := done.shape[1]) < n:
            end = min(start + PART, n)
            label = None if y is None else y[start:end]
            part = vae.log_likelihood(net, x[start:end], label, k=args.draws, seed=start)
            done = np.concatenate([done, np.stack(part)], axis=1)
            with written(path) as beside:
                np.savez(beside, estimates=done, of=of)
            bar.update(end - start)
            bar.set_postfix(nats=f"{-done[0].mean():.2f}")
    found = vae.Likelihood(*done[:, :n]).summary(args.draws)
    return {**found, "test set": f"{test.name}, {len(test):,} images", "minutes": (time.perf_counter() - began) / 60}


def publish(run: Path, to: Path, name: str, tried: str | None = None) -> None:
    """The run's result with its likelihood, for the page of results."""
    result = json.loads((run / "result.json").read_text())
    likelihood = json.loads((run / "likelihood.json").read_text())
    config = result["config"]
    more = {
        "name": name, "tried": tried, "budget": config["budget"],
        "command": " && ".join([result["command"], likelihood["command"]]),
        "figures": {**{key: likelihood[key] for key in FIGURES}, "active_units": result["active_units"]},
    }  # fmt: skip
    counts = likelihood["draws"] == 5000 and likelihood["digits"] == 10_000 and not config["conditional"]
    if counts and config["budget"] in (10, 60) and config["data"] == "mnist":
        more["row"] = "vae"
    training.publish(run, to, [f"{picture}.png" for picture in PICTURES] + ["samples/*.png"], more)


if __name__ == "__main__":
    sys.exit(main())
