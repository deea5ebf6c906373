"""What networks are made of, one expression read in both libraries: activations, windows, norms, attention, losses."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
import minigen.functional as F

TF = torch.nn.functional
BOTH = {"minigen": {"t": minigen, "F": F}, "torch": {"t": torch, "F": TF}}


def read(expression: str, library: str):
    """The expression as a function of x, y, z, u, v in one of the libraries."""
    names = BOTH[library]
    return lambda *xs: eval(expression, {**names, **dict(zip("xyzuv", xs, strict=False))})


LINES, IMAGES = [(2, 3, 7)], [(2, 3, 5, 6)]
LABELS = "t.tensor([[2, 0, -100, 1], [1, 1, 2, -100]])"
MASK = "t.tensor([[True, False, True], [False, False, False]])"
REDUCTIONS = ("mean", "sum", "none")

# expressions, and the shapes of x, y, z, ... that each is tried with
TABLE = [
    # activations
    ([f"F.{f}(x)" for f in ("relu6", "elu", "selu", "gelu", "silu", "mish", "softplus", "logsigmoid", "softsign",
                            "hardswish", "hardtanh")], [[(4, 9)], [()], [(0, 3)]]),
    (["F.elu(x, 0.3)", "F.gelu(x, approximate='tanh')", "F.softplus(x, 2, 3)", "F.softplus(x, beta=-1.5)",
      "F.hardtanh(x, -2, 0.5)", "F.glu(x)", "F.glu(x, 0)", "F.softmin(x, dim=1)", "F.silu(x, inplace=False)"],
     [[(4, 6)], [(2, 6, 4)]]),
    (["F.prelu(x, y)", "x.prelu(y)", "t.prelu(x, y)"], [[(2, 3, 4), (3,)], [(2, 3), (1,)], [(5,), (1,)]]),
    (["F.softmax(x, 0)", "F.log_softmax(x, -1)", "x.softmax(0)", "x.log_softmax(0)"], [[(3, 4)], [(2, 3, 4)], [()]]),
    (["F.softmax(x, 0, dtype=t.float64)", "t.log_softmax(x.long(), 0, dtype=t.float64)"], [[(3, 4)]]),
    # convolutions of lines, and what they accept without a batch
    (["F.conv1d(x, y, z)", "F.conv1d(x, y, z, stride=2, padding=3, dilation=2)", "F.conv1d(x, y, padding='same')",
      "F.conv1d(x, y, padding='valid', stride=3)", "F.conv1d(x, y, z, padding=(2,))"],
     [[(2, 3, 7), (4, 3, 2), (4,)], [(3, 7), (4, 3, 3), (4,)]]),
    (["F.conv1d(x, y, z, groups=2, padding=1)", "F.conv_transpose1d(x, y, z, 2, 1, 1, 2)"],
     [[(2, 4, 7), (4, 2, 3), (4,)]]),
    (["F.conv_transpose1d(x, y, z)", "F.conv_transpose1d(x, y, z, stride=3, padding=1, output_padding=2)",
      "F.conv_transpose1d(x, y, dilation=2)"], [[(2, 3, 5), (3, 4, 4), (4,)], [(3, 5), (3, 4, 2), (4,)]]),
    (["F.conv2d(x, y, z)", "F.conv2d(x, y, padding='same')"], [[(3, 5, 6), (4, 3, 2, 3), (4,)]]),
    (["F.conv_transpose2d(x, y, z, stride=2)"], [[(3, 5, 6), (3, 4, 2, 3), (4,)]]),
    (["F.unfold(x, 2)", "F.unfold(x, (2, 3), dilation=2, padding=(1, 2), stride=(2, 1))"], [IMAGES, [(3, 5, 6)]]),
    (["F.fold(x, (4, 5), 2)"], [[(2, 12, 12)], [(12, 12)]]),
    (["F.fold(x, 4, (3, 2), padding=1, stride=(2, 1))"], [[(2, 6, 10)]]),
    # other sizes
    (["F.adaptive_avg_pool1d(x, 3)", "F.adaptive_avg_pool1d(x, 7)", "F.adaptive_avg_pool1d(x, 11)"], [LINES, [(3, 7)]]),
    ([f"F.adaptive_avg_pool2d(x, {s})" for s in ("1", "(2, 3)", "(None, 4)", "(7, 9)", "(5, 6)")],
     [IMAGES, [(3, 5, 6)]]),
    (["F.pixel_shuffle(x, 2)", "t.pixel_shuffle(x, 2)"], [[(2, 8, 3, 2)], [(4, 3, 2)], [(2, 3, 4, 1, 2)]]),
    (["F.pixel_unshuffle(x, 2)", "t.pixel_unshuffle(x, 2)"], [[(2, 3, 4, 2)], [(1, 6, 4)]]),
    ([f"F.interpolate(x, {a}, mode='{m}')" for m in ("nearest", "nearest-exact", "bilinear", "area")
      for a in ("size=(7, 4)", "size=10", "scale_factor=2", "scale_factor=(0.6, 1.7)", "scale_factor=2.3")], [IMAGES]),
    (["F.interpolate(x, (7, 4), mode='bilinear', align_corners=True)", "F.interpolate(x, scale_factor=3)",
      "F.interpolate(x, size=(1, 9), mode='bilinear', align_corners=True)",
      "F.interpolate(x, scale_factor=1.7, mode='bilinear', recompute_scale_factor=True)"], [IMAGES]),
    ([f"F.interpolate(x, {a}, mode='{m}')" for m in ("nearest", "linear", "area") for a in ("4", "scale_factor=2.5")],
     [LINES]),
    # norms
    (["F.layer_norm(x, (4,), y, z)", "F.layer_norm(x, [4], y)", "F.layer_norm(x, (4,), eps=0.1)",
      "t.layer_norm(x, (4,), y, z)", "F.rms_norm(x, (4,), y)", "F.rms_norm(x, (4,), eps=0.1)", "t.rms_norm(x, (4,))"],
     [[(3, 4), (4,), (4,)], [(2, 3, 4), (4,), (4,)]]),
    (["F.layer_norm(x, x.shape[1:], y, z)", "F.rms_norm(x, x.shape[1:], y)"], [[(3, 2, 4), (2, 4), (2, 4)]]),
    (["F.group_norm(x, 2, y, z)", "F.group_norm(x, 4)", "F.group_norm(x, 1, y, eps=0.1)", "t.group_norm(x, 2, y, z)"],
     [[(3, 4, 5), (4,), (4,)], [(2, 4, 2, 3), (4,), (4,)]]),
    (["F.instance_norm(x)", "F.instance_norm(x, weight=y, bias=z, eps=0.1)", "F.instance_norm(x, None, None, y)"],
     [[(3, 4, 5), (4,), (4,)]]),
    (["F.normalize(x)", "F.normalize(x, p=1, dim=0)", "F.normalize(x, dim=(0, 1))", "F.normalize(x, 3.0, -1, 2.0)"],
     [[(3, 4)], [(2, 3, 4)]]),
    (["F.cosine_similarity(x, y)", "F.cosine_similarity(x.detach(), y.detach(), dim=-1, eps=3.0)",
      "t.cosine_similarity(x, y, dim=0)"],
     [[(3, 4), (3, 4)], [(2, 3, 4), (3, 4)], [(3, 4), (1, 4)], [(3, 1), (3, 4)]]),
    # vectors
    (["F.embedding(t.tensor([[0, 3], [3, 1]]), x)", "F.embedding(t.tensor([2, 0, 2]), x, padding_idx=-2)",
      "F.embedding(t.tensor(1), x, 1)"], [[(4, 5)]]),
    (["F.dropout1d(x, 0.3, training=False)", "F.dropout1d(x, 1.0)", "F.dropout1d(x, 0.0)"], [[(2, 3, 4)], [(3, 4)]]),
    (["F.dropout2d(x, 0.3, training=False)", "F.dropout2d(x, 1.0)", "F.dropout2d(x, 0.0)"], [IMAGES]),
    ([f"F.scaled_dot_product_attention(x, y, z{a})"
      for a in ("", ", is_causal=True", ", scale=0.3", f", {MASK}", f", attn_mask={MASK}[:1]", f", {MASK}[:, :1]")],
     [[(2, 4), (3, 4), (3, 5)], [(2, 2, 4), (2, 3, 4), (2, 3, 5)], [(2, 1, 2, 4), (2, 3, 3, 4), (2, 3, 3, 5)]]),
    (["F.scaled_dot_product_attention(x, y, z, u)", "F.scaled_dot_product_attention(x, y, z, attn_mask=u, scale=2)"],
     [[(2, 2, 4), (2, 3, 4), (2, 3, 5), (2, 3)], [(2, 2, 4), (2, 3, 4), (2, 3, 5), (2, 2, 3)]]),
    # losses
    ([f"F.cross_entropy(x, {LABELS}{a}, reduction='{r}')" for r in REDUCTIONS
      for a in ("", ", y.detach() + 5", ", label_smoothing=0.2", ", weight=y.detach() + 5, label_smoothing=0.3")],
     [[(2, 3, 4), (3,)]]),
    ([f"F.nll_loss(x, {LABELS}{a}, reduction='{r}')" for r in REDUCTIONS for a in ("", ", y.detach() + 5")],
     [[(2, 3, 4), (3,)]]),
    (["F.cross_entropy(x, t.tensor(2))", "F.cross_entropy(x, t.tensor(1), weight=y.detach() + 3, label_smoothing=0.1)",
      "F.nll_loss(x, t.tensor(1), y.detach() + 3)", "F.cross_entropy(x, y.detach(), label_smoothing=0.1)"],
     [[(3,), (3,)]]),
    (["F.cross_entropy(x, t.tensor([[0, 3], [1, 1]])[0], ignore_index=3)",
      "F.nll_loss(x, t.tensor([2, 2]), ignore_index=2)",
      "F.cross_entropy(x, t.tensor([2, 2]), ignore_index=2, reduction='sum')"], [[(2, 4)]]),
    ([f"F.cross_entropy(x, y.softmax(1){a}, reduction='{r}')" for r in REDUCTIONS
      for a in ("", ", z.detach() + 3", ", label_smoothing=0.3")],
     [[(4, 3), (4, 3), (3,)], [(2, 3, 5), (2, 3, 5), (3,)]]),
    ([f"F.{f}(x, y, reduction='{r}'{a})" for r in REDUCTIONS
      for f, a in (("l1_loss", ""), ("smooth_l1_loss", ""), ("smooth_l1_loss", ", beta=0.4"),
                   ("smooth_l1_loss", ", beta=0"),
                   ("huber_loss", ""), ("huber_loss", ", delta=0.4"), ("mse_loss", ""))], [[(3, 4), (3, 4)], [(), ()]]),
    ([f"F.kl_div(x, y{a}, reduction='{r}'{b})" for r in (*REDUCTIONS, "batchmean")
      for a, b in ((".softmax(1)", ""), ("", ", log_target=True"))], [[(4, 3), (4, 3)]]),
]  # fmt: skip
CASES = [(e, shapes) for expressions, drawn in TABLE for shapes in drawn for e in expressions]


@pytest.mark.filterwarnings("ignore:reduction")  # PyTorch explains kl_div's mean
@pytest.mark.parametrize(("expression", "shapes"), CASES, ids=[f"{e} {s}" for e, s in CASES])
def test_a_function(agree, numbers, expression, shapes):
    agree(read(expression, "minigen"), read(expression, "torch"), *[numbers(*s, low=-4.0, high=4.0) for s in shapes])


def test_the_first_gradient_where_pytorch_has_no_second(agree, numbers):
    agree(F.hardsigmoid, TF.hardsigmoid, numbers(4, 9, low=-4.0, high=4.0), twice=False)


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize(
    "expression",
    [
        "F.relu6(x)", "F.hardtanh(x)", "F.elu(x)", "F.selu(x)", "F.softplus(x, 1, 1)", "F.prelu(x, y[:1])", "F.mish(x)",
        "F.hardswish(x * 3)", "F.hardsigmoid(x * 3)", "F.softsign(x)", "F.logsigmoid(x)", "F.gelu(x)", "F.silu(x)",
        "F.l1_loss(x, y)", "F.smooth_l1_loss(x, y)", "F.smooth_l1_loss(x, y, beta=0)", "F.huber_loss(x, y)",
        "F.max_pool1d(x[None], 2, 1)", "F.max_pool1d(x[None], 3, 1, 1)", "F.normalize(x * 0, dim=0)",
        "F.cosine_similarity(x * 0, y, dim=0)", "F.kl_div(x, (y * 0).detach())",
    ],
)  # fmt: skip
def test_the_conventions_at_kinks(agree, expression):
    """Ties, kinks and zeros: where a derivative is a matter of convention."""
    x, y = np.array([0.0, 0.0, 1.0, -1.0, 1.0, 2.0, 6.0]), np.array([0.0, 1.0, 1.0, 0.0, -1.0, 0.0, 0.0])
    agree(read(expression, "minigen"), read(expression, "torch"), x, y, twice=False)


SPECIAL = np.array([-np.inf, -1e300, -1e4, -40.0, -6.0, -1.0, -0.0, 0.0, 1.0, 6.0, 40.0, 1e4, 1e300, np.inf, np.nan])


@pytest.mark.parametrize(
    "name", ["relu6", "elu", "selu", "gelu", "silu", "mish", "softplus", "logsigmoid", "softsign", "hardtanh",
             "hardsigmoid", "hardswish"],
)  # fmt: skip
def test_values_at_the_edges(near, name, backend):
    for dtype in (np.float64, np.float32):
        with np.errstate(over="ignore"):
            x = SPECIAL.astype(dtype)
        if name in ("gelu", "silu"):
            x = x[~np.isinf(x)]  # the limits 0 and inf; PyTorch gives NaN at -inf, and for GELU in float32 at inf
        mine, theirs = getattr(F, name)(minigen.tensor(x)), getattr(TF, name)(torch.from_numpy(x))
        near(name, mine, theirs, 1e-6 if dtype == np.float32 else 1e-12)


# windows over their settings ------------------------------------------------------------------------
@st.composite
def windows(draw):
    """The shape of images and settings that fit it."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(draw(st.integers(max(k - 2 * p, 1), 9)) for k, p in zip(kernel, padding, strict=True))
    stride = draw(st.one_of(st.none(), st.tuples(st.integers(1, 4), st.integers(1, 4))))
    lead = draw(st.sampled_from([(2, 3), (1, 1), (3,), (0, 2)]))
    how = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}
    return (*lead, *size), how


