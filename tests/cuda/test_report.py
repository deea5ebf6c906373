"""The report for a GPU runs from end to end on the emulator: its first run on hardware fails on no typo."""

import contextlib
import gc
import importlib.util
import json
import os
import subprocess
import sys
import time
import weakref
from types import SimpleNamespace

import pytest
from minigen.kernels.bench import command, gpu, gpu_train
from minigen.kernels.bench.gpu_summary import summary

ELSEWHERE = ("sanitizer", "numba", "triton")  # what the emulator does by itself, and what wants a process of its own


@pytest.mark.slow
@pytest.mark.parametrize(("part", "switch"), [("numba", "NUMBA_ENABLE_CUDASIM"), ("triton", "TRITON_INTERPRET")])
def test_peers_in_their_simulators(tmp_path, part, switch):
    if importlib.util.find_spec(part) is None:
        pytest.skip(f"NOT RUN: {part} is not installed")
    command = [sys.executable, "-m", "minigen.kernels.bench", "gpu-report", "--emulator", "--only", part, "--out"]
    done = subprocess.run([*command, str(tmp_path)], env={**os.environ, switch: "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "gpu-emulator.json").read_text())[part]
    assert "NOT RUN" not in rows, rows
    assert {"matmul", "softmax", "layer_norm"} <= {name.split()[0].strip(",") for name in rows}


@pytest.mark.slow
def test_the_whole_report_on_tiny_sizes(tmp_path):
    assert command.run(command.parse(["gpu-report", "--emulator", "--out", str(tmp_path)])) == 0
    result = json.loads((tmp_path / "gpu-emulator.json").read_text())
    assert result.keys() == {"kind", "machine", "commits", "summary", *gpu.PARTS}
    assert not [name for name in gpu.PARTS if name not in ELSEWHERE and "NOT RUN" in result[name]]
    assert all(row["right"] for row in result["kernels"].values())
    assert result["follows"]["follows"]
    assert "## products" in (tmp_path / "gpu-emulator.md").read_text()


def test_without_a_gpu_it_says_so(monkeypatch, capsys):
    def none(name):
        raise RuntimeError("no CUDA driver was found")

    monkeypatch.setattr(gpu.backend, "get", none)
    assert command.run(command.parse(["gpu-report"])) == 1
    assert "GPU: NOT RUN: no CUDA driver was found" in capsys.readouterr().err


def test_what_is_wrong_is_no_default():
    about = {"gpu": "X", "capability": "9.0", "date": "2026-01-01"}
    rows = {"softmax v3_vector": {"right": True}, "sum v3_vector": {"right": False}}
    verdict = gpu.verdict({"machine": {**about, "driver": 1}, "commits": {"kernels": "abc"}, "kernels": rows})
    assert verdict == {**about, "kernels": {"softmax": "v3_vector"}, "rungs": {"softmax v3_vector": "abc"}}


def test_what_was_measured_before_is_kept_with_its_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "PARTS", {"starts": lambda *args: {"x": 1.0}, "follows": lambda *args: {"follows": True}})
    for part, commit in (("starts", "abc"), ("follows", "def")):
        monkeypatch.setenv("MINIGEN_COMMIT", commit)
        assert command.run(command.parse(["gpu-report", "--emulator", "--only", part, "--out", str(tmp_path)])) == 0
    result = json.loads((tmp_path / "gpu-emulator.json").read_text())
    assert result["commits"] == {"starts": "abc", "follows": "def"} and result["starts"] == {"x": 1.0}
    assert "## starts (at abc)" in (tmp_path / "gpu-emulator.md").read_text()


def test_a_part_that_fails_is_named_and_stops_no_other(monkeypatch):
    def fail(*args):
        raise ValueError("oh")

    monkeypatch.setattr(gpu, "PARTS", {"a": fail, "b": lambda *args: {"fine": True}})
    *_, result = gpu.measured(None, ["a", "b"], True)
    assert (result["a"], result["b"]) == ({"NOT RUN": "ValueError: oh"}, {"fine": True})


def test_what_a_sanitizer_says_is_told_and_one_that_hangs_is_stopped():
    codes = {"": "clean", "import sys; print('race in softmax'); sys.exit(9)": "race in softmax\n",
             "import time; time.sleep(60)": f"NOT FINISHED within {gpu.PATIENCE} s"}  # fmt: skip
    for code, words in codes.items():
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
            assert gpu.told(process, time.perf_counter() + (0 if "sleep" in code else 30)) == words
        assert process.poll() is not None


def test_pytorchs_captured_step_lives_as_long_as_its_graph(monkeypatch):
    """A graph holds addresses: what the step trains must stay where it is."""
    nothing, replays = contextlib.nullcontext(), []
    stream = SimpleNamespace(wait_stream=lambda other: None)
    cuda = SimpleNamespace(
        Stream=lambda: stream, current_stream=lambda: stream, stream=lambda s: nothing, graph=lambda g: nothing,
        CUDAGraph=lambda: SimpleNamespace(replay=lambda: replays.append("replayed")),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))

    def step(x):
        return x

    alive = weakref.ref(step)
    replay = gpu_train.captured_by_torch(step, [1.0])
    del step
    gc.collect()
    replay()
    assert alive() is not None and replays == ["replayed"]


def test_the_summary_holds_what_was_measured_beside_what_is_wanted():
    rows = {
        "ceilings": {"matmul TF32 TFLOP/s": 400.0},
        "products": {"v7_warp, 4096": {"share of CuPy": 0.9}, "v8_tf32, 4096": {"TFLOP/s": 200.0}},
        "convolutions": {
            "A, conv2d v4_warp": {"cuDNN / ours": 0.5}, "A, conv2d_input v4_warp": {"cuDNN / ours": 2.0},
            "A, conv2d v1_direct": {"cuDNN / ours": 9.0}, "A, conv2d_bias v4_warp": {"apart / fused": 3.0},
        },
        "memory": {"NOT RUN": "why"},
        "training": {"n1, batch 64, minigen, graph": {"ms": 2.0}, "n1, batch 64, PyTorch eager": {"ms": 5.0}},
        "numba": {"sum v1_tree": {"C++ / Numba": 0.5}, "a launch by CuPy": {"CuPy, us": 9.0}},
    }  # fmt: skip
    assert {name: row["measured"] for name, row in summary(rows).items()} == {
        "matmul 4096^3, fp32: share of cuBLAS": 0.9, "matmul 4096^3, TF32: share of cuBLAS": 0.5,
        "convolutions and gradients: cuDNN / ours, geometric mean": pytest.approx(1.0),
        "N1's step, batch 64: PyTorch eager / minigen, graph": 2.5,
        "the same rung: CUDA C++'s time / Numba's, geometric mean": 0.5,
    }  # fmt: skip
