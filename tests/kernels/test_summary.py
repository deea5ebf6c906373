"""The closing words of a test run: what each GPU kernel was put to."""

import json

import kernel_report


def test_each_kernel_is_listed_once(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_report, "EMULATED", {"matmul_v1_naive", "matmul_v2_coalesced"})
    monkeypatch.setattr(kernel_report, "COMPILED", {"matmul_v2_coalesced", "matmul_v3_shared", "numba matmul_v1_naive"})
    monkeypatch.setattr(kernel_report, "SIMULATED", {"numba matmul_v1_naive"})
    report = {"gpu": "H100", "date": "day", "rungs": {"matmul v7_warp": "commit", "adam cuda": "commit"}}
    (tmp_path / "verified.json").write_text(json.dumps(report))
    assert kernel_report.verified(tmp_path / "absent.json") == {}
    lines = list(kernel_report.lines(kernel_report.verified(tmp_path / "verified.json")))
    assert "GPU kernels emulated: 1 (matmul_v1_naive)" in lines
    assert "GPU kernels emulated and compiled: 2 (matmul_v2_coalesced, numba matmul_v1_naive)" in lines
    assert "GPU kernels compiled only: 1 (matmul_v3_shared)" in lines
    assert "GPU kernels verified on H100, day, commit: 2 (adam, matmul_v7_warp)" in lines
    belonging = {"conv2d_bias_v4_warp": True, "conv2d_thin": True, "conv2d_input_v4_warp": False}
    assert {name: kernel_report.belongs(name, "conv2d", "v4_warp") for name in belonging} == belonging
    assert kernel_report.belongs("reduce_columns", "sum", "v3_vector")
    assert any(line.startswith("GPU kernels NOT RUN: ") and "matmul_v8_tf32" in line for line in lines)


def test_a_launch_is_noted():
    from minigen.kernels import emulator

    emulator.load(code="__global__ void never_heard_of() { }").get_function("never_heard_of")(1, 1, ())
    assert "never_heard_of" in kernel_report.EMULATED
    kernel_report.EMULATED.discard("never_heard_of")


def test_without_kernels_there_are_no_words_about_them(monkeypatch):
    for name in ("EMULATED", "COMPILED", "SIMULATED"):
        monkeypatch.setattr(kernel_report, name, set())
    assert all(line.startswith("GPU: NOT RUN") for line in kernel_report.lines({}))
