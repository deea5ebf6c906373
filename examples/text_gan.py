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
from minigen.models import seqgan
from minigen.models.rnn import RecurrentLM
from minigen.training.checks import positive

LENGTH, BEGIN = 20, 0
REAL, HELD_OUT = 10_000, 10_000  # sentences of the oracle: to learn from, and to measure with
LOOKED_AT = 2_000  # sentences behind a number during training
EVERY = 10  # rounds of the game between two such numbers
FILTERS = {1: 32, 2: 64, 3: 64, 4: 64, 5: 32, 8: 32}  # two cores' discriminator; the paper's has ten times the work
WARMER = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)  # temperatures of the maximum-likelihood model that are tried


class Memory:
    """What a resumed run must know: generated sentences that D learns from, how often it did, rounds of the game."""

    def __init__(self) -> None:
        self.sentences, self.batches, self.rounds = np.zeros((0, LENGTH), np.int64), 0, 0

    def state_dict(self) -> dict[str, Any]:
        return {"sentences": self.sentences, "batches": self.batches, "rounds": self.rounds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.sentences, self.batches, self.rounds = np.asarray(state["sentences"]), state["batches"], state["rounds"]


class SeqGAN(training.Experiment):
    """A text model learns from an oracle whose probabilities are known: first by likelihood, then from a discriminator.

    python examples/text_gan.py                     the benchmark's oracle, if MINIGEN_DATA has it, with a small D
    python examples/text_gan.py --oracle random     another oracle, drawn as the published one was
    python examples/text_gan.py --mle 1             maximum likelihood alone, for comparison
    python examples/text_gan.py --paper             the published protocol: days on two cores
    python examples/text_gan.py --resume            goes on where the newest run stopped, bitwise

    A run has three phases: maximum likelihood until its share --mle is over, then D learns to tell, until --critic,
    then the game: a step of G on the rewards of roll-outs, some epochs of D. NLL_oracle is how unlikely the oracle
    finds what G says (lower is better; its own sentences have 5.75). A lower temperature alone lowers it, too, at the
    cost of variety: so NLL_test, how unlikely G finds held-out sentences of the oracle, and the tempered
    maximum-likelihood model stand beside it.
    """

    name = "text_gan"
    config = ("oracle", "mle", "critic", "rollouts", "rate", "paper", "epochs_D", "lr_D")
    defaults: ClassVar[dict[str, Any]] = {"epochs": 100, "batch_size": 64, "lr": 0.01}
    sampler = ("G",)
    items = "sentences"
    data_help = "not used: the oracle makes the data"
    curves: ClassVar[dict[str, tuple[str, ...]]] = {
        "nats per token": ("nll_oracle", "nll_test"), "loss": ("loss", "loss_D"), "reward": ("reward",),
    }  # fmt: skip

    @classmethod
    def arguments(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--oracle", default="published",
            help="published: the benchmark's weights, seqgan/target_lstm.npz under MINIGEN_DATA; random; or a file of "
            "such weights (default %(default)s)")  # fmt: skip
        add("--mle", type=float, default=0.6, help="share of the run for maximum likelihood (default %(default)s)")
        add("--critic", type=float, default=0.7, help="share of the run after which the game begins (%(default)s)")
        add("--rollouts", type=positive, default=16, help="completions per word (default %(default)s)")
        add("--rate", type=float, default=0.8, help="of the roll-out policy's weights that stay (default %(default)s)")
        add("--epochs-D", type=positive, default=1, help="of D in every round (default %(default)s)")
        add("--lr-D", type=float, default=1e-3, help="D's learning rate (default %(default)s)")
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

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self.teacher = seqgan.oracle(weights(config["oracle"], config["seed"]))
        V = self.teacher.head.weight.shape[0]
        self.G, self.policy, self.likely = (RecurrentLM(V, 32, 32, 1) for _ in range(3))
        for p in self.G.parameters():
            minigen.nn.init.normal_(p, 0.0, 0.1)
        self.D = seqgan.SentenceCNN(V, seqgan.PAPER_FILTERS if config["paper"] else FILTERS)
        self.opt_G = optim.Adam(self.G.parameters(), lr=config["lr"])
        self.opt_D = optim.Adam(self.D.parameters(), lr=config["lr_D"])
        self.memory = Memory()

    def data(self) -> TensorDataset:
        n = 4 * self.settings["batch_size"] if self.settings["smoke"] else REAL
        own = minigen.Generator(self.settings["seed"] + 1)
        self.real = seqgan.sample(self.teacher, n, LENGTH, BEGIN, own)
        self.held_out = seqgan.sample(self.teacher, min(n, HELD_OUT), LENGTH, BEGIN, own)
        return TensorDataset(self.real)

    def parts(self) -> dict[str, Any]:
        return {"G": self.G, "policy": self.policy, "likely": self.likely, "D": self.D, "opt_G": self.opt_G,
                "opt_D": self.opt_D, "memory": self.memory}  # fmt: skip

    # learning -----------------------------------------------------------------------------------------
    def step(self, batch: Any) -> dict[str, float]:
        if self.progress < self.settings["mle"]:
            loss = -seqgan.log_probabilities(self.G, batch.numpy(), BEGIN).mean()
            row = {"loss": training.finite("loss", loss)}
            self.update(self.opt_G, loss)
            self.likely.load_state_dict(self.G.state_dict())
            self.policy.load_state_dict(self.G.state_dict())
            return row
        if self.progress < self.settings["critic"]:
            return self.step_D(batch.numpy())
        return self.round()

    def step_D(self, real: np.ndarray) -> dict[str, float]:
        """D tells real sentences from generated ones; these are made anew after three epochs."""
        if self.memory.batches % (3 * (len(self.real) // len(real))) == 0:
            self.memory.sentences = seqgan.sample(self.G, len(self.real), LENGTH, BEGIN)
        self.memory.batches += 1
        fake = self.memory.sentences[minigen.randint(0, len(self.memory.sentences), (len(real),)).numpy()]
        logits = self.D(minigen.tensor(np.concatenate([real, fake])))
        truth = minigen.tensor(np.repeat([1.0, 0.0], len(real))).float()
        told = F.binary_cross_entropy_with_logits(logits, truth)
        small = sum(((p**2).sum() for p in self.D.head.parameters()), minigen.zeros(())) / 2
        self.update(self.opt_D, told + 0.2 * small)  # L2 of the last layer, as in the paper's program
        return {"loss_D": training.finite("loss_D", told)}

    def round(self) -> dict[str, float]:
        """One step of G on its words' values, the roll-out policy follows, then D catches up."""
        said = seqgan.sample(self.G, self.settings["batch_size"], LENGTH, BEGIN)
        Q = seqgan.action_values(self.policy, said, self.D.reward, self.settings["rollouts"], BEGIN)
        loss = seqgan.policy_loss(self.G, said, Q, BEGIN)
        row = {"loss": training.finite("loss", loss), "reward": float(Q.mean())}
        self.update(self.opt_G, loss)
        seqgan.moved_towards(self.policy, self.G, self.settings["rate"])
        batch = self.settings["batch_size"]
        for _ in range(self.settings["epochs_D"]):
            order = minigen.randperm(len(self.real)).numpy()
            for i in range(0, len(order) - batch + 1, batch):
                row |= self.step_D(self.real[order[i : i + batch]])
        self.memory.rounds += 1
        return row | self.measure() if self.memory.rounds % EVERY == 0 else row

    def update(self, optimizer: optim.Adam, loss: Any) -> None:
        optimizer.zero_grad()
        loss.backward()
        minigen.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 5.0)
        optimizer.step()

    # measuring ----------------------------------------------------------------------------------------
    def measure(self, n: int = LOOKED_AT, G: Any = None, temperature: float = 1.0) -> dict[str, float]:
        G = self.G if G is None else G
        n = min(n, len(self.held_out))
        said = seqgan.sample(G, n, LENGTH, BEGIN, minigen.Generator(7), temperature)
        return {"nll_oracle": seqgan.nll(self.teacher, said, BEGIN),
                "nll_test": seqgan.nll(G, self.held_out[:n], BEGIN, temperature)}  # fmt: skip

    def save_sheets(self, run: training.Run, step: int) -> dict[str, float]:
        return {}  # numbers of an oracle's words say nothing to an eye

    def conclude(self, run: training.Run) -> dict[str, Any]:
        own, likely = self.measure(HELD_OUT), self.measure(HELD_OUT, self.likely)
        tempered = {t: self.measure(LOOKED_AT, self.likely, t) for t in WARMER}
        real = seqgan.nll(self.teacher, self.held_out, BEGIN)
        print(f"the oracle's own sentences: NLL_oracle {real:.3f}")
        print(f"maximum likelihood:         NLL_oracle {likely['nll_oracle']:.3f}, NLL_test {likely['nll_test']:.3f}")
        for t, found in tempered.items():
            print(f"  at temperature {t:4.2f}:       NLL_oracle {found['nll_oracle']:.3f}, "
                  f"NLL_test {found['nll_test']:.3f}")  # fmt: skip
        print(f"after the game:             NLL_oracle {own['nll_oracle']:.3f}, NLL_test {own['nll_test']:.3f}")
        return {"oracle": real, "likelihood": likely, "tempered": {str(t): v for t, v in tempered.items()}, "game": own}

    @classmethod
    def drawing(cls, parser: Any) -> None:
        add = parser.add_argument
        add("--sample", type=positive, metavar="N", help="say N sentences instead of training")
        add("--out", type=Path, default=Path("sentences.npy"), help="an array (N, 20) (default %(default)s)")

    def sample(self, args: Any, source: Any) -> int:
        said = seqgan.sample(self.G, args.sample, LENGTH, BEGIN, minigen.Generator(args.seed))
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
    with np.load(path) as arrays:
        return dict(arrays)


if __name__ == "__main__":
    sys.exit(training.script(SeqGAN))
