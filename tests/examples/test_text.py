"""The scripts for text, in this process: training, resuming, writing on, and failing as they say."""

import json
import os
import signal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from example_scripts import load

import minigen
from minigen import checkpoint, training
from minigen.data import corpus
from minigen.data.text import read
from minigen.metrics.text import longest_copy, ngram_share
from minigen.training import language, pretrained

SMALL = {
    "text_transformer": ["--width", "16", "--layers", "1", "--heads", "2", "--context", "16", "--batch-size", "8"],
    "text_rnn": ["--embedding", "8", "--hidden", "16", "--context", "16", "--batch-size", "8"],
}
TEXT = "从前有座山，山上有座庙，庙里有个老和尚给小和尚讲故事：" * 40


@pytest.fixture(scope="module")
def kinds():
    found = {}
    for name in SMALL:
        module = load(name)
        (found[name],) = (v for v in vars(module).values() if isinstance(v, type) and getattr(v, "name", "") == name)
    return found


@pytest.fixture
def run(kinds, tmp_path, monkeypatch, capsys):
    """Runs a script with these arguments in an empty folder that holds tale.txt; returns what it printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tale.txt").write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(language, "SPOKEN", 300)  # thousands of tokens are for figures
    monkeypatch.setattr(language, "SHOWN", 20)

    def call(name, *args, status=0):
        assert training.script(kinds[name], [*map(str, args)]) == status
        out, err = capsys.readouterr()
        return err if status else out

    return call


def newest(name):
    return training.newest_checkpoint(Path("runs", name))


@pytest.mark.parametrize("name", SMALL)
def test_it_learns_writes_and_tells(run, name):
    out = run(name, *SMALL[name], "--data", "tale.txt", "--steps", 100, "--lr", 0.01)
    assert "held out:" in out and "longest copy" in out
    folder = newest(name).parent
    assert {"samples.txt", "spoken.txt", "curves.png", "result.json"} <= {p.name for p in folder.iterdir()}
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    losses = [row["loss"] for row in rows if "loss" in row]
    assert len(losses) == 100 and losses[-1] < 0.5 * losses[0]
    result = json.loads((folder / "result.json").read_text())
    assert result["nats_per_character"] < 2 and result["known_trigrams"] > 0.2 and "tokenizer" not in result["config"]

    run(name, "--publish", "results/tale", "--title", "A tale")
    published = json.loads(Path("results/tale.json").read_text("utf-8"))
    assert published == {**result, "name": "A tale"} and "row" not in published
    assert Path("results/tale.txt").read_bytes() == (folder / "spoken.txt").read_bytes()
    assert Path("results/tale_curves.png").read_bytes() == (folder / "curves.png").read_bytes()

    out = run(name, "--prompt", "从前有座", "--sample", 20, "--out", "said.txt", "--temperature", 0)
    assert out.strip() == Path("said.txt").read_text("utf-8").strip() and len(out.strip()) == 24
    assert out == run(name, "--prompt", "从前有座", "--sample", 20, "--temperature", 0)
    folder.joinpath("result.json").write_text(json.dumps({**result, "draw": {"temperature": 0.0}}))
    assert out == run(name, "--prompt", "从前有座", "--sample", 20)  # what the run found best is used
    error = run(name, "--prompt", "hello 山", status=1)
    assert "5 characters are not among the" in error and "'h'" in error
    assert "prompt is empty" in run(name, "--prompt", "", status=1)


@pytest.mark.parametrize("name", SMALL)
def test_nats_by_a_few_lines_of_numpy(run, name):
    """The held-out end in windows of 16, each character's probability on its own; again with windows that overlap."""
    run(name, *SMALL[name], "--data", "tale.txt", "--steps", 20, "--dropout", 0.5)
    kind, state = load(name), checkpoint.load(newest(name))
    (kind,) = (v for v in vars(kind).values() if isinstance(v, type) and getattr(v, "name", "") == name)
    model = kind(state["config"])
    model.net.load_state_dict(state["parts"]["model"])
    held_out = TEXT[int(len(TEXT) * 0.9) :]
    codes = [state["config"]["tokenizer"]["characters"].index(c) for c in held_out]

    def surprise(start, t):
        """-log p of token t, having read those from ``start``."""
        logits = model.net.eval()(minigen.tensor([codes[start:t]])).numpy()[0, -1].astype(np.float64)
        return np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[codes[t]]

    def surprises(stride):
        ends = [*range(16, len(codes) - 1, stride), len(codes) - 1]
        return [surprise(end - 16, t) for last, end in pairwise([0, *ends]) for t in range(last + 1, end + 1)]

    apart, overlap = surprises(16), surprises(4)
    assert len(apart) == len(overlap) == len(codes) - 1
    result = json.loads(newest(name).with_name("result.json").read_text())
    assert result["nats_per_token"] == pytest.approx(np.mean(apart), rel=1e-5)
    assert result["nats_per_character_overlapping"] == pytest.approx(np.mean(overlap), rel=1e-5)


