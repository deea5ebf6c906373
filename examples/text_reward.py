"""Poems by reward: a language model learns quatrains, then a reward of your own bends it: see docs/text.md."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigen
from minigen import optim, training
from minigen.data import TensorDataset
from minigen.data.text import decoded
from minigen.data.tokens import CharTokenizer, tokenizer
from minigen.models import seqgan
from minigen.models.rnn import RecurrentLM
from minigen.training.checks import positive, share

VERSES = 4  # of a quatrain; each ends in a sign: 5 + 1 or 7 + 1 characters
SIGNS = "，。"  # after verses 1 and 3, after 2 and 4
SHOWN, MEASURED = 6, 256

Reward = Callable[[list[str]], np.ndarray]  # poems without line breaks -> rewards in [0, 1]


# rewards ------------------------------------------------------------------------------------------
def length(poems: list[str]) -> np.ndarray:
    """The share of characters that are what their place asks for: a sign at a verse's end, no sign elsewhere."""
    width = len(poems[0]) // VERSES - 1
    places = "".join("字" * width + SIGNS[i % 2] for i in range(VERSES))
    right = [[c == p if p in SIGNS else c not in SIGNS for c, p in zip(poem, places, strict=True)] for poem in poems]
    return np.mean(right, axis=1)


def variety(poems: list[str]) -> np.ndarray:
    """Different characters / characters, signs apart: 1 if none is repeated."""
    plain = [re.sub(f"[{SIGNS}]", "", poem) for poem in poems]
    return np.array([len(set(p)) / max(len(p), 1) for p in plain])


def final(character: str) -> str:
    """What rhymes of a character's pronunciation: its final in modern Mandarin, the tone left out."""
    try:
        from pypinyin import Style, lazy_pinyin
    except ImportError:
        raise ImportError('the rhyme reward needs pypinyin: pip install "minigen[text]"') from None
    (found,) = lazy_pinyin(character, style=Style.FINALS)
    return "" if found == character else re.sub("^[iuv](?=[aeo])", "", found)  # ian rhymes with an


def rhyme(poems: list[str]) -> np.ndarray:
    """A third each: verses of the right length, verses 2 and 4 that rhyme on different characters, no repetition."""
    width = len(poems[0]) // VERSES
    ends = [(poem[2 * width - 2], poem[4 * width - 2]) for poem in poems]
    rhymes = [a != b and final(a) == final(b) != "" for a, b in ends]
    return (length(poems) + np.array(rhymes) + variety(poems)) / 3


REWARDS: dict[str, Reward] = {"rhyme": rhyme, "length": length, "variety": variety}


