"""A recurrent network writes on: see minigen/models/rnn.py for the equations, docs/text.md for the story."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

from minigen import training
from minigen.models.rnn import N3, RecurrentLM
from minigen.training.checks import positive
from minigen.training.language import Language


class RecurrentText(Language):
    """A recurrent network learns to say the next character, or word, or byte pair, of a text, and then writes on.

    python examples/text_rnn.py                                 trains an LSTM on the Chinese text of minigen
    python examples/text_rnn.py --network rnn --data my.txt     the plain network of equation D9, on a file
    python examples/text_rnn.py --network n3 --tokens word      the Keras listing: the last step alone is predicted
    python examples/text_rnn.py --resume                        goes on where the newest run stopped, bitwise
    python examples/text_rnn.py --prompt 从前有座山               the newest run's model writes on
    python examples/text_rnn.py --prompt 从前有座山 --pretrained  the one that comes with minigen does

    Writes runs/text_rnn/<time>/: samples.txt, which grows each epoch, spoken.txt, curves.png, metrics.jsonl,
    config.json, result.json and checkpoint.safetensors. Ctrl-C saves and exits with status 130.
    """

    name = "text_rnn"
    config: ClassVar[tuple[str, ...]] = (*Language.config, "network", "layers", "embedding", "hidden", "dropout")

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--network", choices=["rnn", "lstm", "gru", "n3"], default="lstm",
            help="rnn: D9; lstm, gru: gated; n3: the Keras listing, its sizes fixed (default %(default)s)")  # fmt: skip
        add("--layers", type=positive, default=2, help="recurrent layers (default %(default)s)")
        add("--embedding", type=positive, default=96, help="width of a token's vector (default %(default)s)")
        add("--hidden", type=positive, default=240, help="width of the state (default %(default)s)")
        add("--dropout", type=float, default=0.1, help="share of values that is dropped (default %(default)s)")
        super().arguments(parser)

    def model(self, vocabulary: int) -> RecurrentLM | N3:
        s = self.settings
        if s["network"] == "n3":
            return N3(vocabulary)
        return RecurrentLM(vocabulary, s["embedding"], s["hidden"], s["layers"], s["network"], s["dropout"])


if __name__ == "__main__":
    sys.exit(training.script(RecurrentText))
