"""Every barrier and every bounds check of the matmul ladder is needed, and these tests notice when one is missing."""

import numpy as np
import pytest
from minigen.kernels import emulator
from minigen.kernels.cuda.matmul import RUNGS, WIDE
from minigen.kernels.source import inlined
from mutants import files_of, planted, switched_on
from products import check, matrix, multiply

# M, N, K, layouts, batches: edges inside tiles, rows that can and cannot be read 16 bytes at a time, several blocks
CASES = [
    (34, 44, 20, "nn", 2), (36, 40, 20, "tt", 1), (33, 37, 19, "nn", 1), (5, 130, 9, "nt", 1), (132, 6, 36, "tn", 1),
    (3, 3, 2, "nn", 1), (132, 260, 20, "nn", 1),
]  # fmt: skip


def plan():
    """[(rung, files whose mistakes are tried on it)]: each helper once, on the first rung that includes it."""
    done, found = set(), []
    for rung in RUNGS.values():
        own = [name for name in files_of(inlined(rung.path)) if name not in done and name != "ptx.cuh"]
        done.update(own)
        found.append((rung, own))
    return found


def try_all(rung, kernel):
    for M, N, K, layouts, batches in CASES:
        rng = np.random.default_rng(M)
        a, b = matrix(rng, batches, M, K, layouts[0]), matrix(rng, batches, K, N, layouts[1])
        check(rung, multiply(kernel, rung, a, b, emulator.empty((batches, M, N))), a, b)


@pytest.mark.parametrize(("rung", "files"), plan(), ids=lambda x: x.name if hasattr(x, "name") else "")
def test_every_barrier_and_bounds_check_is_missed(rung, files):
    text, mutants = planted(inlined(rung.path), set(files))
    module = emulator.load(code=text, name=rung.path.name, checked=True)
    both = [(r, module.get_function(r.kernel)) for r in (rung, WIDE.get(rung.name)) if r]
    assert mutants
    for pair in both:
        try_all(*pair)
    unnoticed = []
    for mutant in mutants:
        try:
            with switched_on(module, mutant):
                for pair in both:
                    try_all(*pair)
        except (AssertionError, emulator.KernelError):
            continue
        unnoticed.append(str(mutant))
    assert not unnoticed


def test_the_plan_holds_every_file():
    tried = {name for _, files in plan() for name in files}
    assert tried == {"quad.cuh", *(path.name for path in next(iter(RUNGS.values())).path.parent.glob("*.cu*"))}


def test_planting():
    text = '#line 1 "k.cu"\nif (i < n && (int)j >= p.rows) return;\n__syncthreads();  // i < n\n'
    text += "for (; i < n;) f<3>(x ? i < n : 0);\n"
    changed, mutants = planted(text, {"k.cu"})
    assert [str(m) for m in mutants] == [
        "k.cu:1 without i < n", "k.cu:1 without (int)j >= p.rows", "k.cu:2 without __syncthreads()",
        "k.cu:3 without i < n",
    ]  # fmt: skip
    assert "if ((mutant == 0 || i < n) && (mutant != 1 && (int)j >= p.rows)) return;" in changed
    assert "if (mutant != 2) __syncthreads();  // i < n\nfor (; i < n;)" in changed
    assert "f<3>(x ? (mutant == 3 || i < n) : 0);" in changed
