"""CppBackend equals NumpyBackend, method by method: for float32 by its kernels, for all else by handing over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen.backend.cpp import CppBackend
from minigen.backend.numpy import NumpyBackend

CPP, NUMPY = CppBackend(), NumpyBackend()
RNG = np.random.default_rng(0)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def near(got, want, dtype):
    """Equal results, however they are nested; the same types and shapes. None stands for a gradient not asked for."""
    if got is None or want is None:
        assert got is want
    elif isinstance(want, tuple):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            near(g, w, dtype)
    else:
        assert got.dtype == want.dtype and got.shape == want.shape
        tolerance = 2e-5 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def random(dtype, *shape):
    return RNG.standard_normal(shape).astype(dtype)


BATCHES = [
    ((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)),
    ((7, 1, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 5)), ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((0, 3, 4), (4, 5)),
    ((0, 3, 4), (0, 4, 5)),
]  # fmt: skip


@dtypes
@pytest.mark.parametrize(("x", "y"), BATCHES)
def test_matmul_broadcasts(dtype, x, y):
    x, y = random(dtype, *x), random(dtype, *y)
    near(CPP.matmul(x, y), np.matmul(x, y), dtype)


def test_matmul_of_views_and_mixed_types():
    a, b = random(np.float32, 6, 8), random(np.float32, 8, 6)
    for x, y in ((a.T, b.T), (a[::2, ::-1], b[::-1]), (a, b.astype(np.float64)), (a.astype(">f4"), b)):
        near(CPP.matmul(x, y), np.matmul(x, y), np.float32)
    record = np.zeros(6, dtype=[("tag", "i1"), ("row", "f4", 8)])  # floats at odd addresses, 33 bytes apart
    record["row"] = a
    near(CPP.matmul(record["row"], b), a @ b, np.float32)
    with pytest.raises(ValueError, match="mismatch"):
        CPP.matmul(a, a)


@pytest.mark.parametrize("rung", CPP.kernels["matmul"])
def test_a_rung_by_name(rung):
    x, y = random(np.float32, 9, 30), random(np.float32, 30, 11)
    near(CPP.with_kernel("matmul", rung).matmul(x, y), x @ y, np.float32)


@pytest.mark.parametrize("rung", CPP.kernels["conv2d"])
def test_a_rung_of_convolution_by_name(rung):
    x, w, how = random(np.float32, 2, 3, 8, 8), random(np.float32, 4, 3, 3, 3), ((2, 2), (1, 1), (1, 1), 1)
    near(CPP.with_kernel("conv2d", rung).conv2d(x, w, *how), NUMPY.conv2d(x, w, *how), np.float32)


@dtypes
@given(groups=st.sampled_from([1, 2]), stride=st.integers(1, 3), padding=st.integers(0, 2), dilation=st.integers(1, 2))
@settings(max_examples=20)
def test_convolution(dtype, groups, stride, padding, dilation):
    x, w = random(dtype, 2, 4, 9, 8), random(dtype, 6, 4 // groups, 3, 2)
    how = ((stride, 1), (padding, 1), (dilation, 1), groups)
    y = NUMPY.conv2d(x, w, *how)
    g = random(dtype, *y.shape[::-1]).T  # any strides are welcome
    near(CPP.conv2d(x, w, *how), y, dtype)
    near(CPP.conv2d_input(g, w, (9, 8), *how), NUMPY.conv2d_input(g, w, (9, 8), *how), dtype)
    near(CPP.conv2d_weight(g, x, (3, 2), *how), NUMPY.conv2d_weight(g, x, (3, 2), *how), dtype)


FUSED = {
    "relu": lambda dtype: (random(dtype, 5, 7),),
    "leaky_relu": lambda dtype: (random(dtype, 5, 7), 0.2),
    "tanh": lambda dtype: (random(dtype, 5, 7),),
    "sigmoid": lambda dtype: (random(dtype, 7, 5).T,),
    "bce_with_logits": lambda dtype: (random(dtype, 5, 7), abs(random(dtype, 5, 7))),
    "batch_norm": lambda dtype: (random(dtype, 5, 3, 7, 2), random(dtype, 3), random(dtype, 3), 1e-5),
    "layer_norm": lambda dtype: (random(dtype, 5, 3, 7, 2), random(dtype, 7, 2), random(dtype, 7, 2), 2, 1e-5),
    "gelu": lambda dtype: (random(dtype, 7, 5).T, "none"),
    "silu": lambda dtype: (random(dtype, 5, 7),),
    "softplus": lambda dtype: (random(dtype, 5, 7),),
    "softmax": lambda dtype: (random(dtype, 3, 5, 7), 2),
    "log_softmax": lambda dtype: (random(dtype, 3, 5, 7), -1),
}


@dtypes
@pytest.mark.parametrize("name", FUSED)
def test_fused_pairs(dtype, name):
    arguments = FUSED[name](dtype)
    (fast, fast_saved), (slow, slow_saved) = (getattr(be, name)(*arguments) for be in (CPP, NUMPY))
    near(fast, slow, dtype)
    delta = random(dtype, *arguments[0].shape[::-1]).T
    for mask in ((True, True, True), (True, False, False), (False, True, True)):
        inputs = {"bce_with_logits": 2, "batch_norm": 3, "layer_norm": 3}.get(name, 1)
        fast, slow = (
            getattr(be, name + "_vjp")(saved, mask[:inputs], delta)
            for be, saved in ((CPP, fast_saved), (NUMPY, slow_saved))
        )
        if inputs > 1 or mask[0]:
            near(tuple(fast), tuple(slow), dtype)


@dtypes
def test_batch_norm_without_weight_on_a_table(dtype):
    x = random(dtype, 9, 4)
    near(CPP.batch_norm(x, None, None, 1e-5)[0], NUMPY.batch_norm(x, None, None, 1e-5)[0], dtype)


def test_optimisers_of_mixed_types_and_strides():
    def parameters():
        rng = np.random.default_rng(3)
        make = [
            lambda: rng.random((3, 4), np.float32),
            lambda: rng.random((4, 3)),
            lambda: rng.random((4, 6), np.float32).T,
        ]
        return [[f() for f in make] for _ in range(4)]

    fast, slow = parameters(), parameters()
    CPP.adam(*fast, 1e-3, 0.9, 0.999, 1e-8, 0.01, 2)
    NUMPY.adam(*slow, 1e-3, 0.9, 0.999, 1e-8, 0.01, 2)
    near(tuple(map(tuple, fast)), tuple(map(tuple, slow)), np.float32)
    for velocities in (True, False):
        CPP.sgd(*fast[:2], fast[2] if velocities else None, 0.1, 0.9, 0.1, 0.01, velocities)
        NUMPY.sgd(*slow[:2], slow[2] if velocities else None, 0.1, 0.9, 0.1, 0.01, velocities)
        near(tuple(map(tuple, fast)), tuple(map(tuple, slow)), np.float32)


def test_philox_and_threads():
    np.testing.assert_array_equal(CPP.philox(2**64 - 1, 5, 1001), NUMPY.philox(2**64 - 1, 5, 1001))
    before = CPP.get_num_threads()
    CPP.set_num_threads(3)
    assert CPP.get_num_threads() == 3
    CPP.set_num_threads(before)


@dtypes
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, 1, -2])
def test_probabilities_along_other_dimensions(dtype, name, dim):
    x, delta = random(dtype, 4, 5, 3), random(dtype, 4, 5, 3)
    (fast, fast_saved), (slow, slow_saved) = (getattr(be, name)(x, dim) for be in (CPP, NUMPY))
    near(fast, slow, dtype)
    pairs = ((CPP, fast_saved), (NUMPY, slow_saved))
    near(*(getattr(be, name + "_vjp")(saved, (True,), delta)[0] for be, saved in pairs), dtype)


@dtypes
@pytest.mark.parametrize("kind", [np.int64, np.int32])
@pytest.mark.parametrize("reduction, outputs", [("none", (6,)), ("mean", ()), ("sum", ())])
def test_cross_entropy(dtype, kind, reduction, outputs):
    x, labels, delta = random(dtype, 6, 9), RNG.integers(0, 9, 6).astype(kind), np.asarray(random(dtype, *outputs))
    (fast, fast_saved), (slow, slow_saved) = (be.cross_entropy(x, labels, reduction) for be in (CPP, NUMPY))
    near(fast, slow, dtype)
    mask = (True, False)
    near(CPP.cross_entropy_vjp(fast_saved, mask, delta), NUMPY.cross_entropy_vjp(slow_saved, mask, delta), dtype)


INPUTS, STATES = 7, 19


def layer(dtype, gates, T, N=3):
    """x, h, w_ih, w_hh of a recurrent layer."""
    return (
        random(dtype, T, N, INPUTS), random(dtype, N, STATES),
        random(dtype, gates * STATES, INPUTS) / 4, random(dtype, gates * STATES, STATES) / 4,
    )  # fmt: skip


@dtypes
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("T", [0, 1, 5])
def test_rnn_through_time(dtype, reverse, bias, T):
    x, h, w_ih, w_hh = layer(dtype, 1, T)
    b = random(dtype, STATES) if bias else None
    for nonlinearity in ("tanh", "relu"):
        (fast, fast_saved), (slow, slow_saved) = (
            be.rnn(x, h, w_ih, w_hh, b, nonlinearity, reverse) for be in (CPP, NUMPY)
        )
        near(fast, slow, dtype)
        if T:
            delta, mask = random(dtype, T, *h.shape), (True, True, True, True, bias)
            near(CPP.rnn_vjp(fast_saved, mask, delta), NUMPY.rnn_vjp(slow_saved, mask, delta), dtype)


@dtypes
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("T", [0, 1, 5])
def test_lstm_through_time(dtype, reverse, bias, T):
    x, h, w_ih, w_hh = layer(dtype, 4, T)
    c, b = random(dtype, *h.shape), random(dtype, 4 * STATES) if bias else None
    (fast, fast_saved), (slow, slow_saved) = (be.lstm(x, h, c, w_ih, w_hh, b, reverse) for be in (CPP, NUMPY))
    near(fast, slow, dtype)
    if not T:
        return
    both = random(dtype, T, *h.shape), random(dtype, *h.shape)
    for dhs, dc in (both, (None, both[1]), (both[0], None)):
        for mask in ((True,) * 5 + (bias,), (True, True, True, False, True, False)):
            near(CPP.lstm_vjp(fast_saved, mask, dhs, dc), NUMPY.lstm_vjp(slow_saved, mask, dhs, dc), dtype)


@dtypes
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("T", [0, 1, 5])
def test_gru_through_time(dtype, reverse, bias, T):
    x, h, w_ih, w_hh = layer(dtype, 3, T)
    b_ih, b_hh = (random(dtype, 3 * STATES) if bias else None for _ in range(2))
    (fast, fast_saved), (slow, slow_saved) = (be.gru(x, h, w_ih, w_hh, b_ih, b_hh, reverse) for be in (CPP, NUMPY))
    near(fast, slow, dtype)
    if T:
        delta, mask = random(dtype, T, *h.shape), (True, True, True, True, bias, bias)
        near(CPP.gru_vjp(fast_saved, mask, delta), NUMPY.gru_vjp(slow_saved, mask, delta), dtype)
