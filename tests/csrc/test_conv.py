"""Convolution and its two gradients against loops over taps in float64, for every rung and every instruction set."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from minigen import _cpu
from minigen.backend import conv as reference

RUNGS = _cpu.kernels()["conv2d"]
VARIANTS = _cpu.variants()


@st.composite
def problems(draw):
    """x (N, C, H, W), w (O, C / groups, KH, KW) and the attributes of a convolution that has at least one output."""
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    channels = st.sampled_from([1, 2, 3, 5, 8, 17])
    c, o = groups * draw(channels), groups * draw(channels)
    pair = lambda numbers: (draw(st.sampled_from(numbers)), draw(st.sampled_from(numbers)))  # noqa: E731
    size, kernel = pair([1, 2, 3, 5, 7, 8, 11, 16]), pair([1, 2, 3, 4, 5])
    stride, padding, dilation = pair([1, 1, 2, 2, 3]), pair([0, 0, 1, 2, 4]), pair([1, 1, 1, 2, 3])
    out = reference.output_size(size, kernel, stride, padding, dilation)
    assume(min(out) >= 1)
    n = draw(st.sampled_from([0, 1, 2, 3, 7]))
    shapes = (n, c, *size), (o, c // groups, *kernel), (n, o, *out)
    return shapes, (stride, padding, dilation, groups), draw(st.integers(0, 2**32 - 1))


def arrays(shapes, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def over_tiles(terms):
    """The largest sum of absolute terms in a map, for every place of it.

    Winograd's rounding is relative to all that its tile reads: even an output that sees nothing but padding carries
    some of its neighbours' error.
    """
    return np.broadcast_to(terms.max(axis=(-2, -1), keepdims=True, initial=0), terms.shape)


def biased(y, bias):
    return y + bias.astype(np.float64).reshape(-1, 1, 1)


def check(guarded, close, problem):
    """All three partial derivatives of S(x, w, g) = <g, conv2d(x, w)>, those like images with a bias, too."""
    shapes, attributes, seed = problem
    x, w, g = arrays(shapes, seed)
    size, kernel = x.shape[2:], w.shape[2:]
    expected = [
        (_cpu.conv2d, (x, w), g.shape, lambda x, w: reference.conv2d(x, w, *attributes)),
        (_cpu.conv2d_input, (g, w), x.shape, lambda g, w: reference.conv2d_input(g, w, size, *attributes)),
        (_cpu.conv2d_weight, (g, x), w.shape, lambda g, x: reference.conv2d_weight(g, x, kernel, *attributes)),
    ]
    for function, inputs, shape, want in expected:
        wide = [a.astype(np.float64) for a in inputs]
        exact, terms = want(*wide), over_tiles(want(*map(np.abs, wide)))
        with guarded() as empty:
            out = empty(*shape)
            function(*inputs, out, *attributes)
            close(out, exact, terms)
        if function is not _cpu.conv2d_weight:
            (bias,) = arrays([shape[1:2]], seed)
            with guarded() as empty:
                out = empty(*shape)
                function(*inputs, out, *attributes, bias=bias)
                close(out, biased(exact, bias), biased(terms, abs(bias)))


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=150)
@given(problem=problems())
def test_convolution_and_its_gradients(guarded, close, variant, problem):
    _cpu.set_variant(variant)
    check(guarded, close, problem)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("rung", RUNGS)
@settings(max_examples=50)
@given(problem=problems())
def test_every_rung(guarded, close, variant, rung, problem):
    shapes, attributes, seed = problem
    x, w, _ = arrays(shapes, seed)
    bias = arrays([(len(w),)], seed)[0] if seed % 2 else None
    _cpu.set_variant(variant)
    with guarded() as empty:
        out = empty(*shapes[2])
        _cpu.conv2d(x, w, out, *attributes, rung, bias)
        wide = x.astype(np.float64), w.astype(np.float64)
        exact, terms = reference.conv2d(*wide, *attributes), reference.conv2d(*map(np.abs, wide), *attributes)
        terms = over_tiles(terms) if "winograd" in rung else terms
        close(out, *((exact, terms) if bias is None else (biased(exact, bias), biased(terms, abs(bias)))))


@st.composite
def wide_problems(draw):
    """Enough channels for vectors of them and for Winograd's tiles, at sizes that fill neither."""
    c, o = draw(st.sampled_from([16, 17, 31, 33, 40])), draw(st.sampled_from([16, 19, 32, 45]))
    kernel, stride = draw(st.sampled_from([1, 2, 3, 4, 5])), draw(st.sampled_from([1, 1, 2]))
    padding = draw(st.integers(0, 2))
    size = (draw(st.sampled_from([5, 7, 8, 11, 13])), draw(st.sampled_from([5, 6, 9, 14])))
    n = draw(st.sampled_from([2, 33, 64]))  # with few images transforming the filters would not pay
    out = reference.output_size(size, (kernel,) * 2, (stride,) * 2, (padding,) * 2, (1, 1))
    shapes = (n, c, *size), (o, c, kernel, kernel), (n, o, *out)
    return shapes, ((stride,) * 2, (padding,) * 2, (1, 1), 1), draw(st.integers(0, 2**32 - 1))


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=60)
@given(problem=wide_problems())
def test_many_channels_at_odd_sizes(guarded, close, variant, problem):
    _cpu.set_variant(variant)
    check(guarded, close, problem)


