"""Attention in C++: the formulas in float64 at odd sizes and strides, guard bands, the same bits for any threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen import _cpu, fused, reference
from minigen import functional as F

variants = pytest.mark.parametrize("variant", _cpu.variants())
lengths = st.sampled_from([0, 1, 2, 7, 15, 16, 17, 63, 64, 65, 127, 128, 129, 200, 257])
widths = st.sampled_from([0, 1, 3, 8, 16, 17, 32, 64, 65, 128, 129, 256])
seeds = st.integers(0, 2**32 - 1)


def textbook(q, k, v, delta, scale, causal, kept=None):
    """y, dq, dk, dv in float64."""
    kept = 1.0 if kept is None else kept.astype(np.float64)
    q, k, v, delta = (x.astype(np.float64) for x in (q, k, v, delta))
    scores = q @ np.swapaxes(k, -1, -2) * scale
    if causal:
        scores[..., ~np.tri(*scores.shape[-2:], dtype=bool)] = -np.inf
    p = np.exp(scores - scores.max(axis=-1, keepdims=True, initial=-1e30))
    total = p.sum(axis=-1, keepdims=True)
    p /= np.where(total == 0, 1, total)
    dp = delta @ np.swapaxes(v, -1, -2) * kept
    ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True)) * scale
    p *= kept
    return p @ v, ds @ k, np.swapaxes(ds, -1, -2) @ q, np.swapaxes(p, -1, -2) @ delta


def run(empty, q, k, v, delta, scale, causal, wanted=(True, True, True), kept=None):
    top, inverse = empty(*q.shape[:3]), empty(*q.shape[:3])
    y = empty(*(delta.shape[i] for i in (0, 2, 1, 3))).transpose(0, 2, 1, 3)  # rows of a head are not neighbours
    _cpu.attention(q, k, v, scale, causal, y, top, inverse, kept)
    grads = [empty(*x.shape) if need else None for x, need in zip((q, k, v), wanted, strict=True)]
    _cpu.attention_vjp(delta, q, k, v, y, top, inverse, scale, causal, *grads, kept=kept)
    return y, *grads


def strided(rng, layout, *shape):
    N, H, L, E = shape
    if layout == "projected":  # the heads of one projection (N, L, H E)
        return rng.standard_normal((N, L, H, E), np.float32).transpose(0, 2, 1, 3)
    if layout == "reversed":
        return rng.standard_normal(shape, np.float32)[..., ::-1, :]
    if layout == "columns":
        return rng.standard_normal((N, H, E, L), np.float32).transpose(0, 1, 3, 2)
    return rng.standard_normal(shape, np.float32)


@variants
@settings(max_examples=60, deadline=None)
@given(
    batch=st.sampled_from([(1, 1), (2, 3), (0, 2)]), L=lengths, S=lengths, E=widths, D=widths, causal=st.booleans(),
    square=st.booleans(), scale=st.sampled_from([0.125, 1.0]), seed=seeds,
    layout=st.sampled_from(["plain", "projected", "reversed", "columns"]),
    wanted=st.tuples(st.booleans(), st.booleans(), st.booleans()), dropped=st.booleans(),
)  # fmt: skip
def test_equals_the_textbook(guarded, variant, batch, L, S, E, D, causal, square, scale, seed, layout, wanted, dropped):
    _cpu.set_variant(variant)
    S, rng = L if square else S, np.random.default_rng(seed)
    shapes = (L, E), (S, E), (S, D), (L, D)
    q, k, v, delta = (strided(rng, layout, *batch, *shape) for shape in shapes)
    kept = rng.choice(np.float32([0, 1.25]), (*batch, L, S)) if dropped else None
    with guarded() as empty:
        got = run(empty, q, k, v, delta, scale, causal, wanted, kept)
    want = textbook(q, k, v, delta, scale, causal, kept)
    for name, g, w in zip(("y", "dq", "dk", "dv"), got, want, strict=True):
        if g is not None:
            near = 1e-4 * max(1, np.abs(w).max(initial=0))
            np.testing.assert_allclose(g, w, rtol=0, atol=near, err_msg=name)


@variants
@pytest.mark.parametrize("causal", [False, True])
def test_the_same_bits_for_any_number_of_threads(guarded, variant, causal):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(0)
    q, k, v, delta = (strided(rng, "projected", 2, 3, 300, 20) for _ in range(4))
    results = []
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        with guarded() as empty:
            results.append(run(empty, q, k, v, delta, 0.3, causal))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@variants
def test_hard_numbers(guarded, variant):
    """Scores of +-1e4 overflow no exponential; a query that may look nowhere gets 0; NaN stays where it can be seen."""
    _cpu.set_variant(variant)
    rng = np.random.default_rng(1)
    q, k, v, delta = (rng.standard_normal((1, 1, 150, 4), np.float32) for _ in range(4))
    with guarded() as empty:
        y, *grads = run(empty, q * 100, k * 100, v, delta, 1.0, True)
        assert all(np.isfinite(a).all() for a in (y, *grads))
        np.testing.assert_allclose(y, textbook(q * 100, k * 100, v, delta, 1.0, True)[0], atol=1e-2)
        low = np.full_like(q, -np.inf)
        y, *_ = run(empty, low, np.abs(k) + 1, v, delta, 1.0, False)
        assert (y == 0).all()
        v[0, 0, 70] = np.nan
        y, *_ = run(empty, q, k, v, delta, 1.0, True)
        assert np.isfinite(y[0, 0, :64]).all() and np.isnan(y[0, 0, 70:]).all()


def test_gradients_of_one_projection_are_one_array():
    """q, k and v cut out of one (N, L, 3 H E) array: their gradients lie as they do, so that joining them is a view."""
    rng = np.random.default_rng(2)
    joint = minigen.from_numpy(rng.standard_normal((2, 9, 3 * 4 * 5), np.float32)).requires_grad_()
    u = minigen.from_numpy(rng.standard_normal((2, 9, 20), np.float32))

    def attend():
        q, k, v = (x.reshape(2, 9, 4, 5).transpose(1, 2) for x in joint.chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return minigen.grad((y.transpose(1, 2).reshape(2, 9, 20) * u).sum(), joint)[0].numpy()

    with minigen.use_backend("numpy"):
        want = attend()
    with minigen.use_backend("cpp"):
        np.testing.assert_allclose(attend(), want, atol=1e-5)


def test_what_dropout_keeps_may_broadcast():
    """One mask for all heads, as the textbook takes it: the kernels take only a whole one."""
    rng = np.random.default_rng(3)
    q, k, v = (minigen.from_numpy(rng.standard_normal((2, 3, 5, 4), np.float32)) for _ in range(3))
    kept = minigen.from_numpy(rng.choice(np.float32([0, 2]), (5, 5)))
    with minigen.use_backend("cpp"):
        got = fused.attention(q, k, v, None, kept, scale=0.5, causal=True)
    want = reference.attention(q, k, v, None, kept, scale=0.5, causal=True)
    np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-5)


def test_arguments():
    x = np.zeros((1, 2, 3, 4), np.float32)
    row, out = np.zeros((1, 2, 3), np.float32), np.zeros_like(x)
    with pytest.raises(ValueError, match=r"k must have the shape \(1, 2, 3, 4\), got \(1, 2, 3, 5\)"):
        _cpu.attention(x, np.zeros((1, 2, 3, 5), np.float32), x, 1.0, True, out, row, row.copy())
    with pytest.raises(ValueError, match="y has elements that share memory"):
        _cpu.attention(x, x, x, 1.0, True, np.lib.stride_tricks.as_strided(out, strides=(0, 0, 0, 4)), row, row.copy())
    with pytest.raises(ValueError, match="share memory, and one of them is written"):
        _cpu.attention(x, x, x, 1.0, True, x, row, row.copy())
    with pytest.raises(TypeError, match="q must be float32"):
        _cpu.attention(x.astype(np.float64), x, x, 1.0, True, out, row, row.copy())
    with pytest.raises(ValueError, match=r"kept must have the shape \(1, 2, 3, 3\), got \(1, 2, 3, 4\)"):
        _cpu.attention(x, x, x, 1.0, True, out, row, row.copy(), x)
    packed = np.zeros((3, 1, 2, 3, 4), np.float32)
    with pytest.raises(ValueError, match="give packed or dq, dk and dv"):
        _cpu.attention_vjp(x, x, x, x, x, row, row, 1.0, True, out, None, None, packed)