def reward_named(name: str) -> Reward:
    """One of REWARDS, or ``function`` of a file of your own, named as FILE.py:function."""
    if name in REWARDS:
        return REWARDS[name]
    path, _, function = name.partition(":")
    if not (path.endswith(".py") and function and Path(path).is_file()):
        raise ValueError(f"--reward: {name!r} is none of {', '.join(REWARDS)}, and no FILE.py:function that is there")
    spec = importlib.util.spec_from_file_location("own_reward", path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    if not hasattr(module, function):
        raise ValueError(f"--reward: {path} has no function {function}")
    return getattr(module, function)


# poems --------------------------------------------------------------------------------------------
def quatrains(content: str, width: int) -> list[str]:
    """Every four verses of ``width`` characters that stand together, as "verse，verse。verse，verse。"."""
    found: list[str] = []
    row: list[str] = []
    verse = re.compile(rf"([^\W\d_]{{{width}}}[，。；？！])")
    for line in content.splitlines():
        verses = verse.findall(line)
        row = row + verses if verses and "".join(verses) == line.strip() else []
        for i in range(0, len(row) - VERSES + 1, 2):
            found.append("".join(v[:-1] + SIGNS[j % 2] for j, v in enumerate(row[i : i + VERSES])))
        row = row[-2:] if len(row) >= VERSES else row
    return list(dict.fromkeys(found))


def read_poems(data: str, width: int) -> list[str]:
    folder = os.environ.get("MINIGEN_DATA")
    path = Path(folder or ".", "tang300", "tang300.txt") if data == "tang" else Path(data)
    if not path.is_file():
        raise FileNotFoundError(f"--data {data}: there is no file {path}; name a file of poems, a couplet a line, or "
                                "let MINIGEN_DATA name the folder above tang300/")
    found = quatrains(decoded(path), width)
    if len(found) < 16:
        raise ValueError(f"--data: {path} holds {len(found)} quatrains of {width} characters a verse; at least 16 are "
                         "needed. A couplet stands on a line, as in 白日依山尽，黄河入海流。")
    return found


# learning -----------------------------------------------------------------------------------------
class RewardedPoems(training.Experiment):
    """A network learns to write quatrains by likelihood, and then to write those that a reward prefers (REINFORCE).

    python examples/text_reward.py --reward rhyme                   the Tang poems of MINIGEN_DATA
    python examples/text_reward.py --data poems.txt --width 7       poems of your own, a couplet a line
    python examples/text_reward.py --reward my_rewards.py:no_moon   a reward of your own: poems -> numbers in [0, 1]
    python examples/text_reward.py --sample 4                       quatrains of the newest run

    Writes runs/text_reward/<time>/: poems.txt after each epoch, quatrains.txt at the end, curves.png (the rise of the
    reward, and the drift away from the model that only knew poems, in nats per character), metrics.jsonl, result.json
    and checkpoint.safetensors.
    A reward says nothing about sense. --stay is the price of a nat of drift, which keeps the poems poems.
    """

    name = "text_reward"
    config = ("reward", "width", "pretrain", "rollouts", "stay", "hidden", "lr_reward")
    defaults: ClassVar[dict[str, Any]] = {"epochs": 40, "batch_size": 32, "lr": 3e-3, "data": "tang"}
    sampler = ("net",)
    published = ("curves.png", "quatrains.txt")
    items = "quatrains"
    data_help = "tang (from MINIGEN_DATA), or a UTF-8 file of poems, a couplet a line"
    curves: ClassVar[dict[str, tuple[str, ...]]] = {
        "reward": ("reward",), "drift in nats per character": ("drift",), "loss in nats per character": ("loss",),
    }  # fmt: skip
    health = (
        training.Healthy("drift", -0.1, 1.5, "above: the reward is played and the poems lose their sense: more --stay"),
    )

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--reward", default="rhyme", help=f"{', '.join(REWARDS)}, or FILE.py:function (default %(default)s)")
        add("--width", type=int, choices=[5, 7], default=5, help="characters of a verse (default %(default)s)")
        add("--pretrain", type=share, default=0.6, help="share of the run for likelihood alone (default %(default)s)")
        add("--rollouts", type=positive, default=4, help="completions per character (default %(default)s)")
        add("--stay", type=float, default=0.02, help="price of a nat of drift per character (default %(default)s)")
        add("--hidden", type=positive, default=256, help="width of the LSTM (default %(default)s)")
        add("--lr-reward", type=float, default=1e-3, help="learning rate of the second phase (default %(default)s)")

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        poems = read_poems(config["data"], config["width"])
        reward_named(config["reward"])(poems[:1])  # what it lacks, it says now and not after the first phase
        config["tokenizer"] = CharTokenizer.fit("\n" + "".join(poems)).to_dict()

    @classmethod
    def place(cls, config: dict[str, Any]) -> dict[str, Any]:
        return {"name": f"Quatrains rewarded for {config['reward']}"}

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.tokenizer = tokenizer(config["tokenizer"])
        self.begin = int(self.tokenizer.encode("\n")[0])
        self.net, self.before = (RecurrentLM(len(self.tokenizer), 64, config["hidden"], 1) for _ in range(2))
        self.before.load_state_dict(self.net.state_dict())  # what drift is measured from, also for --pretrain 0
        self.opt, self.opt_reward = (optim.Adam(self.net.parameters(), lr=config[lr]) for lr in ("lr", "lr_reward"))
        self.length = VERSES * (config["width"] + 1)

    def data(self) -> TensorDataset:
        self.reward = reward_named(self.settings["reward"])
        self.poems = read_poems(self.settings["data"], self.settings["width"])
        return TensorDataset(np.stack([self.tokenizer.encode(poem) for poem in self.poems]))

    def parts(self) -> dict[str, Any]:
        return {"net": self.net, "before": self.before, "opt": self.opt, "opt_reward": self.opt_reward}

    def step(self, batch: Any) -> dict[str, float]:
        if self.progress < self.settings["pretrain"]:
            loss = -seqgan.log_probabilities(self.net, batch.numpy(), self.begin).mean()
            row = {"loss": training.finite("loss", loss)}
            self.update(self.opt, loss)
            self.before.load_state_dict(self.net.state_dict())
            return row
        said = seqgan.sample(self.net, len(batch), self.length, self.begin)
        Q = seqgan.action_values(self.net, said, self.judged, self.settings["rollouts"], self.begin)
        drift = self.drift(said)
        # Less what this batch got on average: the same gradient in expectation, of a smaller variance (Williams 1992)
        advantage = Q - Q.mean(0) - self.settings["stay"] * drift[:, None]
        loss = seqgan.policy_loss(self.net, said, advantage, self.begin)
        training.finite("loss of the reward", loss)
        self.update(self.opt_reward, loss)
        return {"reward": float(Q[:, -1].mean()), "drift": float(drift.mean())}

    def judged(self, poems: np.ndarray) -> np.ndarray:
        """The reward of poems (N, T) of tokens. Raises ValueError if it is not a number for each."""
        found = np.asarray(self.reward([self.tokenizer.decode(poem) for poem in poems]), np.float64)
        if found.shape != (len(poems),) or not np.isfinite(found).all():
            raise ValueError(f"--reward {self.settings['reward']}: it must give a finite number for each of "
                             f"{len(poems)} poems, but gave shape {found.shape}")
        return found

    def drift(self, said: np.ndarray) -> np.ndarray:
        """log G(y) - log G_before(y) per character of sentences drawn from G: its mean estimates their KL."""
        with minigen.no_grad():
            new, old = (seqgan.log_probabilities(m, said, self.begin).numpy() for m in (self.net, self.before))
        return (new - old).mean(1)

    def update(self, optimizer: optim.Adam, loss: Any) -> None:
        optimizer.zero_grad()
        loss.backward()
        minigen.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        optimizer.step()

    # poems --------------------------------------------------------------------------------------------
    def written(self, n: int, seed: int) -> list[str]:
        found = seqgan.sample(self.net, n, self.length, self.begin, minigen.Generator(seed))
        return [self.tokenizer.decode(poem) for poem in found]

    def laid_out(self, poem: str) -> str:
        """Two verses a line."""
        half = self.length // 2
        return f"{poem[:half]}\n{poem[half:]}\n".replace("\n\n", "\n")

    def save_sheets(self, run: training.Run, step: int) -> dict[str, float]:
        with open(run.folder / "poems.txt", "a", encoding="utf-8") as file:
            print(f"--- step {step}", *map(self.laid_out, self.written(SHOWN, 0)), sep="\n", file=file)
        return {}

    def conclude(self, run: training.Run) -> dict[str, Any]:
        said = {name: seqgan.sample(net, MEASURED, self.length, self.begin, minigen.Generator(1))
                for name, net in (("before", self.before), ("after", self.net))}  # fmt: skip
        figures: dict[str, Any] = {f"reward_{name}": float(self.judged(poems).mean()) for name, poems in said.items()}
        figures["reward_of_the_poems"] = float(np.mean(self.reward(self.poems)))
        figures["drift"] = float(self.drift(said["after"]).mean())
        copied = [self.tokenizer.decode(poem) in self.poems for poem in said["after"]]
        figures["copied"] = float(np.mean(copied))
        shown = [self.tokenizer.decode(poem) for poem in said["after"][:SHOWN]]
        (run.folder / "quatrains.txt").write_text("\n".join(map(self.laid_out, shown)), encoding="utf-8")
        print(f"reward: {figures['reward_before']:.3f} before, {figures['reward_after']:.3f} after, real poems "
              f"{figures['reward_of_the_poems']:.3f}; drift {figures['drift']:.3f} nats per character; "
              f"{figures['copied']:.1%} are poems it was shown")  # fmt: skip
        return figures

    @classmethod
    def drawing(cls, parser: Any) -> None:
        parser.add_argument("--sample", type=positive, metavar="N", help="write N quatrains instead of training")
        parser.add_argument("--out", type=Path, help="write them to this file, too")

    def sample(self, args: Any, source: Any) -> int:
        text = "\n".join(map(self.laid_out, self.written(args.sample, args.seed)))
        print(text)
        if args.out:
            args.out.write_text(text, encoding="utf-8")
        return 0


if __name__ == "__main__":
    sys.exit(training.script(RewardedPoems))