@st.composite
def special_problems(draw):
    """What has kernels of its own: a few channels on one side, 1 x 1 kernels, a group for each channel, rows only."""
    kind = draw(st.sampled_from(["few inputs", "few outputs", "pointwise", "depthwise"]))
    few, many = draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([4, 5, 7, 13, 66]))
    groups, (c, o) = draw(st.sampled_from([1, 1, 2])), (few, many) if kind == "few inputs" else (many, few)
    pair = lambda numbers: (draw(st.sampled_from(numbers)), draw(st.sampled_from(numbers)))  # noqa: E731
    size, kernel, stride = pair([8, 9, 16, 23, 41]), pair([1, 2, 3, 4, 5]), pair([1, 1, 2, 3])
    padding, dilation = pair([0, 1, 2]), pair([1, 1, 2])
    if kind == "few outputs":
        stride, padding = (1, 1), tuple(min(p, d * (k - 1)) for p, d, k in zip(padding, dilation, kernel, strict=True))
    if kind == "pointwise":
        c, o = many, draw(st.sampled_from([1, 6, 17]))
        kernel, stride, padding, dilation = (1, 1), (1, 1), (0, 0), (1, 1)
    if kind == "depthwise":
        c, o, groups = 1, few, draw(st.sampled_from([1, 3, 9]))
    elif draw(st.integers(0, 4)) == 0:
        size, kernel, padding = (1, draw(st.sampled_from([64, 999, 2051]))), (1, kernel[1]), (0, padding[1])
    out = reference.output_size(size, kernel, stride, padding, dilation)
    assume(min(out) >= 1)
    n = draw(st.sampled_from([1, 2, 5, 19]))
    shapes = (n, c * groups, *size), (o * groups, c, *kernel), (n, o * groups, *out)
    return shapes, (stride, padding, dilation, groups), draw(st.integers(0, 2**32 - 1))


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=60)
@given(problem=special_problems())
def test_special_convolutions(guarded, close, variant, problem):
    _cpu.set_variant(variant)
    check(guarded, close, problem)


def layer(n, c, size, o, kernel, stride, padding, groups=1):
    out = reference.output_size((size,) * 2, (kernel,) * 2, (stride,) * 2, (padding,) * 2, (1, 1))
    shapes = (n, c, size, size), (o, c // groups, kernel, kernel), (n, o, *out)
    return shapes, ((stride,) * 2, (padding,) * 2, (1, 1), groups), 0


# The networks' own shapes, with few images: maps of 1 x 1, one channel, and panels that cross images; then special ones
LAYERS = [
    layer(5, 1, 32, 64, 4, 2, 1), layer(5, 64, 16, 128, 4, 2, 1), layer(5, 128, 8, 256, 4, 2, 1),
    layer(64, 256, 4, 1, 4, 1, 0), layer(64, 256, 4, 100, 4, 1, 0),
    layer(5, 128, 7, 256, 5, 1, 2), layer(5, 64, 14, 128, 5, 2, 2), layer(5, 1, 28, 64, 5, 2, 2),
    layer(2, 32, 28, 32, 3, 1, 1), layer(3, 24, 9, 40, 1, 1, 0), layer(3, 24, 9, 40, 1, 2, 0),
    layer(9, 32, 28, 1, 3, 1, 1), layer(9, 1, 28, 32, 3, 1, 1), layer(9, 3, 33, 16, 4, 2, 1),
    layer(9, 70, 12, 33, 1, 1, 0), layer(9, 70, 12, 65, 1, 1, 0), layer(9, 20, 14, 20, 3, 1, 1, 20),
    layer(9, 20, 14, 40, 5, 2, 2, 20),
]  # fmt: skip


def shape_of(problem):
    return "-".join(map(str, problem[0][0] + problem[0][1]))


@pytest.mark.parametrize("problem", LAYERS, ids=shape_of)
def test_the_networks_layers(guarded, close, problem):
    for variant in VARIANTS:
        _cpu.set_variant(variant)
        check(guarded, close, problem)


@pytest.mark.parametrize("problem", LAYERS, ids=shape_of)
def test_any_number_of_threads_gives_the_same_bits(problem):
    shapes, attributes, seed = problem
    x, w, g, b, c = arrays([*shapes, shapes[2][1:2], shapes[0][1:2]], seed)
    for function, inputs, shape, bias in (
        (_cpu.conv2d, (x, w), g.shape, {"bias": b}), (_cpu.conv2d_input, (g, w), x.shape, {"bias": c}),
        (_cpu.conv2d_weight, (g, x), w.shape, {}),
    ):  # fmt: skip
        results = []
        for threads in (1, 2, 8):
            _cpu.set_num_threads(threads)
            results.append(np.full(shape, np.nan, np.float32))
            function(*inputs, results[-1], *attributes, **bias)
        assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=60)
