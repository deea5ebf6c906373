"""What counting alone reaches on a text: the n-gram model's nats on the part that scripts for text hold out, too."""

from __future__ import annotations

from typing import Any

from ..data.text import read
from ..data.tokens import CharTokenizer
from .kneser_ney import KneserNey

ROWS = {"sanguo": 60}  # texts whose figure in docs/results is told by this one, and the budget there in minutes


def measure(source: str, order: int, held_out: float | None = None) -> dict[str, Any]:
    """Nats per character of a modified Kneser-Ney model of characters, over the text's held-out end.

    The vocabulary and the border are those of minigen/training/language.py. The model has seen what stands before the
    border, so that the first held-out character has its whole context, too.
    """
    text = read(source, held_out)
    tokenizer = CharTokenizer.fit(text.content)
    train, test = map(tokenizer.encode, text.split())
    if not len(test):
        raise ValueError(f"{source}: nothing is held out; give a larger --held-out")
    model = KneserNey(train, order, len(tokenizer))
    row = {"peer": source, "budget": ROWS[source]} if source in ROWS and (order, held_out) == (5, None) else {}
    return {
        "name": f"Modified Kneser-Ney {order}-gram on {source}", **row, "order": order, "vocabulary": len(tokenizer),
        "characters_seen": len(train), "characters_held_out": len(test),
        "nats_per_character": float(model.nats(test, train[-order:]).mean()),
    }  # fmt: skip
