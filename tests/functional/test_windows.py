"""Pooling, windows, sizes and lines: against loops that read as the definitions, in every memory layout."""

import itertools
import math

import numpy as np
import pytest
from fused_cases import LAYOUTS, laid_out
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
import minigen.functional as F

BACKENDS = [name for name, reason in minigen.backend.available().items() if not reason]
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def settings_of(draw, dilated=True):
    """Images in some layout, and windows of which each sees a part of them."""
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2))) if dilated else (1, 1)
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    least = [max(d * (k - 1) + 1 - 2 * p, 1 + p) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = [draw(st.integers(n, n + 5)) for n in least]
    x = np.random.default_rng(draw(SEEDS)).uniform(-3, 3, (*draw(st.sampled_from([(2, 3), (1, 1), (1, 0)])), *size))
    how = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return laid_out(x.astype(draw(st.sampled_from([np.float32, np.float64]))), draw(st.sampled_from(LAYOUTS))), how


def places(x, kernel_size, stride, padding, dilation):
    """(i, j, window number i W + j, positions of its taps inside the image), in order; how many windows there are."""
    sizes = zip(x.shape[2:], kernel_size, stride, padding, dilation, strict=True)
    out = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes]
    found = []
    for i, j in itertools.product(*map(range, out)):
        taps = [
            (i * stride[0] + p * dilation[0] - padding[0], j * stride[1] + q * dilation[1] - padding[1])
            for p, q in itertools.product(*map(range, kernel_size))
        ]
        found.append((i, j, taps, [(h, w) for h, w in taps if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]]))
    return found, out


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_largest_of_each_window(backend):
    @settings(max_examples=60)
    @given(settings_of())
    def check(found):
        x, how = found
        windows, out = places(x, **how)
        with minigen.use_backend(backend):
            y, position = F.max_pool2d(minigen.from_numpy(x), **how, return_indices=True)
        assert y.shape == (*x.shape[:2], *out) and y.dtype == x.dtype and position.dtype == np.int64
        for i, j, _, inside in windows:
            seen = np.stack([x[:, :, h, w] for h, w in inside])
            np.testing.assert_array_equal(y.numpy()[:, :, i, j], seen.max(axis=0))
            first = np.array([h * x.shape[3] + w for h, w in inside])[seen.argmax(axis=0)]
            np.testing.assert_array_equal(position.numpy()[:, :, i, j], first)

    check()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_mean_of_each_window(backend):
    @settings(max_examples=60)
    @given(settings_of(dilated=False), st.booleans())
    def check(found, include):
        x, how = found
        windows, out = places(x, **how)
        del how["dilation"]
        with minigen.use_backend(backend):
            y = F.avg_pool2d(minigen.from_numpy(x), **how, count_include_pad=include)
        assert y.shape == (*x.shape[:2], *out) and y.dtype == x.dtype
        for i, j, taps, inside in windows:
            total = sum(x[:, :, h, w].astype(np.float64) for h, w in inside)
            want = total / len(taps if include else inside)
            np.testing.assert_allclose(y.numpy()[:, :, i, j], want, rtol=1e-5, atol=1e-6)

    check()


@settings(max_examples=60)
@given(settings_of(), SEEDS)
def test_windows_as_columns_and_back(found, seed):
    """unfold by its definition; fold is its transpose: <unfold x, c> = <x, fold c>."""
    x, how = found
    windows, out = places(x, **how)
    columns = F.unfold(minigen.from_numpy(x), **how)
    taps = math.prod(how["kernel_size"])
    assert columns.shape == (len(x), x.shape[1] * taps, math.prod(out)) and columns.dtype == x.dtype
    for number, (_, _, seen, _) in enumerate(windows):
        for k, (h, w) in enumerate(seen):
            inside = 0 <= h < x.shape[2] and 0 <= w < x.shape[3]
            want = x[:, :, h, w] if inside else np.zeros(x.shape[:2])
            np.testing.assert_array_equal(columns.numpy()[:, k::taps, number], want)
    c = np.random.default_rng(seed).uniform(-1, 1, columns.shape)
    back = F.fold(minigen.from_numpy(c), x.shape[2:], **how)
    assert back.shape == x.shape
    assert np.vdot(columns.numpy(), c) == pytest.approx(np.vdot(x, back.numpy()), rel=1e-5, abs=1e-5)


def test_fold_counts_how_often_a_pixel_was_seen():
    seen = F.fold(F.unfold(minigen.ones(1, 1, 4, 4), 3), 4, 3)
    assert seen[0, 0].tolist() == np.outer([1, 2, 2, 1], [1, 2, 2, 1]).tolist()


@settings(max_examples=60)
@given(st.integers(1, 12), st.integers(0, 14), st.sampled_from(LAYOUTS))
def test_adaptive_windows(n, out, layout):
    x = laid_out(np.random.default_rng(n).uniform(-1, 1, (2, 3, n)), layout)
    y = F.adaptive_avg_pool1d(minigen.from_numpy(x), out).numpy()
    assert y.shape == (2, 3, out)
    for i in range(out):
        a, b = math.floor(i * n / out), math.ceil((i + 1) * n / out)
        np.testing.assert_allclose(y[:, :, i], x[:, :, a:b].mean(axis=2), rtol=1e-12, atol=1e-15)


