"""What the scripts for text share: a model learns to say the next token, and then speaks.

    loss = -1/T sum_t log p(x_t | x_1 ... x_{t-1})           in nats per token; also given per character, to compare
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigen

from .. import functional as F
from .. import nn, optim
from ..data.corpus import unpack
from ..data.text import CORPORA, Windows, covering, decoded, read
from ..data.tokens import BPETokenizer, CharTokenizer, WordTokenizer, tokenizer
from ..metrics.text import longest_copy, longest_repeat, ngram_share
from ..models.generate import generate
from ..tensor import Tensor
from .checks import positive, positive_float, share
from .experiment import Experiment
from .guard import finite
from .health import Healthy
from .run import Run

SPOKEN = 2000  # tokens that are generated at the end, for the figures
PROMPTS = {"chinese": "从前有座山", "sanguo": "从前有座山"}  # other texts: their first line
PROMPT = 60  # characters at most: a file may be one line
SHOWN = 300  # tokens of the sample after each epoch
DRAWS: tuple[dict[str, Any], ...] = (  # tried in this order, until what is said is KNOWN and not COPIED
    {"temperature": 0.8}, {"temperature": 0.7}, {"temperature": 0.6}, {"temperature": 0.5},
    *({"temperature": t, "top_k": k, "no_repeat_ngram_size": 16} for t, k in ((0.6, 4), (0.5, 3), (0.4, 2), (0.2, 2))),
)
KNOWN, COPIED = 0.9, 20  # least share of trigrams that the corpus has, longest run of characters from it or said twice
MEASURED = 1_000_000  # tokens of a packed corpus that figures are about
ROWS = 64  # windows at once when the held-out part is read


class Language(Experiment):
    """A language model as an experiment. A subclass makes ``model(vocabulary)`` and adds its arguments."""

    config: ClassVar[tuple[str, ...]] = (
        "tokens", "vocabulary", "stop_words", "held_out", "context", "weight_decay", "beta2", "clip", "warmup",
    )  # fmt: skip
    defaults: ClassVar[dict[str, Any]] = {"epochs": 20, "batch_size": 16, "lr": 2e-3, "data": "chinese"}
    sampler = ("model",)
    items = "windows"
    data_help = f"{', '.join(CORPORA)}, a UTF-8 file, or an .npy that python -m minigen.data packed"
    curves: ClassVar[dict[str, tuple[str, ...]]] = {
        "nats per token": ("loss", "held_out"),
        "length of the gradient": ("gradient",),
    }
    published = ("curves.png", "spoken.txt")
    health = (Healthy("gradient", 0.05, 5.0, "above: the learning rate is too high; below: nothing is learnt"),)

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--tokens", choices=["char", "word", "bpe"], default="char",
            help="what a token is: a character, a word, or a byte pair (default %(default)s)")  # fmt: skip
        add("--vocabulary", type=positive, default=10_000, help="how many words or byte pairs (default %(default)s)")
        add("--stop-words", metavar="FILE", help="words that are left out, white space between them (--tokens word)")
        add("--held-out", type=float, help="share at the end that is not trained on (default: the text's own)")
        add("--context", type=positive, default=128, help="tokens of a window (default %(default)s)")
        add("--weight-decay", type=float, default=0.1, help="of the matrices (default %(default)s)")
        add("--beta2", type=float, default=0.99, help="AdamW's second decay (default %(default)s)")
        add("--clip", type=positive_float, default=1.0, help="longest gradient (default %(default)s)")
        add("--warmup", type=share, default=0.05, help="share of the run until --lr is reached (default %(default)s)")

    @classmethod
    def drawing(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--prompt", help="continue this text instead of training")
        add("--sample", type=positive, metavar="N", help=f"by N tokens (default {SHOWN})")
        add("--temperature", type=float, help="0: always the likeliest (default, of all four: as the run found best)")
        add("--top-k", type=positive, help="draw among the k likeliest tokens")
        add("--top-p", type=float, help="draw among the likeliest tokens that make up this probability")
        add("--no-repeat-ngram-size", type=positive, metavar="N", help="never say a row of N tokens twice")
        add("--out", type=Path, help="write the text to this file, too")

    @classmethod
    def is_used(cls, args: argparse.Namespace) -> bool:
        return args.sample is not None or args.prompt is not None

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        """The tokeniser is a part of the run: a prompt means the same numbers in it for ever."""
        if config["data"].endswith(".npy"):
            codes, packed = unpack(config["data"])
            part = 0.1 if config["held_out"] is None else config["held_out"]
            if not 0 <= part < 1:
                raise ValueError(f"--held-out must lie in [0, 1), got {part}")
            config["tokenizer"], config["held_out"] = packed.to_dict(), part
            config["prompt"] = packed.decode(codes[:10])
            return
        text = read(config["data"], config["held_out"])
        train, _ = text.split()
        kind, size = config["tokens"], config["vocabulary"]
        made = (
            CharTokenizer.fit(text.content) if kind == "char"
            else BPETokenizer.fit(train, size) if kind == "bpe"
            else WordTokenizer.fit(train, size, max(train[:1000], default="") >= "一", stop_words(config["stop_words"]))
        )  # fmt: skip
        config["tokenizer"], config["held_out"] = made.to_dict(), text.held_out
        config["prompt"] = PROMPTS.get(config["data"]) or text.content.strip().splitlines()[0][:PROMPT]

    @classmethod
    def place(cls, config: dict[str, Any]) -> dict[str, Any]:
        data, budget = config["data"], config["budget"]
        named = {"name": f"{cls.name} on {data}"}
        if config["tokens"] != "char" or data not in CORPORA or config["held_out"] != CORPORA[data].held_out:
            return named
        if data == "chinese" and budget:
            return {**named, "row": f"pretrained {cls.name}", "budget": "own"}
        return {**named, "row": data, "budget": 60} if data != "english" and budget == 60 else named

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.tokenizer = tokenizer(config["tokenizer"])
        self.net = self.model(len(self.tokenizer))
        decayed = groups(self.net, config["weight_decay"])
        self.optimizer = optim.AdamW(decayed, lr=config["lr"], betas=(0.9, config["beta2"]))

    def model(self, vocabulary: int) -> Any:
        raise NotImplementedError

    def data(self) -> Windows:
        if self.settings["data"].endswith(".npy"):
            return self.packed()
        self.train_text, self.held_out_text = read(self.settings["data"], self.settings["held_out"]).split()
        if self.settings["smoke"]:
            self.train_text, self.held_out_text = self.train_text[:20_000], self.held_out_text[:2000]
        self.windows = Windows(self.tokenizer.encode(self.train_text), self.settings["context"])
        self.held_out = self.tokenizer.encode(self.held_out_text)
        return self.windows

    def packed(self) -> Windows:
        """A corpus that may be larger than memory: only what is cut is read. Of both parts a piece is measured with."""
        codes, _ = unpack(self.settings["data"])
        border = int(len(codes) * (1 - self.settings["held_out"]))
        self.windows = Windows(codes[:border], self.settings["context"])
        self.held_out = codes[border : border + MEASURED].astype(np.int64)
        self.train_text, self.held_out_text = map(self.tokenizer.decode, (codes[:MEASURED], self.held_out))
        return self.windows

    def parts(self) -> dict[str, Any]:
        return {"model": self.net, "optimizer": self.optimizer}

    # learning -----------------------------------------------------------------------------------------
    def step(self, starts: Tensor) -> dict[str, float]:
        shift = minigen.randint(0, self.windows.length, (len(starts),))  # every epoch cuts the text elsewhere
        loss = self.loss(*self.windows.cut((starts + shift).numpy()))
        row = {"loss": finite("loss", loss)}
        self.optimizer.zero_grad()
        loss.backward()
        row["gradient"] = nn.utils.clip_grad_norm_(self.net.parameters(), self.settings["clip"]).item()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings["lr"] * rate(self.progress, self.settings["warmup"])
        self.optimizer.step()
        return row

    def loss(self, x: np.ndarray, y: np.ndarray, reduction: str = "mean") -> Tensor:
        """The mean of -log p over the tokens that the model predicts: all of a window, or its last alone."""
        logits = self.net(minigen.tensor(x))  # (N, T or 1, V)
        target = minigen.tensor(y[:, -logits.shape[1] :])
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction=reduction)

    def nats(self, codes: np.ndarray, stride: int | None = None) -> float:
        """The mean of -log p over a row of tokens, cut into windows as in training, or such that overlap."""
        windows = Windows(codes, min(self.settings["context"], len(codes) - 1))
        starts, new = covering(len(codes), windows.length, stride)
        total, counted = 0.0, 0
        self.net.eval()
        with minigen.no_grad():
            for i in range(0, len(starts), ROWS):
                x, y = windows.cut(starts[i : i + ROWS])
                nats = self.loss(x, y, "none").numpy().reshape(len(x), -1)
                counts = np.arange(nats.shape[1]) >= nats.shape[1] - new[i : i + ROWS, None]
                total, counted = total + float(nats[counts].sum(dtype=np.float64)), counted + int(counts.sum())
        self.net.train()
        return total / counted

    def measure(self) -> dict[str, float]:
        return {"held_out": self.nats(self.held_out)} if len(self.held_out) > 1 else {}

    # speaking -----------------------------------------------------------------------------------------
    def speak(self, prompt: str, n: int, seed: int, **choice: Any) -> Iterator[str]:
        """Pieces of text as they are drawn. A token that is half a character waits for the other half."""
        codes: list[int] = []
        said = 0
        for code in generate(self.net, self.tokenizer.encode(prompt), n, generator=minigen.Generator(seed), **choice):
            codes.append(code)
            text = self.tokenizer.decode(codes)
            if not text.endswith("\ufffd"):
                yield text[said:]
                said = len(text)
        self.net.train()

    @property
    def manner(self) -> dict[str, Any]:
        return self.settings.get("draw", DRAWS[0])

    @classmethod
    def learnt(cls, result: dict[str, Any]) -> dict[str, Any]:
        return {"draw": result["draw"]} if "draw" in result else {}

    def save_sheets(self, run: Run, step: int) -> dict[str, float]:
        """samples.txt grows by what the model says now."""
        from tqdm import tqdm

        prompt = self.settings["prompt"]
        text = "".join(self.speak(prompt, SHOWN, seed=0, **self.manner))
        with open(run.folder / "samples.txt", "a", encoding="utf-8") as file:
            file.write(f"--- step {step}\n{prompt}{text}\n\n")
        tqdm.write(f"step {step}: {prompt} ... {text[:100]!r}")
        return {}

    def sample(self, args: argparse.Namespace, source: Any) -> int:
        prompt = self.settings["prompt"] if args.prompt is None else args.prompt
        given = {name: getattr(args, name) for name in ("temperature", "top_k", "top_p", "no_repeat_ngram_size")}
        choice = {name: value for name, value in given.items() if value is not None} or self.manner
        pieces = [prompt]
        print(prompt, end="", flush=True)
        for piece in self.speak(prompt, args.sample or SHOWN, args.seed, **choice):
            print(piece, end="", flush=True)
            pieces.append(piece)
        print()
        if args.out:
            args.out.write_text("".join(pieces) + "\n", encoding="utf-8")
        return 0

    def conclude(self, run: Run) -> dict[str, Any]:
        figures: dict[str, Any] = {"parameters": sum(p.numel() for p in self.net.parameters())}
        tried: dict[str, dict[str, Any]] = {}
        best, rank = dict[str, Any](), (False, -1.0)  # little copied or repeated before much known
        for choice in DRAWS:
            n = SHOWN if self.settings["smoke"] else SPOKEN
            text = "".join(self.speak(self.settings["prompt"], n, seed=1, **choice))
            copied, repeat = longest_copy(text, self.train_text), len(longest_repeat(text))
            known = ngram_share(text, self.train_text)
            found = {"known_trigrams": known, "longest_copy": len(copied), "longest_repeat": repeat}
            how = ", ".join(f"{name} {value}" for name, value in choice.items())
            tried[how] = found
            print(f"drawn with {how}: of the trigrams it says {known:.1%} occur in the text; longest copy: {copied!r}; "
                  f"{repeat} characters are the most that it says twice")  # fmt: skip
            if (own := (max(len(copied), repeat) <= COPIED, known)) > rank:
                best, rank = {**found, "draw": choice, "copied": copied}, own
                (run.folder / "spoken.txt").write_text(self.settings["prompt"] + text, encoding="utf-8")
            if rank >= (True, KNOWN):
                break
        figures |= {**best, "by_draw": tried}
        if len(self.held_out) > 1:
            nats = self.nats(self.held_out)
            figures["nats_per_token"] = nats
            figures["nats_per_character"] = nats * len(self.held_out) / len(self.held_out_text)
            overlapping = self.nats(self.held_out, max(self.settings["context"] // 4, 1))
            figures["nats_per_character_overlapping"] = overlapping * len(self.held_out) / len(self.held_out_text)
            print(f"held out: {nats:.4f} nats per token, {figures['nats_per_character']:.4f} per character; "
                  f"{figures['nats_per_character_overlapping']:.4f} if windows overlap by three quarters")  # fmt: skip
        return figures


def stop_words(file: str | None) -> list[str]:
    return decoded(Path(file)).split() if file else []


def groups(net: Any, weight_decay: float) -> list[dict[str, Any]]:
    """For AdamW: matrices decay, biases and norms keep their size."""
    matrices = [p for p in net.parameters() if p.ndim >= 2]
    others = [p for p in net.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def rate(progress: float, warmup: float) -> float:
    """From 0 to 1 during the share ``warmup`` of a run, then down to 0.1 along half a cosine."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (progress - warmup) / max(1 - warmup, 1e-9)))
