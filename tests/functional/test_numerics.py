"""Numbers that networks' functions easily get wrong, each with the reason why."""

import math

import numpy as np
import pytest

import minigen
import minigen.functional as F
from minigen import nn

INF, NAN = math.inf, math.nan


@pytest.fixture(params=[name for name, reason in minigen.backend.available().items() if not reason], autouse=True)
def backend(request):
    with minigen.use_backend(request.param):
        yield request.param


def leaf(values, dtype=minigen.float64):
    return minigen.tensor(values, dtype=dtype).requires_grad_()


def slope(function, x):
    """df/dx, summed over the outputs."""
    return minigen.grad(function(x).sum(), x)[0].tolist()


BOTH = pytest.mark.parametrize("dtype", [minigen.float32, minigen.float64])


# probabilities ------------------------------------------------------------------------------------
@BOTH
def test_softmax_of_ten_thousand(dtype):  # e^10000 overflows, e^-10000 is 0, and 0 / 0 NaN
    for shift in (1e4, -1e4):
        x = leaf([shift, shift + 1], dtype)
        p = 1 / (1 + math.e)
        assert F.softmax(x, 0).tolist() == pytest.approx([p, 1 - p], rel=1e-6)
        assert F.log_softmax(x, 0).tolist() == pytest.approx([math.log(p), math.log(1 - p)], rel=1e-6)
        assert slope(lambda x: F.softmax(x, 0)[0], x) == pytest.approx([p * (1 - p), -p * (1 - p)], rel=1e-6)
        assert slope(lambda x: F.log_softmax(x, 0)[0], x) == pytest.approx([1 - p, p - 1], rel=1e-6)


@BOTH
def test_scores_ten_thousand_apart(dtype):  # log(softmax) would be log 0 = -inf, with the gradient NaN
    x = leaf([[1e4, -1e4, 0.0]], dtype)
    assert F.softmax(x, 1).tolist() == [[1.0, 0.0, 0.0]]
    assert F.log_softmax(x, 1).tolist() == [[0.0, -2e4, -1e4]]
    for label, loss, gradient in ((0, 0.0, [0, 0, 0]), (1, 2e4, [1, -1, 0]), (2, 1e4, [1, 0, -1])):
        y = minigen.tensor([label])
        assert F.cross_entropy(x, y).item() == loss and slope(lambda x, y=y: F.cross_entropy(x, y), x) == [gradient]
        smooth = F.cross_entropy(x, y, label_smoothing=0.3)
        assert smooth.item() == pytest.approx(0.7 * loss + 0.1 * 3e4, rel=1e-6)


def test_a_forbidden_class_has_no_probability_and_no_gradient():  # -inf is a mask
    x = leaf([[1.0, -INF, 2.0]])
    assert F.softmax(x, 1)[0, 1].item() == 0
    assert slope(lambda x: F.cross_entropy(x, minigen.tensor([0])), x)[0][1] == 0
    assert F.cross_entropy(x, minigen.tensor([1])).item() == INF
    assert np.isnan(F.softmax(minigen.tensor([-INF, -INF]), 0).numpy()).all()  # all forbidden: 0 / 0, as in PyTorch


@BOTH
def test_bce_of_ten_thousand(dtype):  # sigmoid(10^4) is 1 exactly: log(1 - 1) = -inf
    for x, y, loss, gradient in ((1e4, 0, 1e4, 1), (1e4, 1, 0, 0), (-1e4, 1, 1e4, -1), (-1e4, 0, 0, 0)):
        score, target = leaf([x], dtype), minigen.tensor([float(y)], dtype=dtype)
        assert F.binary_cross_entropy_with_logits(score, target).item() == loss
        assert slope(lambda s, t=target: F.binary_cross_entropy_with_logits(s, t), score) == [gradient]
        assert F.binary_cross_entropy_with_logits(score, target, pos_weight=target + 2).item() == loss * (3 if y else 1)


