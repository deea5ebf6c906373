"""Each mistake that the emulator knows, made once: the message names line, thread and array; and right kernels pass."""

import re

import numpy as np
import pytest
from minigen.kernels import emulator

# The line that a message must name ends with // <- and the test's name.
WRONG = r"""
__global__ void past_the_end(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i];  // <- past_the_end
}
__global__ void before_the_beginning(const float* x, float* y, int n) {
    int i = threadIdx.x;
    float left = x[i - 1];  // <- before_the_beginning
    if (i < n) y[i] = left;
}
__global__ void write_outside(const float* x, float* y, int n) {
    if (threadIdx.x <= n) y[threadIdx.x] = 1;  // <- write_outside
}
__global__ void null_pointer(const float* x, float* y, int n) {
    y[threadIdx.x] = x[threadIdx.x];  // <- null_pointer
}
__global__ void far_away(const float* x, float* y, int n) {
    y[threadIdx.x * 100000] = x[0];  // <- far_away
}
__global__ void unwritten_output(const float* x, float* y, int n) {
    y[threadIdx.x] += x[threadIdx.x];  // <- unwritten_output
}
__global__ void unwritten_shared(const float* x, float* y, int n) {
    __shared__ float tile[64];
    if (threadIdx.x < 30) tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[threadIdx.x];  // <- unwritten_shared
}
__global__ void missing_barrier(const float* x, float* y, int n) {
    __shared__ float tile[32];
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    float left = tile[(threadIdx.x + 31) % 32];
    tile[threadIdx.x] = left;  // <- missing_barrier
    __syncthreads();
    y[threadIdx.x] = tile[threadIdx.x];
}
__global__ void missing_barrier_write_first(const float* x, float* y, int n) {
    __shared__ float tile[32];
    tile[31 - threadIdx.x] = 0;
    tile[threadIdx.x] = x[threadIdx.x];  // <- missing_barrier_write_first
    __syncthreads();
    y[threadIdx.x] = tile[threadIdx.x];
}
__global__ void blocks_disagree(const float* x, float* y, int n) {
    y[threadIdx.x] = blockIdx.x;  // <- blocks_disagree
}
__global__ void blocks_read_each_other(const float* x, float* y, int n) {
    y[blockIdx.x] = blockIdx.x ? y[blockIdx.x - 1] : x[0];  // <- blocks_read_each_other
}
__global__ void divergent_barrier(const float* x, float* y, int n) {
    if (threadIdx.x < 16) __syncthreads();  // <- divergent_barrier
    y[threadIdx.x] = x[threadIdx.x];
}
__global__ void return_before_barrier(const float* x, float* y, int n) {
    if (threadIdx.x == 5) return;
    __syncthreads();  // <- return_before_barrier
}
__global__ void two_barriers(const float* x, float* y, int n) {
    if (threadIdx.x % 2)
        __syncthreads();
    else
        __syncthreads();  // <- two_barriers
}
__global__ void shuffle_without_a_lane(const float* x, float* y, int n) {
    if (threadIdx.x == 7) return;
    y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, x[threadIdx.x], 1);  // <- shuffle_without_a_lane
}
__global__ void own_lane_missing(const float* x, float* y, int n) {
    y[threadIdx.x] = __shfl_sync(0xffu, x[threadIdx.x], 0);  // <- own_lane_missing
}
__global__ void misaligned(const float* x, float* y, int n) {
    float4 v = *reinterpret_cast<const float4*>(x + threadIdx.x);  // <- misaligned
    y[threadIdx.x] = v.x + v.y + v.z + v.w;
}
__global__ void index_beyond_the_row(const float* x, float* y, int n) {
    __shared__ float tile[8][4];
    tile[threadIdx.x / 4][threadIdx.x % 4 + n / 32] = x[threadIdx.x];  // <- index_beyond_the_row
}
__global__ void index_beyond_registers(const float* x, float* y, int n) {
    float sum[4] = {};
    for (int i = 0; i <= n / 8; ++i) sum[i] += x[i];  // <- index_beyond_registers
    y[threadIdx.x] = sum[0] + sum[1] + sum[2] + sum[3];
}
__global__ void beyond_dynamic_shared(const float* x, float* y, int n) {
    extern __shared__ float tile[];
    tile[threadIdx.x] = x[threadIdx.x];  // <- beyond_dynamic_shared
}
__global__ void division_by_zero(const int* x, int* y, int n) {
    y[threadIdx.x] = x[threadIdx.x] / (n - 32);  // <- division_by_zero
}
__global__ void trap(const float* x, float* y, int n) {
    if (threadIdx.x == 9) __trap();  // <- trap
}
__global__ void no_end(volatile float* x, float* y, int n) {
    while (x[0] < 1) y[0] = 1;  // <- no_end
}
__global__ void atomic_outside(const float* x, float* y, int n) {
    atomicAdd(y + threadIdx.x * 2, 1.0f);  // <- atomic_outside
}
"""

