"""Every barrier and bounds check of the CUDA backend's kernels is needed, and the cases notice when one is missing.

All mutants of a file are switches in one library (tests/mutants.py). A helper that several files include is tried once.
"""

import functools

import numpy as np
import pytest
from minigen.kernels import emulator
from minigen.kernels.bench.kernel_cases import CASES, exact
from minigen.kernels.source import CUDA, inlined
from mutants import Mutant, files_of, planted, switched_on

from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.composed import LADDERS, OURS
from minigen.backend.cuda.launch import OPTIONS, Emulated
from minigen.backend.numpy import NumpyBackend

# Comparisons and barriers without which the same numbers come out: (file, what is missing): why.
UNNEEDED = {
    ("conv.cuh", "first < kernel"): "the number of taps comes out as 0 all the same",
    ("gather.cuh", "column0 >= f.columns"): "such a block stores nothing; it leaves earlier",
    ("gather.cuh", "row0 >= f.rows"): "such a block stores nothing; it leaves earlier",
    ("thin.cu", "blockIdx.x * LANES >= f.columns"): "such a block stores nothing; it leaves earlier",
    ("v1_direct.cu", "row >= f.rows"): "one block row is launched for each row",
    ("v3_gemm.cu", "blockIdx.x * TILE >= f.columns"): "such a block stores nothing; it leaves earlier",
    ("v3_gemm.cu", "blockIdx.y * TILE >= f.rows"): "such a block stores nothing; it leaves earlier",
}

RUNGS = [(op, rung) for op, ladder in LADDERS.items() if op != "matmul" for rung in ladder]


class Planted(Emulated):
    """The emulator with its eyes open, and mistakes to switch on in every file that it compiles."""

    def __init__(self):
        super().__init__(looks=True)
        self.planted, self.inside = {}, {}  # of this launcher alone: file -> module, file -> mutants

    def compile(self, file):
        if file not in self.planted:
            text = inlined(CUDA / f"{file}.cu")
            changed, self.inside[file] = planted(text, set(files_of(text)) - {"ptx.cuh"})  # it defines the barriers
            self.planted[file] = emulator.load(code=changed, name=f"{file}.cu", options=OPTIONS, checked=True)
        return self.planted[file]


@functools.cache
def truth(op):
    """[(case, what it should give)]"""
    with np.errstate(all="ignore"):
        return [(case, args, deltas, case(NumpyBackend(), exact(args), exact(deltas)))
                for case, args, deltas in CASES[op]()]  # fmt: skip


class Unwritten:
    """NumPy, but what ``empty`` gives counts as never written."""

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype):
        return emulator.empty(shape)


def try_all(op, rung, launcher, first=0):
    """Run the cases, those from ``first`` on before the others, until one is wrong; its number."""
    cases = truth(op)
    for n in [*range(first, len(cases)), *range(first)]:
        case, args, deltas, want = cases[n]
        be = CudaBackend(Unwritten(), launcher, "emulator", "cpu", OURS).with_kernel(op, rung)
        try:
            got = case(be, args, deltas)
        except emulator.KernelError:
            return n
        size = max([1.0] + [abs(np.asarray(w)).max(initial=0) for w in want if w is not None])
        pairs = zip(got, want, strict=True)
        rtol, atol = (4e-3, 4e-3 * size) if rung.endswith("tf32") else (2e-5, 4e-6 * size)
        if not all(g is w is None or np.allclose(g, w, rtol=rtol, atol=atol) for g, w in pairs):
            return n
    return None


noticed: set[Mutant] = set()  # by any op: a helper's mistake need not touch each of those that include it
unnoticed: set[Mutant] = set()


def place(mutant):
    return mutant._replace(number=0)


@pytest.mark.slow
@pytest.mark.parametrize(("op", "rung"), RUNGS)
def test_the_cases_pass_without_and_are_tried_with_each_mistake(op, rung):
    launcher, first = Planted(), 0
    assert try_all(op, rung, launcher) is None
    for file, mutants in launcher.inside.items():
        for mutant in mutants:
            if place(mutant) not in noticed:
                with switched_on(launcher.planted[file], mutant):
                    found = try_all(op, rung, launcher, first)
                (unnoticed if found is None else noticed).add(place(mutant))
                first = found or 0


@pytest.mark.slow
def test_every_missing_barrier_and_bounds_check_was_noticed():
    left = [m for m in unnoticed - noticed if (m.file, m.missing) not in UNNEEDED]
    assert not left, "\n".join(map(str, sorted(left)))
    assert noticed or not unnoticed, "nothing was tried"
