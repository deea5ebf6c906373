"""A part of MNIST that comes with the package: 12,000 training and 2,000 test digits, equally many of each class.

Every pixel is the original's. `make_embedded.py` chose the digits; NOTICE says whose they are and under which licence.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("mnist_subset.npz")
PER_CLASS = {"train": 1200, "test": 200}
# Of the pixels and labels, not of the file: another zlib may pack the same digits into other bytes.
SHA256 = {
    "train": "78f6ba8a76ba6e2c397036b35415755cfaba43607a472e12b2316d7c213b4116",
    "test": "b80e576287e43ef90954b84cf6e6c564ac6d60caf5181be5b443afcc29c1d1c6",
}


def load(split: str, file: Path = FILE) -> tuple[np.ndarray, np.ndarray]:
    """The digits of `split` ("train" or "test"): uint8 images (N, 28, 28), int64 labels (N,).

    Raises: FileNotFoundError when the file did not come with the package, ValueError when it is not the file it was.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{file} is missing: this copy of minigen is incomplete. Install it again.") from error
    except Exception as error:  # np.load passes on whatever zipfile, zlib and NumPy say about a damaged file
        raise ValueError(f"{file} is damaged ({error}). Install minigen again.") from error
    if digest(images, labels) != SHA256[split]:
        raise ValueError(f"{file}: the {split} digits are not those that minigen was published with. Install it again.")
    return images, labels.astype(np.int64)


def digest(images: np.ndarray, labels: np.ndarray) -> str:
    """SHA-256 of the pixels followed by the labels, one byte each."""
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
