"""SeqGAN on its synthetic benchmark: see minigen/models/seqgan.py for the equations, docs/text.md for the story."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import minigen
from minigen import functional as F
from minigen import optim, training
from minigen.data import TensorDataset
from minigen.data.arrays import read_arrays
from minigen.models import seqgan
from minigen.models.rnn import RecurrentLM
from minigen.training.checks import positive, share

LENGTH, BEGIN = 20, 0
REAL, HELD_OUT = 10_000, 10_000  # sentences of the oracle: to learn from, and to measure with
LOOKED_AT = 2_000  # sentences behind a number during training, other ones than are held out for the end
EPOCHS, ROUNDS = 4, 10  # of likelihood, of the game, between two such numbers
WORSE = 0.05  # of the game's models the best counts whose NLL_test is at most this much above likelihood's
FILTERS = {1: 32, 2: 64, 3: 64, 4: 64, 5: 32, 8: 32}  # two cores' discriminator; the paper's has ten times the work
WARMER = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)  # temperatures of the maximum-likelihood model that are tried


class Memory:
    """What a resumed run must know: generated sentences that D learns from, what was done, the best that was seen."""

    def __init__(self) -> None:
        self.sentences = np.zeros((0, LENGTH), np.int64)
        self.counts = {"likelihood": 0, "D": 0, "rounds": 0}
        self.best: dict[str, float] = {}  # NLL_oracle and NLL_test of ``likely``, NLL_oracle of ``best``

    def state_dict(self) -> dict[str, Any]:
        return vars(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.sentences = np.asarray(state["sentences"])
        self.counts, self.best = dict(state["counts"]), dict(state["best"])


class SeqGAN(training.Experiment):
    """A text model learns from an oracle whose probabilities are known: first by likelihood, then from a discriminator.

    python examples/text_gan.py --budget 60         the benchmark's oracle, if MINIGEN_DATA has it, with a small D
    python examples/text_gan.py --budget 60 --mle 1 maximum likelihood alone for the same time, to compare with
    python examples/text_gan.py --advantage constant --mle 0.9 --critic 0.9      how far the game gets without any D
    python examples/text_gan.py --oracle random     another oracle, drawn as the published one was
    python examples/text_gan.py --paper             the published protocol: days on two cores
    python examples/text_gan.py --resume            goes on where the newest run stopped, bitwise

    A run has three phases: maximum likelihood until its share --mle is over, then D learns to tell, until --critic,
    then the game: a step of G on the rewards of roll-outs, some epochs of D. NLL_oracle is how unlikely the oracle
    finds what G says (lower is better; its own sentences have 5.75). A lower temperature alone lowers it, too, at the
    cost of variety: so NLL_test, how unlikely G finds held-out sentences of the oracle, and the tempered
    maximum-likelihood model stand beside it. Of both phases the model counts whose sentences the oracle found likeliest
    on the way, in the game among those that are not much worse on real ones. The figures at the end are of new ones.
    """

    name = "text_gan"
    config = ("oracle", "mle", "critic", "rollouts", "advantage", "rate", "paper", "epochs_D",
              "lr_D", "lr_game")  # fmt: skip
    defaults: ClassVar[dict[str, Any]] = {"epochs": 100, "batch_size": 64, "lr": 0.01}
    sampler = ("best",)
    published = ("curves.png",)
    items = "sentences"
    data_help = "not used: the oracle makes the data"
    curves: ClassVar[dict[str, tuple[str, ...]]] = {
        "nats per token": ("nll_oracle", "nll_test"), "loss": ("loss", "loss_D", "loss_G"), "reward": ("reward",),
    }  # fmt: skip
    curves_over = "minutes"  # a round of the game takes as long as hundreds of likelihood's steps

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--oracle", default="published",
            help="published: the benchmark's weights, seqgan/target_lstm.npz under MINIGEN_DATA; random; or a file of "
            "such weights (default %(default)s)")  # fmt: skip
        add("--mle", type=float, default=0.15, help="share of the run for maximum likelihood (default %(default)s)")
        add("--critic", type=float, default=0.3, help="share of the run after which the game begins (%(default)s)")
        add("--rollouts", type=positive, default=16, help="completions per word (default %(default)s)")
        add("--advantage", choices=["reward", "baseline", "constant"], default="reward",
            help="what a word's log-probability is multiplied by: its value, as published; that less the batch's mean; "
            "or, to see what is gained without any D, always the same (default %(default)s)")  # fmt: skip
        add("--rate", type=share, default=0.8, help="of the roll-out policy's weights that stay (default %(default)s)")
        add("--epochs-D", type=positive, default=1, help="of D in every round (default %(default)s)")
        add("--lr-D", type=float, default=1e-3, help="D's learning rate (default %(default)s)")
        add("--lr-game", type=float, default=0.01, help="G's learning rate in the game (default %(default)s)")
        add("--paper", action="store_true", help="the paper's discriminator, and 15 epochs of it in every round")

    @classmethod
    def settle(cls, config: dict[str, Any]) -> None:
        if not 0 < config["mle"] <= 1 or not config["mle"] <= max(config["critic"], config["mle"]) <= 1:
            raise ValueError("--mle and --critic are shares of the run: 0 < mle <= critic <= 1")
        if config["paper"]:
            config["epochs_D"], config["lr_D"] = 15, 1e-4
            batches = REAL // config["batch_size"]  # 120 epochs of G, 150 of D, then 200 rounds
            phases = [120 * batches, 150 * batches, 200]
            config["epochs"], config["steps"] = None, sum(phases)
            config["mle"], config["critic"] = phases[0] / sum(phases), (phases[0] + phases[1]) / sum(phases)

    @classmethod
    def place(cls, config: dict[str, Any]) -> dict[str, Any]:
        alone, advantage = config["mle"] == 1, config["advantage"]
        told = {"reward": "", "baseline": ", values less their mean", "constant": " without D: every value is the same"}
        named = {"name": "Maximum likelihood" if alone else f"SeqGAN{told[advantage]}"}
        counts = config["oracle"] == "published" and config["budget"] == 60 and advantage == "reward"
        return {**named, "row": "mle" if alone else "seqgan", "budget": 60} if counts else named

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.teacher = seqgan.oracle(weights(config["oracle"], config["seed"]))
        V = self.teacher.head.weight.shape[0]
        self.G, self.policy, self.likely, self.best = (RecurrentLM(V, 32, 32, 1) for _ in range(4))
        for p in self.G.parameters():
            minigen.nn.init.normal_(p, 0.0, 0.1)
        self.D = seqgan.SentenceCNN(V, seqgan.PAPER_FILTERS if config["paper"] else FILTERS)
        self.opt_G = optim.Adam(self.G.parameters(), lr=config["lr"])
        self.opt_game = optim.Adam(self.G.parameters(), lr=config["lr_game"])
        self.opt_D = optim.Adam(self.D.parameters(), lr=config["lr_D"])
        self.memory = Memory()

    def data(self) -> TensorDataset:
        n = 4 * self.settings["batch_size"] if self.settings["smoke"] else REAL
        own = minigen.Generator(self.settings["seed"] + 1)
        self.real = seqgan.sample(self.teacher, n, LENGTH, BEGIN, own)
        self.looked_at, self.held_out = (
            seqgan.sample(self.teacher, min(n, count), LENGTH, BEGIN, own) for count in (LOOKED_AT, HELD_OUT)
        )
        return TensorDataset(self.real)

    def parts(self) -> dict[str, Any]:
        return {"G": self.G, "policy": self.policy, "likely": self.likely, "best": self.best, "D": self.D,
                "opt_G": self.opt_G, "opt_game": self.opt_game, "opt_D": self.opt_D, "memory": self.memory}  # fmt: skip

    # learning -----------------------------------------------------------------------------------------
    def step(self, batch: Any) -> dict[str, float]:
        mle, critic = self.settings["mle"], max(self.settings["critic"], self.settings["mle"])
        if self.progress < mle and "game" not in self.memory.counts:  # a later end does not call likelihood back
            return self.step_likelihood(batch.numpy(), self.pace(self.progress / mle))
        seen: dict[str, float] = {}
        if "game" not in self.memory.counts:  # likelihood has ended: its best model goes on
            self.memory.counts["game"] = 1
            seen = self.look()
            for model in (self.G, self.policy):
                model.load_state_dict(self.likely.state_dict())
        if self.progress < critic:
            return seen | self.step_D(batch.numpy())
        return seen | self.round(self.pace((self.progress - critic) / max(1 - critic, 1e-9)))

    def pace(self, progress: float) -> float:
        """Of a phase's learning rate: all of it, then a straight line down to a twentieth in the last two fifths."""
        return 1.0 if self.settings["paper"] else min(1.0, 2.375 * (1 - progress) + 0.05)

    def step_likelihood(self, real: np.ndarray, pace: float) -> dict[str, float]:
        loss = -seqgan.log_probabilities(self.G, real, BEGIN).mean()
        row = {"loss": training.finite("loss", loss)}
        self.update(self.opt_G, loss, pace * self.settings["lr"])
        self.memory.counts["likelihood"] += 1
        epoch = len(self.real) // self.settings["batch_size"]
        return row | self.look() if self.memory.counts["likelihood"] % (EPOCHS * epoch) == 0 else row

    def step_D(self, real: np.ndarray) -> dict[str, float]:
        """D tells real sentences from generated ones; these are made anew after three epochs."""
        if self.memory.counts["D"] % (3 * (len(self.real) // len(real))) == 0:
            self.memory.sentences = seqgan.sample(self.G, len(self.real), LENGTH, BEGIN)
        self.memory.counts["D"] += 1
        fake = self.memory.sentences[minigen.randint(0, len(self.memory.sentences), (len(real),)).numpy()]
        logits = self.D(minigen.tensor(np.concatenate([real, fake])))
        truth = minigen.tensor(np.repeat([1.0, 0.0], len(real))).float()
        told = F.binary_cross_entropy_with_logits(logits, truth)
        small = sum(((p**2).sum() for p in self.D.head.parameters()), minigen.zeros(())) / 2
        told_apart = told + 0.2 * small  # L2 of the last layer, as in the paper's program
        row = {"loss_D": training.finite("loss_D", told)}
        self.update(self.opt_D, told_apart, self.settings["lr_D"])
        return row

    def round(self, pace: float) -> dict[str, float]:
        """One step of G on its words' values, the roll-out policy follows, then D catches up."""
        batch, advantage = self.settings["batch_size"], self.settings["advantage"]
        said = seqgan.sample(self.G, batch, LENGTH, BEGIN)
        Q = np.full(said.shape, 0.5)
        if advantage != "constant":
            Q = seqgan.action_values(self.policy, said, self.D.reward, self.settings["rollouts"], BEGIN)
        loss = seqgan.policy_loss(self.G, said, Q - Q.mean(0) if advantage == "baseline" else Q, BEGIN)
        row = {"loss_G": training.finite("loss_G", loss), "reward": float(Q.mean())}
        self.update(self.opt_game, loss, pace * self.settings["lr_game"])
        seqgan.moved_towards(self.policy, self.G, self.settings["rate"])
        for _ in range(0 if advantage == "constant" else self.settings["epochs_D"]):
            order = minigen.randperm(len(self.real)).numpy()
            for i in range(0, len(order) - batch + 1, batch):
                row |= self.step_D(self.real[order[i : i + batch]])
        self.memory.counts["rounds"] += 1
        return row | self.look(game=True) if self.memory.counts["rounds"] % ROUNDS == 0 else row

    def update(self, optimizer: optim.Adam, loss: Any, lr: float) -> None:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss.backward()
        minigen.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 5.0)
        optimizer.step()

    # measuring ----------------------------------------------------------------------------------------
    def look(self, game: bool = False) -> dict[str, float]:
        """How G does now; the best is kept."""
        found, best = self.measured(self.G, self.looked_at, seed=7), self.memory.best
        if not game and found["nll_oracle"] < best.get("likely", np.inf):
            self.likely.load_state_dict(self.G.state_dict())
            best["likely"], best["limit"] = found["nll_oracle"], (1 + WORSE) * found["nll_test"]
        if found["nll_oracle"] < best.get("best", np.inf) and found["nll_test"] <= best["limit"]:
            self.best.load_state_dict(self.G.state_dict())
            best["best"] = found["nll_oracle"]
        return found

    def measured(self, G: Any, real: np.ndarray, seed: int, temperature: float = 1.0) -> dict[str, float]:
        """NLL_oracle of as many sentences of G as there are ``real`` ones, and G's NLL_test of these."""
        said = seqgan.sample(G, len(real), LENGTH, BEGIN, minigen.Generator(seed), temperature)
        return {"nll_oracle": seqgan.nll(self.teacher, said, BEGIN),
                "nll_test": seqgan.nll(G, real, BEGIN, temperature)}  # fmt: skip

    def save_sheets(self, run: training.Run, step: int) -> dict[str, float]:
        return {}  # numbers of an oracle's words say nothing to an eye

    def conclude(self, run: training.Run) -> dict[str, Any]:
        if not self.memory.best:  # a run too short to have looked
            self.look()
        alone = self.memory.counts["rounds"] == 0
        likely = self.measured(self.likely, self.held_out, seed=8)
        last, best = (likely if alone else self.measured(G, self.held_out, seed=8) for G in (self.G, self.best))
        tempered = {t: self.measured(self.likely, self.held_out, 8, t) for t in WARMER}
        real = seqgan.nll(self.teacher, self.held_out, BEGIN)

        def line(what: str, found: dict[str, float]) -> None:
            print(f"{what:27} NLL_oracle {found['nll_oracle']:.3f}, NLL_test {found['nll_test']:.3f}")

        print(f"{'the oracle itself:':27} NLL_oracle {real:.3f}")
        line("maximum likelihood:", likely)
        for t, found in tempered.items():
            line(f"  at temperature {t:4.2f}:", found)
        if not alone:
            line("after the game:", best)
            line("  its last round:", last)
        return {**best, "oracle": real, "likelihood": likely, "last": last, "counts": self.memory.counts,
                "tempered": {str(t): found for t, found in tempered.items()}}  # fmt: skip

    @classmethod
    def drawing(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--sample", type=positive, metavar="N", help="say N sentences instead of training")
        add("--out", type=Path, default=Path("sentences.npy"), help="an array (N, 20) (default %(default)s)")

    def sample(self, args: Any, source: Any) -> int:
        said = seqgan.sample(self.best, args.sample, LENGTH, BEGIN, minigen.Generator(args.seed))
        np.save(args.out, said)
        found = seqgan.nll(self.teacher, said, BEGIN)
        print(f"{len(said)} sentences from {source}: {args.out}; NLL_oracle {found:.3f}")
        return 0


def weights(name: str, seed: int) -> dict[str, np.ndarray]:
    """The oracle's weights: the published ones, ones drawn as those were, or those of a file."""
    if name == "random":
        rng = np.random.default_rng(seed)
        shapes = {"embedding": (5000, 32), "Wo": (32, 5000), "bo": (5000,)}
        for gate in ("i", "f", "og", "c"):
            shapes |= {f"W{gate}": (32, 32), f"U{gate}": (32, 32), f"b{gate}": (32,)}
        return {part: rng.standard_normal(shape, np.float32) for part, shape in shapes.items()}
    folder = os.environ.get("MINIGEN_DATA")
    path = Path(folder or ".", "seqgan", "target_lstm.npz") if name == "published" else Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"--oracle {name}: there is no file {path}; let MINIGEN_DATA name the folder above "
                                "seqgan/, or take --oracle random")
    return read_arrays(path)


if __name__ == "__main__":
    sys.exit(training.script(SeqGAN))