# what each message says; the arrays have 32 elements, the block 32 threads
MESSAGES = {
    "past_the_end": r"\(0,0,0\) of block \(1,0,0\) reads 4 bytes past the end of argument `x`: element 32 .* has 32",
    "before_the_beginning": r"reads 4 bytes before the beginning of argument `x`: element -1 of `x`",
    "write_outside": r"thread \(32,0,0\) .* writes 4 bytes past the end of argument `y`: element 32 of `y`",
    "null_pointer": r"reads at address .*: a null pointer",
    "far_away": r"thread \(1,0,0\) .* writes 4 bytes past the end of argument `y`: element 100000 of `y`",
    "unwritten_output": r"reads element 0 of `y`, which no thread has written",
    "unwritten_shared": r"thread \(30,0,0\) .* reads element 30 of `tile`, which no thread of this block",
    "missing_barrier": r"thread \(1,0,0\) .* reads element 0 of `tile`, which thread \(0,0,0\) .* writes at "
    r"wrong.cu:\d+, and no __syncthreads stands between the two",
    "missing_barrier_write_first": r"\(16,0,0\) .* writes element 15 of `tile`, which thread \(15,0,0\) .* writes at",
    "blocks_disagree": r"block \(1,0,0\) writes element 0 of `y`, which a thread of another block writes .*any order",
    "blocks_read_each_other": r"reads element 0 of `y`, which a thread of another block writes at",
    "divergent_barrier": r"not all threads of the block reach this __syncthreads: thread \(0,0,0\) .* waits there, but "
    r"thread \(16,0,0\) of block \(0,0,0\) has returned",
    "return_before_barrier": r"not all threads .* this __syncthreads: .* but thread \(5,0,0\) of .* has returned",
    "two_barriers": r"not all threads .* but thread \(1,0,0\) .* waits at __syncthreads in wrong.cu:\d+",
    "shuffle_without_a_lane": r"thread \(0,0,0\) .* waits for ever: __shfl_xor_sync with mask 0xffffffff needs "
    r"every lane .* but thread \(7,0,0\) of block \(0,0,0\) has returned",
    "own_lane_missing": r"thread \(8,0,0\) .* __shfl_sync with mask 0x000000ff, in which its own lane 8 is missing",
    "misaligned": r"thread \(1,0,0\) .* reads 16 bytes at an address that is no multiple of 16",
    "index_beyond_the_row": r"thread \(3,0,0\) .* uses index 4 of an array of type 'float \[4\]'",
    "index_beyond_registers": r"uses index 4 of an array of type 'float \[4\]'",
    "beyond_dynamic_shared": r"thread \(16,0,0\) .* writes byte 64 of dynamic shared memory, .* the launch gives 64",
    "division_by_zero": r"divides an integer by zero",
    "trap": r"thread \(9,0,0\) of block \(0,0,0\) calls __trap",
    "no_end": r"is still running after .* steps",
    "atomic_outside": r"thread \(16,0,0\) .* writes 4 bytes past the end of argument `y`: element 32 of `y`",
}
SHAPES = {
    "past_the_end": (2, 32), "write_outside": (1, 33), "blocks_disagree": (2, 32), "blocks_read_each_other": (2, 1),
    "division_by_zero": (1, 32),
}  # fmt: skip


