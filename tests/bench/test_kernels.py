"""gemm, conv, ladder and overhead on small problems: verified, refused above the peak, saved, drawn, in words."""

import json
import types

import numpy as np
import pytest
from minigen.kernels.bench import blas, contest, conv, figures, overhead, peak, publish, report, threads, timing, walk
from minigen.kernels.bench.verify import Disagreement

import minigen
from minigen import backend

HAS_CPP = not backend.available()["cpp"]
needs_cpp = pytest.mark.skipif(not HAS_CPP, reason=f"these are rates of C++ kernels: {backend.available()['cpp']}")

SMALL = {
    "gemm": ["--sizes", "5,3x7x9", "--peers", "numpy,openblas"],
    "conv": ["--only", "N1", "--batch-size", "1", "--peers", "none", "--backends", "numpy"],
    "ladder": ["--sizes", "17", "--batch-size", "1", "--peers", "numpy"],
    "fused": ["--only", "softmax,cross_entropy", "--peers", "none", "--backends", "numpy,cpp"],
    "overhead": ["--only", "scalar,import", "--peers", "none"],
    "threads": ["--only", "gemm,softmax"],
}


@pytest.fixture
def small(monkeypatch):
    """Short samples, and a peak that takes no time to measure and that nobody reaches."""
    monkeypatch.setattr(contest, "SAMPLE", 1e-5)
    monkeypatch.setattr(contest, "ROTATION", 1 << 12)
    monkeypatch.setattr(peak, "FLOATS", 1 << 10)
    monkeypatch.setattr(peak, "STEPS", 100)
    monkeypatch.setattr(peak.Peak, "again", lambda self: self.__dict__.update(gflop_per_s=1e6, gbyte_per_s=1e3))


@needs_cpp
@pytest.mark.parametrize("command", SMALL)
def test_a_command_measures_saves_and_speaks(command, small, bench, tmp_path):
    path, picture = tmp_path / f"{command}-1.json", tmp_path / f"{command}-1.png"
    plot = [] if command in ("overhead", "fused", "threads") else ["--plot", str(picture)]
    code, out = bench(command, "--rounds", "2", "--json", str(path), *plot, *SMALL[command])
    saved = json.loads(path.read_text("utf-8"))
    assert code == 0 and saved["command"] == command and out == report.text(saved) + "\n"
    if plot:
        assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 10_000
    for case in saved.get("cases", {}).values():
        assert (case["flop"] == 0) == (command == "fused") and case["bytes"] > 0
        for side in case["sides"].values():
            assert side["gflop_per_s"] == pytest.approx(case["flop"] / side["median"] / 1e3)
            assert side["share"] == pytest.approx(side["gflop_per_s"] / 1e6)
            assert 0 <= side["error"] <= contest.TOLERANCE
    assert publish.pages(tmp_path) == 0
    pages = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.md")}
    assert pages == publish.texts(publish.saved(tmp_path))
    assert ("ladder.md" in pages) == (command == "ladder")


@needs_cpp
def test_the_walk_quotes_each_rung_and_its_rate(small, bench, tmp_path):
    assert bench("ladder", "--rounds", "2", "--json", str(tmp_path / "ladder-1.json"), *SMALL["ladder"])[0] == 0
    (ladder,) = publish.saved(tmp_path)
    page = walk.page([ladder], publish.ROOT / "csrc")
    for op, rungs in backend.get("cpp").kernels.items():
        for rung in rungs:
            assert f"### [{rung}]" in page
            source = publish.ROOT / "csrc" / walk.FOLDERS[op] / f"{rung}.cc"
            assert walk.header(source).splitlines()[0] in page
    rate = ladder["cases"]["matmul 17 x 17 x 17"]["sides"]["v1_naive"]["gflop_per_s"]
    assert f"| matmul 17 x 17 x 17 | 1 | {rate:.2f} |" in page


def test_a_rate_above_the_peak_is_refused(small):
    roof = peak.Peak()
    roof.allow(1e6, "at the peak")
    with pytest.raises(peak.Impossible, match=r"a lie would run at 1000001\.0 GFLOP/s, and this machine's peak"):
        roof.allow(1e6 + 1, "a lie")