@BOTH
def test_bce_of_certain_answers(dtype):  # log 0 = -inf would meet the factor 0: NaN. PyTorch cuts it off at -100
    for x, y, loss in ((0.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 100.0), (1.0, 0.0, 100.0)):
        p, t = leaf([x], dtype), minigen.tensor([y], dtype=dtype)
        assert F.binary_cross_entropy(p, t).item() == loss
        (gradient,) = slope(lambda p, t=t: F.binary_cross_entropy(p, t), p)
        assert math.isfinite(gradient) and np.sign(gradient) == np.sign(x - y)


def test_a_loss_of_nothing():  # the mean of no numbers is 0 / 0, their sum 0
    x, none = leaf([[1.0, 2.0]]), minigen.tensor([-100])
    assert math.isnan(F.cross_entropy(x, none).item()) and F.cross_entropy(x, none, reduction="sum").item() == 0
    assert slope(lambda x: F.cross_entropy(x, none, reduction="sum"), x) == [[0, 0]]
    assert math.isnan(F.mse_loss(minigen.zeros(0), minigen.zeros(0)).item())


def test_kl_div_of_an_impossible_event():  # 0 log 0 is 0, not 0 * -inf
    y = minigen.tensor([[0.0, 1.0]])
    assert F.kl_div(minigen.tensor([[-1.0, -2.0]]), y, reduction="sum").item() == 2


# attention ----------------------------------------------------------------------------------------
def test_a_query_that_may_look_nowhere_gets_zero():  # its softmax is 0 / 0, and one NaN would spread to all
    q, k, v = (leaf(np.random.default_rng(i).normal(size=(2, 3))) for i in range(3))
    mask = minigen.tensor([[True, False], [False, False]])
    y = F.scaled_dot_product_attention(q, k, v, mask)
    assert y[1].tolist() == [0, 0, 0] and y[0].tolist() == v[0].tolist()
    for gradient in minigen.grad((y * y).sum(), [q, k, v]):
        assert np.isfinite(gradient.numpy()).all()


def test_attention_with_large_scores():
    q = minigen.full((1, 4), 100.0)
    k = minigen.tensor(np.outer([1.0, -1.0], np.full(4, 100.0)), dtype=minigen.float32)  # scores of 20,000 and -20,000
    assert F.scaled_dot_product_attention(q, k, minigen.tensor([[1.0], [2.0]])).tolist() == [[1.0]]


# tails --------------------------------------------------------------------------------------------
@BOTH
def test_softplus_and_logsigmoid_far_out(dtype):  # log(1 + e^100) overflows in float32; log(s(-200)) is log 0 there
    x = leaf([-1e4, -100.0, -20.0, 0.0, 100.0, 1e4], dtype)
    tiny = [0.0, 3.720076e-44, 2.0611536e-9, math.log(2)]
    least = 5e-45 if dtype == minigen.float32 else 0  # the second is only a few of float32's smallest numbers
    assert F.softplus(x).tolist() == pytest.approx([*tiny, 100, 1e4], rel=1e-6, abs=least)
    assert F.logsigmoid(x).tolist() == pytest.approx(
        [-1e4, -100.0, -20.0, -math.log(2), -tiny[1], 0], rel=1e-6, abs=least
    )
    assert slope(F.softplus, x)[-2:] == [1, 1] and slope(F.logsigmoid, x)[:2] == [1, 1]
    both = minigen.tensor([-INF, INF], dtype=dtype)
    assert F.softplus(both).tolist() == [0, INF] and F.logsigmoid(both).tolist() == [-INF, 0]


@BOTH
def test_gelu_keeps_the_digits_of_its_tail(dtype):  # 1 + erf(x / sqrt 2) is 0 in float32 from x = -5.5 on
    x = np.array([-10.0, -6.0, -4.0, -2.0, -1.0])
    phi = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    got = F.gelu(leaf(x, dtype))
    assert got.dtype == dtype
    np.testing.assert_allclose(got.numpy(), x * phi, rtol=2e-6 if dtype == minigen.float32 else 1e-14)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    want = phi + x * density
    np.testing.assert_allclose(slope(F.gelu, leaf(x, dtype)), want, rtol=1e-5 if dtype == minigen.float32 else 1e-12)


