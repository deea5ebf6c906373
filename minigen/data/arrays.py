"""Files of arrays that others wrote: read without running what may be in them, and named if they are none."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of an .npz by their names; the one of an .npy by the name "".

    Raises: FileNotFoundError; ValueError for a file that is damaged, or that holds other things than arrays.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return dict(found)
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{path} can't be read as arrays ({error}); write it by np.savez(file, name=array)") from error
