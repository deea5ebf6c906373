"""Every CUDA kernel under AddressSanitizer, and once under ThreadSanitizer, with a real thread for each of CUDA's.

`make sanitize-cuda` runs them; they are no part of `make test`, which has the emulator's own checks of the same.
"""

import numpy as np
import pytest
from kernel_report import names
from minigen.kernels.bench.kernel_cases import CASES, exact, numbers
from minigen.kernels.cuda.matmul import WIDE

from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.composed import LADDERS, OURS
from minigen.backend.cuda.launch import Emulated
from minigen.backend.numpy import NumpyBackend

RUNGS = [(op, rung) for op, ladder in LADDERS.items() for rung in ladder]
launched = {"address": set(), "thread": set()}


class Noted(Emulated):
    """The emulator under a sanitizer; it notes what it launches."""

    def run(self, function, *rest):
        launched[self.sanitizer].add(function.name)
        super().run(function, *rest)


def backend(sanitizer):
    return CudaBackend(np, Noted(sanitizer=sanitizer), "emulator", "cpu", OURS)


def compare(got, want, rung):
    rtol = 4e-3 if rung.endswith("tf32") else 2e-5
    for g, w in zip(got, want, strict=True):
        if w is not None:
            np.testing.assert_allclose(g, w, rtol=rtol, atol=rtol * max(1, abs(w).max(initial=0)))


def run(op, rung, sanitizer, cases):
    be = backend(sanitizer).with_kernel(op, rung)
    for case, args, deltas in cases:
        with np.errstate(all="ignore"):
            compare(case(be, args, deltas), case(NumpyBackend(), exact(args), exact(deltas)), rung)


@pytest.mark.parametrize(("op", "rung"), RUNGS)
def test_address(op, rung):
    run(op, rung, "address", list(CASES[op]())[1::5])


@pytest.mark.parametrize(("op", "rung"), RUNGS)
def test_threads(op, rung):
    run(op, rung, "thread", [list(CASES[op]())[1]])


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_what_no_op_calls(sanitizer):
    x, w, bias = numbers(2, 3, 5, 4), numbers(6, 3, 3, 3, seed=1), numbers(6, seed=2)
    be, how = backend(sanitizer), ((1, 1), (1, 1), (1, 1), 1)
    v = NumpyBackend().conv2d(exact(x), exact(w), *how) + bias.reshape(1, -1, 1, 1)
    compare([be.conv2d_bias(x, w, bias, 0.0, *how)], [np.maximum(v, 0)], "v4_warp")
    x, w = numbers(1, 8, 6, 6), numbers(6, 8, 3, 3, seed=1)  # many rows, and k in two shares
    y = NumpyBackend().conv2d(exact(x), exact(w), *how)
    for rung in ("v4_warp", "v5_tf32"):
        chosen = be
        for op in ("conv2d", "conv2d_input", "conv2d_weight"):
            chosen = chosen.with_kernel(op, rung)
        compare([chosen.conv2d(x, w, *how)], [y], rung)
        g = y.astype(np.float32)
        back = NumpyBackend().conv2d_input(y, exact(w), (6, 6), *how)
        compare([chosen.conv2d_input(g, w, (6, 6), *how)], [back], rung)
        back = NumpyBackend().conv2d_weight(y, exact(x), (3, 3), *how)
        compare([chosen.conv2d_weight(g, x, (3, 3), *how)], [back], rung)
    logits, target = numbers(3), abs(numbers(3, seed=1)) % 1
    loss, saved = be.bce_with_logits(logits, target)
    compare([loss], [NumpyBackend().bce_with_logits(exact(logits), exact(target))[0]], "cuda")
    compare([be.bce_with_logits_vjp(saved, (True, True), loss)[1]], [-loss * logits], "cuda")
    a, b, c, wide = numbers(5, 9), numbers(9, 7, seed=1), np.empty((5, 7), np.float32), WIDE["v8_tf32"]
    grid, block, shared = wide.launch(5, 7)
    args = [a, b, c, 5, 7, 9, 9, 1, 0, 7, 1, 0]
    be.launcher(f"matmul/{wide.name}", wide.kernel, grid, block, args, shared, views=True)
    compare([c], [exact(a) @ exact(b)], wide.name)
    hyper, later = np.ones(2), np.zeros(1, np.int64)
    be.launch("adam/adam", "advance", (1,), (1,), [hyper, later, 3])
    assert hyper[1] == 2 and later[0] == 3


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
@pytest.mark.parametrize("op", ["batch_norm", "group_norm"])
def test_norms_of_what_no_block_keeps(op, sanitizer):
    be, (run, args, deltas) = backend(sanitizer), next(iter(CASES[op]()))
    be._kept = lambda *sizes, **more: (0, 0)
    compare(run(be, args, deltas), run(NumpyBackend(), exact(args), exact(deltas)), "cuda")


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_no_kernel_was_left_out(sanitizer):
    assert launched[sanitizer] == set(names())