def test_a_resumed_run_is_bitwise_the_whole(run, kinds, monkeypatch):
    args = [*SMALL["text_rnn"], "--data", "tale.txt", "--dropout", 0.2, "--network", "gru", "--epochs", 2]
    run("text_rnn", *args)
    whole = checkpoint.load(newest("text_rnn"))

    with monkeypatch.context() as patch:  # Ctrl-C while the first epoch's text is written: the next step is the last
        patch.setattr(kinds["text_rnn"], "measure", lambda self: os.kill(os.getpid(), signal.SIGINT) or {})
        run("text_rnn", *args, "--runs", "half", status=training.INTERRUPTED)
    (half,) = Path("half").glob("*/checkpoint.safetensors")
    assert 0 < checkpoint.load(half)["step"] < whole["step"]
    run("text_rnn", "--resume", half)
    resumed = checkpoint.load(half)
    assert resumed["step"] == whole["step"]
    for name, value in whole["parts"]["model"].items():
        assert (resumed["parts"]["model"][name] == value).all(), name


@pytest.mark.parametrize(("tokens", "network"), [("word", "n3"), ("bpe", "rnn")])
def test_words_and_byte_pairs(run, kinds, monkeypatch, tokens, network):
    from minigen.models import rnn

    monkeypatch.setitem(kinds["text_rnn"].model.__globals__, "N3", lambda v: rnn.N3(v, 8, 16))  # 18 million else
    sizes = [*SMALL["text_rnn"], "--tokens", tokens, "--vocabulary", 300]
    run("text_rnn", *sizes, "--network", network, "--smoke", "--data", "english")
    result = json.loads(newest("text_rnn").with_name("result.json").read_text())
    assert result["nats_per_character"] < result["nats_per_token"]
    assert run("text_rnn", "--prompt", "First Citizen:", "--sample", 10).startswith("First Citizen:")


def test_a_packed_corpus_is_trained_on_as_the_text_is(run):
    corpus.pack("tale.txt", "tale.npy")
    for data in ("tale.txt", "tale.npy"):
        run("text_rnn", *SMALL["text_rnn"], "--data", data, "--steps", 3, "--runs", data + ".runs")
    plain, packed = (json.loads(training.newest_checkpoint(f"{data}.runs").with_name("result.json").read_text())
                     for data in ("tale.txt", "tale.npy"))  # fmt: skip
    assert packed["nats_per_character"] == plain["nats_per_character"] < 4


def test_the_highest_temperature_that_keeps_to_the_corpus_is_kept(run, monkeypatch):
    monkeypatch.setattr(language, "KNOWN", 0.0)
    monkeypatch.setattr(language, "longest_copy", lambda text, corpus: "x" * next(lengths))
    monkeypatch.setattr(language, "longest_repeat", lambda text: "")
    lengths = iter([21, 50, 20])
    run("text_rnn", *SMALL["text_rnn"], "--data", "tale.txt", "--steps", 1)
    result = json.loads(newest("text_rnn").with_name("result.json").read_text())
    assert result["draw"] == {"temperature": 0.6} and result["longest_copy"] == 20
    assert [found["longest_copy"] for found in result["by_draw"].values()] == [21, 50, 20]


def test_a_text_in_circles_is_not_kept(run, monkeypatch):
    monkeypatch.setattr(language, "KNOWN", 0.0)
    monkeypatch.setattr(language, "longest_copy", lambda text, corpus: "")
    monkeypatch.setattr(language, "longest_repeat", lambda text: "x" * next(lengths))
    lengths = iter([900, 21, 20])
    run("text_rnn", *SMALL["text_rnn"], "--data", "tale.txt", "--steps", 1)
    result = json.loads(newest("text_rnn").with_name("result.json").read_text())
    assert result["draw"] == {"temperature": 0.6} and result["longest_repeat"] == 20