def x_of(shape) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


@settings(max_examples=150)
@given(windows(), st.booleans(), st.sampled_from([None, None, 3]))
def test_avg_pool(agree, found, count_include_pad, divisor_override):
    shape, how = found
    x = np.random.default_rng(0).standard_normal(shape)
    more = {"count_include_pad": count_include_pad}
    both = {**how, **more, "divisor_override": divisor_override}
    agree(lambda x: F.avg_pool2d(x, **both), lambda x: TF.avg_pool2d(x, **both), x)
    line = {k: v[1] if isinstance(v, tuple) else v for k, v in how.items()} | more
    x = x[..., 0, :] if x.ndim == 4 else x[:, 0]
    agree(lambda x: F.avg_pool1d(x, **line), lambda x: TF.avg_pool1d(x, **line), x)


@settings(max_examples=150)
@given(windows(), st.tuples(st.integers(1, 2), st.integers(1, 2)), st.booleans())
def test_max_pool_and_its_positions(agree, near, found, dilation, ties):
    shape, how = found
    sides = list(zip(shape[-2:], how["padding"], dilation, how["kernel_size"], strict=True))
    if 0 in shape or any(n + 2 * p < d * (k - 1) + 1 for n, p, d, k in sides):
        return  # PyTorch refuses an empty batch, and both a kernel that is too large
    if any(n == 1 and p % d for n, p, d, _ in sides):  # taps left and right of all there is: PyTorch's position lies
        with pytest.raises(ValueError, match="sees nothing"):  # outside
            F.max_pool2d(minigen.tensor(x_of(shape)), **how, dilation=dilation)
        return
    x = x_of(shape)
    if ties:
        x = np.where(np.random.default_rng(1).random(shape) < 0.2, -np.inf, np.round(x))
    how = {**how, "dilation": dilation}
    agree(lambda x: F.max_pool2d(x, **how), lambda x: TF.max_pool2d(x, **how), x)
    pairs = zip(F.max_pool2d(minigen.tensor(x), **how, return_indices=True),
                TF.max_pool2d(torch.tensor(x), **how, return_indices=True), strict=True)  # fmt: skip
    for what, (mine, theirs) in zip(("value", "positions"), pairs, strict=True):
        near(what, mine, theirs)
    line = {k: v[1] if isinstance(v, tuple) else v for k, v in how.items()}
    x = x[..., 0, :] if x.ndim == 4 else x[:, 0]
    agree(lambda x: F.max_pool1d(x, **line), lambda x: TF.max_pool1d(x, **line), x)
    line["return_indices"] = True
    near("positions", F.max_pool1d(minigen.tensor(x), **line)[1], TF.max_pool1d(torch.tensor(x), **line)[1])


