"""What each fused operation is tried on: a Hypothesis strategy for its inputs, attributes and layouts in memory."""

import numpy as np
from hypothesis import strategies as st

from minigen.backend.conv import output_size

SIZES = st.sampled_from([0, 1, 2, 3, 5, 7, 16, 17, 33])
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 7, 17]), max_size=3).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)
LAYOUTS = ("plain", "fortran", "reversed", "strided", "expanded")


def laid_out(array, layout):
    """The same shape in another memory layout, the same values too but for `expanded`: that repeats the first row."""
    array = np.asarray(array)  # NumPy makes numbers of 0-d results
    if not array.ndim or layout == "plain":
        return array
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        return array[..., ::-1].copy()[..., ::-1]
    if layout == "strided":
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 99, array.dtype)  # a read here would show
        wide[..., ::2] = array
        return wide[..., ::2]
    return np.broadcast_to(array[:1] if len(array) else array, array.shape)


# Each strategy gives (input arrays in float64 or int64, None for an absent optional one; attributes; layouts).
@st.composite
def elementwise(draw, inputs=1):
    """Any shape, kinks and saturation included: zeros of both signs, and values up to 30."""
    shape, rng = draw(SHAPES), np.random.default_rng(draw(SEEDS))
    x = rng.uniform(-3, 3, shape) * rng.choice([-0.0, 0.0, 1.0, 10.0], shape, p=[0.1, 0.1, 0.7, 0.1])
    y = [rng.choice([0.0, 0.25, 1.0], shape) for _ in range(inputs - 1)]
    return [np.asarray(x), *map(np.asarray, y)], {}, LAYOUTS


@st.composite
def leaky(draw):
    arrays, _, layouts = draw(elementwise())
    return arrays, {"slope": draw(st.sampled_from([0.01, 0.2, 1.0, 0.0]))}, layouts


@st.composite
def linear(draw):
    m, k, lead = draw(SIZES), draw(SIZES), draw(st.lists(SIZES, max_size=2))
    rng = np.random.default_rng(draw(SEEDS))
    bias = rng.uniform(-1, 1, m) if draw(st.booleans()) else None
    return [rng.uniform(-1, 1, (*lead, k)), rng.uniform(-1, 1, (m, k)), bias], {}, LAYOUTS


