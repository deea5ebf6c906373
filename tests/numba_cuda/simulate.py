"""Runs every Numba rung in Numba's simulator against the specification in float64, through the CUDA backend itself.

A process of its own: see test_numba.py.        NUMBA_ENABLE_CUDASIM=1 python tests/numba_cuda/simulate.py [rung ...]

The simulator's threads are Python's, so everything is tiny; what has no rung in Numba runs in the emulator.
"""

import sys
import time

import numpy as np
from minigen.kernels.bench.kernel_cases import CASES, exact, numbers, pair, plain
from minigen.kernels.emulator import empty

from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.composed import OURS
from minigen.backend.cuda.in_numba import InNumba, rungs
from minigen.backend.cuda.launch import Emulated
from minigen.backend.numpy import NumpyBackend

OPS = {"reduce": ("sum",), "conv2d": ("conv2d", "conv2d_input", "conv2d_weight")}


def products():
    yield plain("matmul", numbers(33, 19), numbers(19, 17, seed=1))
    yield plain("matmul", numbers(2, 9, 5).swapaxes(1, 2), numbers(3, 9, seed=1).T)


def sums():
    yield plain("sum", numbers(2, 257), (1,), False, np.dtype(np.float32))


def softmaxes():
    yield pair("log_softmax", 5 * numbers(2, 257), -1, vjp=False)
    yield pair("softmax", 5 * numbers(1, 31), -1, vjp=False)


def layer_norms():
    yield pair("layer_norm", numbers(2, 257) + 3, numbers(257, seed=1), None, 1, 1e-5, vjp=False)


def convolutions(op):
    for shape_x, shape_w, *rest in [
        ((2, 2, 4, 3), (3, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
        ((1, 4, 4, 5), (2, 2, 3, 2), (2, 3), (1, 0), (1, 2), 2),
    ]:
        x, w = numbers(*shape_x), numbers(*shape_w, seed=1)
        g = numbers(*NumpyBackend().conv2d(x, w, *rest).shape, seed=2)
        args = {"conv2d": (x, w), "conv2d_input": (g, w, shape_x[2:]), "conv2d_weight": (g, x, shape_w[2:])}
        yield plain(op, *args[op], *rest)


TINY = {"matmul": products, "sum": sums, "softmax": softmaxes, "layer_norm": layer_norms}
assert TINY.keys() | set(OPS["conv2d"]) <= CASES.keys()


class Unwritten:
    """NumPy, but ``empty`` gives what counts as never written."""

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype):
        return empty(shape)


def run(file):
    folder, rung = file.split("/")
    launcher = InNumba(np, Emulated())
    for op in OPS.get(folder, (folder,)):
        be = CudaBackend(Unwritten(), launcher, "emulator", "cpu", OURS)
        if rung not in be.kernels[op]:
            continue
        for case, args, deltas in TINY[op]() if op in TINY else convolutions(op):
            got, want = case(be.with_kernel(op, rung), args, deltas), case(NumpyBackend(), exact(args), exact(deltas))
            for g, w in zip(got, want, strict=True):
                np.testing.assert_allclose(g, w, rtol=2e-5, atol=2e-5)
    for name in sorted(launcher.launched):
        print("simulated", name)


if __name__ == "__main__":
    for file in sys.argv[1:] or rungs():
        began = time.perf_counter()
        run(file)
        print(f"{file}: {time.perf_counter() - began:.1f} s", file=sys.stderr)