def test_max_pool_of_nan_and_of_integers(near):
    x = np.array([[1.0, np.nan, 3.0, -np.inf, -np.inf, 2.0]])
    near("nan", F.max_pool1d(minigen.tensor(x), 2), TF.max_pool1d(torch.tensor(x), 2))
    whole = np.arange(-8, 8).reshape(1, 4, 4)
    near("int64", F.max_pool2d(minigen.tensor(whole), 2, padding=1), TF.max_pool2d(torch.tensor(whole), 2, padding=1))


@pytest.mark.parametrize(("out", "size"), list(itertools.product([1, 2, 5, 9, 32], [1, 2, 3, 7, 10])))
def test_every_pixel_of_a_resized_line(near, out, size):
    """Positions computed in float32 or float64 must round as PyTorch's do, whatever the ratio."""
    x = np.random.default_rng(0).standard_normal((1, 1, size))
    for mode in ("nearest", "nearest-exact", "linear"):
        for how in ({"size": out}, {"scale_factor": out / size * 1.001}):
            near(mode, *(f.interpolate(t(x), mode=mode, **how) for f, t in ((F, minigen.tensor), (TF, torch.tensor))))


@pytest.mark.parametrize("training", [True, False])
def test_instance_norm_and_its_running_statistics(agree, near, numbers, training):
    x, start, parameters = numbers(4, 3, 5), [numbers(3), numbers(3, low=0.5)], [numbers(3), numbers(3)]
    mine, theirs = ([make(s) for s in start] for make in (minigen.tensor, torch.tensor))
    agree(
        lambda x, *wb: F.instance_norm(x, *mine, *wb, training, 0.3, 1e-3),
        lambda x, *wb: TF.instance_norm(x, *theirs, *wb, training, 0.3, 1e-3), x, *parameters,
    )  # fmt: skip
    for name, a, b in zip(("running_mean", "running_var"), mine, theirs, strict=True):
        near(name, a, b)


@pytest.mark.parametrize("name", ["embedding", "nll_loss", "cross_entropy"])
def test_integers_of_the_other_width(near, name):
    """int32 numbers are rows of an embedding; labels must be int64 in both libraries."""
    x, i = np.arange(12.0).reshape(4, 3), np.array([2, 0, 1, 1], np.int32)
    if name == "embedding":
        near(name, F.embedding(minigen.tensor(i), minigen.tensor(x)), TF.embedding(torch.tensor(i), torch.tensor(x)))
        return
    for f, t, error in ((F, minigen.tensor, TypeError), (TF, torch.tensor, RuntimeError)):
        with pytest.raises(error):
            getattr(f, name)(t(x), t(i))
