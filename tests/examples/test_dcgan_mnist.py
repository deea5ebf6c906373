"""The main job: what it writes, and that stopping, resuming, sampling and failing do what they say."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigen import checkpoint
from minigen.metrics import digits

ROOT = Path(__file__).parents[2]
CONFIG = {
    **{"network": "n1", "loss": "nonsaturating", "epochs": 1, "batch_size": 64, "lr": 2e-4, "beta1": 0.5},
    **{"init": "dcgan", "seed": 0, "data": "embedded", "smoke": True, "budget": None, "steps": None},
}


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs" / "dcgan_mnist").iterdir()
    return run


@pytest.mark.parametrize(("network", "size"), [("n1", 32), ("n2", 28)])
def test_smoke_writes_everything(script, tmp_path, network, size):
    out = script("dcgan_mnist", "--smoke", "--network", network).stdout
    run = only_run(tmp_path)
    written = {p.name for p in run.iterdir()}
    assert written == {
        *("checkpoint.safetensors", "config.json", "metrics.jsonl", "result.json", "samples"),
        *("curves.png", "real_vs_generated.png", "training.gif", "commands.txt"),
    }
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == [1, 2, 3, 4, 4, 5, 6, 6]  # a row per step, and one per epoch
    assert all(0 <= r["diversity"] < 0.1 for r in (rows.pop(7), rows.pop(4)))  # 64 times the same grey, as yet
    assert all(0 <= r["D(x)"] <= 1 and 0 <= r["D(G(z))"] <= 1 and np.isfinite(r["loss_G"]) for r in rows)
    assert [p.name for p in sorted((run / "samples").iterdir())] == ["step_000004.png", "step_000006.png"]
    assert Image.open(run / "training.gif").n_frames == 2
    assert "digit check of 2,000 pictures" in out
    result = json.loads((run / "result.json").read_text())
    assert (result["checked"], result["steps"]) == (2000, 6) and 0 < result["minutes"] < 5
    assert result["command"].endswith(f"dcgan_mnist.py --smoke --network {network}")

    script("dcgan_mnist", "--sample", 5, "--out", "digits.npz")
    images = np.load(tmp_path / "digits.npz")["images"]
    assert images.shape == (5, size, size) and images.dtype == np.uint8


def test_a_smoke_run_on_numpy_alone_ends_and_says_what_is_missing(script, tmp_path):
    out = script("dcgan_mnist", "--smoke", "--backend", "numpy", "--batch-size", 16).stdout
    assert "backend numpy, many times slower than cpp (python -m minigen doctor" in out
    assert (only_run(tmp_path) / "training.gif").exists()


def test_a_stopped_run_resumes_bitwise(script, tmp_path):
    """Ctrl-C after some steps, then --resume: the same checkpoint, byte for byte, as a run that never stopped."""
    common = ["--smoke", "--epochs", "2", "--seed", "3"]
    whole = tmp_path / "whole"
    script("dcgan_mnist", *common, "--runs", whole)

    stopped = tmp_path / "stopped"
    environment = {**os.environ, "MINIGEN_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "examples" / "dcgan_mnist.py"), *common, "--runs", str(stopped)]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while not list(stopped.glob("*/metrics.jsonl")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 130, output
    assert "--resume" in output
    (path,) = stopped.glob("*/checkpoint.safetensors")
    assert 1 <= checkpoint.load(path)["step"] < 6

    script("dcgan_mnist", "--resume", "--runs", stopped)
    (reference,) = whole.glob("*/checkpoint.safetensors")
    assert path.read_bytes() == reference.read_bytes()
    rows = [
        [json.loads(line) for line in p.with_name("metrics.jsonl").read_text().splitlines()] for p in (path, reference)
    ]
    for row in (*rows[0], *rows[1]):
        row.pop("seconds", None)
    assert rows[0] == rows[1]


def test_a_nan_stops_and_names_op_step_and_loss(script, tmp_path):
    done = script("dcgan_mnist", "--smoke", "--lr", "1e30", status=1)
    assert "step 2: loss_D is" in done.stderr or "step 1: loss_G is" in done.stderr
    assert " produced NaN or inf" in done.stderr
    kept = checkpoint.load(only_run(tmp_path) / "checkpoint.safetensors")
    assert all(np.isfinite(a).all() for a in kept["parts"]["G"].values())


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--sample", "3", "--checkpoint", "none.safetensors"], "there is no file none.safetensors"),
        (["--resume", "none.safetensors"], "there is no file none.safetensors"),
        (["--data", "nowhere", "--smoke"], "there is no folder nowhere"),
        (["--data", ".", "--smoke"], "--data: . holds no pictures and no files of MNIST"),
    ],
)
def test_bad_input_is_named(script, args, words, tmp_path):
    assert words in script("dcgan_mnist", *args, status=1).stderr
    assert not (tmp_path / "runs").exists()


OTHERS = {
    "another job's": ({"parts": {"encoder": np.zeros(3)}, "config": {"beta": 4.0}}, "no configuration of a run"),
    "without a configuration": ({"encoder": np.zeros(3)}, "no configuration of a run"),
    "a list": ([1, 2], "no configuration of a run"),
    "other parts": ({"parts": {"encoder": np.zeros(3)}, "config": CONFIG}, "its parts are encoder"),
    "other weights": ({"parts": {k: {} for k in ("G", "D", "opt_G", "opt_D")}, "config": CONFIG}, "load_state_dict: "),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("use", [("--sample", "3", "--checkpoint"), ("--resume",)], ids=["sample", "resume"])
def test_a_checkpoint_of_something_else_is_refused(script, tmp_path, kind, use):
    state, words = OTHERS[kind]
    checkpoint.save(tmp_path / "other.safetensors", state)
    done = script("dcgan_mnist", *use, "other.safetensors", status=1)
    assert words in done.stderr and "Traceback" not in done.stderr
    assert words.startswith("load") or not (tmp_path / "config.json").exists()  # nothing is written beside it


def test_a_folder_that_cannot_be_written_is_named_without_a_traceback(script, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = script("dcgan_mnist", "--smoke", "--runs", tmp_path / "taken", status=1)
    assert "taken" in done.stderr and "Traceback" not in done.stderr


def test_the_weights_that_come_with_minigen_draw_digits(script, tmp_path):
    script("dcgan_mnist", "--pretrained", "--sample", 100)
    assert (digits.load().classify(np.load(tmp_path / "samples.npz")["images"]) >= 0).mean() > 0.8
