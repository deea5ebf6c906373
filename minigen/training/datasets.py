"""What ``--data`` names: the embedded digits, MNIST, Fashion-MNIST, or a folder of your own."""

from __future__ import annotations

from pathlib import Path

from ..data import MNIST, FashionMNIST, ImageFolder
from ..data.folder import has_pictures
from ..data.grey import GreyImages
from ..data.transforms import Transform

SMOKE = 256  # images of a --smoke run


def dataset(name: str, transform: Transform | None = None, *, train: bool = True, smoke: bool = False) -> GreyImages:
    """Items (image, label), 28 x 28 before the transform: "embedded", "mnist", "fashion", or a folder with IDX files or
    with pictures (of which every tenth is for testing). ``smoke`` keeps 256, of a folder some of every class.

    Raises FileNotFoundError for a folder that is not there, and where a folder was named never takes other images than
    those in it; ValueError for what is damaged.
    """
    found: GreyImages
    if name == "embedded":
        found = MNIST("embedded", train, transform)
    elif name == "mnist":
        found = MNIST(None, train, transform)
    elif name == "fashion":
        found = FashionMNIST(None, train, transform)
    else:
        found = _folder(Path(name), transform, train)
    if smoke:
        kept = slice(0, SMOKE) if isinstance(found, MNIST) else slice(None, None, -(-len(found) // SMOKE))
        found.images, found.labels = found.images[kept], found.labels[kept]
    return found


def _folder(root: Path, transform: Transform | None, train: bool) -> GreyImages:
    if not root.is_dir():
        raise FileNotFoundError(f"--data: there is no folder {root}; use embedded, mnist, fashion, or a folder")
    if has_pictures(root):
        return ImageFolder(root, transform, train=train)
    found = MNIST(root, train, transform, download=False)
    if not found.source.startswith("root "):  # never ten minutes on other digits than those named
        raise FileNotFoundError(
            f"--data: {root} holds no pictures and no files of MNIST (train-images-idx3-ubyte and "
            "train-labels-idx1-ubyte, .gz or not, there or in its folder mnist/); use embedded, mnist, fashion, or "
            "another folder"
        )
    return found
