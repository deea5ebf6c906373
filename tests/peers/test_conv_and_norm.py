"""Convolution over its settings, and batch norm with its running statistics."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
import minigen.functional as F

TF = torch.nn.functional
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])  # the C++ kernels take over for float32
@settings(max_examples=100)
@given(
    stride=PAIRS, dilation=PAIRS, kernel=PAIRS, padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    groups=st.sampled_from([1, 1, 2, 3]), channels=st.integers(1, 2), outputs=st.integers(1, 2), bias=st.booleans(),
    size=st.tuples(st.integers(1, 8), st.integers(1, 8)), extra=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    batch=st.integers(0, 2),
)  # fmt: skip
def test_convolution_and_its_transpose(
    agree, dtype, stride, dilation, kernel, padding, groups, channels, outputs, bias, size, extra, batch
):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    exactness = {"twice": True} if dtype == np.float64 else {"twice": False, "rtol": 1e-4}
    b = [draw(outputs * groups)] if bias else []
    x = draw(batch, channels * groups, *size)
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if all(n + 2 * p >= d * (k - 1) + 1 for n, p, d, k in zip(size, padding, dilation, kernel, strict=True)):
        w = draw(outputs * groups, channels, *kernel)
        agree(lambda *a: F.conv2d(*a, **how), lambda *a: TF.conv2d(*a, **how), x, w, *b, **exactness)
    how["output_padding"] = tuple(min(e, max(s, d) - 1) for e, s, d in zip(extra, stride, dilation, strict=True))
    result = [
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(size, stride, padding, dilation, kernel, how["output_padding"], strict=True)
    ]
    if min(result) >= 1:
        w = draw(channels * groups, outputs, *kernel)
        both = (lambda *a, f=f: f.conv_transpose2d(*a, **how) for f in (F, TF))
        agree(*both, x, w, *b, **exactness)


@pytest.mark.parametrize("padding", ["same", "valid", 1, (0, 2)])
@pytest.mark.parametrize(("kernel", "dilation"), list(itertools.product([(3, 3), (2, 4), (1, 5)], [1, 2])))
def test_padding_by_name(agree, numbers, padding, kernel, dilation):
    x, w = numbers(2, 3, 9, 10), numbers(4, 3, *kernel)
    agree(*(lambda x, w, f=f: f.conv2d(x, w, padding=padding, dilation=dilation) for f in (F, TF)), x, w)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 7), (2, 3, 4, 5)])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(agree, near, numbers, shape, affine, training):
    x, parameters = numbers(*shape), [numbers(3), numbers(3)] if affine else []
    start = [numbers(3), numbers(3, low=0.5)]
    mine, theirs = ([make(s) for s in start] for make in (minigen.tensor, torch.tensor))
    how = {"training": training, "momentum": 0.3, "eps": 1e-3}
    agree(
        lambda x, *wb: F.batch_norm(x, *mine, *wb, **how), lambda x, *wb: TF.batch_norm(x, *theirs, *wb, **how),
        x, *parameters,
    )  # fmt: skip
    for name, a, b, before in zip(("running_mean", "running_var"), mine, theirs, start, strict=True):
        near(name, a, b)
        assert np.array_equal(a.numpy(), before) != training


@pytest.mark.parametrize(
    ("shape", "name"), [((6, 3), "BatchNorm1d"), ((4, 3, 5), "BatchNorm1d"), ((2, 3, 4, 4), "BatchNorm2d")]
)
@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_a_batch_norm_layer_in_training_and_after(near, numbers, shape, name, momentum):
    mine, theirs = (getattr(m.nn, name)(3, momentum=momentum).double() for m in (minigen, torch))
    for step in range(4):
        x = numbers(*shape) * (step + 1) + step
        near(f"step {step}", mine(minigen.tensor(x)), theirs(torch.tensor(x)))
    for key, value in theirs.state_dict().items():
        near(key, mine.state_dict()[key], value)
    mine.eval(), theirs.eval()
    near("evaluation", mine(minigen.tensor(x)), theirs(torch.tensor(x)))
