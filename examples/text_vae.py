"""A VAE of sentences: see minigen/models/text_vae.py for the equations, docs/text.md for the story."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigen
from minigen import Tensor, optim, training
from minigen.data import TensorDataset
from minigen.data.text import CORPORA, read
from minigen.data.tokens import CharTokenizer, WordTokenizer, tokenizer
from minigen.models.text_vae import SentenceVAE, annealed, padded
from minigen.training.checks import positive, share

SHOWN = 8  # sentences of a sample
ROWS = 256  # sentences at once when the held-out part is read


class TextVAE(training.Experiment):
    """A variational autoencoder learns lines of a text: each is one point of a space where neighbours read alike.

    python examples/text_vae.py                          learns the lines of the English text that comes with minigen
    python examples/text_vae.py --data shakespeare       of all of tiny Shakespeare; or of any file
    python examples/text_vae.py --plain                  the decoder alone, a language model, to compare with
    python examples/text_vae.py --sample 10              lines of random points, with the newest run's model
    python examples/text_vae.py --between "To be" "Or not to be"      lines on the way from one to the other

    Writes runs/text_vae/<time>/: samples.txt after each epoch, lines.txt at the end (reconstructions, a way between two
    lines, random points), curves.png, metrics.jsonl, result.json and checkpoint.safetensors.
    """

    name = "text_vae"
    config = ("tokens", "vocabulary", "longest", "embedding", "hidden", "latent", "word_dropout", "middle", "free_nats",
              "plain")  # fmt: skip
    defaults: ClassVar[dict[str, Any]] = {"epochs": 20, "batch_size": 32, "lr": 1e-3, "data": "english"}
    sampler = ("model",)
    published = ("curves.png", "lines.txt")
    items = "lines"
    data_help = f"{', '.join(CORPORA)}, or a UTF-8 file"
    curves: ClassVar[dict[str, tuple[str, ...]]] = {
        "nats per line": ("reconstruction", "held_out"), "KL in nats": ("kl", "held_out_kl"),
    }  # fmt: skip
    health = (
        training.Healthy("held_out_kl", 2, 40, "below: the decoder ignores z (collapse): more --word-dropout, or a "
                         "later --middle; above: z is a copy of the line, and random points will not read well"),
    )  # fmt: skip

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--tokens", choices=["word", "char"], default="word", help="what a token is (default %(default)s)")
        add("--vocabulary", type=positive, default=4000, help="how many words (default %(default)s)")
        add("--longest", type=positive, default=24, help="tokens of the longest line learnt (default %(default)s)")
        add("--embedding", type=positive, default=64, help="width of a token's vector (default %(default)s)")
        add("--hidden", type=positive, default=240, help="width of both LSTMs (default %(default)s)")
        add("--latent", type=positive, default=32, help="numbers of z (default %(default)s)")
        add("--word-dropout", type=share, default=0.3, help="share of words hidden from the decoder (%(default)s)")
        add("--middle", type=share, default=0.3, help="share of the run when the KL counts half (default %(default)s)")
        add("--free-nats", type=float, default=8.0,
            help="a line's KL costs nothing up to here (default %(default)s)")  # fmt: skip
        add("--plain", action="store_true", help="z = 0: a language model")

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        content, _ = read(config["data"]).split()
        if config["tokens"] == "char":
            made: Any = CharTokenizer.fit(read(config["data"]).content)
        else:
            made = WordTokenizer.fit(content, config["vocabulary"], chinese=max(content[:1000], default="") >= "一")
        config["tokenizer"] = made.to_dict()
        if config["plain"]:
            config["word_dropout"] = 0.0

    @classmethod
    def place(cls, config: dict[str, Any]) -> dict[str, Any]:
        plain = config["plain"]
        named = {"name": f"{'The decoder alone' if plain else 'Sentence VAE'} on {config['data']}"}
        counts = config["data"] == "shakespeare" and config["budget"] == 30 and config["tokens"] == "word"
        return {**named, "peer" if plain else "row": "sentence_vae", "budget": 30} if counts else named

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.tokenizer = tokenizer(config["tokenizer"])
        sizes = (config["embedding"], config["hidden"], config["latent"], config["word_dropout"])
        self.net = SentenceVAE(len(self.tokenizer), *sizes)
        self.optimizer = optim.Adam(self.net.parameters(), lr=config["lr"])

    def data(self) -> TensorDataset:
        train, held_out = (self.lines(part) for part in read(self.settings["data"]).split())
        if self.settings["smoke"]:
            train, held_out = train[:256], held_out[:64]
        if not train or not held_out:
            raise ValueError(f"--data {self.settings['data']}: no line has 2 to {self.settings['longest']} tokens")
        self.held_out = padded(held_out, self.net.end)
        return TensorDataset(padded(train, self.net.end))

    def lines(self, content: str) -> list[np.ndarray]:
        """The lines that are neither too short nor too long to learn, as tokens."""
        found = (self.tokenizer.encode(line.strip()) for line in content.splitlines())
        return [line for line in found if 2 <= len(line) <= self.settings["longest"]]

    def parts(self) -> dict[str, Any]:
        return {"model": self.net, "optimizer": self.optimizer}

    # learning -----------------------------------------------------------------------------------------
    def step(self, x: Tensor) -> dict[str, float]:
        log_p, kl = self.bound(x)
        weight = annealed(self.progress, self.settings["middle"])
        free = 0.0 if self.settings["plain"] else self.settings["free_nats"]
        loss = (weight * kl.clamp(min=free) - log_p).mean()
        row = {"loss": training.finite("loss", loss), "reconstruction": -log_p.mean().item(), "kl": kl.mean().item(),
               "weight": weight}  # fmt: skip
        self.optimizer.zero_grad()
        loss.backward()
        minigen.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings["lr"] * min(1.0, 2.5 * (1 - self.progress) + 0.05)
        self.optimizer.step()
        return row

    def bound(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p(x|z) and the KL of each line; of the plain model log p(x) and 0."""
        if not self.settings["plain"]:
            return self.net(x)
        z = minigen.zeros(len(x), self.net.latent)
        return self.net.log_likelihood(x, z), minigen.zeros(len(x))

    def measure(self) -> dict[str, float]:
        self.net.eval()
        total = np.zeros(2)
        with minigen.no_grad():
            for i in range(0, len(self.held_out), ROWS):
                parts = self.bound(minigen.tensor(self.held_out[i : i + ROWS]))
                total += [part.sum().item() for part in parts]
        self.net.train()
        log_p, kl = total / len(self.held_out)
        return {"held_out": -log_p, "held_out_kl": kl}

    # lines --------------------------------------------------------------------------------------------
    def written(self, z: Tensor, temperature: float = 0.0, seed: int = 0) -> list[str]:
        never = [self.tokenizer.unknown] if isinstance(self.tokenizer, WordTokenizer) else []
        found = self.net.write(z, self.settings["longest"], temperature, minigen.Generator(seed), never)
        return [self.tokenizer.decode(line) for line in found]

    def codes(self, lines: np.ndarray) -> Tensor:
        with minigen.no_grad():
            return self.net.encode(minigen.tensor(lines))[0]

    def random_lines(self, n: int, seed: int) -> list[str]:
        return self.written(minigen.randn(n, self.net.latent, generator=minigen.Generator(seed)), 0.5, seed)

    def way(self, first: Tensor, last: Tensor, n: int = SHOWN) -> list[str]:
        """Lines at n equally distant points between two codes (latent,)."""
        share = minigen.linspace(0, 1, n).unsqueeze(1)
        return self.written(first + share * (last - first))

    def save_sheets(self, run: training.Run, step: int) -> dict[str, float]:
        with open(run.folder / "samples.txt", "a", encoding="utf-8") as file:
            print(f"--- step {step}", *self.random_lines(SHOWN, 0), sep="\n", file=file)
        return {}

    def conclude(self, run: training.Run) -> dict[str, Any]:
        found = self.measure()
        with open(run.folder / "lines.txt", "w", encoding="utf-8") as file:
            if not self.settings["plain"]:
                shown = self.held_out[:SHOWN]
                print("held-out lines, each above what its code gives", file=file)
                for line, again in zip(shown, self.written(self.codes(shown)), strict=True):
                    print(f"  {self.tokenizer.decode(line[line != self.net.end])}\n    {again}", file=file)
                first, last = self.codes(self.held_out[[0, -1]])
                print("from the first held-out line to the last", *self.way(first, last), sep="\n  ", file=file)
            print("lines of random points", *self.random_lines(SHOWN, 1), sep="\n  ", file=file)
        if self.settings["plain"]:  # it may know the lines by heart at the end: then its best epoch is what to beat
            epochs = [row["held_out"] for row in run.rows() if "held_out" in row]
            found = {**found, "held_out": min([*epochs, found["held_out"]]), "held_out_last": found["held_out"]}
        print(f"held out: reconstruction {found['held_out']:.2f} nats a line, KL {found['held_out_kl']:.2f}")
        return found

    @classmethod
    def drawing(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--sample", type=positive, metavar="N", help="write N lines instead of training")
        add("--between", nargs=2, metavar=("FIRST", "LAST"), help="write lines on the way from one line to another")
        add("--out", type=Path, help="write the lines to this file, too")

    @classmethod
    def is_used(cls, args: Any) -> bool:
        return args.sample is not None or args.between is not None

    def sample(self, args: Any, source: Any) -> int:
        if args.between:
            ends = [self.tokenizer.encode(line) for line in args.between]
            if not all(map(len, ends)):
                raise ValueError("--between: a line is empty; give two lines of at least one word")
            first, last = self.codes(padded(ends, self.net.end))
            lines = self.way(first, last, args.sample or SHOWN)
        else:
            lines = self.random_lines(args.sample, args.seed)
        print("\n".join(lines))
        if args.out:
            args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return 0


if __name__ == "__main__":
    sys.exit(training.script(TextVAE))