def test_an_algorithm_that_multiplies_less_may_seem_faster_than_the_peak(small):
    roof = peak.Peak()
    roof.allow(3.9e6, "a fast convolution", 4.0)
    with pytest.raises(peak.Impossible, match=r"of which 4 times are allowed"):
        roof.allow(4.1e6, "a lie", 4.0)


def test_what_is_refused_is_what_was_really_multiplied(monkeypatch):
    monkeypatch.setattr(peak.Peak, "again", lambda self: self.__dict__.update(gflop_per_s=1e-3, gbyte_per_s=1.0))
    fast = case(lambda x: x * 2)
    fast.flop = 1e12  # by the definition: far above the peak of a million operations a second
    with pytest.raises(peak.Impossible):
        contest.hold(iter([fast]), peak.Peak(), 1)
    fast.contenders[0].flop_done = 1e-6
    (found,) = contest.hold(iter([fast]), peak.Peak(), 1).values()
    assert found["sides"]["side"]["share"] > 1 and found["sides"]["side"]["flop_done"] == 1e-6


@needs_cpp
def test_the_command_reports_no_time_above_the_peak(small, bench, monkeypatch, capsys):
    monkeypatch.setattr(peak.Peak, "again", lambda self: self.__dict__.update(gflop_per_s=1e-9, gbyte_per_s=1.0))
    code, out = bench("gemm", "--rounds", "1", *SMALL["gemm"])
    assert code == 1 and out == ""


@needs_cpp
def test_the_peak_is_measured_and_bounds_a_real_product():
    from minigen import _cpu

    before = _cpu.get_num_threads()
    _cpu.set_num_threads(1)
    with peak.repeated(1):
        operations = _cpu.multiply_add(1000)
        assert _cpu.seconds() > 0
    _cpu.set_num_threads(2)
    assert _cpu.multiply_add(1000) == 2 * operations and operations % 2000 == 0
    _cpu.set_num_threads(before)


def case(call):
    x = np.ones((2, 2), np.float32)
    return contest.Case("doubling", 4.0, 32, [contest.Contender("side", call, [(x,)])], 2 * np.ones((2, 2)), np.ones(1))


@pytest.mark.parametrize("call", [lambda x: x * 2.001, lambda x: x * np.nan], ids=["too large", "NaN"])
def test_a_wrong_side_is_not_timed(call):
    case(lambda x: x * 2).verify()
    with pytest.raises(Disagreement, match="doubling: side is off by"):
        case(call).verify()


def test_samples_rotate_through_the_sets_and_loop():
    seen = []
    side = contest.Contender("side", seen.append, [("a",), ("b",), ("c",)], calls=2)
    for _ in range(4):
        assert side.run() > 0
    assert "".join(seen) == "aabbccaa"
    assert contest.sets_of(1 << 40) == 1 and contest.sets_of(0) == 32


def test_ratios_are_geometric_means_with_the_worst_case():
    cases = {
        "one": {"sides": {"we": {"median": 1.0}, "they": {"median": 4.0}, "others": {"median": 2.0}}},
        "two": {"sides": {"we": {"median": 1.0}, "they": {"median": 0.25}}},
        "alone": {"sides": {"we": {"median": 1.0}}},
    }
    found = contest.ratios(cases, "we", ["they", "others"])
    assert found["we against they"] == {"geometric_mean": 1.0, "worst": 0.25, "worst_case": "two"}
    assert found["we against the best peer"]["geometric_mean"] == pytest.approx(0.5**0.5)


@needs_cpp
@pytest.mark.parametrize("layout", ["nn", "nt", "tn", "tt"])
@pytest.mark.parametrize("peer", list(blas.SYMBOLS))
def test_a_peers_product_is_called_rightly(peer, layout):
    found = blas.sgemm(peer)
    if found is None:
        pytest.skip(f"{blas.SYMBOLS[peer][0]} brings no {peer} here")
    from minigen.kernels.bench import gemm

    from minigen import _cpu

    x, y, out = gemm.matrices(5, 7, 9, layout, np.random.default_rng(0))
    _cpu.peer_matmul(*found, x, y, out)
    np.testing.assert_allclose(out, x @ y, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="x must have contiguous rows or contiguous columns"):
        _cpu.peer_matmul(*found, np.ones((5, 14), np.float32)[:, ::2], y, out)


