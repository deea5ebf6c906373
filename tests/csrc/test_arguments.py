"""Arguments that no kernel may see are refused, by name; and the library lives through threads and forks."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from minigen import _cpu


def f32(*shape):
    return np.ones(shape, np.float32)


def read_only(a):
    a.flags.writeable = False
    return a


def misaligned(*shape):
    raw = np.zeros(4 * int(np.prod(shape)) + 1, np.uint8)
    return raw[1:].view(np.float32).reshape(shape)


one_conv = ((1, 1), (0, 0), (1, 1), 1)
shared = f32(4, 4)
REFUSED = {
    "a list": (TypeError, "x must be a numpy.ndarray, got list", lambda: _cpu.relu([1.0], f32(1))),
    "float64": (TypeError, "x must be float32.*got float64", lambda: _cpu.relu(np.ones(3), f32(3))),
    "a float64 output": (TypeError, "out must be float32", lambda: _cpu.relu(f32(3), np.ones(3))),
    "byte-swapped": (TypeError, "x must be float32 in native", lambda: _cpu.relu(f32(3).astype(">f4"), f32(3))),
    "integers": (TypeError, "y must be float32", lambda: _cpu.matmul(f32(2, 2), np.ones((2, 2), int), f32(2, 2))),
    "read-only output": (ValueError, "out is read-only", lambda: _cpu.relu(f32(3), read_only(f32(3)))),
    "a strided output": (ValueError, "out must be C-contig", lambda: _cpu.relu(f32(2, 2), f32(2, 4)[:, ::2])),
    "a strided input": (ValueError, "x must be C-contig", lambda: _cpu.relu(f32(6)[::2], f32(3))),
    "misaligned": (ValueError, "x must be aligned", lambda: _cpu.relu(misaligned(5), f32(5))),
    "a misaligned matrix": (ValueError, "x must be al", lambda: _cpu.matmul(misaligned(2, 2), f32(2, 2), f32(2, 2))),
    "in place": (ValueError, "share memory", lambda: _cpu.relu(shared, shared)),
    "overlap": (ValueError, "share memory", lambda: _cpu.matmul(shared[:2], f32(4, 4), shared[1:3])),
    "another shape": (ValueError, r"out must have.*\(2, 3\), got \(3, 2\)", lambda: _cpu.relu(f32(2, 3), f32(3, 2))),
    "inner sizes": (ValueError, r"x \(2, 3\).*y \(4, 5\)", lambda: _cpu.matmul(f32(2, 3), f32(4, 5), f32(2, 5))),
    "the product's shape": (ValueError, "out must have", lambda: _cpu.matmul(f32(2, 3), f32(3, 5), f32(2, 4))),
    "one axis": (ValueError, "x must have 2 axes", lambda: _cpu.matmul(f32(3), f32(3, 5), f32(5))),
    "batches of two sizes": (
        ValueError, r"x \(4, 2, 3\) and y \(5, 3, 5\) must agree",
        lambda: _cpu.matmul(f32(4, 2, 3), f32(5, 3, 5), f32(4, 2, 5)),
    ),
    "the bias's size": (
        ValueError, r"bias must have the shape \(5,\)",
        lambda: _cpu.matmul(f32(2, 3), f32(3, 5), f32(2, 5), "", f32(2)),
    ),
    "unknown activation": (
        ValueError, "activation must be none, relu.*'mish'",
        lambda: _cpu.matmul(f32(2, 3), f32(3, 5), f32(2, 5), activation="mish"),
    ),
    "a rung that can't add": (
        ValueError, "accumulate needs the last rung, got 'v1_naive'",
        lambda: _cpu.matmul(f32(2, 3), f32(3, 5), f32(2, 5), "v1_naive", accumulate=True),
    ),
    "unknown rung": (ValueError, "v1_naive.*got 'v9'", lambda: _cpu.matmul(f32(1, 1), f32(1, 1), f32(1, 1), "v9")),
    "stride 0": (ValueError, "stride must lie in", lambda: _cpu.conv2d(
        f32(1, 1, 3, 3), f32(1, 1, 2, 2), f32(1, 1, 2, 2), (0, 1), (0, 0), (1, 1), 1)),
    "negative padding": (ValueError, "padding must lie in", lambda: _cpu.conv2d(
        f32(1, 1, 3, 3), f32(1, 1, 2, 2), f32(1, 1, 2, 2), (1, 1), (-1, 0), (1, 1), 1)),
    "groups": (ValueError, "groups 2 must divide", lambda: _cpu.conv2d(
        f32(1, 3, 3, 3), f32(4, 1, 2, 2), f32(1, 4, 2, 2), (1, 1), (0, 0), (1, 1), 2)),
    "kernel too large": (ValueError, "must fit into the padded x", lambda: _cpu.conv2d(
        f32(1, 1, 3, 3), f32(1, 1, 4, 2), f32(1, 1, 1, 2), *one_conv)),
    "an empty kernel": (ValueError, "at least 1 x 1", lambda: _cpu.conv2d(
        f32(1, 1, 3, 3), f32(1, 1, 0, 2), f32(1, 1, 4, 2), *one_conv)),
    "channels": (ValueError, "w must have the shape", lambda: _cpu.conv2d(
        f32(1, 3, 3, 3), f32(4, 2, 2, 2), f32(1, 4, 2, 2), *one_conv)),
    "a gradient's shape": (ValueError, "g must have the shape", lambda: _cpu.conv2d_input(
        f32(1, 4, 3, 2), f32(4, 2, 2, 2), f32(1, 2, 3, 3), *one_conv)),
    "a convolution's bias": (ValueError, r"bias must have the shape \(4,\), got \(2,\)", lambda: _cpu.conv2d(
        f32(1, 2, 3, 3), f32(4, 2, 2, 2), f32(1, 4, 2, 2), *one_conv, bias=f32(2))),
    "a transposed convolution's bias": (ValueError, r"bias must have the shape \(2,\)", lambda: _cpu.conv2d_input(
        f32(1, 4, 2, 2), f32(4, 2, 2, 2), f32(1, 2, 3, 3), *one_conv, bias=f32(4))),
    "sums of other channels": (ValueError, r"out must have the shape \(2,\)", lambda: _cpu.channel_sums(
        f32(1, 2, 3, 3), f32(3))),
    "an image of another size": (ValueError, "g must have the shape", lambda: _cpu.conv2d_weight(
        f32(1, 4, 2, 2), f32(1, 2, 4, 4), f32(4, 2, 2, 2), *one_conv)),
    "statistics": (ValueError, r"mean must have the shape \(3,\)", lambda: _cpu.batch_norm(
        f32(2, 3, 4), None, None, 1e-5, f32(2, 3, 4), f32(2), f32(3), f32(3))),
    "lists of two lengths": (ValueError, "same length", lambda: _cpu.adam(
        [f32(2)], [], [f32(2)], [f32(2)], 0.1, 0.9, 0.9, 1e-8, 0.0, 1)),
    "step 0": (ValueError, "step counts from 1", lambda: _cpu.adam([], [], [], [], 0.1, 0.9, 0.9, 1e-8, 0.0, 0)),
    "a moment's shape": (ValueError, r"exp_avgs\[1\] must have the shape \(2,\)", lambda: _cpu.adam(
        [f32(1), f32(2)], [f32(1), f32(2)], [f32(1), f32(3)], [f32(1), f32(2)], 0.1, 0.9, 0.9, 1e-8, 0.0, 1)),
    "one tensor twice": (ValueError, "share memory", lambda: _cpu.adam(
        [shared] * 2, [f32(4, 4)] * 2, [f32(4, 4), f32(4, 4)], [f32(4, 4), f32(4, 4)], 0.1, 0.9, 0.9, 1e-8, 0.0, 1)),
    "words of 64 bits": (TypeError, "out must be uint32", lambda: _cpu.philox(0, 0, np.zeros(4, np.uint64))),
    "a threshold of 25 bits": (ValueError, r"in \[0, 2\^24\]", lambda: _cpu.dropout_mask(0, 0, 2**24 + 1, 1.0, f32(4))),
    "groups of channels": (ValueError, r"groups 2 must divide the channels of x \(2, 3, 4\)", lambda: _cpu.group_norm(
        f32(2, 3, 4), None, None, 2, 1e-5, False, f32(2, 3, 4), f32(2, 2, 2), f32(2, 2))),
    "a group's mean": (ValueError, r"mean must have the shape \(2, 3, 2\)", lambda: _cpu.group_norm(
        f32(2, 3, 4), None, None, 3, 1e-5, False, f32(2, 3, 4), f32(2, 3), f32(2, 3))),
    "no threads": (ValueError, r"\[1, 1024\], got 0", lambda: _cpu.set_num_threads(0)),
    "unknown variant": (ValueError, "baseline.*got 'mmx'", lambda: _cpu.set_variant("mmx")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    error, message, call = REFUSED[case]
    with pytest.raises(error, match=message):
        call()


def test_strides_that_are_no_multiple_of_an_element_are_refused():
    x = np.ndarray((3, 2), np.float32, bytearray(64), strides=(10, 4))
    with pytest.raises(ValueError, match=r"x (must be aligned|has a stride of 10 bytes)"):
        _cpu.matmul(x, f32(2, 2), f32(3, 2))


def test_too_large_for_any_memory_is_a_memory_error():
    big = 2**31
    with pytest.raises(MemoryError):
        _cpu.conv2d(f32(1, 1, 1, 1), f32(1, 1, 1, 1), f32(1, 1, 3, 3), (big, big), (big, big), (1, 1), 1)


def test_gradients_may_be_one_array_since_they_are_only_read():
    g = f32(3)
    _cpu.adam([f32(3), f32(3)], [g, g], [f32(3), f32(3)], [f32(3), f32(3)], 0.1, 0.9, 0.9, 1e-8, 0.0, 1)


def product(n=200):
    rng = np.random.default_rng(0)
    x, y, out = rng.standard_normal((n, n), np.float32), rng.standard_normal((n, n), np.float32), f32(n, n)
    _cpu.matmul(x, y, out)
    return out


def test_many_python_threads_at_once():
    _cpu.set_num_threads(4)
    want, wrong = product(), []

    def work():
        for _ in range(10):
            if not np.array_equal(product(), want):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


FORK = """
import os, sys
import numpy as np
from minigen import _cpu
_cpu.set_num_threads(4)
x = np.random.default_rng(0).standard_normal((300, 300), np.float32)
parent, child = np.empty_like(x), np.empty_like(x)
_cpu.matmul(x, x, parent)          # the parent's pool has its threads now
pid = os.fork()
if pid == 0:
    _cpu.matmul(x, x, child)       # the child has none of them, and starts its own
    os._exit(0 if np.array_equal(parent, child) else 1)
