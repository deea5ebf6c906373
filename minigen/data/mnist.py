"""MNIST and Fashion-MNIST: 60,000 + 10,000 grey images, 28 x 28, of ten classes, and where to find them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from . import embedded, transforms
from .download import fetch
from .grey import GreyImages
from .idx import read_idx

IMAGES = {"train": "train-images-idx3-ubyte", "test": "t10k-images-idx3-ubyte"}
LABELS = {"train": "train-labels-idx1-ubyte", "test": "t10k-labels-idx1-ubyte"}


class MNIST(GreyImages):
    """Handwritten digits. Item i is (image, label): float32 (1, 28, 28) in [0, 1], or what `transform` makes of it,
    and an int. An array or slice of indices gives (N, 1, 28, 28) and int64 (N,) at once.

    `images` (N, 28, 28) uint8, `labels` (N,) int64 and `source`, words, are there to look at.

    root: a folder with the files (also in `mnist/` or `MNIST/raw/`, gzipped or not), or "embedded".
        Looked through in this order: root, the folder named by the environment variable MINIGEN_DATA, the user's cache
        folder; then the files are downloaded to root, or to the cache if there is no root. Where none of that is
        possible, the package's own 12,000 + 2,000 digits are taken. One printed line says which it was.
        "embedded" takes those digits at once, without searching or downloading.
    train: the training images, or else the test images.
    transform: see minigen.data.transforms.
    download: False forbids it.

    Raises: FileNotFoundError for a folder that has some of the files but not all, or that isn't there and mustn't be
    made; ValueError for a damaged file, or one whose header, shapes or labels are not of this kind.
    A sound file with another checksum is used, with a warning: it may be your own data in the same format.
    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"; IDX is described there.
    """

    name = "MNIST"
    folder = "mnist"
    has_subset = True
    elsewhere: str | None = None  # where a system's package puts the files
    classes: Sequence[str] = tuple("0123456789")
    mirrors: Sequence[str] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    sha256: Mapping[str, str] = {  # of the uncompressed bytes
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: transforms.Transform | None = None,
        download: bool = True,
    ) -> None:
        self.train, self.transform = bool(train), transform
        self.split = "train" if train else "test"
        self.images, self.labels, self.source = self._load(root, download)
        print(f"minigen: {self.name}: {len(self):,} {self.split} images from {self.source}")

    def __repr__(self) -> str:
        return f"{self.name}(train={self.train}, {len(self):,} images from {self.source}, transform={self.transform})"

    # ---- where the files are

    def _load(self, root: str | os.PathLike[str] | None, download: bool) -> tuple[np.ndarray, np.ndarray, str]:
        if root == "embedded":
            return self._embedded('root="embedded"')
        root = None if root is None else Path(root).expanduser()
        if root is not None and not root.is_dir() and (root.exists() or not download):
            raise FileNotFoundError(f'root: there is no folder {root}. Name one with the files, or root="embedded".')
        target = root or cache_folder()
        for place, folder in self._places(root):
            missing = [name for name in self._wanted() if self._find(folder, name) is None]
            if not missing:
                return self._read(place, folder)
            incomplete = any(self._find(folder, name) for name in self.sha256)
            if incomplete and place != "cache" and not (download and folder == target):
                raise FileNotFoundError(f"{place} {folder} has files of {self.name}, but no {' and no '.join(missing)} "
                                        "(.gz or not). Put that there too, or name another folder.")
        if not download:
            return self._embedded("nothing else found, download=False")
        try:
            self._download(target)
        except OSError as error:
            if root is not None and any(self._find(root, name) for name in self.sha256):
                raise FileNotFoundError(f"{root} holds only a part of {self.name}. {error}") from error
            return self._embedded(f"nothing else found; {' '.join(str(error).split())}")
        return self._read("download to", target)

    def _places(self, root: Path | None) -> list[tuple[str, Path]]:
        named = os.environ.get("MINIGEN_DATA")
        places = [("root", root), ("MINIGEN_DATA", Path(named) if named else None), ("cache", cache_folder())]
        places.append(("system folder", Path(self.elsewhere) if self.elsewhere else None))
        return [(place, folder) for place, folder in places if folder is not None]

    def _wanted(self) -> tuple[str, str]:
        return IMAGES[self.split], LABELS[self.split]

    def _find(self, folder: Path, name: str) -> Path | None:
        """The file `name` in the usual sub-folders (minigen's, torchvision's) or in the folder itself, gzipped or not.
        The sub-folders come first: the two data sets use the same file names."""
        places = (folder / self.folder, folder / self.name / "raw", folder)
        return next((path for place in places for path in (place / f"{name}.gz", place / name) if path.is_file()), None)

    def _download(self, target: Path) -> None:
        for name, sha256 in self.sha256.items():
            if self._find(target, name) is None:
                fetch([f"{url}{name}.gz" for url in self.mirrors], target / self.folder / f"{name}.gz", sha256)

    # ---- what is in them

    def _read(self, place: str, folder: Path) -> tuple[np.ndarray, np.ndarray, str]:
        arrays = []
        for name, ndim in zip(self._wanted(), (3, 1), strict=True):
            path = self._find(folder, name)
            assert path is not None
            values, sha256 = read_idx(path, ndim)
            self._compare(path, name, sha256)
            arrays.append(values)
        images, labels = arrays
        if images.shape[1:] != (28, 28) or len(images) != len(labels):
            raise ValueError(f"{folder}: {self.name} has images of 28 x 28 and a label for each, "
                             f"but these are images {images.shape} and labels {labels.shape}")
        if labels.size and labels.max() > 9:
            at = int(np.argmax(labels > 9))
            raise ValueError(f"{folder}: labels are 0 to 9, but label {at} of the {self.split} images is {labels[at]}")
        return images, labels.astype(np.int64), f"{place} {folder}"

    def _compare(self, path: Path, name: str, sha256: str) -> None:
        if sha256 == self.sha256[name]:
            return
        for other in (MNIST, FashionMNIST):
            if sha256 in other.sha256.values():
                raise ValueError(f"{path} is not {self.name}'s file of that name, but one of {other.name}'s. "
                                 f"Keep {self.name} in a folder of its own, {self.folder}/, or name another root.")
        warnings.warn(f"{path} is a sound file, but not the published one: its SHA-256 is {sha256}, "
                      f"not {self.sha256[name]}. It is used as it is.", stacklevel=5)

    def _embedded(self, why: str) -> tuple[np.ndarray, np.ndarray, str]:
        if not self.has_subset:
            urls = ", ".join(f"{url}{name}.gz" for url in self.mirrors for name in self.sha256)
            raise FileNotFoundError(
                f"{self.name} is not embedded in minigen ({why}). Fetch {urls}, or install Debian's package "
                f"dataset-fashion-mnist, which fills {self.elsewhere}. Then name the folder as root or in MINIGEN_DATA."
            )
        return *embedded.load(self.split), f"the embedded subset ({why})"


class FashionMNIST(MNIST):
    """Pictures of clothes, made to be as large and as easy to read as MNIST, but harder to classify.

    The arguments are MNIST's. No part of it is embedded: root="embedded" raises FileNotFoundError, as does a search
    that finds nothing. Debian's package dataset-fashion-mnist is found without being named.
    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", arXiv 1708.07747 (MIT licence).
    """

    name = "FashionMNIST"
    folder = "fashion-mnist"
    has_subset = False
    elsewhere = "/usr/share/datasets/fashion-mnist"
    classes = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
               "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)  # the checksum protects it, not https
    sha256: Mapping[str, str] = {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }


def cache_folder() -> Path:
    """The user's cache folder for minigen: ~/.cache/minigen on Linux."""
    from platformdirs import user_cache_path

    return user_cache_path("minigen", appauthor=False)
