"""Your own pictures: a folder of image files, or of folders of them, one per class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from . import transforms
from .grey import GreyImages

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
HELD_OUT = 10  # every tenth picture is for testing


class ImageFolder(GreyImages):
    """The pictures of a folder as items (image, label), like MNIST's: float32 (1, size, size) in [0, 1], and an int.

    root/CLASS/*.png: the folders' names, sorted, are the classes 0, 1, ...; root/*.png: one class, 0. Other files are
        passed over. `classes` are the names, `paths` the files in the order of the items.
    transform: see minigen.data.transforms.
    size: pictures are resized to size x size.
    train: None takes all of them; True leaves out every tenth, and False takes only those.

    Raises: FileNotFoundError without the folder, ValueError for an empty one, for a file that is damaged, in colour or
    with an alpha channel, or not square: each names the file. Needs Pillow.
    """

    name = "ImageFolder"

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: transforms.Transform | None = None,
        size: int = 28,
        train: bool | None = None,
    ) -> None:
        self.root, self.transform = Path(root).expanduser(), transform
        if not self.root.is_dir():
            raise FileNotFoundError(f"root: there is no folder {self.root}")
        found = self._find()
        if train is not None:
            found = [item for i, item in enumerate(found) if (i % HELD_OUT == HELD_OUT - 1) != train]
        if not found:
            raise ValueError(f"{self.root} holds {'too few' if train is False else 'no'} pictures: put files of the "
                             f"kinds {', '.join(SUFFIXES)} into it, or into one folder per class")
        self.paths = [path for path, _ in found]
        self.labels = np.array([label for _, label in found], np.int64)
        self.images = np.stack([self._read(path, size) for path in self.paths])
        self.source = f"the folder {self.root}"
        print(f"minigen: {len(self):,} pictures of {len(self.classes)} classes from {self.source}")

    def _find(self) -> list[tuple[Path, int]]:
        folders = sorted(entry for entry in self.root.iterdir() if entry.is_dir() and _pictures(entry))
        direct = _pictures(self.root)
        if folders and direct:
            raise ValueError(f"{self.root} holds pictures ({direct[0].name}) beside folders of pictures "
                             f"({folders[0].name}/): put every picture into the folder of its class")
        self.classes = tuple(folder.name for folder in folders) or ("all",)
        return [(path, 0) for path in direct] + [(p, i) for i, folder in enumerate(folders) for p in _pictures(folder)]

    def _read(self, path: Path, size: int) -> np.ndarray:
        try:
            from PIL import Image
        except ImportError as error:
            raise ImportError("ImageFolder reads pictures with Pillow: pip install Pillow") from error
        try:
            with Image.open(path) as image:
                image.load()
        except Exception as error:  # Pillow passes on whatever its decoders say about a damaged file
            raise ValueError(f"{path} is damaged, or no picture ({error}). Remove it or replace it.") from error
        if image.mode not in ("1", "L"):
            channels = len(image.getbands())
            what = f"{channels} channels ({image.mode})" if channels > 1 else f"the mode {image.mode}"
            raise ValueError(f"{path} has {what}, but the networks here draw grey pictures, one channel of 8 bits. "
                             "Convert it: from PIL import Image; Image.open(FILE).convert('L').save(FILE)")
        if image.width != image.height:
            raise ValueError(f"{path} is {image.width} x {image.height}, not square. Crop or pad it first.")
        grey = image.convert("L")
        return np.asarray(grey if grey.width == size else grey.resize((size, size), Image.Resampling.BOX))

    def __repr__(self) -> str:
        return f"ImageFolder({str(self.root)!r}, {len(self):,} pictures of {len(self.classes)} classes)"


def _pictures(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file())


def has_pictures(root: Any) -> bool:
    """Does this folder hold pictures, directly or in the folders in it?"""
    root = Path(root)
    return any(_pictures(folder) for folder in (root, *(entry for entry in root.iterdir() if entry.is_dir())))
