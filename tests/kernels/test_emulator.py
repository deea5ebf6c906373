"""CUDA C++ means in the emulator what it means on a GPU: indices, barriers, shuffles, votes, atomics, shared memory."""

import os

import numpy as np
import pytest
from minigen.kernels import emulator

ORDERS = ("forward", "reverse")

KERNELS = r"""
extern "C" __global__ void saxpy(float a, const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i] + y[i];
}

extern "C" __global__ void __launch_bounds__(1024) where(int* out) {
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}

extern "C" __global__ void reverse_in_block(const float* x, float* y) {
    extern __shared__ float tile[];
    tile[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
    __syncthreads();
    y[blockIdx.x * blockDim.x + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

extern "C" __global__ void block_sum(const float* x, float* out, int n) {
    __shared__ float part[32];
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) sum += x[i];
    for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(0xffffffffu, sum, d);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x < 32) {
        sum = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0;
        for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, d);
        if (threadIdx.x == 0) out[0] = sum;
    }
}

extern "C" __global__ void shuffles(int* out) {
    int lane = threadIdx.x;
    out[0 * 32 + lane] = __shfl_sync(0xffffffffu, 10 * lane, 3, 8);
    out[1 * 32 + lane] = __shfl_up_sync(0xffffffffu, 10 * lane, 2, 16);
    out[2 * 32 + lane] = __shfl_down_sync(0xffffffffu, 10 * lane, 5);
    out[3 * 32 + lane] = __shfl_xor_sync(0xffffffffu, 10 * lane, 7);
    out[4 * 32 + lane] = __ballot_sync(0xffffffffu, lane % 3 == 0);
    out[5 * 32 + lane] = __any_sync(0xffffffffu, lane == 31) + 2 * __all_sync(0xffffffffu, lane < 31);
    out[6 * 32 + lane] = lane < 4 ? int(__shfl_sync(0xfu, (long long)lane << 40, (lane + 1) % 4) >> 40) : -1;
}

extern "C" __global__ void barriers(int* out) {
    int a = __syncthreads_count(threadIdx.x % 2);
    int b = __syncthreads_and(threadIdx.x < 40), c = __syncthreads_or(threadIdx.x == 7);
    out[threadIdx.x] = 100 * a + 10 * b + c;
}

extern "C" __global__ void histogram(const int* x, int* counts, int n, int* greatest, float* sum) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    atomicAdd(&counts[x[i]], 1);
    atomicMax(greatest, x[i]);
    atomicAdd(sum, 0.5f);
}

template <int N>
__device__ void twice(float (&tile)[N], float x) {
    __shared__ float own[N];
    own[threadIdx.x] = x;
    __syncthreads();
    tile[threadIdx.x] = 2 * own[N - 1 - threadIdx.x];
}

extern "C" __global__ void templates(const float4* x, float* y, long long offset, double d, bool flag) {
    __shared__ __align__(16) float tile[8];
    float4 v = x[threadIdx.x];
    twice(tile, v.x + v.y + v.z + v.w);
    __syncthreads();
    y[threadIdx.x + offset] = flag ? tile[threadIdx.x] + (float)d : rsqrtf(__expf(0.0f)) + fmaf(2, 3, 4) + __ldg(y);
}
"""


@pytest.fixture(scope="module")
def module():
    return emulator.load(code=KERNELS, name="kernels.cu")


@pytest.mark.parametrize("order", ORDERS)
def test_indices(module, order):
    out = np.zeros(2 * 3 * 2 * 4 * 5 * 3, np.int32)
    module.get_function("where")((2, 3, 2), (4, 5, 3), (out,), order=order)
    np.testing.assert_array_equal(out, np.add.outer(1000 * np.arange(12), np.arange(60)).ravel())


@pytest.mark.parametrize("order", ORDERS)
def test_saxpy_writes_in_place_and_through_views(module, order):
    x, whole = np.arange(1000, dtype=np.float32), np.ones(1200, np.float32)
    module.get_function("saxpy")((4,), (256,), (np.float32(2), x, whole[100:1100], np.int32(1000)), order=order)
    np.testing.assert_array_equal(whole[100:1100], 2 * x + 1)
    assert (whole[:100] == 1).all() and (whole[1100:] == 1).all()


@pytest.mark.parametrize("order", ORDERS)
def test_dynamic_shared_memory_and_a_barrier(module, order):
    x = np.arange(96, dtype=np.float32)
    y = emulator.empty(96)
    module.get_function("reverse_in_block")(2, 48, (x, y), shared_mem=4 * 48, order=order)
    np.testing.assert_array_equal(y.reshape(2, 48), x.reshape(2, 48)[:, ::-1])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [0, 1, 31, 1000])
def test_sum_by_shuffles(module, order, n):
    x, out = np.arange(max(n, 1), dtype=np.float32), emulator.empty(1)
    module.get_function("block_sum")((1,), (128,), (x, out, np.int32(n)), order=order)
    assert out[0] == x[:n].sum()


