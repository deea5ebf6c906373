"""Weights that come with minigen: per script one safetensors file in float16, and a JSON that says how it was made."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint
from ..files import write_json, written

FOLDER = Path(str(resources.files("minigen.models"))) / "pretrained"
LIMIT = 4 * 2**20  # bytes


def place(name: str, folder: Path = FOLDER) -> Path:
    """Where the weights of this name are."""
    return folder / f"{name}.safetensors"


def save(name: str, state: dict[str, Any], about: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write ``state`` (a nest as for checkpoint.save) with float arrays rounded to float16, and NAME.json beside it.

    float16 keeps 11 bits: weights change by at most 0.05%. An array with a value beyond 65,504 stays as it is.
    ``about`` says the command and what was measured. Raises ValueError for a file above 4 MB.
    """
    path = place(name, folder)
    with written(path) as part:  # weights that are there already stay until these have their size
        checkpoint.save(part, _convert(state, _half))
        content = part.read_bytes()
        if len(content) > LIMIT:
            raise ValueError(
                f"pretrained: {name} takes {len(content):,} bytes, and {LIMIT:,} are allowed: fewer channels"
            )
    about = {**about, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    write_json(path.with_suffix(".json"), about)
    return path


def load(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """The nest that was saved under ``name``, its arrays in float32.

    Raises FileNotFoundError when there is none, ValueError when the file is not the one that its JSON describes.
    """
    path = place(name, folder)
    if not path.is_file():
        raise FileNotFoundError(f"no weights come with minigen for {name}: there is no file {path}; train first")
    expected = json.loads(path.with_suffix(".json").read_text())["sha256"]
    if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise ValueError(f"{path} is not the file that minigen was published with. Install it again.")
    return _convert(checkpoint.load(path), lambda a: a.astype(np.float32) if a.dtype == np.float16 else a)


def _half(array: np.ndarray) -> np.ndarray:
    if array.dtype not in (np.float32, np.float64):
        return array
    fits = np.abs(array).max(initial=0) <= np.finfo(np.float16).max  # False for NaN
    return array.astype(np.float16) if fits else array


def _convert(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {key: _convert(member, change) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_convert(member, change) for member in value]
    value = getattr(value, "array", value)
    return change(value) if isinstance(value, np.ndarray) else value