@st.composite
def convolved(draw, transposed=False):
    """x (N, C, H, W), w (O, C / groups, KH, KW) and a bias; transposed, x has the O channels and ``size`` is H, W."""
    groups = draw(st.sampled_from([1, 1, 2]))
    c, o = (groups * draw(st.sampled_from([1, 2, 17])) for _ in range(2))
    pair = lambda *numbers: (draw(st.sampled_from(numbers)), draw(st.sampled_from(numbers)))  # noqa: E731
    kernel, stride, padding, dilation = pair(1, 2, 3), pair(1, 2), pair(0, 1), pair(1, 2)
    size = (draw(st.sampled_from([5, 6])), draw(st.sampled_from([5, 7])))
    out = output_size(size, kernel, stride, padding, dilation)
    n, rng = draw(st.sampled_from([0, 1, 2])), np.random.default_rng(draw(SEEDS))
    w = rng.uniform(-1, 1, (o, c // groups, *kernel))
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        return [rng.uniform(-1, 1, (n, o, *out)), w, rng.uniform(-1, 1, c)], {"size": size, **how}, LAYOUTS
    return [rng.uniform(-1, 1, (n, c, *size)), w, rng.uniform(-1, 1, o)], how, LAYOUTS


@st.composite
def classes(draw):
    n, k = draw(SIZES), draw(SIZES.filter(bool))
    rng = np.random.default_rng(draw(SEEDS))
    x = rng.uniform(-3, 3, (n, k)) * rng.choice([1.0, 10.0], (n, 1))
    return [x, rng.integers(0, k, n)], {"reduction": draw(st.sampled_from(["none", "mean", "sum"]))}, LAYOUTS


@st.composite
def channels(draw):
    """(N, C), (N, C, L) or (N, C, H, W) with at least two values per channel, no two of them close to each other."""
    n, c = draw(st.integers(2, 5)), draw(st.sampled_from([0, 1, 2, 3, 5, 16, 17]))
    shape = (n, c, *draw(st.lists(st.sampled_from([1, 2, 3, 7]), max_size=2)))
    rng = np.random.default_rng(draw(SEEDS))
    x = 4 * rng.permutation(int(np.prod(shape))).reshape(shape) / max(np.prod(shape), 1) - 1
    weight, bias = (rng.uniform(0.5, 2, c) if draw(st.booleans()) else None for _ in range(2))
    return [x, weight, bias], {"eps": draw(st.sampled_from([1e-5, 0.1]))}, LAYOUTS[:-1]  # equal rows have no variance


@st.composite
def steps(draw, *widths):
    """Arrays (..., k H), k the given widths."""
    lead, h = draw(st.sampled_from([(), (0,), (1,), (3,), (2, 3)])), draw(st.sampled_from([1, 2, 5]))
    rng = np.random.default_rng(draw(SEEDS))
    return [rng.uniform(-3, 3, (*lead, int(k) * h)) for k in widths], {}, LAYOUTS


@st.composite
def sequence(draw, gates, others, **choices):
    """x (T, N, I), then h, c (N, H), W_ih "i" (gates H, I), W_hh "w" (gates H, H) and perhaps biases "b" (gates H)."""
    t, n, h, i = (draw(st.sampled_from(sizes)) for sizes in ([1, 2, 3], [0, 1, 3], [1, 2, 5], [1, 2, 3]))
    rng = np.random.default_rng(draw(SEEDS))
    shapes = {"h": (n, h), "c": (n, h), "i": (gates * h, i), "w": (gates * h, h)}
    shapes["b"] = (gates * h,) if draw(st.booleans()) else None
    rest = [None if shapes[k] is None else rng.uniform(-0.8, 0.8, shapes[k]) for k in others]
    attrs = {k: draw(st.sampled_from(some)) for k, some in choices.items()} | {"reverse": draw(st.booleans())}
    return [rng.uniform(-2, 2, (t, n, i)), *rest], attrs, LAYOUTS


@st.composite
def lookups(draw):
    """A table (V, D) and numbers of its rows, some of them often."""
    V, D, shape = draw(SIZES.filter(bool)), draw(SIZES), draw(SHAPES)
    rng = np.random.default_rng(draw(SEEDS))
    ids = np.asarray(rng.integers(0, 1 + rng.integers(V), shape))
    return [rng.uniform(-1, 1, (V, D)), ids], {"padding_idx": draw(st.sampled_from([None, 0, V - 1]))}, LAYOUTS


@st.composite
def along(draw):
    """Any shape with dimensions, scores up to 30 apart, and one of the dimensions."""
    shape, rng = draw(SHAPES.filter(bool)), np.random.default_rng(draw(SEEDS))
    x = rng.uniform(-3, 3, shape) * rng.choice([1.0, 10.0], shape)
    return [x], {"dim": draw(st.integers(0, len(shape) - 1))}, LAYOUTS


@st.composite
def smooth(draw, **choices):
    """Any shape, both tails included, where a second derivative still shows."""
    shape, rng = draw(SHAPES), np.random.default_rng(draw(SEEDS))
    x = rng.uniform(-3, 3, shape) * rng.choice([-0.0, 1.0, 2.0, 5.0], shape)
    return [np.asarray(x)], {k: draw(st.sampled_from(some)) for k, some in choices.items()}, LAYOUTS


@st.composite
def attended(draw):
    """q (..., L, E), k (..., S, E), v (..., S, D), perhaps a mask (..., L, S), of whose rows some forbid all, and what
    dropout keeps."""
    lead = draw(st.sampled_from([(), (0,), (2,), (2, 3)]))
    L, S, E, D = (draw(st.sampled_from([0, 1, 2, 5])) for _ in range(4))
    rng = np.random.default_rng(draw(SEEDS))
    q, k, v = (rng.uniform(-2, 2, (*lead, *last)) for last in ((L, E), (S, E), (S, D)))
    bare = draw(st.booleans())  # what kernels take
    mask = None if bare or draw(st.booleans()) else rng.choice([-np.inf, 0.0, 1.5], (*lead, L, S))
    kept = None if draw(st.booleans()) else rng.choice([0.0, 2.0], (*lead, L, S))
    attrs = {"scale": draw(st.sampled_from([0.5, 1.0])), "causal": draw(st.booleans())}
    return [q, k, v, mask, kept], attrs, LAYOUTS


@st.composite
def trailing(draw):
    """The last one or two dimensions hold at least two values, no two of them close to each other."""
    dims = draw(st.sampled_from([1, 2]))
    last = (draw(st.sampled_from([2, 3, 7, 17])), draw(st.sampled_from([1, 2, 5])))[:dims]
    shape = (*draw(st.lists(st.sampled_from([0, 1, 3, 5]), max_size=2)), *last)
    rng = np.random.default_rng(draw(SEEDS))
    x = 4 * rng.permutation(int(np.prod(shape))).reshape(shape) / max(np.prod(shape), 1) - 1
    weight, bias = (rng.uniform(0.5, 2, last) if draw(st.booleans()) else None for _ in range(2))
    return [x, weight, bias], {"dims": dims, "eps": draw(st.sampled_from([0.01, 0.1]))}, LAYOUTS[:-1]


@st.composite
def gated(draw):
    """x (N, T, C), perhaps skip (N, T, S), then weights and biases, of which some are None: also with fewer times than
    the kernel looks back."""
    n, t, c = (draw(st.sampled_from(sizes)) for sizes in ([0, 1, 2], [1, 2, 5, 9], [1, 3, 17]))
    g, s, k = (draw(st.sampled_from(sizes)) for sizes in ([1, 2, 17], [1, 5], [1, 2, 3]))
    rng = np.random.default_rng(draw(SEEDS))
    shapes = [(n, t, c), (n, t, s), (2 * g, c, k), (2 * g,), (c, g, 1), (c,), (s, g, 1), (s,)]
    arrays = [rng.uniform(-0.8, 0.8, shape) for shape in shapes]
    for i in (1, 3, 5, 7):
        arrays[i] = arrays[i] if draw(st.booleans()) else None
    if draw(st.booleans()):
        arrays[4] = arrays[5] = None  # no out
    return arrays, {"dilation": draw(st.sampled_from([1, 2, 4]))}, LAYOUTS


@st.composite
def grouped(draw):
    """(N, C), (N, C, L) or (N, C, H, W) in groups of channels that hold at least two values, no two close together."""
    groups, per_group = draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([2, 3, 5]))
    shape = (
        draw(st.sampled_from([0, 1, 2, 3])),
        groups * per_group,
        *draw(st.lists(st.sampled_from([1, 2, 7, 17]), max_size=2)),
    )
    rng = np.random.default_rng(draw(SEEDS))
    x = 4 * rng.permutation(int(np.prod(shape))).reshape(shape) / max(np.prod(shape), 1) - 1
    weight, bias = (rng.uniform(0.5, 2, shape[1]) if draw(st.booleans()) else None for _ in range(2))
    return [x, weight, bias], {"groups": groups, "eps": draw(st.sampled_from([0.01, 0.1]))}, LAYOUTS[:-1]


CASES = {
    "linear": linear(),
    "conv2d": convolved(),
    "conv_transpose2d": convolved(transposed=True),
    "relu": elementwise(),
    "leaky_relu": leaky(),
    "tanh": elementwise(),
    "sigmoid": elementwise(),
    "bce_with_logits": elementwise(inputs=2),
    "cross_entropy": classes(),
    "batch_norm": channels(),
    "embedding": lookups(),
    "lstm_cell": steps("4", "1"),
    "gru_cell": steps("3", "3", "1"),
    "rnn": sequence(1, "hiwb", nonlinearity=["tanh", "relu"]),
    "lstm": sequence(4, "hciwb"),
    "gru": sequence(3, "hiwbb"),
    "softmax": along(),
    "log_softmax": along(),
    "attention": attended(),
    "gelu": smooth(approximate=["none", "tanh"]),
    "silu": smooth(),
    "softplus": smooth(),
    "layer_norm": trailing(),
    "gated_residual": gated(),
    "group_norm": grouped(),
    "group_norm_silu": grouped(),
}