@pytest.mark.parametrize("order", ORDERS)
def test_shuffles_and_votes(module, order):
    out, lane = np.zeros((7, 32), np.int32), np.arange(32)
    module.get_function("shuffles")((1,), (32,), (out,), order=order)
    want = [
        10 * (lane // 8 * 8 + 3),
        10 * np.where(lane % 16 < 2, lane, lane - 2),
        10 * np.where(lane + 5 < 32, lane + 5, lane),
        10 * (lane ^ 7),
        np.full(32, sum(1 << i for i in range(0, 32, 3))).astype(np.int32),
        np.full(32, 1),
    ]
    np.testing.assert_array_equal(out[:6], want)
    np.testing.assert_array_equal(out[6], [1, 2, 3, 0] + [-1] * 28)


@pytest.mark.parametrize("order", ORDERS)
def test_barriers_that_count(module, order):
    out = np.zeros(50, np.int32)
    module.get_function("barriers")((1,), (50,), (out,), order=order)
    assert (out == 2501).all()


@pytest.mark.parametrize("order", ORDERS)
def test_atomics(module, order):
    x = np.random.default_rng(0).integers(0, 10, 1000).astype(np.int32)
    counts, greatest, total = np.zeros(10, np.int32), np.zeros(1, np.int32), np.zeros(1, np.float32)
    module.get_function("histogram")((4,), (256,), (x, counts, np.int32(1000), greatest, total), order=order)
    np.testing.assert_array_equal(counts, np.bincount(x, minlength=10))
    assert greatest[0] == x.max() and total[0] == 500


@pytest.mark.parametrize("order", ORDERS)
def test_templates_vectors_and_scalars_of_each_size(module, order):
    x, y = np.arange(32, dtype=np.float32), np.zeros(10, np.float32)
    module.get_function("templates")((1,), (8,), (x, y, 2, 0.5, True), order=order)
    np.testing.assert_array_equal(y[2:], 2 * x.reshape(8, 4).sum(1)[::-1] + 0.5)
    module.get_function("templates")((1,), (8,), (x, y, np.int64(2), np.float64(0), np.bool_(False)), order=order)
    np.testing.assert_array_equal(y[2:], 11)


def test_on_processors_whose_registers_we_do_not_know(monkeypatch):
    """The C library switches fibers: the same results, and the same end of a wrong kernel."""
    monkeypatch.setenv("MINIGEN_UCONTEXT", "1")
    portable = emulator.load(code=KERNELS, name="kernels.cu", checked=True)
    x, out = np.arange(1000, dtype=np.float32), emulator.empty(1)
    for order in ORDERS:
        portable.get_function("block_sum")((1,), (128,), (x, out, np.int32(1000)), order=order)
        assert out[0] == x.sum()
    with pytest.raises(emulator.KernelError, match=r"thread \(232,0,0\) of block \(3,0,0\) reads 4 bytes past the end"):
        portable.get_function("saxpy")((4,), (256,), (np.float32(2), x, np.ones(1000, np.float32), np.int32(1024)))


def test_the_wrong_call_is_refused(module):
    saxpy = module.get_function("saxpy")
    x = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match=r"no kernel 'saxp'; the source has: saxpy, where"):
        module.get_function("saxp")
    with pytest.raises(TypeError, match=r"saxpy takes 4 arguments \(a, x, y, n\), got 3"):
        saxpy((1,), (4,), (np.float32(1), x, x))
    with pytest.raises(TypeError, match=r"argument 3 `n` has 4 bytes, got int of 8: pass np.int32"):
        saxpy((1,), (4,), (np.float32(1), x, x, 4))
    with pytest.raises(TypeError, match=r"argument 1 `x` is a pointer, got float"):
        saxpy((1,), (4,), (np.float32(1), 2.0, x, np.int32(4)))
    with pytest.raises(TypeError, match=r"argument 0 `a` is a number of 4 bytes, got an array"):
        saxpy((1,), (4,), (x, x, x, np.int32(4)))
    with pytest.raises(ValueError, match=r"at most 1024 threads, got \(64, 17\) = 1088"):
        saxpy((1,), (64, 17), (np.float32(1), x, x, np.int32(4)))
    with pytest.raises(ValueError, match=r"grid.y must be 1 to 65535, got 0"):
        saxpy((1, 0), (4,), (np.float32(1), x, x, np.int32(4)))
    with pytest.raises(ValueError, match=r"shared_mem must be 0 to 49152 bytes, got 50000"):
        saxpy((1,), (4,), (np.float32(1), x, x, np.int32(4)), shared_mem=50000)


def test_the_compilers_words_name_the_kernels_line():
    with pytest.raises(emulator.CompileError, match=r"typo.cu:2:.*indx.*not declared"):
        emulator.load(code="__global__ void f(float* x) {\n    x[indx] = 0;\n}\n", name="typo.cu")


def test_what_was_not_used_for_longest_is_deleted(tmp_path):
    from minigen.kernels.emulator.build import prune

    for age, name in enumerate(("d.so", "c.so", "c.json", "b.run", "a.so")):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (10**9 - age, 10**9 - age))
    prune(tmp_path, 350)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.json", "c.so", "d.so"]
    prune(tmp_path, 350)
    assert len(list(tmp_path.iterdir())) == 3
