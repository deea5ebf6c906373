"""What is counted is what a warp asks for: sectors, passes through the banks, arithmetic; and the page shows it."""

from pathlib import Path

import numpy as np
import pytest
from minigen.kernels import emulator

DOCS = Path(__file__).parents[2] / "docs"

KERNELS = r"""
__global__ void stride(const float* x, float* y, int by) { y[threadIdx.x] = x[threadIdx.x * by]; }
__global__ void wide(const float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }
__global__ void banks(float* y, int by) {
    __shared__ float tile[1024];
    tile[threadIdx.x * by] = 1;
    __syncthreads();
    y[threadIdx.x] = tile[threadIdx.x * by];
}
__global__ void quads(float* y) {
    __shared__ float4 tile[32], sparse[64];
    tile[threadIdx.x] = make_float4(1, 2, 3, 4);
    sparse[2 * threadIdx.x] = make_float4(1, 2, 3, 4);
    __syncthreads();
    y[threadIdx.x] = tile[31 - threadIdx.x].x + sparse[2 * threadIdx.x].y;
}
__global__ void polynomial(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float sum = 0;
    for (int k = 0; k < 10; ++k) sum = sum * x[i] + 0.5f;
    y[i] = sum / 3 + expf(sum);
}
__global__ void some(const float* x, float* y) {
    for (int i = threadIdx.x; i < 40; i += 32) y[i] = x[i];
}
"""


@pytest.fixture(scope="module")
def module():
    return emulator.load(code=KERNELS, name="k.cu", checked=True)


@pytest.mark.parametrize(("by", "sectors"), [(1, 4), (2, 8), (4, 16), (8, 32), (32, 32), (0, 1)])
def test_sectors_of_a_strided_load(module, by, sectors):
    counts = module.get_function("stride").count(1, 32, (np.zeros(1024, np.float32), emulator.empty(32), np.int32(by)))
    assert counts.total("global load").sectors == sectors
    assert counts.total("global store").sectors_per_warp == 4
    assert counts.global_bytes == 32 * (sectors + 4)


def test_a_beginning_inside_a_sector_costs_one_more(module):
    x = np.zeros(40, np.float32)[1:33]
    counts = module.get_function("stride").count(1, 32, (x, emulator.empty(32), np.int32(1)))
    assert counts.total("global load").sectors == 5


def test_sectors_of_sixteen_bytes_a_lane(module):
    counts = module.get_function("wide").count(1, 128, (np.zeros(512, np.float32), emulator.empty(512)))
    load = counts.total("global load")
    assert (load.threads, load.warps, load.sectors, load.bytes) == (128, 4, 64, 2048)


@pytest.mark.parametrize(("by", "passes"), [(0, 1), (1, 1), (2, 2), (3, 1), (8, 8), (31, 1), (32, 32)])
def test_bank_conflicts(module, by, passes):
    kernel = module.get_function("banks")
    if by == 0:  # the same word for all: one pass, though it is a race to store it
        with pytest.raises(emulator.KernelError, match="no __syncthreads stands between"):
            kernel.count(1, 32, (emulator.empty(32), np.int32(by)))
        return
    load = kernel.count(1, 32, (emulator.empty(32), np.int32(by))).total("shared load")
    assert (load.waves, load.least_waves, load.conflicts) == (passes, 1, passes)


def test_sixteen_bytes_a_lane_take_four_passes_at_best(module):
    counts = module.get_function("quads").count(1, 32, (emulator.empty(32),))
    near, far = (a for a in counts.accesses if a.kind == "shared store")
    assert (near.waves, far.waves, near.least_waves, far.least_waves) == (4, 8, 4, 4)


def test_arithmetic(module):
    n = 50
    counts = module.get_function("polynomial").count(1, 64, (np.ones(n, np.float32), emulator.empty(n), np.int32(n)))
    assert counts.flops == n * (10 * 2 + 3)  # ten fmas, a division, an exponential, an addition
    assert counts.total("global store").bytes == 4 * n


def test_a_warp_that_is_not_full(module):
    counts = module.get_function("some").count(1, 32, (np.zeros(40, np.float32), emulator.empty(40)))
    load = counts.total("global load")
    assert (load.threads, load.warps, load.sectors) == (40, 2, 5)


def test_only_a_checked_kernel_counts():
    with pytest.raises(RuntimeError, match="load it with checked=True"):
        emulator.load(code=KERNELS).get_function("wide").count(1, 1, (None, None))


def test_the_page_says_what_is_counted(tmp_path):
    from minigen.kernels.bench.cuda_walk import counted, draw, figures, page, per_warp
    from minigen.kernels.cuda.matmul import RUNGS

    v1, v2, v7 = (counted(RUNGS[name]) for name in ("v1_naive", "v2_coalesced", "v7_warp"))
    assert per_warp(v1, "global load", "a") == "32.0" and per_warp(v2, "global load", "b") == "4.0"
    assert v1.flops == v2.flops == v7.flops == 2 * 256 * 256 * 32
    assert v7.total("shared store").conflicts == v7.total("shared load").conflicts == 1
    assert figures(v7)["megabytes"] < figures(v2)["megabytes"] / 20 < figures(v1)["megabytes"] / 100
    shown = (DOCS / "cuda-matmul.md").read_text()
    for name, counts in (("v1_naive", v1), ("v2_coalesced", v2), ("v7_warp", v7)):
        row = next(line for line in page({name: counts}).splitlines() if line.startswith(f"| [{name}]"))
        assert row in shown, "run python -m minigen.kernels.bench.cuda_walk again"
        assert RUNGS[name].path.read_text().splitlines()[0].removeprefix("// ") in shown
    draw({"v1_naive": v1, "v7_warp": v7}, tmp_path)
    drawn, committed = ({path.name for path in folder.glob("cuda-*.png")} for folder in (tmp_path, DOCS / "images"))
    assert drawn == committed


def test_the_ladders_page_says_what_is_counted():
    from minigen.kernels.bench.cuda_counts import HEAD, counted, row, rungs
    from minigen.kernels.bench.report_kernels import table

    shown = (DOCS / "cuda-ladders.md").read_text()
    assert all(f"| `{'reduce' if op == 'sum' else op}_{rung}` |" in shown for op, rung in rungs())
    found = dict(counted(op, rung) for op in ("sum", "softmax") for rung in ("v2_warp", "v3_vector"))
    for name, counts in found.items():
        assert table(HEAD, [row(name, counts)])[-1] in shown, "run python -m minigen.kernels.bench.cuda_counts again"
    warp, vector = (found[f"reduce_{rung}"].total("global load") for rung in ("v2_warp", "v3_vector"))
    assert (warp.warps, warp.sectors_per_warp) == (4 * vector.warps, vector.sectors_per_warp / 4)
    assert found["softmax_v3_vector"].global_bytes < found["softmax_v2_warp"].global_bytes / 1.9
