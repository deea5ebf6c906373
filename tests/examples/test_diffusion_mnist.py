"""The diffusion script: what it writes and draws, that it resumes bitwise, and what it says to wrong input."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from example_scripts import load
from PIL import Image

from minigen import training
from minigen.data import embedded

TINY = ("--smoke", "--channels", 8, "--patch", 4, "--heads", 0, "--levels", 20, "--threads", 1)


@pytest.fixture
def example():
    return load("diffusion_mnist")


@pytest.fixture
def run(example, tmp_path, monkeypatch, capsys):
    """Runs the script's command line in an empty folder: (exit status, what it printed, its errors)."""
    monkeypatch.chdir(tmp_path)

    def call(*args):
        status = training.script(example.Diffusion, [str(a) for a in args])
        return status, *capsys.readouterr()

    return call


def only_run(root="runs/diffusion_mnist"):
    (folder,) = Path(root).iterdir()
    return folder


def drawn(path="samples.npz"):
    with np.load(path) as arrays:
        return arrays["images"], arrays["labels"] if "labels" in arrays.files else None


def test_smoke_writes_everything_and_the_checkpoint_draws(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    script("diffusion_mnist", "--smoke", "--focus", "0,1,1")  # all levels alike
    folder = only_run()
    assert {p.name for p in folder.iterdir()} == {
        *("checkpoint.safetensors", "config.json", "commands.txt", "metrics.jsonl", "result.json", "samples"),
        *("curves.png", "training.gif", "forward.png", "reverse.png", "inpainting.png", "image_to_image.png"),
    }
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [r for r in rows if "loss" in r]
    assert [r["step"] for r in steps] == [1, 2, 3, 4, 5, 6]
    for row in steps:  # a quarter of the batch in each quarter of the levels
        assert row["loss"] == pytest.approx(np.mean([v for k, v in row.items() if k.startswith("loss ")]), rel=1e-4)
    assert steps[0]["loss"] == pytest.approx(1.0, abs=0.15)  # a quiet start says 0 of v, whose variance is near 1
    assert json.loads((folder / "result.json").read_text())["parameters"] > 100_000
    assert Image.open(folder / "reverse.png").size[0] == 2 * (10 * 30 + 2)

    script("diffusion_mnist", "--sample", 7, "--classes", 38, "--steps", 3, "--guidance", 2, "--out", "d.npz")
    images, labels = drawn("d.npz")
    assert images.shape == (7, 28, 28) and images.dtype == np.uint8 and labels.tolist() == [3, 8, 3, 8, 3, 8, 3]
    assert Path("d.png").exists()


def test_a_stopped_run_resumes_bitwise(run, example, monkeypatch):
    assert run(*TINY, "--runs", "whole")[0] == 0
    step = example.Diffusion.step

    def interrupted(self, *batch):
        if self.ema.updates == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, *batch)

    monkeypatch.setattr(example.Diffusion, "step", interrupted)
    assert run(*TINY, "--runs", "stopped")[0] == 130
    monkeypatch.setattr(example.Diffusion, "step", step)
    assert run("--resume", "--runs", "stopped")[0] == 0
    whole, stopped = (only_run(name) / "checkpoint.safetensors" for name in ("whole", "stopped"))
    assert whole.read_bytes() == stopped.read_bytes()


def test_the_ways_to_draw(run, tmp_path):
    """One small model: a seed decides, inpainting keeps what it must, varying a little changes little."""
    assert run(*TINY)[0] == 0
    first = [run("--sample", 4, "--steps", 5, "--seed", seed) and drawn()[0] for seed in (1, 1, 2)]
    assert (first[0] == first[1]).all() and (first[0] != first[2]).any()
    for options in (("--sampler", "ddpm", "--steps", 20), ("--eta", 0.5, "--guidance", 0, "--steps", 5),
                    ("--guidance", 3, "--guidance-interval", "0.2,0.7", "--steps", 5)):  # fmt: skip
        assert run("--sample", 2, *options)[0] == 0

    test, labels = embedded.load("test")
    assert run("--sample", 6, "--steps", 5, "--inpaint", "left")[0] == 0
    images, told = drawn()
    assert (images[:, :, :14] == test[:6, :, :14]).all() and (images[:, :, 14:] != test[:6, :, 14:]).any()
    assert (told == labels[:6]).all()  # a digit's other half is drawn as of its own class

    mask = np.zeros((28, 28), np.uint8)
    mask[10:] = 255
    Image.fromarray(mask).save("mask.png")
    mine = np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)
    np.savez("mine.npz", images=mine)
    assert run("--sample", 2, "--steps", 5, "--inpaint", "mask.png", "--start", "mine.npz", "--classes", 4)[0] == 0
    images, told = drawn()
    assert (images[:, 10:] == mine[:, 10:]).all() and told.tolist() == [4, 4]

    changed = []
    for strength in (0, 0.2, 1):
        assert run("--sample", 6, "--steps", 20, "--vary", strength)[0] == 0
        changed.append(abs(drawn()[0].astype(float) - test[:6]).mean())
    assert changed[0] == 0 < changed[1] < changed[2]