@given(
    st.tuples(*[st.sampled_from(sizes) for sizes in ([0, 1, 2, 5], [0, 1, 3, 65, 130], [0, 1, 3, 17], [0, 1, 7, 65])]),
    st.integers(0, 2**32 - 1),
)
def test_sums_of_channels(guarded, close, variant, shape, seed):
    _cpu.set_variant(variant)
    (x,) = arrays([shape], seed)
    results = []
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        with guarded() as empty:
            _cpu.channel_sums(x, out := empty(shape[1]))
            results.append(out.tobytes())
            close(out, x.astype(np.float64).sum((0, 2, 3)), abs(x).sum((0, 2, 3)))
    assert len(set(results)) == 1


def test_long_chains_of_equal_numbers_keep_their_digits():
    x, out = np.full((3, 2, 1500, 1501), 0.1, np.float32), np.empty(2, np.float32)
    _cpu.channel_sums(x, out)
    np.testing.assert_allclose(out, x.sum((0, 2, 3), dtype=np.float64), rtol=1e-6)  # in float: 1e-2


def test_no_channels_give_zeros(guarded):
    x, w = np.empty((2, 0, 5, 5), np.float32), np.empty((3, 0, 3, 3), np.float32)
    with guarded() as empty:
        out = empty(2, 3, 3, 3)
        _cpu.conv2d(x, w, out, (1, 1), (0, 0), (1, 1), 1)
        assert (out == 0).all()
        bias = np.arange(3, dtype=np.float32)
        _cpu.conv2d(x, w, out, (1, 1), (0, 0), (1, 1), 1, bias=bias)
        assert (out == bias.reshape(-1, 1, 1)).all()
    with guarded() as empty:  # a batch without images has a weight gradient of zero
        out = empty(4, 2, 3, 3)
        g, x = np.empty((0, 4, 3, 3), np.float32), np.empty((0, 2, 5, 5), np.float32)
        _cpu.conv2d_weight(g, x, out, (1, 1), (0, 0), (1, 1), 1)
        assert (out == 0).all()


def test_padding_and_stride_far_beyond_the_image(guarded, close):
    attributes = ((7, 9), (20, 13), (1, 1), 1)
    size = reference.output_size((3, 2), (2, 2), *attributes[:3])
    check(guarded, close, (((2, 3, 3, 2), (4, 3, 2, 2), (2, 4, *size)), attributes, 0))


@pytest.mark.parametrize("stride", [1, 2])
def test_infinity_reaches_only_the_weights_that_see_it(stride):
    """Infinity times a zero of the border, or of anything else that fills up a tile, must not become NaN anywhere."""
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 2, 8, 28), np.float32), np.ones((2, 3, 8 // stride, 28 // stride), np.float32)
    x[0, 1, 0, 0] = x[1, 1, -1, -1] = np.inf
    attributes = ((stride,) * 2, (1, 1), (1, 1), 1)
    out = np.empty((3, 2, 3, 3), np.float32)
    _cpu.conv2d_weight(g, x, out, *attributes)
    clean = np.where(np.isinf(x), np.float32(0), x)
    seen = reference.conv2d_weight(g, np.isinf(x).astype(np.float32), (3, 3), *attributes) > 0
    assert (out[seen] == np.inf).all() and seen.any()
    want = reference.conv2d_weight(g, clean, (3, 3), *attributes)
    np.testing.assert_allclose(out[~seen], want[~seen], rtol=1e-4, atol=1e-4)
