"""The trained networks that come with the metrics, each pinned by the SHA-256 of its file: figures of one judge can't
be compared with another's."""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np


def read(name: str, sha256: str, pinned_in: str) -> dict[str, np.ndarray]:
    """The arrays of the safetensors file `name` in this package.

    Raises: FileNotFoundError when it did not come with the package, ValueError when it is another file.
    """
    from safetensors.numpy import load as parse

    try:
        content = resources.files(__package__).joinpath(name).read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{name} is missing: minigen is incomplete here. Install it again.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{name} is not the file that minigen was published with. Install it again; after training "
                         f"anew, set SHA256 in {pinned_in}.")
    return parse(content)
