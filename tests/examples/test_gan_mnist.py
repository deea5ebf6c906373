"""Every kind of game in a few steps, stopped and resumed, and what the script says to wrong input."""

import itertools
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from example_scripts import load
from PIL import Image

from minigen import training
from minigen.metrics import digits
from minigen.training.pretrained import place

SMALL = ("--smoke", "--width", "4", "--batch-size", "20", "--threads", "1")
KINDS = {
    **{loss: ("--loss", loss, "--condition", "none")
       for loss in ("nonsaturating", "minimax", "least-squares", "wgan", "wgan-gp", "hinge")},
    "conditional": (),
    "acgan": ("--condition", "classifier"),
    "penalised-acgan": ("--loss", "wgan-gp", "--condition", "classifier"),
    "r1": ("--r1", "0.5", "--norm", "none", "--condition", "none"),
}


@pytest.fixture(scope="module")
def GAN():
    return load("gan_mnist").GAN


@pytest.fixture
def run(GAN, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*args):
        status = training.script(GAN, [str(a) for a in args])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def rows(folder):
    (path,) = Path(folder).glob("*/metrics.jsonl")
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in path.read_text().splitlines()]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_stops_resumes_bitwise_and_draws(run, GAN, kind, monkeypatch):
    assert run(*SMALL, *KINDS[kind], "--runs", "whole")[0] == 0
    calls, taught = itertools.count(1), GAN.step

    def stopping(self, *batch):
        if next(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return taught(self, *batch)

    with monkeypatch.context() as m:
        m.setattr(GAN, "step", stopping)
        assert run(*SMALL, *KINDS[kind], "--runs", "stopped")[0] == 130
    status, _, err = run("--resume", "--runs", "stopped", "--threads", "1")
    assert status == 0, err
    (stopped,), (whole,) = (list(Path(f).glob("*/checkpoint.safetensors")) for f in ("stopped", "whole"))
    assert stopped.read_bytes() == whole.read_bytes() and rows("stopped") == rows("whole")

    first = next(r for r in rows("whole") if "loss_D" in r)
    assert all(np.isfinite(v) for v in first.values())
    assert ("loss_C" in first) == ("acgan" in kind)
    assert ("penalty" in first) == (kind in ("wgan-gp", "penalised-acgan"))
    assert run("--sample", 12, "--runs", "whole")[0] == 0
    with np.load("samples.npz") as arrays:
        assert arrays["images"].shape == (12, 28, 28) and arrays["images"].dtype == np.uint8
        conditional = kind in ("conditional", "acgan", "penalised-acgan")
        assert set(arrays) == ({"images", "labels"} if conditional else {"images"})


def test_a_class_is_drawn_and_one_that_does_not_exist_is_not(run):
    run(*SMALL, "--condition", "classifier")
    assert run("--classes", "40", "--out", "c.npz")[0] == 0
    assert np.load("c.npz")["labels"].tolist() == [4, 0] * 8
    status, _, err = run("--classes", "4a")
    assert status == 1 and "there is no class a; the model knows 0123456789" in err


def folder_of_pictures(folder, mode="L", classes=("a",)):
    rng = np.random.default_rng(0)
    for i in range(30):
        place = folder / classes[i % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        array = rng.integers(0, 256, (28, 28) if mode == "L" else (28, 28, 3), np.uint8)
        Image.fromarray(array).save(place / f"{i}.png")
    return folder


def test_bad_input_is_named(run, tmp_path):
    small = ("--width", "4", "--batch-size", "10", "--epochs", "1")
    one = folder_of_pictures(tmp_path / "one")
    status, _, err = run(*small, "--data", one, "--condition", "labels")
    assert status == 1 and "have no labels, all are of one class" in err
    colour = folder_of_pictures(tmp_path / "colour", "RGB")
    status, _, err = run(*small, "--data", colour)
    assert status == 1 and "has 3 channels (RGB)" in err
    many = folder_of_pictures(tmp_path / "many", classes=tuple("abcdefghijkl"))
    status, _, err = run(*small, "--data", many, "--condition", "labels")
    assert status == 1 and "has 12 classes, at most 10" in err
    status, _, err = run(*small, "--loss", "wgan-gp", "--norm", "batch")
    assert status == 1 and "treats each image by itself" in err
    assert not (tmp_path / "runs").exists()
    assert run(*small, "--data", one, "--condition", "none")[0] == 0  # a GAN without classes needs no labels


def test_the_weights_that_come_with_minigen_draw_the_digits_that_are_asked_for(run):
    assert run("--pretrained", "--classes", "0123456789", "--sample", 200)[0] == 0
    with np.load("samples.npz") as arrays:
        images, labels = arrays["images"], arrays["labels"]
    read = digits.load().classify(images)
    assert (read == labels).mean() > 0.9
    assert place("gan_mnist").stat().st_size < 4 * 2**20
    about = json.loads(place("gan_mnist").with_suffix(".json").read_text())
    assert "examples/gan_mnist.py" in about["command"]
