"""SGD over lists of tensors: the formula in float64, tensors of every size, bits that threads don't change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu


def sgd(w, g, v, lr, momentum, dampening, weight_decay, nesterov):
    g = g + weight_decay * w
    if v is None:
        return w - lr * g, None
    v = momentum * v + (1 - dampening) * g
    return w - lr * (g + momentum * v if nesterov else v), v


@pytest.mark.parametrize("variant", _cpu.variants())
@settings(max_examples=30)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 2, 7, 16, 33, 8191, 8192, 8193, 20011]), max_size=5),
    lr=st.sampled_from([1e-3, 0.1]), momentum=st.sampled_from([None, 0.5, 0.9]), dampening=st.sampled_from([0.0, 0.3]),
    weight_decay=st.sampled_from([0.0, 0.01]), nesterov=st.booleans(), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_equals_the_formula(guarded, variant, sizes, lr, momentum, dampening, weight_decay, nesterov, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    options = (lr, momentum or 0.0, dampening, weight_decay, nesterov)
    with guarded() as empty:
        ws, gs, vs = ([empty(n) for n in sizes] for _ in range(3))
        for a in (*ws, *gs, *vs):
            a[:] = rng.standard_normal(a.shape)
        before = [(w.astype(np.float64), g.copy(), v.astype(np.float64)) for w, g, v in zip(ws, gs, vs, strict=True)]
        _cpu.sgd(ws, gs, None if momentum is None else vs, *options)
        for (w, g, v), (w0, g0, v0) in zip(zip(ws, gs, vs, strict=True), before, strict=True):
            right_w, right_v = sgd(w0, g0.astype(np.float64), None if momentum is None else v0, *options)
            np.testing.assert_allclose(w, right_w, rtol=3e-6, atol=3e-6)
            np.testing.assert_allclose(v, v0 if right_v is None else right_v, rtol=3e-6, atol=3e-6)
            assert g.tobytes() == g0.tobytes()


def test_any_number_of_threads_gives_the_same_bits():
    seen = set()
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        rng = np.random.default_rng(0)
        lists = [[rng.standard_normal(n, np.float32) for n in (50000, 3, 9000)] for _ in range(3)]
        _cpu.sgd(*lists, 1e-2, 0.9, 0.0, 1e-3, True)
        seen.add(b"".join(a.tobytes() for arrays in lists for a in arrays))
    assert len(seen) == 1


@pytest.mark.parametrize("lists, message", [
    (lambda a: ([a], [a], None), "share memory"),
    (lambda a: ([a], [], None), "grads must have the same length as params, 1, got 0"),
    (lambda a: ([a], [a.copy()], [a[1:].copy()]), r"velocities\[0\] must have the shape \(4,\)"),
])  # fmt: skip
def test_wrong_lists_are_named(lists, message):
    with pytest.raises(ValueError, match=message):
        _cpu.sgd(*lists(np.ones(4, np.float32)), 0.1, 0.9, 0.0, 0.0, False)
