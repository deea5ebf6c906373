"""Adam and AdamW over lists of tensors: the formula in float64, every size, bits that threads don't change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu


def adam(w, g, m, v, lr, beta1, beta2, eps, weight_decay, step, decoupled):
    if decoupled:
        w = (1 - lr * weight_decay) * w
    else:
        g = g + weight_decay * w
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return w - lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v


@pytest.mark.parametrize("variant", _cpu.variants())
@settings(max_examples=30)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 2, 7, 16, 33, 8191, 8192, 8193, 20011]), max_size=5),
    lr=st.sampled_from([1e-3, 0.1]), beta1=st.sampled_from([0.0, 0.5, 0.9]), beta2=st.sampled_from([0.9, 0.999]),
    weight_decay=st.sampled_from([0.0, 0.01]), step=st.sampled_from([1, 2, 100, 10**6]), seed=st.integers(0, 2**32 - 1),
    decoupled=st.booleans(),
)  # fmt: skip
def test_equals_the_formula(guarded, variant, sizes, lr, beta1, beta2, weight_decay, step, seed, decoupled):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    options = (lr, beta1, beta2, 1e-8, weight_decay, step, decoupled)
    with guarded() as empty:
        lists = [[empty(n) for n in sizes] for _ in range(4)]
        for arrays in lists:
            for a in arrays:
                a[:] = rng.standard_normal(a.shape)
        for v in lists[3]:
            np.square(v, out=v)
        want = [adam(*(a.astype(np.float64) for a in row), *options) for row in zip(*lists, strict=True)]
        _cpu.adam(*lists, *options)
        for row, expected in zip(zip(*lists, strict=True), want, strict=True):
            for got, right in zip((row[0], row[2], row[3]), expected, strict=True):
                np.testing.assert_allclose(got, right, rtol=3e-6, atol=3e-6)


def test_any_number_of_threads_gives_the_same_bits():
    seen = set()
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        rng = np.random.default_rng(0)
        lists = [[np.abs(rng.standard_normal(n, np.float32)) for n in (50000, 3, 9000)] for _ in range(4)]
        _cpu.adam(*lists, 1e-3, 0.9, 0.999, 1e-8, 0.0, 3)
        seen.add(b"".join(a.tobytes() for arrays in lists for a in arrays))
    assert len(seen) == 1
