"""Small IDX files, and a data set that knows their checksums: no test here touches a network or the user's folders."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from minigen.data import MNIST, mnist

NAMES = list(MNIST.sha256)


def idx_bytes(values):
    values = np.asarray(values, np.uint8)
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


@pytest.fixture(scope="session")
def idx():
    """The IDX file of an array, as bytes."""
    return idx_bytes


@pytest.fixture(scope="session")
def small_files():
    """The uncompressed bytes of four files: 30 training and 20 test images."""
    rng = np.random.default_rng(0)
    files = {}
    for name in NAMES:
        n = 30 if name.startswith("train") else 20
        files[name] = idx_bytes(rng.integers(0, 256, (n, 28, 28)) if "images" in name else np.arange(n) % 10)
    return files


@pytest.fixture(autouse=True)
def nobody_is_home(monkeypatch, tmp_path):
    """No MINIGEN_DATA, an empty cache folder, no mirrors."""
    monkeypatch.delenv("MINIGEN_DATA", raising=False)
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(MNIST, "mirrors", ())
    monkeypatch.setattr(mnist.FashionMNIST, "mirrors", ())
    monkeypatch.setattr(mnist.FashionMNIST, "elsewhere", str(tmp_path / "usr"))


@pytest.fixture
def small_mnist(monkeypatch, small_files):
    """MNIST with the checksums of the small files."""
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in small_files.items()}
    monkeypatch.setattr(MNIST, "sha256", sums)
    return MNIST


@pytest.fixture
def folder(tmp_path, small_files):
    """A function that writes the small files into a folder, gzipped or plain, and returns it."""

    def write(name="files", packed=True, only=NAMES):
        place = tmp_path / name
        place.mkdir(parents=True, exist_ok=True)
        for file in only:
            content = small_files[file]
            (place / (file + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
        return place

    return write