_cpu.matmul(x, x, child)
assert np.array_equal(parent, child)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )


def test_a_forked_child_starts_its_own_threads():
    done = python(FORK)
    assert done.returncode == 0, done.stderr


CROWDED = """
import os
import numpy as np
from minigen import _cpu
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
x = np.random.default_rng(0).standard_normal((300, 300), np.float32)
alone, together = np.empty_like(x), np.empty_like(x)
_cpu.set_num_threads(1)
_cpu.matmul(x, x, alone)
_cpu.set_num_threads(4)
for _ in range(300):               # with helpers, without, and with them again when patience returns
    together.fill(np.nan)
    _cpu.matmul(x, x, together)
    assert np.array_equal(alone, together)
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="NOT RUN: processors cannot be chosen on this system")
def test_threads_that_share_one_processor():
    done = python(CROWDED)
    assert done.returncode == 0, done.stderr


SHOW = "from minigen import _cpu; print(_cpu.variant(), _cpu.get_num_threads())"


def test_settings_from_the_environment():
    assert python(SHOW, MINIGEN_CPU_VARIANT="baseline", MINIGEN_NUM_THREADS="3").stdout.split() == ["baseline", "3"]
    bare = {name: "" for name in ("MINIGEN_CPU_VARIANT", "MINIGEN_NUM_THREADS")}
    assert python(SHOW, **bare).stdout.split() == [_cpu.variants()[0], str(len(os.sched_getaffinity(0)))]
    done = python("import minigen._cpu", MINIGEN_CPU_VARIANT="mmx")
    assert done.returncode != 0 and "got 'mmx'" in done.stderr
