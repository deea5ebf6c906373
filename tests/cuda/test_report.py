"""The report for a GPU runs from end to end on the emulator: its first run on hardware fails on no typo."""

import json

import pytest
from minigen.kernels.bench import command, gpu


@pytest.mark.slow
def test_the_whole_report_on_tiny_sizes(tmp_path):
    assert command.run(command.parse(["gpu-report", "--emulator", "--out", str(tmp_path)])) == 0
    result = json.loads((tmp_path / "gpu-emulator.json").read_text())
    assert result.keys() == {"kind", "machine", *gpu.PARTS}
    assert not [name for name in gpu.PARTS if name != "sanitizer" and "NOT RUN" in result[name]]
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
    about = {"gpu": "X", "capability": "9.0", "date": "2026-01-01", "commit": "abc"}
    rows = {"softmax v3_vector": {"right": True}, "sum v3_vector": {"right": False}}
    assert gpu.verdict({"machine": about, "kernels": rows})["kernels"] == {"softmax": "v3_vector"}


def test_a_part_that_fails_is_named_and_stops_no_other(monkeypatch):
    def fail(*args):
        raise ValueError("oh")

    monkeypatch.setattr(gpu, "PARTS", {"a": fail, "b": lambda *args: {"fine": True}})
    result = gpu.measured(None, ["a", "b"], True)
    assert (result["a"], result["b"]) == ({"NOT RUN": "ValueError: oh"}, {"fine": True})
