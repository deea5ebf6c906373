"""The text models' figures, and the page that shows what they write and how they learnt it."""

from __future__ import annotations

from pathlib import Path

from minigen.metrics import table

from ..report_kernels import table as markdown
from . import figures as place
from .figures import Result, Results, Wanted

PAGE = "text.md"
NAMES = {
    "shakespeare": "tiny Shakespeare, characters",
    "nanogpt": "tiny Shakespeare, nanoGPT's CPU configuration",
    "sanguo": "Three Kingdoms, characters",
    "pretrained text_transformer": "the embedded Three Kingdoms, the Transformer that comes with minigen",
    "pretrained text_rnn": "the embedded Three Kingdoms, the LSTM that comes with minigen",
    "mle": "SeqGAN's oracle, maximum likelihood alone",
    "seqgan": "SeqGAN's oracle, maximum likelihood and then SeqGAN",
    "sentence_vae": "sentence VAE, Shakespeare's lines",
}
SHOWN = 1200  # characters of a sample


def fewer_nats(result: Result, results: Results) -> float | None:
    """1 - nats / nats of the n-gram model, which always sees its whole context; so windows overlap here."""
    other, mine = place.peer(result, results), result.get("nats_per_character_overlapping")
    return 1 - mine / other["nats_per_character"] if other and mine else None


def time_of_the_peer(result: Result, results: Results) -> float | None:
    """Seconds of minigen's steps over those of PyTorch's, the two interleaved in one process."""
    other = place.peer(result, results)
    return other["seconds"]["minigen"] / other["seconds"]["torch"] if other else None


def below_likelihood(result: Result, results: Results) -> float | None:
    """NLL_oracle of maximum likelihood alone, in the same time, minus that after the game."""
    alone = likelihood_alone(result, results)
    return alone["nll_oracle"] - result["nll_oracle"] if alone else None


def worse_on_real(result: Result, results: Results) -> float | None:
    """How much larger NLL_test is than that of maximum likelihood alone."""
    alone = likelihood_alone(result, results)
    return result["nll_test"] / alone["nll_test"] - 1 if alone else None


def likelihood_alone(result: Result, results: Results) -> Result | None:
    same = [r for r in results if r.get("row") == "mle" and r.get("budget") == result.get("budget")]
    return min(same, key=lambda r: r["nll_oracle"], default=None)


def better_than_plain(result: Result, results: Results) -> float | None:
    """Nats a line that the decoder alone needs, minus those with z."""
    other = place.peer(result, results)
    return other["held_out"] - result["held_out"] if other else None


NATS = ("nats_per_character",)
WANTED = [
    Wanted("shakespeare", 60, "nats per character, last 10%", NATS, 1.58, 1.50, True, "{:.3f}".format,
           "nanoGPT 1.47 on an A100"),
    Wanted("nanogpt", "2,000 steps", "nats per character, last 10%", NATS, 1.90, 1.88, True, "{:.3f}".format,
           "nanoGPT 1.88"),
    Wanted("nanogpt", "2,000 steps", "time / PyTorch's for the same steps", time_of_the_peer, None, 1.0, True),
    Wanted("sanguo", 60, "fewer nats than a modified Kneser-Ney 5-gram, last 5%, windows that overlap", fewer_nats,
           0.03, 0.08, shown=table.percent),
    *(wanted for row in ("pretrained text_transformer", "pretrained text_rnn") for wanted in (
        Wanted(row, "own", "known character trigrams", ("known_trigrams",), 0.90, shown=table.percent),
        Wanted(row, "own", "longest run copied", ("longest_copy",), 20, None, True, "{:.0f}".format),
    )),
    Wanted("mle", 60, "NLL_oracle", ("nll_oracle",), 9.15, None, True, published="9.04 (true data 5.75)"),
    Wanted("seqgan", 60, "NLL_oracle below maximum likelihood's", below_likelihood, 0.10, 0.25,
           published="0.30 (8.74)"),
    Wanted("seqgan", 60, "NLL_test above maximum likelihood's", worse_on_real, 0.05, None, True, table.percent),
    Wanted("sentence_vae", 30, "KL in nats", ("held_out_kl",), 5, published="2 to 15 (Bowman 2016)"),
    Wanted("sentence_vae", 30, "nats a line fewer than the decoder alone", better_than_plain, 0),
]  # fmt: skip
ORDER = {"seqgan": "nll_oracle", "mle": "nll_oracle", "sentence_vae": "held_out"}