def test_a_process_that_computes_wrongly_is_refused(monkeypatch):
    monkeypatch.setattr(overhead, "run", lambda code: [1.0, 3.0])
    with pytest.raises(Disagreement, match=r"scalar: minigen numpy computes 3.0, expected 2.0"):
        overhead.measurement("scalar", "minigen numpy", 1)()


def test_a_process_that_fails_is_reported_with_its_error():
    with pytest.raises(RuntimeError, match="no_such_module"):
        overhead.run("import no_such_module")


def test_taps_on_the_padding_are_not_counted():
    layer = conv.Layer("test", 2, 3, 5, 3, 1, 1, N=7)  # along an axis of 3 pixels 2 + 3 + 2 taps lie inside
    assert layer.flop == 2 * 7 * 5 * 2 * 7**2
    assert layer._replace(padding=0).flop == 2 * 7 * 5 * 2 * 3**2


def test_without_results_there_is_no_page(tmp_path, capsys):
    assert publish.pages(tmp_path) == 1
    assert "measure them first" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_all_runs_every_command_in_its_own_process(tmp_path, monkeypatch):
    seen = []
    done = types.SimpleNamespace(returncode=0)
    monkeypatch.setattr(publish.subprocess, "run", lambda words: seen.append(words) or done)
    monkeypatch.setattr(publish, "pages", lambda folder: 0)
    assert publish.everything(types.SimpleNamespace(folder=tmp_path, only=None)) == 0
    assert [(w[3], int(w[5])) for w in seen] == publish.RUNS
    monkeypatch.setattr(publish.subprocess, "run", lambda words: types.SimpleNamespace(returncode=words[3] == "conv"))
    assert publish.everything(types.SimpleNamespace(folder=tmp_path, only=None)) == 1


def test_a_spread_of_one_sample_is_that_sample():
    assert timing.spread([3.0])["median"] == 3.0


def test_the_verdict_on_two_threads_names_the_kernels_above_the_limit():
    pair = {"one": {"median": 1.0}, "two": {"median": 1.2}, "ratio": timing.spread([1.2])}
    result = {"settings": {"limit": 1.05}, "pairs": {"good": {**pair, "ratio": timing.spread([1.05])}, "bad": pair}}
    assert threads.verdict(result).endswith("at most 1.05 for 1 of 2 kernels, not for bad")
    assert threads.columns(result)[1][1] == ["bad", "1 us", "1.2 us", "1.200", "1.20 to 1.20"]


@needs_cpp
def test_threads_that_disagree_are_refused():
    before, calls = minigen.get_num_threads(), iter(range(2))
    with pytest.raises(Disagreement, match="gemm: one thread and two compute different results"):
        threads.same("gemm", lambda: next(calls))
    minigen.set_num_threads(before)


def test_figures_say_what_was_reached_missed_and_not_measured():
    def work(torch: float, best: float, peer: str) -> dict:
        names = {"minigen cpp / torch": torch, "minigen cpp / the best peer": best}
        return {"ratios": {name: {"of_medians": ratio, "peer": peer} for name, ratio in names.items()}}

    works = {"N1": work(0.5, 0.5, "jax"), "LSTM": work(1.0, 0.9, "torch")}
    train = {"command": "train", "settings": {"threads": 1}, "workloads": works}
    mkl = {"geometric_mean": 0.95, "worst": 0.5, "worst_case": "64 x 64 x 64"}
    gemm = {"command": "gemm", "settings": {"threads": 1}, "ratios": {"minigen against mkl": mkl}}
    rows = {row[0]: row[1:] for row in figures.figures([train, gemm])}
    assert rows["N1 step, one thread, times as fast as PyTorch eager"] == ("1.5 x", "", "2 x", "reached")
    assert rows["N1 step, one thread, times as fast as the best peer (jax)"] == ("", "2 x", "2 x", "aim reached")
    assert rows["LSTM step, one thread, times as fast as PyTorch eager"][-1] == "NOT reached"
    assert rows["LSTM step, one thread, times as fast as the best peer (torch)"][-1] == "aim NOT reached"
    assert rows["VAE step, one thread"][-1] == "not measured: train"
    assert rows["GEMM against MKL: geometric mean"] == ("0.9 x", "1 x", "0.95 x", "reached")
    assert rows["GEMM against MKL: worst (64 x 64 x 64)"][-1] == "NOT reached"
    assert rows["import minigen, less an empty Python"][-1] == "not measured: overhead"