@pytest.fixture(scope="module")
def wrong():
    return emulator.load(code=WRONG, name="wrong.cu", checked=True)


def line(name):
    return 1 + next(i for i, text in enumerate(WRONG.splitlines()) if text.endswith(f"// <- {name}"))


def launch(module, name, order="forward"):
    x, y = np.arange(32, dtype=np.float32), emulator.empty(32)
    if name == "division_by_zero":
        x, y = x.astype(np.int32), np.zeros(32, np.int32)
    if name == "null_pointer":
        x = None
    shared = 64 if name == "beyond_dynamic_shared" else 0
    module.get_function(name)(*SHAPES.get(name, (1, 32)), (x, y, np.int32(32)), shared, order=order)


@pytest.mark.parametrize("name", MESSAGES)
def test_the_message_names_the_mistake(wrong, name):
    with pytest.raises(emulator.KernelError, match=MESSAGES[name]) as error:
        launch(wrong, name)
    named = set(map(int, re.findall(r"wrong\.cu:(\d+)", str(error.value))))
    assert line(name) in named or (name == "missing_barrier" and line(name) - 1 in named), str(error.value)


def test_every_kernel_is_tried(wrong):
    assert set(wrong.kernels) == set(MESSAGES)


@pytest.mark.parametrize("name", ["missing_barrier", "missing_barrier_write_first", "divergent_barrier"])
def test_backwards_too(wrong, name):
    with pytest.raises(emulator.KernelError, match=r"no __syncthreads stands between|not all threads"):
        launch(wrong, name, "reverse")


def test_after_a_wrong_launch_the_next_one_is_right(wrong):
    for _ in range(2):
        with pytest.raises(emulator.KernelError):
            launch(wrong, "return_before_barrier")
        x, y = np.arange(32, dtype=np.float32), emulator.empty(32)
        wrong.get_function("past_the_end")(1, 32, (x, y, np.int32(32)))
        np.testing.assert_array_equal(x, y)


UNCHECKED = r"""
__global__ void diverges() { if (threadIdx.x < 16) __syncthreads(); }
__global__ void divides(int* x) { x[0] = x[2] / x[1]; }
__global__ void crashes(float* x) { x[0] = 1; }
__global__ void overflows(float* x) {
    volatile float large[40000];
    for (int i = 0; i < 40000; ++i) large[i] = 1;
    x[0] = large[7];
}
__device__ __attribute__((noinline)) float far_down() {
    volatile float large[40000];
    large[0] = 1;
    return large[0];
}
__global__ void jumps(float* x) { if (threadIdx.x == 7) x[0] = far_down(); }
"""


def test_without_checks_a_crash_is_an_error_and_not_the_end():
    module = emulator.load(code=UNCHECKED, name="fast.cu")
    with pytest.raises(emulator.KernelError, match=r"fast.cu:2: not all threads"):
        module.get_function("diverges")(1, 32, ())
    with pytest.raises(emulator.KernelError, match="an integer is divided by zero"):
        module.get_function("divides")(1, 1, (np.zeros(3, np.int32),))
    with pytest.raises(emulator.KernelError, match="it touches memory that it may not touch"):
        module.get_function("crashes")(1, 1, (None,))
    for name, threads in (("overflows", 1), ("jumps", 8)):  # the second one writes only where another's stack is
        with pytest.raises(emulator.KernelError, match="larger than the emulator's stack"):
            module.get_function(name)(1, threads, (np.zeros(1, np.float32),))


def test_without_checks_the_order_shows_a_missing_barrier():
    module = emulator.load(code=WRONG, name="wrong.cu")
    x, forward, reverse = np.arange(32, dtype=np.float32), emulator.empty(32), emulator.empty(32)
    kernel = module.get_function("missing_barrier")
    kernel(1, 32, (x, forward, np.int32(32)))
    kernel(1, 32, (x, reverse, np.int32(32)), order="reverse")
    assert (forward != reverse).any()