@BOTH
@pytest.mark.parametrize(
    "name", ["elu", "selu", "silu", "mish", "gelu", "softplus", "logsigmoid", "hardswish", "softsign"]
)
def test_no_slope_is_lost_far_out(name, dtype):  # where(x > 0, x, e^x - 1) has the gradient 0 * inf = NaN at 1000
    x = leaf([-1e4, -100.0, 0.0, 100.0, 1e4], dtype)
    assert np.isfinite(getattr(F, name)(x).numpy()).all()
    assert np.isfinite(slope(getattr(F, name), x)).all()


@BOTH
def test_far_errors_do_not_overflow_the_losses_that_forgive_them(dtype):  # the square of 1e30 is inf in float32
    x, y = leaf([1e30, 0.5], dtype), minigen.zeros(2, dtype=dtype)
    for loss in (F.smooth_l1_loss, F.huber_loss):
        assert loss(x, y, reduction="sum").item() == pytest.approx(1e30, rel=1e-6)
        assert slope(lambda x, loss=loss: loss(x, y, reduction="sum"), x) == [1, 0.5]


@BOTH
def test_the_ends_of_the_gated_ones(dtype):  # -inf times 0 would be NaN; the limit is 0
    for function in (F.gelu, F.silu, lambda x: F.gelu(x, "tanh")):
        x = leaf([-INF, INF], dtype)
        assert function(x).tolist() == [0, INF] and slope(function, x) == [0, 1]
        assert math.isnan(function(leaf([NAN], dtype)).item())


# norms --------------------------------------------------------------------------------------------
def far(*shape):
    """Values near 10^4 with deviation 1, in float32, and in float64 what they are."""
    x = (1e4 + np.random.default_rng(0).normal(size=shape)).astype(np.float32)
    return minigen.from_numpy(x), x.astype(np.float64)