def test_bad_data_leaves_no_run_behind(run):
    Path("empty.txt").write_text("")
    assert "is empty" in run("text_rnn", "--data", "empty.txt", status=1)
    Path("short.txt").write_text("short", encoding="utf-8")
    assert "shorter context or a longer text" in run("text_rnn", "--data", "short.txt", status=1)
    Path("old.txt").write_bytes("从前有座山".encode("gb18030"))
    assert "is not UTF-8" in run("text_rnn", "--data", "old.txt", status=1)
    assert "no text 'nowhere'" in run("text_rnn", "--data", "nowhere", status=1)
    Path("one.txt").write_text("a")
    assert "shorter context or a longer text" in run("text_rnn", "--data", "one.txt", "--tokens", "word", status=1)
    corpus.pack("tale.txt", "tale.npy")
    for share in (-1, 1.5, "nan"):
        assert "must lie in [0, 1)" in run("text_rnn", "--data", "tale.npy", "--held-out", share, status=1)
    assert not Path("runs").exists()


def test_a_file_of_one_line_is_not_its_own_prompt(run):
    run("text_rnn", *SMALL["text_rnn"], "--data", "tale.txt", "--steps", 1)
    path = newest("text_rnn")
    assert checkpoint.load(path)["config"]["prompt"] == TEXT[: language.PROMPT]
    assert len(path.with_name("samples.txt").read_text("utf-8")) < 3 * language.PROMPT


def test_nothing_of_a_packed_corpus_is_held_out_if_so_wanted(run):
    corpus.pack("tale.txt", "tale.npy")
    run("text_rnn", *SMALL["text_rnn"], "--data", "tale.npy", "--held-out", 0, "--steps", 1)
    assert checkpoint.load(newest("text_rnn"))["config"]["held_out"] == 0


def test_a_run_that_has_not_ended_is_not_published(run, monkeypatch):
    run("text_rnn", *SMALL["text_rnn"], "--data", "tale.txt", "--steps", 1)
    newest("text_rnn").with_name("result.json").unlink()
    assert "has not come to its end" in run("text_rnn", "--publish", "results/x", status=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_weights_that_come_with_minigen_write_like_their_text(run, name):
    """In float16 the text is another one than that of the figures, so the bounds are not quite 0.9 and 20."""
    if not pretrained.place(name).is_file():
        pytest.skip(f"NOT RUN: minigen comes without weights for {name}")
    out = run(name, "--prompt", "从前有座山", "--sample", 2000, "--seed", 3).removeprefix("从前有座山")
    train, _ = read("chinese").split()
    assert len(out) > 1900 and len(set(out)) > 100
    assert ngram_share(out, train) > 0.87 and len(longest_copy(out, train)) < 26


def test_runs_that_count_know_their_place(kinds):
    kind = kinds["text_transformer"]
    usual = {"data": "shakespeare", "tokens": "char", "held_out": 0.1, "budget": 60.0, "layers": 6, "steps": None}

    def place(**changes):
        found = kind.place({**usual, **changes})
        return found.get("row"), found.get("budget")

    nanogpt = {**kind.place.__func__.__globals__["NANOGPT"], "budget": None}
    assert place() == ("shakespeare", 60) and place(budget=59.0) == place(held_out=0.2) == (None, None)
    assert place(data="sanguo", held_out=0.05) == ("sanguo", 60)
    assert place(data="chinese", held_out=0.05, budget=12.0) == ("pretrained text_transformer", "own")
    assert place(**nanogpt) == ("nanogpt", "2,000 steps") and place(**nanogpt | {"dropout": 0.1}) == (None, None)


def test_the_learning_rate_rises_and_falls():
    values = [language.rate(p, 0.1) for p in np.linspace(0, 1, 101)]
    assert values[0] == 0.01 and values[10] == 1 and values[-1] == pytest.approx(0.1)
    assert (np.diff(values[:11]) > 0).all() and (np.diff(values[10:]) < 0).all()
