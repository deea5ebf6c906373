"""Choose the digits of the embedded subset from the whole of MNIST and write mnist_subset.npz.

    python -m minigen.data.make_embedded --data FOLDER     (or without --data: search and download as MNIST does)

From each class a fixed number is drawn without replacement; the drawn digits keep MNIST's order, so classes stay mixed.
Nothing is lost: deflate alone packs the 14,000 images into 2.3 MB, as most pixels of a digit are background.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

from .embedded import FILE, PER_CLASS, SHA256, digest
from .mnist import MNIST

SEED = 28


def choose(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Ascending indices of `per_class` digits of each class, drawn without replacement."""
    rng = np.random.RandomState(SEED)  # NumPy promises that this generator's stream never changes
    drawn = [rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in range(10)]
    return np.sort(np.concatenate(drawn))


def build(root: str | None) -> dict[str, np.ndarray]:
    """The four arrays of the subset, uint8. Raises ValueError unless the source is the original MNIST."""
    arrays = {}
    for split, per_class in PER_CLASS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a wrong checksum is a warning elsewhere; here it must stop us
            full = MNIST(root, train=split == "train")
        if len(full) not in (60_000, 10_000):
            raise ValueError(f"--data: the whole MNIST is needed, but this is {full.source} with {len(full):,} images")
        chosen = choose(full.labels, per_class)
        arrays[f"{split}_images"] = full.images[chosen]
        arrays[f"{split}_labels"] = full.labels[chosen].astype(np.uint8)
    return arrays


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m minigen.data.make_embedded", description=__doc__)
    parser.add_argument("--data", help="folder of the four IDX files")
    parser.add_argument("--out", type=Path, default=FILE, help="file to write (default: the package's own)")
    args = parser.parse_args(argv)
    arrays = build(args.data)
    np.savez_compressed(args.out, **arrays)  # type: ignore[arg-type]
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")
    made = {split: digest(arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in PER_CLASS}
    for split, value in made.items():
        print(f"SHA-256 of the {split} digits: {value}")
    if made != SHA256:
        print("These differ from SHA256 in embedded.py. Did you mean to change the subset?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
