"""A Transformer writes on: see minigen/models/transformer.py for the equations, docs/text.md for the story."""

from __future__ import annotations

import sys
from typing import Any

from minigen import training
from minigen.models.transformer import Transformer
from minigen.training.checks import positive
from minigen.training.language import Language

# nanoGPT's configuration for CPUs, as its README has it: https://github.com/karpathy/nanoGPT
NANOGPT = {"data": "shakespeare", "tokens": "char", "layers": 4, "width": 128, "heads": 4, "context": 64,
           "batch_size": 12, "steps": 2000, "dropout": 0.0}  # fmt: skip


class TransformerText(Language):
    """A Transformer learns to say the next character, or word, or byte pair, of a text, and then writes on.

    python examples/text_transformer.py                                 trains on the Chinese text of minigen
    python examples/text_transformer.py --data shakespeare              on a text that MINIGEN_DATA has; or any file
    python examples/text_transformer.py --resume                        goes on where the newest run stopped, bitwise
    python examples/text_transformer.py --prompt 从前有座山               the newest run's model writes on
    python examples/text_transformer.py --prompt 从前有座山 --pretrained  the one that comes with minigen does

    Writes runs/text_transformer/<time>/: samples.txt, which grows each epoch, spoken.txt, curves.png, metrics.jsonl,
    config.json, result.json and checkpoint.safetensors. Ctrl-C saves and exits with status 130.
    """

    name = "text_transformer"
    config = (*Language.config, "layers", "width", "heads", "dropout", "positions")

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--layers", type=positive, default=4, help="blocks (default %(default)s)")
        add("--width", type=positive, default=128, help="of a token's vector (default %(default)s)")
        add("--heads", type=positive, default=4, help="of the attention (default %(default)s)")
        add("--dropout", type=float, default=0.1, help="share of values that is dropped (default %(default)s)")
        add("--positions", choices=["learned", "rotary"], default="rotary",
            help="a vector per place, or queries and keys turned by the place (default %(default)s)")  # fmt: skip
        super().arguments(parser)

    @classmethod
    def place(cls, config: dict[str, Any]) -> dict[str, Any]:
        place = super().place(config)
        if all(config[name] == wanted for name, wanted in NANOGPT.items()):
            return {**place, "row": "nanogpt", "budget": "2,000 steps"}
        return place

    def model(self, vocabulary: int) -> Transformer:
        s = self.settings
        sizes = (s["width"], s["layers"], s["heads"], s["context"])
        return Transformer(vocabulary, *sizes, s["dropout"], s["positions"])


if __name__ == "__main__":
    sys.exit(training.script(TransformerText))