def test_guidance_that_is_asked_for_alone_works_at_all_levels(example):
    config = {"schedule": "cosine", "prediction": "v", "levels": 20, "focus": "0,1,1", "channels": "8", "patch": 4,
              "blocks": 1, "heads": 0, "condition": "label", "ema": 0.9, "lr": 1e-3}  # fmt: skip
    labelled = example.Diffusion(config)
    usual = labelled.guidance(None, None)
    assert usual == {"guidance": example.GUIDANCE, "guidance_interval": example.shares(example.INTERVAL)}
    assert labelled.guidance(3.0, None) == {"guidance": 3.0, "guidance_interval": (0, 1)}
    assert labelled.guidance(3.0, "0.2,0.5") == {"guidance": 3.0, "guidance_interval": (0.2, 0.5)}
    assert labelled.guidance(None, "0.2,0.5") == {"guidance": example.GUIDANCE, "guidance_interval": (0.2, 0.5)}
    assert example.Diffusion({**config, "condition": "none"}).guidance(None, None)["guidance"] == 0


def test_a_model_without_labels(run):
    assert run(*TINY, "--condition", "none", "--prediction", "epsilon", "--schedule", "linear")[0] == 0
    assert run("--sample", 3, "--steps", 2)[0] == 0 and drawn()[1] is None
    assert "this model is unconditional" in run("--sample", 3, "--classes", 3)[2]
    assert "guidance of weight 2.0 needs labels" in run("--sample", 3, "--steps", 2, "--guidance", 2)[2]


def test_what_cannot_be_drawn_is_refused(run):
    assert run(*TINY)[0] == 0
    Image.fromarray(np.zeros((14, 28), np.uint8)).save("small.png")
    np.savez("flat.npz", images=np.zeros((3, 784), np.uint8))
    np.savez("other.npz", pictures=np.zeros(3))
    np.savez("wrong.npz", images=np.zeros((3, 28, 28), np.uint8), labels=np.array([1, 2, 30]))
    Path("cut.npz").write_bytes(Path("flat.npz").read_bytes()[:200])
    assert run("--sample", 2)[0] == 0  # as many steps as there are levels, if these are fewer than usual
    for args, words in (
        (("--vary", 0.5, "--start", "wrong.npz"), "3 classes from 0 to 9"),
        (("--vary", 0.5, "--start", "cut.npz"), "cut.npz can't be read as arrays"),
        (("--steps", 21), "steps must lie in 1 .. 20"),
        (("--classes", "37x"), "no class x"),
        (("--guidance", "nan"), "must be a finite number, got nan"),
        (("--guidance-interval", "0.7,0.2"), "two shares of the noise levels, as in 0.2,0.8, got '0.7,0.2'"),
        (("--guidance-interval", "low"), "two shares of the noise levels, as in 0.2,0.8, got 'low'"),
        (("--eta", 2), "ddim with 0 <= eta <= 1"),
        (("--inpaint", "small.png"), "28 x 28, small.png has the shape (14, 28)"),
        (("--inpaint", "no.png"), "no.png is none of top, bottom, left, right"),
        (("--vary", 1.5), "strength must lie in [0, 1]"),
        (("--vary", 0.5, "--inpaint", "top"), "give one of them"),
        (("--start", "flat.npz"), "give one of these"),
        (("--vary", 0.5, "--start", "flat.npz"), "uint8 (N, 28, 28), got uint8 (3, 784)"),
        (("--vary", 0.5, "--start", "other.npz"), "no array `images`"),
        (("--vary", 0.5, "--start", "none.npz"), "none.npz"),
    ):
        status, _, err = run("--sample", 2, "--steps", 5, *args)
        assert status == 1 and words in err, (args, err)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--channels", "30"), "multiples of 8"),
        (("--patch", 3), "do not divide 28"),
        (("--heads", 5), "must divide the 64 channels"),
        (("--focus", "0.7,0.2,5"), "two shares of the noise levels and a number, as in 0.3,0.9,5, got '0.7,0.2,5'"),
        (("--focus", "0.2,0.7"), "as in 0.3,0.9,5, got '0.2,0.7'"),
        (("--focus", "0.2,0.7,inf"), "as in 0.3,0.9,5, got '0.2,0.7,inf'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(run, args, words):
    status, _, err = run("--smoke", *args)
    assert status == 1 and words in err and not Path("runs").exists()


def test_labels_beyond_the_classes_are_refused(run, tmp_path):
    for name in "abcdefghijk":  # eleven classes
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(np.full((28, 28), 9 * i, np.uint8)).save(tmp_path / "mine" / name / f"{i}.png")
    status, _, err = run(*TINY, "--batch-size", 8, "--data", "mine")
    assert status == 1 and "labels up to 10" in err and not Path("runs").exists()
