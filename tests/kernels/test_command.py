"""``python -m minigen.kernels.emulator``: a student's file is run, judged and counted; a wrong call is explained."""

import subprocess
import sys

import pytest
from minigen.kernels.emulator.__main__ import main

SCALE = """
//! grid 2, block 32
//! a = 0.5 * 4
//! x = float[50]
//! y = out[50]
//! n = 50
//! expect y = a * x
extern "C" __global__ void scale(float a, const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = a * x[i];
}
"""


@pytest.fixture
def emulate(tmp_path, capsys):
    def run(text, *options):
        (tmp_path / "k.cu").write_text(text)
        status = main([str(tmp_path / "k.cu"), *options])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_right_kernel(emulate):
    status, out, _ = emulate(SCALE)
    assert status == 0 and out.startswith("right  scale: no access outside") and "y as expected" in out
    assert "global load of x" in out and "50 floating-point operations" in out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("if (i < n) ", ""), "k.cu:10: thread (18,0,0) of block (1,0,0) reads 4 bytes past the end of argument `x`"),
        (("i < n)", "i < n - 1)"), "1 of 50 elements of y were never written, the first is y[49]"),
        (("a * x[i];", "x[i];"), "50 of 50 elements of y are not as expected, the first is y[0]: 0.1257"),
        (("a * x[i];", "a * x[i] + y[i];"), "reads element 0 of `y`, which no thread has written"),
        (("y[i] = a", "y[0] = a"), "which thread (0,0,0) of block (0,0,0) writes at k.cu:10"),
    ],
)
def test_a_wrong_kernel(emulate, change, words):
    status, out, _ = emulate(SCALE.replace(*change))
    assert status == 1 and "WRONG  " in out and words in out
    if "k.cu:10" in words:
        assert "     10 |     " in out  # the line itself


def test_a_result_that_depends_on_the_order(emulate):
    status, out, _ = emulate("""
//! grid 1, block 64
//! x = float[64]
//! sum = np.zeros(1)
__global__ void add(const float* x, float* sum) { atomicAdd(sum, x[threadIdx.x]); }
""")
    assert status == 1 and "WRONG  sum[0] depends on the order of the threads" in out


def test_advice(emulate):
    status, out, _ = emulate("""
//! grid 1, block 32 8
//! x = float[32, 32]
//! y = out[8, 32]
__global__ void column(const float* x, float* y) {
    __shared__ float tile[32][32];
    tile[threadIdx.x][threadIdx.y] = x[threadIdx.x * 32 + threadIdx.y];
    y[threadIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}
""")
    assert status == 0
    assert "k.cu:7: a warp's global load of x touches 32 sectors of 32 bytes and uses 12% of them" in out
    assert "k.cu:7: lanes of a warp wait for each other for tile, 32.0 passes where one would do" in out


def test_the_compilers_sanitizers(emulate):
    status, out, _ = emulate(SCALE, "--sanitizer", "address")
    assert status == 0 and out == "right  scale: AddressSanitizer finds nothing, y as expected\n"
    status, out, _ = emulate(SCALE.replace("if (i < n) ", ""), "--sanitizer", "address")
    assert status == 1 and "of block (1,0,0) reads 4 bytes past the end of argument `x`" in out
    assert "(AddressSanitizer: heap-buffer-overflow)\n     10 |     y[i] = a * x[i];" in out
    status, out, _ = emulate(SCALE.replace("y[i] = a", "y[0] = a"), "--sanitizer", "thread")
    assert status == 1 and "writes 4 bytes of argument `y` that thread (" in out and "ThreadSanitizer: data race" in out


def test_options_come_before_comments(emulate):
    status, out, _ = emulate(SCALE, "--block", "64", "--grid", "1", "--arg", "a=3", "--expect", "y=3*x")
    assert status == 0 and "y as expected" in out
    assert emulate(SCALE, "--block", "16")[0] == 1  # 32 threads for 50 elements


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("//! n = 50\n", ""), "nothing is said about the parameter `n` (int)"),
        (("//! grid 2, block 32\n", ""), "how many threads? write for instance"),
        (("grid 2,", "grid two,"), "//! grid two, block 32: not understood"),
        (("float[50]", "np.nothing(3)"), "x = np.nothing(3): AttributeError"),
        (("expect y", "expect z"), "expect z: the kernel has no array of that name, but x, y"),
        (("grid 2,", "kernel other, grid 2,"), "which kernel? k.cu has: scale"),
        (("block 32\n", "block 2048\n"), "block.x must be 1 to 1024, got 2048"),
        (("//! n", "//! m = 1\n//! n"), "`m` is no parameter of the kernel; it has: a, x, y, n"),
        (("a * x[i]", "b * x[i]"), "error: 'b' was not declared"),
    ],
)
def test_a_wrong_call(emulate, change, words):
    assert change[0] in SCALE
    status, _, err = emulate(SCALE.replace(*change))
    assert status == 2 and words in err.replace("‘", "'").replace("’", "'")


def test_from_a_terminal(tmp_path):
    (tmp_path / "k.cu").write_text(SCALE)
    command = [sys.executable, "-m", "minigen.kernels.emulator"]
    done = subprocess.run([*command, "k.cu"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "right  scale" in done.stdout
    done = subprocess.run([*command, "absent.cu"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "No such file" in done.stderr
    done = subprocess.run([*command, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "//! grid 4, block 256" in done.stdout
