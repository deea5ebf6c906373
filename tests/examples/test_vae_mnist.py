"""The VAE's script: what it writes, stopping and resuming, drawing, likelihoods, and what it refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from example_scripts import load
from PIL import Image

import minigen
from minigen import checkpoint, training
from minigen.data import MNIST

ROOT = Path(__file__).parents[2]


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs" / "vae_mnist").iterdir()
    return run


def test_smoke_writes_everything_and_its_checkpoint_draws_and_is_measured(script, tmp_path):
    script("vae_mnist", "--smoke", "--network", "n4", "--latent", 2)
    run = only_run(tmp_path)
    pictures = {"reconstructions", "interpolations", "latent_plane", "codes", "kl_per_dimension", "curves"}
    assert {p.stem for p in run.glob("*.png")} == pictures
    assert [p.name for p in sorted((run / "samples").iterdir())] == [f"step_00000{i}.png" for i in (2, 4, 6)]
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [r for r in rows if "loss" in r]
    assert [r["step"] for r in steps] == [1, 2, 3, 4, 5, 6]
    for r in steps:
        assert r["active share"] in (0, 0.5, 1)
    first, last = steps[0], steps[-1]  # beta has risen from 0 to 1
    assert first["loss"] == pytest.approx(first["reconstruction"], rel=1e-5)
    assert last["loss"] == pytest.approx(last["reconstruction"] + last["kl"], rel=1e-5)
    result = json.loads((run / "result.json").read_text())
    assert len(result["kl_per_dimension"]) == 2 and result["active_units"] <= 2

    script("vae_mnist", "--sample", 5, "--out", "digits.npz")
    images = np.load(tmp_path / "digits.npz")["images"]
    assert images.shape == (5, 28, 28) and images.dtype == np.uint8

    measure = ("vae_likelihood", run / "checkpoint.safetensors", "--digits", 60, "--draws", 20)
    out = script(*measure).stdout
    whole = json.loads((run / "likelihood.json").read_text())
    assert f"{whole['nll']:.2f} nats per digit" in out
    assert whole["digits"] == 60 and whole["draws"] == 20 and 100 < whole["nll"] < whole["negative_elbo"] < 500
    kept = np.load(run / "likelihood.npz")
    np.savez(run / "likelihood.npz", estimates=kept["estimates"][:, :50], of=kept["of"])  # as if stopped
    script(*measure, "--publish", tmp_path / "results" / "ten_minutes")
    again = json.loads((run / "likelihood.json").read_text())
    assert again.pop("minutes") > 0 and whole.pop("minutes") > 0
    assert again.pop("command") != whole.pop("command") and again == whole

    published = json.loads((tmp_path / "results" / "ten_minutes.json").read_text())
    assert published["figures"]["nll"] == whole["nll"] and published["steps"] == 6
    assert "row" not in published  # a smoke run is no result that counts
    assert "--digits 60 --draws 20" in published["command"]
    names = {p.name for p in (tmp_path / "results").glob("*.png")}
    assert names == {f"ten_minutes_{p}.png" for p in (*pictures, "samples")}


def test_a_batch_with_a_huge_gradient_is_one_short_step():
    """The encoder's last bias says a variance of e^24: the gradient is a thousand times as long as usual."""
    module = load("vae_mnist")
    config = {"network": "n4", "latent": 2, "conditional": False, "ema": 0.9, "lr": 1e-3, "beta": 1.0, "k": 1,
              "warm_up": 0.0}  # fmt: skip
    minigen.manual_seed(0)
    experiment = module.VAEExperiment(config)
    images, labels = minigen.rand(16, 1, 28, 28), minigen.zeros(16, dtype=minigen.int64)
    assert experiment.step(images, labels)["gradient"] < 2000
    with minigen.no_grad():
        experiment.net.posterior[-1].bias[2:] += 24.0
    assert experiment.step(images, labels)["gradient"] > 1e5
    longest = sum(float((p.grad.numpy() ** 2).sum()) for p in experiment.net.parameters()) ** 0.5
    assert longest == pytest.approx(module.LONGEST, rel=1e-3)


