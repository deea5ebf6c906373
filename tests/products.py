"""Matrix products through a rung of the CUDA ladder, for the tests that launch one themselves."""

import numpy as np
from minigen.kernels.cuda.matmul import Rung


def matrix(rng, batches, rows, columns, layout):
    """(batches, rows, columns) random numbers; "t": the columns are neighbours in memory, "s": nobody is."""
    if layout == "t":
        return rng.standard_normal((batches, columns, rows), np.float32).swapaxes(1, 2)
    if layout == "s":
        return rng.standard_normal((batches, rows, 2 * columns + 1), np.float32)[:, :, 1::2]
    return rng.standard_normal((batches, rows, columns), np.float32)


def strides(x):
    batch, row, column = (s // 4 for s in x.strides)
    return np.int32(row), np.int32(column), np.int64(batch)


def multiply(kernel, rung: Rung, a, b, out, order="forward"):
    (batches, M, K), N = a.shape, b.shape[2]
    sizes = np.int32(M), np.int32(N), np.int32(K)
    grid, block, shared = rung.launch(M, N, batches)
    kernel.max_dynamic_shared_size_bytes = max(shared, 48 << 10)
    kernel(grid, block, (a, b, out, *sizes, *strides(a), *strides(b)), shared, order=order)
    return out


def check(rung: Rung, out, a, b):
    exact = a.astype(np.float64) @ b.astype(np.float64)
    scale = np.abs(a).astype(np.float64) @ np.abs(b) + 1e-30
    # TF32: each operand loses up to 2^-10 of itself, as bits beyond the tenth are cut off
    wrong = ~(np.abs(out - exact) <= (2**-9 if rung.tf32 else 1e-6) * scale)  # so that a NaN is wrong
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size} wrong, first at {np.argwhere(wrong)[0]}"