HEAD = """# Text models

[All figures](README.md) stand together; this page shows what is behind those of text models, and what they write.
[The page on text](../text.md) says how they work and what the numbers mean.
"""
EXPLAINED = """
Nats are natural logarithms of 1 / probability, the mean over all characters of the part of the text that was held out.
NLL_oracle also falls when a model only becomes bolder, or knows its 10,000 sentences by heart; therefore NLL_test, of
sentences that it never saw, and maximum likelihood at lower temperatures stand beside it.
"""


def owns(result: Result) -> bool:
    return result["file"].startswith("text_")


def check(path: Path, result: Result) -> None:
    """Nothing is refused for its content."""


def order(result: Result) -> float | None:
    """What decides between two results that reach as many figures; less is better."""
    return result.get(ORDER.get(result.get("row", ""), "nats_per_character"))


def figures(results: Results) -> str:
    head = ("task", "budget", "figure", "at least", "aim", "measured", "verdict", "published")
    return "\n".join(markdown(head, list(place.rows(results, WANTED, NAMES, order, PAGE)))) + "\n"


def page(results: Results, folder: Path) -> str:
    parts = [HEAD]
    titles = (("Results", lambda r: r.get("row")), ("What they are compared with", lambda r: r.get("peer")),
              ("Other runs", lambda r: not r.get("row") and not r.get("peer")))  # fmt: skip
    for title, belongs in titles:
        chosen = [r for r in results if belongs(r)]
        if chosen:
            parts += [f"\n## {title}\n", *(section(r, folder) for r in chosen)]
    return "".join(parts)


USUAL = {"threads", "seed", "steps", "minutes", "budget"}  # these stand in the heading


def section(result: Result, folder: Path) -> str:
    """One result: how it was made, what it measured, its curves and what it writes."""
    lines, stem = place.heading(result), result["file"].removesuffix(".json")
    if own := place.numbers({key: x for key, x in result.items() if key not in USUAL}):
        lines.append(f"Its figures: {own}\n")
    for key, x in result.items():
        if isinstance(x, dict) and key not in ("config", "machine", "health"):
            lines += detail(key.replace("_", " ").capitalize(), x)
    if result.get("tried"):
        lines.append(f"What was tried: {result['tried']}\n")
    if (folder / f"{stem}_curves.png").is_file():
        lines.append(f"![curves]({stem}_curves.png)\n")
    if (written := folder / f"{stem}.txt").is_file():
        said = written.read_text(encoding="utf-8").strip()
        cut = f", the first {SHOWN:,} characters of [{written.name}]({stem}.txt)" if len(said) > SHOWN else ""
        lines += [f"What it writes{cut}:\n", "```text", *(line.rstrip() for line in said[:SHOWN].splitlines()), "```\n"]
    return "\n".join(lines)


def detail(title: str, of: Result) -> list[str]:
    """{"a": 1} in words; {"a": {"x": 1}, "b": {"x": 2}} as a table, a row for a and one for b."""
    if of and all(isinstance(row, dict) for row in of.values()):
        columns = list(dict.fromkeys(column for row in of.values() for column in row))
        rows = [[name, *(place.number(row[c]) if c in row else "" for c in columns)] for name, row in of.items()]
        return [*markdown((title, *(c.replace("_", " ") for c in columns)), rows), ""]
    own = place.numbers(of)
    return [f"{title}: {own}\n"] if own else []