def normalised(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def test_norms_of_values_far_from_zero():  # E[x^2] - E[x]^2 subtracts 10^8 from 10^8, with 7 digits
    x, exact = far(8, 4, 16, 16)
    grouped = normalised(exact.reshape(8, 2, -1), (2,)).reshape(exact.shape)
    for got, want in (
        (F.batch_norm(x, None, None, training=True), normalised(exact, (0, 2, 3))),
        (F.layer_norm(x, (16, 16)), normalised(exact, (2, 3))), (F.group_norm(x, 2), grouped),
        (F.instance_norm(x), normalised(exact, (2, 3))),
    ):  # fmt: skip
        assert abs(got.numpy() - want).max() < 1e-3
    layer = nn.BatchNorm2d(4, momentum=1.0)
    layer(x)
    np.testing.assert_allclose(layer.running_var.numpy(), exact.var((0, 2, 3), ddof=1), rtol=1e-5)


def test_a_constant_is_normalised_to_zero():  # 0 / sqrt(0 + eps), and its gradient is finite
    x = minigen.full((2, 3, 4), 7.0, requires_grad=True)
    for norm in (lambda x: F.layer_norm(x, 4), lambda x: F.group_norm(x, 3), F.instance_norm):
        y = norm(x)
        assert not y.numpy().any()
        assert np.isfinite(minigen.grad((y * y + y).sum(), x)[0].numpy()).all()
    zero = minigen.zeros(2, 3, requires_grad=True)
    for y in (F.normalize(zero), F.rms_norm(zero, 3), F.cosine_similarity(zero, minigen.ones(2, 3))):
        assert not y.numpy().any() and np.isfinite(minigen.grad(y.sum(), zero)[0].numpy()).all()


# windows ------------------------------------------------------------------------------------------
def test_an_infinity_stays_in_its_windows():  # weights of 0 would make NaN of it everywhere: inf * 0
    x = minigen.tensor([[[1.0, 2.0, 3.0, INF, 5.0, 6.0, 7.0]]])
    assert F.avg_pool1d(x, 2).tolist() == [[[1.5, INF, 5.5]]]
    assert F.adaptive_avg_pool1d(x, 3).tolist() == [[[2.0, INF, 6.0]]]


def test_padding_wins_no_maximum():  # zeros around negative numbers would
    x = -minigen.ones(1, 1, 3, 3)
    assert F.max_pool2d(x, 3, 1, 1).tolist() == x.tolist()
    y, where = F.max_pool1d(minigen.full((1, 1, 3), -INF), 3, 1, 1, return_indices=True)
    assert y.tolist() == [[[-INF] * 3]] and where.tolist() == [[[0, 0, 1]]]


def test_the_first_of_equal_maxima_gets_the_gradient():
    x = leaf([[[2.0, 2.0, 2.0, 1.0]]])
    assert slope(lambda x: F.max_pool1d(x, 3, 1), x) == [[[1, 1, 0, 0]]]


# types --------------------------------------------------------------------------------------------
FUNCTIONS = {
    **{name: getattr(F, name) for name in (
        "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "logsigmoid", "softsign",
        "hardtanh", "hardsigmoid", "hardswish", "sigmoid", "tanh", "glu", "normalize", "dropout", "instance_norm",
    )},
    "gelu by tanh": lambda x: F.gelu(x, "tanh"), "softmax": lambda x: F.softmax(x, 1),
    "log_softmax": lambda x: F.log_softmax(x, 1), "softmin": lambda x: F.softmin(x, 1),
    "layer_norm": lambda x: F.layer_norm(x, 6), "group_norm": lambda x: F.group_norm(x, 2),
    "rms_norm": lambda x: F.rms_norm(x, 6, eps=0.1), "max_pool1d": lambda x: F.max_pool1d(x, 2),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 2), "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 4),
    "interpolate": lambda x: F.interpolate(x, 5, mode="linear"), "unfold": lambda x: F.unfold(x, 2),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "conv1d": lambda x: F.conv1d(x, minigen.ones(3, 4, 2, dtype=x.dtype)),
    "cosine_similarity": lambda x: F.cosine_similarity(x, x * x), "mse_loss": lambda x: F.mse_loss(x, x * x),
    "huber_loss": lambda x: F.huber_loss(x, x * x), "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, x * x),
    "kl_div": lambda x: F.kl_div(x, x * x), "cross_entropy": lambda x: F.cross_entropy(x, minigen.zeros(2, 6).long()),
    "cross_entropy, smooth": lambda x: F.cross_entropy(x, x * x, label_smoothing=0.1),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [minigen.float16, minigen.bfloat16, minigen.float32, minigen.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_result_and_the_gradient_have_the_inputs_type(name, dtype):
    values = np.random.default_rng(0).uniform(0.1, 1, (2, 4, 6)).astype(dtype)  # bfloat16 has 8 bits
    x, exact = minigen.tensor(values).requires_grad_(), minigen.tensor(values.astype(np.float64)).requires_grad_()
    found = []
    for input in (x, exact):
        minigen.manual_seed(0)
        y = FUNCTIONS[name](input)
        found.append((y, minigen.grad(y.sum(), input)[0]))
    tolerance = {"float16": 5e-3, "bfloat16": 6e-2, "float32": 1e-5, "float64": 1e-12}[np.dtype(dtype).name]
    for what, got, want in zip(("value", "gradient"), *found, strict=True):
        assert got.dtype == dtype, what
        if name == "dropout" and dtype != minigen.float64:
            continue  # each type's own draws
        scale = max(abs(want.numpy()).max(), 1)
        np.testing.assert_allclose(got.double().numpy(), want.numpy(), atol=tolerance * scale, rtol=0, err_msg=what)


EMPTY = {
    **{k: (0, 4, 6) for k in FUNCTIONS if "loss" not in k and k not in ("kl_div", "unfold")},
    "unfold": (0, 4, 6, 5),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_batch_stays_empty(name):
    if name.startswith("cross_entropy"):
        y = F.cross_entropy(minigen.zeros(0, 4), minigen.zeros(0).long(), reduction="none")
    else:
        y = FUNCTIONS[name](minigen.zeros(*EMPTY[name], requires_grad=True))
        (gradient,) = minigen.grad(y.sum(), [y])
        assert gradient.shape == y.shape
    assert y.shape[0] == 0