@settings(max_examples=80)
@given(st.integers(1, 8), st.integers(1, 12), st.sampled_from(LAYOUTS), st.booleans())
def test_interpolation_by_its_formula(n, out, layout, corners):
    x = laid_out(np.random.default_rng(n).uniform(-1, 1, (2, 3, n)), layout)
    t = minigen.from_numpy(x)
    i = np.arange(out)
    # 1e-6: in float32, as here, i n / out may round up to the next whole number, never down from one it is
    low = np.minimum(np.floor(i * n / out + 1e-6).astype(int), n - 1)
    np.testing.assert_array_equal(F.interpolate(t, out).numpy(), x[:, :, low])
    middle = np.minimum(np.floor((i + 0.5) * n / out + 1e-6).astype(int), n - 1)
    np.testing.assert_array_equal(F.interpolate(t, out, mode="nearest-exact").numpy(), x[:, :, middle])
    place = i * (n - 1) / max(out - 1, 1) if corners else np.clip((i + 0.5) * n / out - 0.5, 0, n - 1)
    want = [[np.interp(place, np.arange(n), row) for row in image] for image in x]
    got = F.interpolate(t, out, mode="linear", align_corners=corners)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-12, atol=1e-14)


def test_pixels_and_channels():
    x = np.arange(2 * 8 * 2 * 3.0).reshape(2, 8, 2, 3)
    y = F.pixel_shuffle(minigen.tensor(x), 2)
    assert y.shape == (2, 2, 4, 6)
    for c, i, j, h, w in itertools.product(range(2), range(2), range(2), range(2), range(3)):
        np.testing.assert_array_equal(y.numpy()[:, c, 2 * h + i, 2 * w + j], x[:, 4 * c + 2 * i + j, h, w])
    np.testing.assert_array_equal(F.pixel_unshuffle(y, 2).numpy(), x)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=60)
@given(st.data())
def test_a_convolution_of_lines(backend, data):
    k, s, d, g = (data.draw(st.integers(1, 3)) for _ in range(4))
    p, extra = data.draw(st.integers(0, 2)), data.draw(st.integers(0, max(s, d) - 1))
    n = data.draw(st.integers(max(d * (k - 1) + 1 - 2 * p, 1), 9))
    rng = np.random.default_rng(data.draw(SEEDS))
    x, w, b = (rng.uniform(-1, 1, shape) for shape in ((2, 2 * g, n), (3 * g, 2, k), (3 * g,)))
    x, w = (laid_out(a, data.draw(st.sampled_from(LAYOUTS))) for a in (x, w))
    with minigen.use_backend(backend):
        y = F.conv1d(*map(minigen.from_numpy, (x, w, b)), s, p, d, g).numpy()
    padded = np.pad(x, ((0, 0), (0, 0), (p, p)))
    assert y.shape == (2, 3 * g, (n + 2 * p - d * (k - 1) - 1) // s + 1)
    for i, o in itertools.product(range(y.shape[2]), range(3 * g)):
        group = slice(2 * (o // 3), 2 * (o // 3) + 2)
        window = padded[:, group, i * s : i * s + d * (k - 1) + 1 : d]
        np.testing.assert_allclose(y[:, o, i], (window * w[o]).sum(axis=(1, 2)) + b[o], rtol=1e-9, atol=1e-12)
    size = (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
    if size < 1:
        return
    w = rng.uniform(-1, 1, (2 * g, 3, k))
    with minigen.use_backend(backend):
        z = F.conv_transpose1d(minigen.from_numpy(x), minigen.from_numpy(w), None, s, p, extra, g, d).numpy()
    full = np.zeros((2, 3 * g, size + 2 * p + n * s))
    for i, c, t in itertools.product(range(n), range(2 * g), range(k)):
        full[:, 3 * (c // 2) : 3 * (c // 2) + 3, i * s + d * t] += x[:, c, i, None] * w[c, :, t]
    np.testing.assert_allclose(z, full[:, :, p : p + size], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("function", [
    lambda x: F.max_pool2d(x, 2), lambda x: F.avg_pool2d(x, 2), lambda x: F.adaptive_avg_pool2d(x, 3),
    lambda x: F.conv2d(x, minigen.ones(2, 3, 2, 2)), lambda x: F.conv_transpose2d(x, minigen.ones(3, 2, 2, 2)),
    lambda x: F.unfold(x, 2), lambda x: F.pixel_shuffle(x[..., :1, :, :].repeat_interleave(4, dim=-3), 2),
])  # fmt: skip
def test_one_image_without_its_batch(function):
    x = minigen.randn(3, 4, 5, generator=minigen.Generator(0))
    assert function(x).tolist() == function(x.unsqueeze(0))[0].tolist()


def test_nothing_but_the_result_shares_memory():
    """A result that equals its input is a copy where PyTorch's is: writing to one leaves the other."""
    x = minigen.ones(1, 1, 2, 2)
    for same in (F.adaptive_avg_pool2d(x, 2), F.max_pool2d(x, 1), F.avg_pool2d(x, 1), F.interpolate(x, 2)):
        assert same.tolist() == x.tolist() and not np.shares_memory(same.array, x.array)
