"""The sentence VAE's script in this process: it stores lines, writes ways between them, and fails as it says."""

import json
from pathlib import Path

import pytest
from example_scripts import load

from minigen import training

LINES = ["the cat sat on a mat", "a dog ran home", "the dog sat down", "a cat ran to the mat", "home is a mat"]
ARGS = ("--data", "lines.txt", "--embedding", 16, "--hidden", 32, "--latent", 4, "--batch-size", 16, "--lr", 0.02)


@pytest.fixture(scope="module")
def kind():
    return load("text_vae").TextVAE


@pytest.fixture
def run(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("lines.txt").write_text("\n".join(LINES * 40), encoding="utf-8")

    def call(*args, status=0):
        assert training.script(kind, [*map(str, args)]) == status
        out, err = capsys.readouterr()
        return err if status else out

    return call


def result(root="runs/text_vae"):
    return json.loads(training.newest_checkpoint(root).with_name("result.json").read_text())


def test_lines_are_stored_and_the_language_model_is_worse(run):
    run(*ARGS, "--steps", 200, "--word-dropout", 0.5, "--middle", 0.95, "--free-nats", 1)
    found = result()
    assert found["held_out_kl"] > 1  # which of the five lines it is: log 5 = 1.6 nats
    folder = training.newest_checkpoint("runs/text_vae").parent
    said = (folder / "lines.txt").read_text("utf-8").splitlines()
    assert said[0].startswith("held-out lines") and said[1].strip() in LINES
    assert sum(a.strip() == b.strip() for a, b in zip(said[1:17:2], said[2:17:2], strict=True)) >= 6

    out = run("--between", LINES[0], LINES[1], "--sample", 5, "--out", "way.txt").splitlines()
    assert len(out) == 5 and out[0] != out[-1] and Path("way.txt").read_text("utf-8").splitlines() == out
    assert len(run("--sample", 3).splitlines()) == 3
    assert "a line is empty" in run("--between", "", "a cat", status=1)

    run(*ARGS, "--steps", 200, "--plain", "--runs", "plain")
    plain = result("plain")
    assert plain["held_out_last"] >= plain["held_out"] > found["held_out"] and plain["held_out_kl"] == 0
    epochs = [json.loads(line) for line in next(Path("plain").glob("*/metrics.jsonl")).read_text().splitlines()]
    assert plain["held_out"] == min(row["held_out"] for row in epochs if "held_out" in row)

    run("--publish", "results/lines", "--runs", "plain")
    assert Path("results/lines.txt").exists() and json.loads(Path("results/lines.json").read_text()) == plain


def test_characters_and_bad_data(run):
    run(*ARGS, "--tokens", "char", "--smoke")
    assert result()["config"]["tokens"] == "char"
    Path("long.txt").write_text("\n".join(["a word " * 30] * 20), encoding="utf-8")
    assert "no line has 2 to 24 tokens" in run("--data", "long.txt", status=1)


def test_runs_that_count_know_their_place(kind):
    counts = {"data": "shakespeare", "budget": 30.0, "tokens": "word", "plain": False}
    assert kind.place(counts) == {"name": "Sentence VAE on shakespeare", "row": "sentence_vae", "budget": 30}
    assert kind.place({**counts, "plain": True})["peer"] == "sentence_vae"
    assert set(kind.place({**counts, "budget": 20.0})) == {"name"}


def test_free_nats_keep_the_kl_from_falling(run):
    for free, holds in ((0, lambda kl: kl < 0.5), (2, lambda kl: kl > 1.5)):
        run(*ARGS, "--steps", 120, "--middle", 0, "--word-dropout", 0, "--free-nats", free, "--runs", f"free{free}")
        assert holds(result(f"free{free}")["held_out_kl"]), free
