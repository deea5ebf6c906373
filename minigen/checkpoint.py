"""Checkpoints: one safetensors file, no pickle. Arrays are stored as arrays, everything else as JSON in its header.

A file is written under a temporary name and renamed: a name never carries half a checkpoint, and the one before it
stays until then.
"""

from __future__ import annotations

import json
import os
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from .dtypes import bfloat16
from .files import written
from .tensor import Tensor, on_host

_FORMAT = "minigen-checkpoint-1"


def save(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a nest of dicts and lists whose leaves are Tensors, arrays, numbers, words, bools and None.

    Raises TypeError for any other leaf (nothing is pickled), OSError if the disk refuses; an older file of that name
    is then untouched.
    """
    from safetensors.numpy import save as encode

    arrays: dict[str, np.ndarray] = {}
    tree = _split(state, "", arrays)
    payload = encode(arrays, metadata={_FORMAT: json.dumps(tree)})
    with written(path) as part:
        part.write_bytes(payload)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The nest that ``save`` was given, Tensors as arrays.

    Raises FileNotFoundError, or ValueError for a truncated, damaged or foreign file. A pickle is refused: it may hold
    any program.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as decode

    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"checkpoint: there is no file {source}")
    payload = source.read_bytes()
    try:
        size = int.from_bytes(payload[:8], "little")
        tree = json.loads(payload[8 : 8 + size]).get("__metadata__", {}).get(_FORMAT)
        arrays = decode(payload) if tree is not None else {}  # a foreign file may hold types that NumPy has not
    except (SafetensorError, ValueError, AttributeError) as error:
        if _is_pickle(payload):
            raise ValueError(
                f"checkpoint: {source} is a pickle (torch.save writes one, too), and to load a pickle is to run the "
                "code in it; load it where it comes from, and save its arrays with minigen.checkpoint.save"
            ) from None
        raise ValueError(
            f"checkpoint: {source} is truncated or not a safetensors file ({error}); use an earlier one"
        ) from None
    if tree is None:
        raise ValueError(f"checkpoint: {source} is a safetensors file, but no checkpoint of minigen")
    return _join(json.loads(tree), arrays)


def _is_pickle(payload: bytes) -> bool:
    """Does this read as a pickle, or as a zip archive with one in it? Nothing of it is run."""
    if payload.startswith(b"PK\x03\x04"):
        return b"data.pkl" in payload[:4096]
    try:
        return all(True for _ in pickletools.genops(payload))
    except ValueError:
        return False


def _split(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    """The JSON part of ``value``; arrays move to ``arrays`` under their path."""
    if isinstance(value, dict):
        numbered = bool(value) and all(type(k) is int for k in value)  # an optimiser counts its parameters
        for k in value:
            if not (numbered or isinstance(k, str)):
                raise TypeError(f"checkpoint: the keys of {name or 'state'} must be str, or all int, got {k!r}")
        parts = {str(k): _split(v, f"{name}/{k}" if name else str(k), arrays) for k, v in value.items()}
        return {"numbered" if numbered else "dict": parts}
    if isinstance(value, (list, tuple)):
        return {"list": [_split(v, f"{name}/{i}", arrays) for i, v in enumerate(value)]}
    if isinstance(value, Tensor):
        value = on_host(value.array)
    if isinstance(value, np.ndarray):
        while name in arrays:  # {"a/b": x, "a": {"b": y}} are two arrays
            name += "'"
        saved = {"array": name, "shape": list(value.shape)}
        if value.dtype == bfloat16:  # safetensors' reader for NumPy knows no such type: its bits are stored
            value, saved = value.view(np.uint16), {**saved, "bits of": "bfloat16"}
        arrays[name] = np.ascontiguousarray(value)
        return saved
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"value": value}
    raise TypeError(
        f"checkpoint: {name} is a {type(value).__name__}; only arrays, numbers, words, bools, None, dicts and "
        "lists are saved"
    )


def _join(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    if "dict" in tree:
        return {k: _join(v, arrays) for k, v in tree["dict"].items()}
    if "numbered" in tree:
        return {int(k): _join(v, arrays) for k, v in tree["numbered"].items()}
    if "list" in tree:
        return [_join(v, arrays) for v in tree["list"]]
    if "value" in tree:
        return tree["value"]
    array = np.array(arrays[tree["array"]]).reshape(tree["shape"])
    return array.view(bfloat16) if tree.get("bits of") == "bfloat16" else array
