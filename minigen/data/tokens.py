"""From text to numbers and back: by character, by word, by byte pairs.

Each tokeniser is made from a text by ``fit``. It has a length, ``encode`` and ``decode``, with
decode(encode(text)) = text for every text over its vocabulary, and ``to_dict``, which ``tokenizer`` turns back into it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

UNKNOWN = "<unk>"


class CharTokenizer:
    """One number per character, in the order of their code points."""

    kind = "char"

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = list(characters)
        self.codes = {c: i for i, c in enumerate(self.characters)}

    @classmethod
    def fit(cls, text: str) -> CharTokenizer:
        return cls(sorted(set(text)))

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """int64 (len(text),). Raises ValueError that names the characters which the vocabulary lacks."""
        try:
            return np.fromiter((self.codes[c] for c in text), np.int64, len(text))
        except KeyError:
            unknown = sorted(set(text) - set(self.codes))
            raise ValueError(
                f"{len(unknown)} characters are not among the {len(self):,} that the model knows: "
                f"{' '.join(map(repr, unknown[:10]))}{' ...' if len(unknown) > 10 else ''}"
            ) from None

    def decode(self, codes: Iterable[int]) -> str:
        return "".join(self.characters[i] for i in codes)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "characters": "".join(self.characters)}


class WordTokenizer:
    """One number per word, the most frequent first; 0 is for all other words.

    Words, runs of white space and single other signs are tokens, so that nothing is lost between them. Chinese, which
    writes no spaces, is cut by jieba (``pip install "minigen[text]"``) when ``chinese`` is set. ``stop_words`` are left
    out: then decode gives the text without them.
    """

    kind = "word"
    unknown = 0  # stands for every word that is not among them

    def __init__(self, words: Iterable[str], chinese: bool = False, stop_words: Iterable[str] = ()) -> None:
        self.words = list(words)
        self.chinese, self.stop_words = bool(chinese), frozenset(stop_words)
        self.codes = {w: i for i, w in enumerate(self.words)}

    @classmethod
    def fit(
        cls, text: str, size: int = 10_000, chinese: bool = False, stop_words: Iterable[str] = ()
    ) -> WordTokenizer:
        if size < 1:
            raise ValueError(f"WordTokenizer: size must be at least 1, for {UNKNOWN}, got {size}")
        empty = cls([UNKNOWN], chinese, stop_words)
        counts = Counter(empty.cut(text))
        frequent = sorted(counts, key=lambda w: (-counts[w], w))[: size - 1]
        return cls([UNKNOWN, *frequent], chinese, stop_words)

    def __len__(self) -> int:
        return len(self.words)

    def cut(self, text: str) -> list[str]:
        """The words of a text, in order, without the stop words."""
        words = _jieba().lcut(text) if self.chinese else re.findall(r"\w+(?:'\w+)*|\s+|[^\w\s]", text)
        return [word for word in words if word not in self.stop_words]

    def encode(self, text: str) -> np.ndarray:
        words = self.cut(text)
        return np.fromiter((self.codes.get(w, self.unknown) for w in words), np.int64, len(words))

    def decode(self, codes: Iterable[int]) -> str:
        return "".join(self.words[i] for i in codes)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "words": self.words, "chinese": self.chinese,
                "stop_words": sorted(self.stop_words)}  # fmt: skip


class BPETokenizer:
    """Byte pairs, merged by frequency (Sennrich 2016), over bytes (GPT-2): every Unicode text can be written.

    Needs the library ``tokenizers``: ``pip install "minigen[text]"``.
    """

    kind = "bpe"

    def __init__(self, description: str) -> None:
        self.description = description
        self._inner = _tokenizers().Tokenizer.from_str(description)

    @classmethod
    def fit(cls, text: str, size: int = 2000) -> BPETokenizer:
        if size < 1:
            raise ValueError(f"BPETokenizer: size must be at least 1, got {size}")
        library = _tokenizers()
        inner = library.Tokenizer(library.models.BPE())
        inner.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        inner.decoder = library.decoders.ByteLevel()
        alphabet = library.pre_tokenizers.ByteLevel.alphabet()
        trainer = library.trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
        inner.train_from_iterator(text.splitlines(keepends=True), trainer)
        return cls(inner.to_str())

    def __len__(self) -> int:
        return self._inner.get_vocab_size()

    def encode(self, text: str) -> np.ndarray:
        return np.asarray(self._inner.encode(text).ids, np.int64)

    def decode(self, codes: Iterable[int]) -> str:
        return self._inner.decode([int(i) for i in codes], skip_special_tokens=False)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "description": self.description}


KINDS = {kind.kind: kind for kind in (CharTokenizer, WordTokenizer, BPETokenizer)}


def tokenizer(description: dict[str, Any]) -> CharTokenizer | WordTokenizer | BPETokenizer:
    """The tokeniser that ``to_dict`` described."""
    kind, settings = description.get("kind"), {k: v for k, v in description.items() if k != "kind"}
    if kind not in KINDS:
        raise ValueError(f"there is no tokeniser of kind {kind!r}, only {', '.join(KINDS)}")
    return KINDS[kind](**settings)


def _jieba() -> Any:
    try:
        import jieba
    except ImportError:
        raise ImportError('cutting Chinese into words needs jieba: pip install "minigen[text]"') from None
    jieba.setLogLevel(60)  # it would tell how long its dictionary took
    return jieba


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise ImportError('byte-pair encoding needs the library tokenizers: pip install "minigen[text]"') from None
    return tokenizers
