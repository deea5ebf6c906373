"""Corpora larger than memory: tokenised block by block into a file, which training then reads through a memory map.

    python -m minigen.data pack corpus.txt corpus.npy --tokens bpe --vocabulary 8000
    python examples/text_transformer.py --data corpus.npy

Beside corpus.npy, the tokens in the smallest type that holds them, stands corpus.json, the tokeniser.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..files import written
from .text import clean, load_codes
from .tokens import BPETokenizer, CharTokenizer, WordTokenizer, tokenizer

BLOCK = 1 << 24  # characters at once
HEADER = 128  # bytes of an .npy file before its numbers


def blocks(path: Path, size: int = BLOCK) -> Iterator[str]:
    """A UTF-8 file's text, cleaned, in pieces of whole lines of about ``size`` characters."""
    with open(path, encoding="utf-8-sig") as file:
        try:
            while lines := file.readlines(size):
                yield clean("".join(lines))
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is not UTF-8 ({error.reason}, byte 0x{error.object[error.start]:02x})") from None


def fit(path: Path, kind: str, vocabulary: int) -> Any:
    """Characters of the whole file; words and byte pairs of its first block."""
    if kind == "char":
        return CharTokenizer(sorted(set().union(*map(set, blocks(path)))))
    first = next(blocks(path), "")
    if kind == "bpe":
        return BPETokenizer.fit(first, vocabulary)
    return WordTokenizer.fit(first, vocabulary, chinese=max(first[:1000], default="") >= "一")


def pack(
    source: str | os.PathLike[str], to: str | os.PathLike[str], kind: str = "char", vocabulary: int = 10_000
) -> int:
    """Write the tokens of the text file ``source`` to ``to``, an .npy, and its tokeniser beside it: how many they are.

    Memory holds one block. Raises: FileNotFoundError; ValueError for a file that is empty or not UTF-8.
    """
    source, to = Path(source), Path(to)
    if not source.is_file():
        raise FileNotFoundError(f"there is no file {source}")
    if to.suffix != ".npy" or source in (to, to.with_suffix(".json")):
        raise ValueError(f"{to} must be another file than {source}, its name must end in .npy (training knows a packed "
                         "corpus by that), and beside it goes a .json")
    made = fit(source, kind, vocabulary)
    dtype, n = np.min_scalar_type(max(len(made) - 1, 0)), 0
    with written(to) as part, open(part, "wb") as file:
        file.write(bytes(HEADER))
        for block in blocks(source):
            codes = made.encode(block)
            file.write(codes.astype(dtype).tobytes())
            n += len(codes)
        file.seek(0)
        np.lib.format.write_array_header_1_0(
            file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (n,)}
        )
        assert file.tell() == HEADER
        if not n:
            raise ValueError(f"{source} is empty: there is nothing to learn from")
        to.with_suffix(".json").write_text(json.dumps(made.to_dict(), ensure_ascii=False), encoding="utf-8")
    return n


def unpack(path: str | os.PathLike[str]) -> tuple[np.ndarray, Any]:
    """A packed corpus: the memory map of its tokens, and its tokeniser."""
    described = Path(path).with_suffix(".json")
    if not described.is_file():
        raise FileNotFoundError(f"{path} wants its tokeniser beside it, {described}: pack it by python -m minigen.data")
    return load_codes(path), tokenizer(json.loads(described.read_text(encoding="utf-8")))
