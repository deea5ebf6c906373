"""The command line refuses with words; the starter sets the BLAS threads."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from minigen.kernels.bench import command, options, publish, timing

from minigen import backend

PAGES = Path(__file__).parents[2] / "docs" / "benchmarks"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--only", "N9"], "workload 'N9' is unknown; choose from N1, N2, VAE, LSTM, Transformer, U-Net, "),
        (["train", "--backends", "tpu"], "backend 'tpu' is unknown; choose from numpy, cpp"),
        (["train", "--peers", "mlx"], "peer 'mlx' is unknown; choose from torch, torch-tuned, torch-compile, jax"),
        (["train", "--steps", "0"], "must be an integer of at least 1, got '0'"),
        (["train", "--threads", "-1"], "must be an integer of at least 1, got '-1'"),
        (["train", "--batch-size", "two"], "must be an integer of at least 1, got 'two'"),
        (["gemmm"], "invalid choice: 'gemmm'"),
        (["gemm", "--sizes", "3x4"], "size '3x4' must be 512, or 32x784x256"),
        (["conv", "--peers", "jax"], "peer 'jax' is unknown; choose from torch, torch-channels-last (or none)"),
        (["overhead", "--only", "speed"], "measurement 'speed' is unknown; choose from scalar, chain, import, memory"),
    ],
)
def test_what_is_unknown_is_refused_with_words(arguments, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.parse(arguments)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_a_backend_that_cannot_run_is_refused_with_its_reason(monkeypatch, capsys):
    monkeypatch.setitem(backend._REASONS, "cpp", "no compiler was found")
    with pytest.raises(SystemExit):
        command.parse(["train", "--backends", "numpy,cpp"])
    assert "backend 'cpp' is not available: no compiler was found" in capsys.readouterr().err


def test_without_pytorch_minigen_runs_alone(monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in ("torch", "jax") else found(name, *rest)
    )
    assert command.parse(["train"]).peers == []
    with pytest.raises(SystemExit):
        command.parse(["train", "--peers", "torch"])
    assert "peer torch is not installed; install it with pip install torch" in capsys.readouterr().err


def test_names_are_taken_in_any_case_and_once():
    assert options.names("workload", ["N1", "MLP"])("mlp,n1,MLP") == ["MLP", "N1"]


def test_the_module_runs_as_a_command_with_the_blas_threads_it_was_given(tmp_path):
    note = f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(os.environ['OPENBLAS_NUM_THREADS'])"
    (tmp_path / "sitecustomize.py").write_text(f"import atexit, os, pathlib\natexit.register(lambda: {note})\n")
    words = ["train", "--threads", "2", "--only", "mlp", "--steps", "1", "--peers", "none", "--backends", "numpy"]
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "7", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "minigen.kernels.bench", *words], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "2 threads" in done.stdout and "GFLOP/s" in done.stdout and "100%" in done.stderr
    assert (tmp_path / "seen").read_text() == "2"


def test_the_sides_take_turns_and_each_begins():
    order = []
    samples = timing.interleaved({name: lambda name=name: order.append(name) for name in "ab"}, 4, "turns")
    assert "".join(order) == "aabb" + "abbaabba"
    assert {name: len(s["ms"]) for name, s in samples.items()} == {"a": 4, "b": 4}


def test_median_quartiles_and_ratios():
    assert timing.spread([4.0, 1.0, 2.0, 3.0, 5.0]) == {
        "median": 3,
        "lower_quartile": 2,
        "upper_quartile": 4,
        "best": 1,
    }
    assert timing.spread([7.0]) == {"median": 7, "lower_quartile": 7, "upper_quartile": 7, "best": 7}
    found = timing.ratio([1.0, 2.0, 9.0], [2.0, 2.0, 3.0])
    assert found == {"of_medians": 1, "median_of_pairs": 1, "lower_quartile": 0.75, "upper_quartile": 2}


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_the_committed_page_is_what_its_results_give(page):
    assert page.read_text("utf-8") == publish.texts(publish.saved(PAGES))[page.name]
