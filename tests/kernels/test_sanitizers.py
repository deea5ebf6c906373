"""The compiler's own sanitizers find what a kernel does wrong, and it is said in the kernel's terms."""

import numpy as np
import pytest
from minigen.kernels import emulator
from minigen.kernels.emulator.sanitized import said

KERNELS = r"""
extern "C" __global__ void twice(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2 * x[i];
}
extern "C" __global__ void beyond(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x + 1]; }
extern "C" __global__ void before(const float* x, float* y) { y[(int)threadIdx.x - 1] = 1; }
extern "C" __global__ void outside(float* y) {
    __shared__ float part[32];
    part[threadIdx.x + 1] = 1;
    y[threadIdx.x] = part[threadIdx.x];
}
extern "C" __global__ void dynamic(float* y) {
    extern __shared__ float part[];
    part[threadIdx.x] = 1;
    y[threadIdx.x] = part[threadIdx.x];
}
extern "C" __global__ void sum(const float* x, float* y) {
    __shared__ float part[64];
    part[threadIdx.x] = x[threadIdx.x];
#ifndef FORGOTTEN
    __syncthreads();
#endif
    for (int half = 32; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) y[0] = part[0];
}
extern "C" __global__ void same(float* y) { y[0] = threadIdx.x; }
extern "C" __global__ void together(const float* x, float* y, int* count) {
    float sum = x[threadIdx.x];
    for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, d);
    atomicAdd(&y[0], sum);
    atomicMax(count, (int)threadIdx.x);
    int odd = __syncthreads_count(threadIdx.x % 2), votes = __ballot_sync(0xffffffffu, threadIdx.x % 32 == 2);
    atomicCAS(&count[1], 0, odd + votes);
}
extern "C" __global__ void some(float* y) { if (threadIdx.x < 4) y[threadIdx.x] = __shfl_xor_sync(0xfu, 1.0f, 1); }
"""


@pytest.fixture(scope="module")
def address():
    return emulator.load(code=KERNELS, name="k.cu", sanitizer="address")


@pytest.fixture(scope="module")
def threads():
    return emulator.load(code=KERNELS, name="k.cu", sanitizer="thread", options=("-DFORGOTTEN",))


def test_right_kernels_run_and_write_into_the_arrays(address, threads):
    for module in (address, threads):
        x, whole = np.arange(70, dtype=np.float32), np.ones(90, np.float32)
        module.get_function("twice")(3, 32, (x, whole[10:80], np.int32(70)))
        np.testing.assert_array_equal(whole, [*[1] * 10, *(2 * x), *[1] * 10])
        y, count = np.zeros(1, np.float32), np.zeros(2, np.int32)
        module.get_function("together")(1, 64, (x, y, count))
        assert y[0] == 32 * x[:64].sum() and count.tolist() == [63, 36]


def test_two_views_of_one_array_stay_so(address):
    x = np.arange(20, dtype=np.float32)
    address.get_function("twice")(1, 32, (x[:10], x[5:15], np.int32(10)))
    assert x[15:].tolist() == [15, 16, 17, 18, 19] and x[5] == 0  # what lies between depends on the order


@pytest.mark.parametrize(
    ("kernel", "args", "words"),
    [
        ("beyond", 2, "k.cu:6: thread (31,0,0) of block (0,0,0) reads 4 bytes past the end of argument `x`: element"),
        ("before", 2, "k.cu:7: thread (0,0,0) of block (0,0,0) writes 4 bytes before the beginning of argument `y`"),
        ("outside", 1, "k.cu:10: index 32 out of bounds for type 'float [32]'"),
        ("dynamic", 1, "k.cu:15: thread (31,0,0) of block (0,0,0) writes 4 bytes beyond the 124 bytes of dynamic"),
        ("some", 1, "__shfl_xor_sync among some of a warp's lanes is not known to the sanitizers' runtime"),
    ],
)
def test_address(address, kernel, args, words):
    with pytest.raises(emulator.KernelError) as error:
        arrays = [np.zeros(32, np.float32) for _ in range(args)]
        address.get_function(kernel)(1, 32, arrays, 124 if kernel == "dynamic" else 0)  # one thread alone goes wrong
    assert words in str(error.value)


def test_a_race_is_named(threads):
    x, y = np.ones(64, np.float32), np.zeros(64, np.float32)
    with pytest.raises(emulator.KernelError) as error:
        threads.get_function("sum")(1, 64, (x, y))
    text = str(error.value)
    assert "of shared array `part` that thread (" in text and "and no __syncthreads stands between" in text
    assert "k.cu:20" in text and "k.cu:25" in text
    with pytest.raises(emulator.KernelError, match="writes 4 bytes of argument `y` that thread"):
        threads.get_function("same")(1, 2, (y,))


def test_what_is_not_understood_is_shown():
    assert said("emu: array x 0x1 4\nSomething else\n", {"k.cu"}, 1) == "Something else"
    assert said("", {"k.cu"}, -14).startswith("has not ended")
    assert said("", {"k.cu"}, 7) == "the program ended with status 7"
    with pytest.raises(ValueError, match="sanitizer must be 'address' or 'thread'"):
        emulator.load(code=KERNELS, sanitizer="memory")
