"""Asynchronous copies arrive at the wait that covers them, and ldmatrix gives the lanes what mma.sync wants of them."""

import numpy as np
import pytest
from minigen.kernels import emulator

KERNELS = r"""
#include "ptx.cuh"
#ifndef FIRST_WAIT
#define FIRST_WAIT wait_copies<1>()
#endif
// Two tiles of 32 numbers, of x the first n and zeros behind them; y = the first one turned, then the second.
__global__ void two_tiles(const float* x, float* y, int n) {
    __shared__ __align__(16) float tile[2][32];
    const int i = threadIdx.x;
    y += 64 * blockIdx.x;
    copy_async<4>(&tile[0][i], x + i, i < n);
    commit_copies();
    if (i < 8) copy_async<16>(&tile[1][4 * i], x + 32 + 4 * i, 32 + 4 * i < n);
    commit_copies();
    FIRST_WAIT;
    __syncthreads();
    y[i] = tile[0][31 - i];
    wait_copies<0>();
    __syncthreads();
    y[32 + i] = tile[1][i];
}
// A copy into what others still read.
__global__ void too_early(const float* x, float* y, int n) {
    __shared__ float tile[32];
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[(threadIdx.x + n) % 32];
    copy_async<4>(&tile[threadIdx.x], x + threadIdx.x, true);
    commit_copies();
    __syncthreads();
    wait_copies<0>();
}
__global__ void product(const float* a, const float* b, float* c) {
    __shared__ __align__(16) float left[16][8], right[8][8];
    const int lane = threadIdx.x, g = lane / 4, t = lane % 4;
    for (int e = lane; e < 128; e += 32) left[e / 8][e % 8] = a[e];
    for (int e = lane; e < 64; e += 32) right[e % 8][e / 8] = b[e];
    __syncthreads();
    unsigned x[4], y[4];
    float sum[4] = {};
    load_matrices(x[0], x[1], x[2], x[3], &left[lane % 16][lane / 16 * 4]);
    load_matrices(y[0], y[1], y[2], y[3], &right[lane % 8][lane / 8 % 2 * 4]);
    mma_tf32(sum, x, {y[0], y[1]});
    for (int q = 0; q < 4; ++q) c[(g + q / 2 * 8) * 8 + 2 * t + q % 2] = sum[q];
}
"""


def load(*options, checked=True):
    return emulator.load(code=KERNELS, name="copies.cu", options=options, checked=checked)


@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("n", [64, 60, 32, 5, 0])
def test_copies_arrive_at_the_wait(order, checked, n):
    x, y = np.arange(1, 65, dtype=np.float32), emulator.empty((2, 64))
    load(checked=checked).get_function("two_tiles")(2, 32, (x[:n], y, np.int32(n)), order=order)
    here = np.where(np.arange(64) < n, x, 0)
    np.testing.assert_array_equal(y, [[*here[31::-1], *here[32:]]] * 2)


@pytest.mark.parametrize("wait", ["wait_copies<2>()", "(void)0"])
def test_without_the_wait_nothing_is_there(wait):
    x, y = np.ones(64, np.float32), emulator.empty(64)
    args = x, y, np.int32(64)
    with pytest.raises(emulator.KernelError, match=r"copies.cu:\d+: .* reads element 31 of `tile`, which no thread"):
        load(f"-DFIRST_WAIT={wait}").get_function("two_tiles")(1, 32, args)
    load(f"-DFIRST_WAIT={wait}", checked=False).get_function("two_tiles")(1, 32, args)
    assert np.isnan(y[0]) and (y[32:] == 1).all()  # thread 31 waits for all of its copies after thread 0 has read


@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_a_copy_may_write_at_once(order):
    x, y = np.ones(32, np.float32), emulator.empty(32)
    with pytest.raises(emulator.KernelError, match=r"of `tile`, which (thread .*, and no __sync|no thread)"):
        load().get_function("too_early")(1, 32, (x, y, np.int32(1)), order=order)
    load().get_function("too_early")(1, 32, (x, y, np.int32(0)), order=order)
    assert (y == 1).all()


def test_ldmatrix_and_mma():
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 9, shape).astype(np.float32) for shape in ((16, 8), (8, 8)))
    c = emulator.empty((16, 8))
    load().get_function("product")(1, 32, (a, b, c))
    np.testing.assert_array_equal(c, a @ b)
    a += 2.0**-9 * np.sign(a)  # is cut off behind the tenth bit of the fraction
    kept = (a.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)
    load().get_function("product")(1, 32, (a, b, c))
    np.testing.assert_array_equal(c, kept.astype(np.float64) @ b)
