"""Texts: found by name or path, cleaned, split into training and held-out part, cut into windows.

    text = read("shakespeare")                       # or "chinese", "english", "sanguo", or any UTF-8 file
    train, test = text.split()
"""

from __future__ import annotations

import lzma
import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .mnist import cache_folder

EMBEDDED = Path(__file__).with_name("texts")


@dataclass(frozen=True)
class Source:
    """A text that has a name: where it lies under MINIGEN_DATA or in the package, and the share that is held out."""

    file: str
    held_out: float
    about: str


CORPORA = {
    "chinese": Source("sanguo_excerpt.txt.xz", 0.05, "the first chapters of the Three Kingdoms, part of minigen"),
    "english": Source("shakespeare_excerpt.txt.xz", 0.1, "the first plays of tiny Shakespeare, part of minigen"),
    "shakespeare": Source("shakespeare/input.txt", 0.1, "tiny Shakespeare, 1.1 million characters"),
    "sanguo": Source("sanguo/sanguo.txt", 0.05, "Romance of the Three Kingdoms, 600,000 characters"),
}


@dataclass(frozen=True)
class Text:
    """What was read: ``content``, its ``name``, and the share at the end that is never trained on."""

    content: str
    name: str
    held_out: float

    def split(self) -> tuple[str, str]:
        """The training part and, from the end, the held-out part, as the published figures have it."""
        border = int(len(self.content) * (1 - self.held_out))
        return self.content[:border], self.content[border:]


def read(source: str | os.PathLike[str], held_out: float | None = None) -> Text:
    """The text called ``source``, or the UTF-8 file of that path.

    "chinese" and "english" come with minigen. "shakespeare" and "sanguo" are looked for in the folder that the
    environment variable MINIGEN_DATA names and in the user's cache folder.

    Raises: FileNotFoundError for what is neither a name nor a file, ValueError for a file that is empty or not UTF-8
    and for a share that is not in [0, 1).
    """
    name = os.fspath(source)
    known = CORPORA.get(name)
    path = _place(known, name) if known else Path(name).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no text {name!r}: name a file, or one of {', '.join(CORPORA)}")
    share = held_out if held_out is not None else known.held_out if known else 0.1
    if not 0 <= share < 1:
        raise ValueError(f"held_out must lie in [0, 1), got {share}")
    content = decoded(path)
    if not known:  # published figures are of the text as it is
        content = clean(content)
        if not content.strip():
            raise ValueError(f"{path} is empty but for control characters: there is nothing to learn from")
    return Text(content, name, share)


def _place(source: Source, name: str) -> Path:
    if source.file.endswith(".xz"):
        return EMBEDDED / source.file
    folders = [Path(folder) for folder in (os.environ.get("MINIGEN_DATA"), cache_folder()) if folder]
    found = [folder / source.file for folder in folders if (folder / source.file).is_file()]
    if not found:
        raise FileNotFoundError(
            f"the text {name!r} ({source.about}) does not come with minigen: put it at {folders[-1] / source.file}, or "
            "let MINIGEN_DATA name the folder above it. 'chinese' and 'english' are always there."
        )
    return found[0]


def decoded(path: Path) -> str:
    """The text of a UTF-8 file, or of an .xz of one. Raises ValueError for one that is empty, damaged or not UTF-8."""
    raw = path.read_bytes()
    if path.suffix == ".xz":
        try:
            raw = lzma.decompress(raw)
        except lzma.LZMAError as error:
            raise ValueError(f"{path} is damaged ({error})") from None
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8: byte {error.start:,} is 0x{raw[error.start]:02x}. Convert it, for instance by "
            "iconv -f GB18030 -t UTF-8"
        ) from None
    if not content.strip():
        raise ValueError(f"{path} is empty: there is nothing to learn from")
    return content


def clean(text: str) -> str:
    """Line ends as \\n, no control characters, no spaces before a line's end, at most one empty line in a row."""
    text = re.sub(r"\r\n?|\u2028|\u2029", "\n", text)
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\u200b\ufeff]", "", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text))


class Windows:
    """Places to cut a text at: item i is the start i * length, of as many windows as fit one after the other.

    codes: int array (n,), which may be a memory map: only what is cut is read. ``cut`` takes the windows out of it, at
    these starts or shifted ones, so that every epoch can cut the text elsewhere.
    Raises ValueError when the text is not even one window and the token after it long.
    """

    def __init__(self, codes: np.ndarray, length: int) -> None:
        if length < 1 or len(codes) <= length:
            raise ValueError(
                f"a text of {len(codes):,} tokens has no window of {length:,} tokens and the one that follows; take a "
                "shorter context or a longer text"
            )
        self.codes, self.length = codes, length

    def __len__(self) -> int:
        return (len(self.codes) - 1) // self.length

    def __getitem__(self, index: int) -> int:
        return int(self.get_batch(np.array([index]))[0][0])

    def get_batch(self, indices: np.ndarray) -> tuple[np.ndarray]:
        return (np.arange(len(self))[indices] * self.length,)

    def cut(self, starts: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (N, length), and the tokens that follow each of them, (N, length): int64. A start past the last
        window that fits is moved back to it."""
        first = np.minimum(np.asarray(starts, np.int64), len(self.codes) - self.length - 1)
        rows = self.codes[first[:, None] + np.arange(self.length + 1)].astype(np.int64)
        return rows[:, :-1], rows[:, 1:]


def covering(n: int, length: int, stride: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Windows whose predictions cover tokens 1 .. n - 1 once: their starts, and how many predictions count in each,
    the last ones.

    ``stride``: how far one lies after the other, at most ``length`` (the default). A smaller one gives every token that
    counts at least length - stride tokens of context, but for the first window. The last window ends with the text.
    """
    stride = stride or length
    ends = np.array([*range(length, n - 1, stride), n - 1], np.int64)
    return ends - length, np.diff(ends, prepend=0)


def save_codes(codes: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Tokens as .npy of the smallest unsigned type, for ``load_codes``."""
    largest = int(codes.max(initial=0))
    np.save(path, codes.astype(np.min_scalar_type(largest)))


def load_codes(path: str | os.PathLike[str]) -> np.ndarray:
    """A memory map of tokens that ``save_codes`` wrote: larger than memory is no obstacle."""
    try:
        codes = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, zipfile.BadZipFile) as error:  # NumPy speaks of pickles and zip files
        raise ValueError(f"{path} is damaged, or no .npy file") from error
    if not isinstance(codes, np.ndarray):
        raise ValueError(f"{path} is an .npz of several arrays, not a row of tokens")
    if codes.ndim != 1 or codes.dtype.kind not in "iu":
        raise ValueError(f"{path} holds {codes.dtype} of shape {codes.shape}, not a row of tokens")
    return codes
