"""Runs every Numba rung in Numba's simulator against NumPy in float64. A process of its own: see test_numba.py.

    NUMBA_ENABLE_CUDASIM=1 python tests/numba_cuda/simulate.py
"""

import importlib

import numpy as np
from minigen.kernels.cuda.matmul import RUNGS

NAMES = ["v1_naive", "v2_coalesced", "v3_shared", "v4_register_1d", "v5_register_2d"]
SIZES = [(33, 17, 19, "nn", 1), (5, 3, 9, "tt", 2), (3, 2, 0, "nn", 1)]  # M, N, K, layouts, batches


def function(name):
    return getattr(importlib.import_module(f"minigen.kernels.numba_cuda.matmul.{name}"), f"matmul_{name}")


def flat(rng, batches, rows, columns, layout):
    """(the numbers in memory order, row stride, column stride, batch stride, the matrices as float64)."""
    whole = rng.standard_normal(batches * rows * columns).astype(np.float32)
    turned = layout == "t"
    shape = (batches, columns, rows) if turned else (batches, rows, columns)
    seen = whole.reshape(shape).astype(np.float64)
    strides = (1, rows) if turned else (columns, 1)
    return np.append(whole, np.float32(np.nan)), *strides, rows * columns, seen.swapaxes(1, 2) if turned else seen


def run(name):
    rng = np.random.default_rng(0)
    for M, N, K, layouts, batches in SIZES:
        a, a_row, a_col, a_batch, exact_a = flat(rng, batches, M, K, layouts[0])
        b, b_row, b_col, b_batch, exact_b = flat(rng, batches, K, N, layouts[1])
        c = np.full(batches * M * N + 2, np.nan, np.float32)
        c[-2:] = 12345
        grid, block, _ = RUNGS[name].launch(M, N, batches)
        function(name)[grid, block](a, b, c, M, N, K, a_row, a_col, a_batch, b_row, b_col, b_batch)
        np.testing.assert_allclose(c[:-2].reshape(batches, M, N), exact_a @ exact_b, rtol=1e-5, atol=1e-5)
        assert (c[-2:] == 12345).all(), "written past the end"
    print("simulated", f"matmul_{name}")


if __name__ == "__main__":
    for name in NAMES:
        run(name)
