"""The SeqGAN script in this process, with an oracle of 12 words: its three phases, resuming, and failing as it says."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from example_scripts import load

from minigen import checkpoint, training

V, E, H = 12, 4, 5


@pytest.fixture(scope="module")
def text_gan():
    module = load("text_gan")
    module.REAL = module.HELD_OUT = module.LOOKED_AT = 64
    module.EPOCHS = module.ROUNDS = 1
    return module


@pytest.fixture
def run(text_gan, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    shapes = {"embedding": (V, E), "Wo": (H, V), "bo": (V,)}
    for gate in ("i", "f", "og", "c"):
        shapes |= {f"W{gate}": (E, H), f"U{gate}": (H, H), f"b{gate}": (H,)}
    np.savez("oracle.npz", **{name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()})

    def call(*args, status=0):
        assert training.script(text_gan.SeqGAN, [*map(str, args)]) == status
        out, err = capsys.readouterr()
        return err if status else out

    return call


ARGS = ("--oracle", "oracle.npz", "--batch-size", 16, "--steps", 12, "--mle", 0.5, "--critic", 0.75, "--rollouts", 2)


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_three_phases_and_their_numbers(run):
    out = run(*ARGS)
    assert "the oracle itself:" in out and "at temperature 0.70" in out and "its last round:" in out
    folder = training.newest_checkpoint("runs/text_gan").parent
    steps = [row for row in rows(folder) if "seconds" in row]
    phases = ["game" if "reward" in row else "critic" if "loss_D" in row else "mle" for row in steps]
    assert phases == ["mle"] * 6 + ["critic"] * 3 + ["game"] * 3
    assert all(0 < row["reward"] < 1 and row["nll_oracle"] > 0 for row in steps[-3:])
    result = json.loads((folder / "result.json").read_text())
    assert 0 < result["oracle"] < np.log(V) + 1 and result["tempered"]["1.0"] == result["likelihood"]
    assert result["last"] != result["likelihood"] and result["counts"]["rounds"] == 3
    assert result["name"] == "SeqGAN" and "row" not in result
    looks = [row["nll_oracle"] for row in steps if "nll_oracle" in row]  # each epoch of likelihood, each round
    kept = checkpoint.load(folder / "checkpoint.safetensors")["parts"]["memory"]["best"]
    assert kept["likely"] == min(looks[:2]) and kept["best"] <= kept["likely"] and kept["best"] in looks

    assert "5 sentences from" in run("--sample", 5)
    said = np.load("sentences.npy")
    assert said.shape == (5, 20) and said.min() >= 0 and said.max() < V


def test_a_resumed_run_is_bitwise_the_whole(run, text_gan, monkeypatch):
    run(*ARGS)
    whole = checkpoint.load(training.newest_checkpoint("runs/text_gan"))
    with monkeypatch.context() as patch:  # Ctrl-C in the discriminator's phase
        tell = text_gan.SeqGAN.step_D
        patch.setattr(text_gan.SeqGAN, "step_D", lambda *a: os.kill(os.getpid(), signal.SIGINT) or tell(*a))
        run(*ARGS, "--runs", "half", status=training.INTERRUPTED)
    half = training.newest_checkpoint("half")
    assert checkpoint.load(half)["step"] == 7
    run("--resume", half)
    resumed = checkpoint.load(half)["parts"]
    for part in ("G", "policy", "D"):
        for name, value in whole["parts"][part].items():
            assert (resumed[part][name] == value).all(), (part, name)


def test_a_later_end_does_not_call_likelihood_back(run, text_gan):
    run(*ARGS)
    path = training.newest_checkpoint("runs/text_gan")
    before = checkpoint.load(path)
    steps = 3 * before["step"]  # so far the run was likelihood's share of this many
    run("--resume", path, "--steps", steps)
    after = checkpoint.load(path)
    assert after["step"] == steps
    counts = [state["parts"]["memory"]["counts"] for state in (before, after)]
    assert counts[1]["likelihood"] == counts[0]["likelihood"] and counts[1]["rounds"] > counts[0]["rounds"]


@pytest.mark.parametrize(("advantage", "taught"), [("baseline", True), ("constant", False)])
def test_what_a_word_is_worth(run, text_gan, monkeypatch, advantage, taught):
    """The published value less the batch's mean; and the control, which must not ask D at all."""
    seen, loss = [], text_gan.seqgan.policy_loss

    def watched(G, said, Q, begin):
        seen.append(Q)
        return loss(G, said, Q, begin)

    monkeypatch.setattr(text_gan.seqgan, "policy_loss", watched)
    run(*ARGS[:6], "--mle", 0.5, "--critic", 0.5, "--rollouts", 2, "--advantage", advantage)
    assert len(seen) == 6 and all(Q.shape == (16, 20) for Q in seen)
    if taught:
        assert all(np.abs(Q.mean(0)).max() < 1e-12 < np.abs(Q).max() for Q in seen)
    else:
        assert all((Q == 0.5).all() for Q in seen)
    result = json.loads(training.newest_checkpoint("runs/text_gan").with_name("result.json").read_text())
    assert (result["counts"]["D"] > 0) == taught and result["name"] != "SeqGAN"


def test_errors(run, monkeypatch):
    monkeypatch.setenv("MINIGEN_DATA", "nowhere")
    assert "take --oracle random" in run(status=1)
    assert "shares of the run" in run(*ARGS[:6], "--mle", 0, status=1)
    np.savez("half.npz", embedding=np.zeros((3, 2)))
    assert "the weights lack Wo, bo" in run("--oracle", "half.npz", status=1)
    Path("cut.npz").write_bytes(Path("oracle.npz").read_bytes()[:500])
    assert "cut.npz can't be read as arrays" in run("--oracle", "cut.npz", status=1)
    assert not Path("runs").exists()


def test_a_loss_of_D_that_is_no_number_touches_no_weight(run, text_gan, monkeypatch):
    true, made = text_gan.F.binary_cross_entropy_with_logits, []
    monkeypatch.setattr(text_gan.F, "binary_cross_entropy_with_logits", lambda *a: true(*a) * float("nan"))
    monkeypatch.setattr(text_gan.SeqGAN, "update", lambda self, optimizer, *_: made.append(optimizer is self.opt_D))
    assert "loss_D is nan" in run(*ARGS, status=1) and not any(made)
