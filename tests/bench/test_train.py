"""`train` on a few images and without PyTorch: it verifies, counts, saves, and refuses to time what disagrees."""

import json

import numpy as np
import pytest
from minigen.kernels.bench import report, sides, verify
from minigen.kernels.bench.record import Recorder
from minigen.kernels.bench.workloads import WORKLOADS

from minigen import backend
from minigen.backend.numpy import NumpyBackend

HAS_CPP = not backend.available()["cpp"]
both = "numpy,cpp" if HAS_CPP else "numpy"
needs_cpp = pytest.mark.skipif(not HAS_CPP, reason=f"no second backend to compare: {backend.available()['cpp']}")


@pytest.fixture
def result(bench, tmp_path):
    def measure(*options: str) -> dict:
        path = tmp_path / "train.json"
        code, _ = bench(
            "train",
            "--steps",
            "2",
            "--batch-size",
            "3",
            "--peers",
            "none",
            "--backends",
            both,
            "--json",
            str(path),
            *options,
        )
        assert code == 0
        return json.loads(path.read_text(encoding="utf-8"))

    return measure


def test_the_saved_result_has_what_a_reader_needs(result):
    saved = result("--only", "vae,mlp")
    assert (saved["schema"], saved["command"]) == (1, "train")
    assert saved["settings"] == {"threads": 1, "rounds": 2, "warm_up": 2}
    assert {
        "cpu",
        "flags",
        "cpus",
        "pinned_to",
        "load_before",
        "system",
        "python",
        "minigen",
        "commit",
        "numpy",
        "torch",
    } <= saved["machine"].keys()
    assert list(saved["workloads"]) == ["VAE", "MLP"]
    for work in saved["workloads"].values():
        assert (work["batch_size"], work["ratios"]) == (3, {})
        assert list(work["sides"]) == [f"minigen {be}" for be in both.split(",")]
        for side in work["sides"].values():
            assert len(side["ms"]) == 2 and min(side["ms"]) == side["best"] > 0
            assert side["best"] <= side["lower_quartile"] <= side["median"] <= side["upper_quartile"] <= max(side["ms"])
            assert side["gflop_per_s"] == pytest.approx(1e3 * work["gflop"] / side["median"])
        assert (work["verified"] is None) == (not HAS_CPP)


@needs_cpp
def test_both_backends_are_verified_against_the_specification(result):
    verified = result("--only", "vae")["workloads"]["VAE"]["verified"]
    assert verified["reference"] == "minigen numpy"
    assert 0 < verified["largest"]["minigen cpp"]["gradient"] < verified["tolerance"]["gradient"]


# Counted by what the backend is asked for, and compared with the definitions' own figures.
@pytest.mark.parametrize("be", both.split(","))
@pytest.mark.parametrize("name", list(WORKLOADS))
def test_the_operations_are_those_of_the_definition(name, be):
    workload = WORKLOADS[name]
    (side,) = sides.build(workload, 2, [be], [], 1)
    assert side.gflop() * workload.batch_size / 2 == pytest.approx(workload.gflop, rel=1e-3)


def test_the_figures_are_those_that_the_definitions_state():
    stated = {"N1": "24.0", "N2": "30.2", "VAE": "0.42", "LSTM": "42.5", "Transformer": "40.6", "U-Net": "54.1",
              "WaveNet": "13.2", "MLP": "0.032"}  # fmt: skip
    for name, text in stated.items():
        assert f"{WORKLOADS[name].gflop:.{len(text.partition('.')[2])}f}" == text


class Wrong(NumpyBackend):
    """Its convolution is too large by a thousandth."""

    def conv2d(self, *args):
        return super().conv2d(*args) * np.float32(1.001)


def test_what_disagrees_is_not_timed(bench, monkeypatch, capsys):
    monkeypatch.setitem(backend._BACKENDS, "cpp", Wrong())
    monkeypatch.setitem(backend._REASONS, "cpp", "")
    options = ("--batch-size", "2", "--steps", "1", "--peers", "none", "--backends", "cpp")
    code, *_ = bench("train", "--only", "U-Net", *options)
    assert code == 1


def test_a_side_that_gives_nan_disagrees(monkeypatch):
    reference, broken = sides.build(WORKLOADS["MLP"], 2, ["numpy", "numpy"], [], 1)
    broken.weights = [{k: np.full_like(w, np.nan) for k, w in ws.items()} for ws in broken.weights]
    with pytest.raises(verify.Disagreement, match="MLP: gradient of minigen numpy differs from minigen numpy by nan"):
        verify.agree([reference, broken], reference)


def test_a_trial_leaves_the_first_weights_and_dropout_on():
    (side,) = sides.build(WORKLOADS["N2"], 2, ["numpy"], [], 1)
    one, two = verify.trial(side), verify.trial(side)
    assert one[1] == two[1]
    for network, values in zip(side.networks, side.weights, strict=True):
        assert all(np.array_equal(t.array, values[key]) for key, t in network.state_dict().items())
        assert all(module.training for module in network.modules())


def test_the_recorder_sees_the_outermost_calls_and_steps_aside():
    before = backend.state.backend
    (side,) = sides.build(WORKLOADS["MLP"], 2, ["numpy"], [], 1)
    with Recorder(backend.get("numpy")) as recorder:
        for phase in side.phases:
            phase.run()
    assert backend.state.backend is before
    calls = {key: entry.calls for key, entry in recorder.entries.items()}
    assert calls["linear", "2x784, 256x784, 256"] == 1
    assert not any(name == "matmul" for name, _ in calls), "linear's own product was counted twice"


def test_the_profile_names_methods_and_shapes(bench):
    code, out = bench("train", "--profile", "--only", "n1", "--steps", "1", "--batch-size", "2", "--backends", "numpy")
    assert code == 0
    assert "conv2d_weight(2x64x16x16, 2x1x32x32)" in out and "the engine" in out


def test_the_table_is_made_from_the_saved_result(result, bench, tmp_path):
    saved = result("--only", "mlp")
    code, page = bench("table", str(tmp_path / "train.json"))
    assert code == 0 and page == report.markdown([saved])
    median = saved["workloads"]["MLP"]["sides"]["minigen numpy"]["median"]
    assert f"| minigen numpy | {median:.4g} |" in page
    assert "batch 3 instead of 32" in page
