"""Is generated text like its corpus, and is it more than a copy, of that or of itself?"""

from __future__ import annotations


def ngram_share(generated: str, corpus: str, n: int = 3) -> float:
    """The share of the n-grams of ``generated`` that occur in ``corpus``, in [0, 1]: is it written like the corpus?

    Raises ValueError when ``generated`` is shorter than n.
    """
    grams = [generated[i : i + n] for i in range(len(generated) - n + 1)]
    if not grams:
        raise ValueError(f"ngram_share: a text of {len(generated)} characters has no {n}-gram; generate more")
    known = {corpus[i : i + n] for i in range(len(corpus) - n + 1)}
    return sum(gram in known for gram in grams) / len(grams)


def longest_copy(generated: str, corpus: str) -> str:
    """The longest run of characters of ``generated`` that stands in ``corpus`` as it is; the first of several."""
    best = ""
    for start in range(len(generated)):
        while start + len(best) < len(generated) and generated[start : start + len(best) + 1] in corpus:
            best = generated[start : start + len(best) + 1]
    return best


def longest_repeat(text: str) -> str:
    """The longest run of characters that ``text`` has twice, the two may overlap: of a text in circles, nearly all."""
    best = ""
    for start in range(len(text)):
        while text.find(text[start : start + len(best) + 1], start + 1) >= 0:
            best = text[start : start + len(best) + 1]
    return best