def test_the_weights_that_come_with_minigen_draw_digits(script, tmp_path):
    script("vae_mnist", "--pretrained", "--sample", 100, "--out", "digits.npz")
    images = np.load(tmp_path / "digits.npz")["images"]
    assert images.shape == (100, 28, 28)
    real = MNIST("embedded", train=False).images
    nearest = [np.square(real.reshape(-1, 784) / 255.0 - image.ravel() / 255.0).sum(axis=1).min() for image in images]
    assert np.median(nearest) < 60, np.median(nearest)  # of noise it is over 200
    out = script("vae_likelihood", "pretrained", "--data", "embedded", "--digits", 20, "--draws", 50).stdout
    assert float(re.findall(r"([\d.]+) nats per digit", out)[0]) < 110


def test_a_conditional_one_draws_the_classes_that_are_asked_for(script, tmp_path):
    script("vae_mnist", "--smoke", "--network", "n4", "--conditional", "--k", 3, "--nll-draws", 10)
    script("vae_mnist", "--sample", 6, "--classes", "740", "--out", "digits.npz")
    drawn = np.load(tmp_path / "digits.npz")
    assert drawn["labels"].tolist() == [7, 4, 0, 7, 4, 0] and drawn["images"].shape == (6, 28, 28)
    words = "--classes: there is no class x; the model knows 0123456789"
    assert words in script("vae_mnist", "--classes", "7x", status=1).stderr
    out = script("vae_likelihood", only_run(tmp_path) / "checkpoint.safetensors", "--digits", 2, "--draws", 5).stdout
    assert "nats per digit" in out


def test_a_stopped_run_resumes_bitwise(script, tmp_path):
    """Ctrl-C after some steps, then --resume: the same checkpoint, byte for byte, as a run that never stopped."""
    common = ["--smoke", "--seed", "3", "--network", "n4"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    script("vae_mnist", *common, "--runs", whole)
    environment = {**os.environ, "MINIGEN_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "examples" / "vae_mnist.py"), *common, "--runs", str(stopped)]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while not list(stopped.glob("*/metrics.jsonl")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 130, output
    (path,) = stopped.glob("*/checkpoint.safetensors")
    assert 1 <= checkpoint.load(path)["step"] < 6
    script("vae_mnist", "--resume", "--runs", stopped)
    (reference,) = whole.glob("*/checkpoint.safetensors")
    assert path.read_bytes() == reference.read_bytes()


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("vae_mnist", ["--k", "5", "--beta", "4", "--smoke"], "--k above 1 is a bound on log p(x), and --beta is none"),
        ("vae_mnist", ["--warm-up", "-1", "--smoke"], "--warm-up is a part of the run, from 0 to 1, not -1.0"),
        ("vae_mnist", ["--nll-digits", "-5", "--smoke"], "--nll-digits must be at least 0, not -5"),
        ("vae_mnist", ["--ema", "1", "--smoke"], "EMA: decay must be at least 0 and below 1"),
        ("vae_mnist", ["--data", "nowhere", "--smoke"], "there is no folder nowhere"),
        ("vae_likelihood", ["none.safetensors"], "there is no file none.safetensors"),
    ],
)
def test_bad_input_is_named(script, name, args, words, tmp_path):
    assert words in script(name, *args, status=1).stderr
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_few_pictures_is_enough_or_refused_before_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    kind = load("vae_mnist").VAEExperiment
    args = ["--smoke", "--network", "n4", "--latent", "2", "--batch-size", "8", "--data", "mine"]
    (tmp_path / "mine").mkdir()
    for n, status in ((70, 1), (100, 0)):  # every tenth is for testing
        for i in range(n):
            Image.fromarray(np.full((28, 28), i, np.uint8)).save(f"mine/{i:03}.png")
        assert training.script(kind, args) == status
        assert ("7 test images do not fill a row" in capsys.readouterr().err) == bool(status)
        assert Path("runs").exists() != bool(status)


def test_classes_of_an_unconditional_one_are_refused(script, tmp_path):
    script("vae_mnist", "--smoke", "--network", "n4", "--latent", 3)
    assert "this model is unconditional" in script("vae_mnist", "--classes", "3", status=1).stderr


def test_a_checkpoint_of_something_else_is_refused(script, tmp_path):
    checkpoint.save(tmp_path / "other.safetensors", {"parts": {"G": np.zeros(3)}, "config": {"lr": 1.0}})
    words = "is no checkpoint of examples/vae_mnist.py"
    assert words in script("vae_likelihood", "other.safetensors", status=1).stderr
