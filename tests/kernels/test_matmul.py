"""Every rung of the CUDA matmul ladder is the matrix product: all sizes, layouts and batches, in both thread orders.

The launches are checked ones: no access outside of an array, no read of what nobody wrote, no race.
"""

import numpy as np
import pytest
from minigen.kernels import emulator
from minigen.kernels.cuda.matmul import RUNGS, WIDE, fitting
from products import check, matrix, multiply

# 0 and 1, primes, and one less and more than the tiles' edges
SIZES = [
    (1, 1, 1), (1, 1, 0), (5, 3, 0), (2, 37, 3), (31, 1, 7), (33, 17, 19), (1, 65, 8), (65, 63, 9), (127, 129, 17),
    (129, 127, 15), (128, 128, 16), (64, 192, 32), (131, 5, 33), (4, 132, 20),
    (130, 260, 40), (20, 36, 200), (17, 19, 161),
]  # fmt: skip
LAYOUTS = ("nn", "nt", "tn", "tt")


@pytest.fixture(scope="module", params=[*RUNGS.values(), *WIDE.values()], ids=lambda rung: rung.kernel)
def rung(request):
    return request.param


@pytest.fixture(scope="module")
def kernel(rung):
    return emulator.load(rung.path, checked=True).get_function(rung.kernel)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: "x".join(map(str, s)))
def test_is_the_product(rung, kernel, guarded, size):
    M, N, K = size
    rng = np.random.default_rng(sum(size))
    for layout in LAYOUTS if M * N * K < 50_000 else LAYOUTS[sum(size) % 4 :][:1]:
        a, b = matrix(rng, 1, M, K, layout[0]), matrix(rng, 1, K, N, layout[1])
        with guarded() as empty:
            forward, reverse = (multiply(kernel, rung, a, b, empty(1, M, N), order) for order in ("forward", "reverse"))
        check(rung, forward, a, b)
        np.testing.assert_array_equal(forward, reverse)


@pytest.mark.parametrize("layouts", ["nn", "tt", "ss", "ns"])
@pytest.mark.parametrize("repeated", ["neither", "a", "b"])
def test_batches(rung, kernel, guarded, layouts, repeated):
    rng = np.random.default_rng(0)
    a, b = matrix(rng, 3, 35, 12, layouts[0]), matrix(rng, 3, 12, 36, layouts[1])
    a, b = (np.broadcast_to(x[:1], x.shape) if name == repeated else x for name, x in (("a", a), ("b", b)))
    with guarded() as empty:
        out = multiply(kernel, rung, a, b, empty(3, 35, 36))
    check(rung, out, a, b)


def test_any_alignment(rung, kernel, guarded):
    """A matrix whose first number, or whose rows, begin beside a multiple of 16 bytes."""
    rng = np.random.default_rng(1)
    for start, width in ((1, 40), (2, 41), (0, 42), (4, 44)):
        a = rng.standard_normal((1, 36, width), np.float32)[:, :, start : start + 20]
        b = rng.standard_normal((1, 20, width), np.float32)[:, :, start : start + 36]
        with guarded() as empty:
            out = multiply(kernel, rung, a, b, empty(1, 36, 36))
        check(rung, out, a, b)


def test_infinity_and_nan_reach_the_result(rung, kernel):
    a, b = np.ones((1, 3, 4), np.float32), np.ones((1, 4, 40), np.float32)
    a[0, 1, 2], b[0, 0, 39] = np.inf, np.nan
    out = multiply(kernel, rung, a, b, emulator.empty((1, 3, 40)))[0]
    assert np.isnan(out[:, 39]).all() and (out[1, :39] == np.inf).all() and (out[[0, 2], :39] == 4).all()


def test_what_one_launch_cannot_do_is_refused(rung):
    with pytest.raises(ValueError, match=r"batches <= 65535, got M = 1, N = 2, batches = 65536"):
        rung.launch(1, 2, 65536)
    with pytest.raises(ValueError, match=r"1 <= M"):
        rung.launch(0, 2)


def test_wide_tiles_are_for_products_that_have_many():
    assert fitting("v8_tf32", 1024, 1024, 1, 132) is RUNGS["v8_tf32"]
    assert fitting("v8_tf32", 4096, 4096, 1, 132) is WIDE["v8_tf32"]
    assert fitting("v6_vector", 4096, 4096, 1, 132) is RUNGS["v6_vector"]