RIGHT = r"""
__constant__ float weights[4];
__device__ const float table[4] = {1, 2, 3, 4};
__global__ void within_a_warp(float* y) {
    __shared__ float tile[64];
    tile[threadIdx.x] = threadIdx.x;
    __syncwarp();
    y[threadIdx.x] = tile[threadIdx.x ^ 1];
}
__global__ void bytes(const unsigned char* x, unsigned char* y, int n) {
    __shared__ unsigned char tile[33];
    if (threadIdx.x < n) tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    if (threadIdx.x < n) y[threadIdx.x] = tile[n - 1 - threadIdx.x];
}
__global__ void constants(float* y) {
    float local[4] = {4, 3, 2, 1};
    y[threadIdx.x] = weights[threadIdx.x] + table[threadIdx.x] + local[(threadIdx.x + 1) % 4];
}
__global__ void last_block_adds(float* parts, unsigned* ticket, float* out) {
    if (threadIdx.x == 0) parts[blockIdx.x] = blockIdx.x;
    __threadfence();
    __syncthreads();
    __shared__ bool last;
    if (threadIdx.x == 0) last = atomicAdd(ticket, 1u) == gridDim.x - 1;
    __syncthreads();
    if (last && threadIdx.x == 0) {
        out[0] = 0;
        for (int i = 0; i < gridDim.x; ++i) out[0] += parts[i];
    }
}
__global__ void through_a_table(float** rows, int n) {
    for (int i = 0; i < n; ++i) rows[i][threadIdx.x] += i;
}
__global__ void in_place(float* x, const float* same) { x[threadIdx.x] = same[threadIdx.x] + 1; }
"""


@pytest.fixture(scope="module")
def right():
    return emulator.load(code=RIGHT, name="right.cu", checked=True)


@pytest.mark.parametrize("order", ["forward", "reverse"])
def test_right_kernels_pass(right, order):
    y = emulator.empty(64)
    right.get_function("within_a_warp")(1, 64, (y,), order=order)
    np.testing.assert_array_equal(y, np.arange(64) ^ 1)
    x, turned = np.arange(33, dtype=np.uint8), np.zeros(33, np.uint8)
    right.get_function("bytes")(1, 64, (x, turned[::1], np.int32(33)), order=order)
    np.testing.assert_array_equal(turned, x[::-1])
    right.get_function("constants")(1, 4, (y,), order=order)
    np.testing.assert_array_equal(y[:4], [4, 4, 4, 8])
    parts, ticket, out = emulator.empty(5), np.zeros(1, np.uint32), emulator.empty(1)
    right.get_function("last_block_adds")(5, 32, (parts, ticket, out), order=order)
    assert out[0] == 10
    x = np.arange(8, dtype=np.float32)
    right.get_function("in_place")(1, 8, (x, x), order=order)
    np.testing.assert_array_equal(x, np.arange(8) + 1)


def test_arrays_behind_a_table_of_addresses(right):
    rows = [np.zeros(4, np.float32) for _ in range(3)]
    table = np.array([row.ctypes.data for row in rows], np.int64)
    kernel = right.get_function("through_a_table")
    kernel(1, 4, (table, np.int32(3)), reachable=rows)
    np.testing.assert_array_equal(rows, [[0] * 4, [1] * 4, [2] * 4])
    with pytest.raises(emulator.KernelError, match=r"right.cu:\d+: thread \(0,0,0\)"):
        kernel(1, 4, (table, np.int32(3)))


def test_a_strided_view_leaves_the_holes_alone(right):
    whole = np.zeros((4, 3), np.float32)
    right.get_function("in_place")(1, 4, (whole[:, 1], whole[:, 1]))
    np.testing.assert_array_equal(whole.ravel()[1:5], 1)
    assert whole.sum() == 4
