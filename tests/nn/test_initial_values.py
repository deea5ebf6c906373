"""Initialisers: bounds and statistics with a fixed seed, exact properties, and what they refuse."""

import math

import numpy as np
import pytest

import minigen
from minigen import nn
from minigen.nn import init

SHAPE = (60, 40, 3, 5)  # fan_in 600, fan_out 900
N = math.prod(SHAPE)


def filled(fill, *args, shape=SHAPE, **kwargs):
    t = nn.Parameter(minigen.zeros(*shape))
    address = t.array.ctypes.data
    assert fill(t, *args, generator=minigen.Generator(7), **kwargs) is t
    assert t.array.ctypes.data == address and t.requires_grad and t.is_leaf
    return t.numpy().astype(np.float64)


SQRT3 = math.sqrt(3)
UNIFORM = {  # fill, arguments, bound
    "uniform": (init.uniform_, {"a": -0.5, "b": 0.5}, 0.5),
    "xavier": (init.xavier_uniform_, {"gain": 2.0}, 2 * math.sqrt(6 / 1500)),
    "kaiming": (init.kaiming_uniform_, {}, SQRT3 * math.sqrt(2 / 600)),
    "kaiming with a slope": (init.kaiming_uniform_, {"a": 2.0}, SQRT3 * math.sqrt(2 / 5) / math.sqrt(600)),
    "kaiming fan_out": (init.kaiming_uniform_, {"mode": "fan_out", "nonlinearity": "relu"}, SQRT3 * math.sqrt(2 / 900)),
}


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_values_fill_their_interval(name):
    fill, options, bound = UNIFORM[name]
    x = filled(fill, **options)
    assert abs(x).max() <= bound and abs(x).max() > 0.999 * bound
    assert abs(x.mean()) < 5 * bound / math.sqrt(3 * N)
    assert x.std() == pytest.approx(bound / SQRT3, rel=0.01)


NORMAL = {
    "normal": (init.normal_, {"mean": 3.0, "std": 0.2}, 3.0, 0.2),
    "xavier": (init.xavier_normal_, {"gain": 0.5}, 0.0, 0.5 * math.sqrt(2 / 1500)),
    "kaiming": (init.kaiming_normal_, {"nonlinearity": "relu"}, 0.0, math.sqrt(2 / 600)),
    "kaiming fan_out": (init.kaiming_normal_, {"mode": "fan_out", "nonlinearity": "tanh"}, 0.0, 5 / 3 / 30),
}


@pytest.mark.parametrize("name", NORMAL)
def test_normal_values_have_their_moments(name):
    fill, options, mean, std = NORMAL[name]
    x = (filled(fill, **options) - mean) / std
    assert abs(x.mean()) < 5 / math.sqrt(N) and x.std() == pytest.approx(1, rel=0.02)
    assert (abs(x) < 1).mean() == pytest.approx(0.6827, abs=0.01)
    assert (x**4).mean() == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(("a", "b"), [(-2.0, 2.0), (0.5, 4.0), (3.0, 3.5), (-np.inf, np.inf)])
def test_the_truncated_normal_is_a_normal_under_a_condition(a, b):
    """Its mean is that of the density between the limits, integrated numerically."""
    x = filled(init.trunc_normal_, 1.0, 0.5, a, b)
    grid = np.linspace(max(a, -3), min(b, 5), 200_001)
    density = np.exp(-0.5 * ((grid - 1) / 0.5) ** 2)
    mean = (grid * density).sum() / density.sum()
    std = math.sqrt(((grid - mean) ** 2 * density).sum() / density.sum())
    assert x.min() >= a and x.max() <= b
    assert abs(x.mean() - mean) < 5 * std / math.sqrt(N) + 1e-4
    assert x.std() == pytest.approx(std, rel=0.02)


@pytest.mark.parametrize("shape", [(20, 7), (7, 20), (5, 2, 3), (4, 4), (1, 9), (0, 3)])
def test_orthogonal_rows_or_columns(shape):
    q = filled(init.orthogonal_, 3.0, shape=shape).reshape(shape[0], math.prod(shape[1:]))
    product = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    assert np.allclose(product, 9 * np.eye(len(product)), atol=1e-5)


def test_orthogonal_matrices_are_uniform():
    """Without the correction of the signs, every diagonal element of Q would be negative or zero on average."""
    draw = minigen.Generator(0)
    corners = [init.orthogonal_(minigen.zeros(3, 3), generator=draw).array[0, 0] for _ in range(400)]
    assert abs(np.mean(corners)) < 5 * math.sqrt(1 / 3 / 400)


def test_the_identities():
    assert np.array_equal(init.eye_(minigen.ones(2, 3)).numpy(), np.eye(2, 3))
    x = minigen.randn(2, 4, 5, 7)
    w = init.dirac_(minigen.ones(4, 4, 3, 3))
    assert np.array_equal(nn.functional.conv2d(x, w, padding=1).numpy(), x.numpy())
    w = init.dirac_(minigen.ones(6, 2, 3, 3), groups=2)
    y = nn.functional.conv2d(x, w, padding=1, groups=2).numpy()
    assert np.array_equal(y[:, [0, 1, 3, 4]], x.numpy()) and not y[:, [2, 5]].any()
    assert init.dirac_(minigen.ones(2, 2, 3)).array.sum() == 2


def test_fans_under_the_name_that_listings_use():
    assert init._calculate_fan_in_and_fan_out(minigen.ones(6, 4, 3, 5)) == (60, 90) == init.fan_in_and_out(
        minigen.ones(6, 4, 3, 5)
    )


def test_constants():
    x = minigen.ones(2, 3)
    assert (init.constant_(x, 0.3).numpy() == np.float32(0.3)).all()
    assert (init.zeros_(x).numpy() == 0).all() and (init.ones_(x).numpy() == 1).all()


@pytest.mark.parametrize(
    ("nonlinearity", "param", "gain"),
    [("linear", None, 1), ("conv2d", None, 1), ("conv_transpose3d", None, 1), ("sigmoid", None, 1),
     ("tanh", None, 5 / 3), ("relu", None, math.sqrt(2)), ("selu", None, 0.75),
     ("leaky_relu", None, math.sqrt(2 / 1.0001)), ("leaky_relu", 0.5, math.sqrt(1.6))],
)  # fmt: skip
def test_gains(nonlinearity, param, gain):
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(gain, rel=1e-12)


def test_he_keeps_the_variance_through_forty_layers_and_a_smaller_gain_does_not():
    def last(fill):
        draw, x = minigen.Generator(1), minigen.randn(64, 256, generator=minigen.Generator(2))
        for _ in range(40):
            x = nn.functional.relu(nn.functional.linear(x, fill(minigen.zeros(256, 256), generator=draw)))
        return float(np.square(x.numpy()).mean())

    assert 0.1 < last(lambda w, **k: init.kaiming_normal_(w, nonlinearity="relu", **k)) < 10
    assert last(init.xavier_normal_) < 1e-9


WRONG = [
    (lambda: init.uniform_([1.0]), TypeError, "init.uniform_: arguments must be Tensors, got list"),
    (lambda: init.uniform_(minigen.ones(2), 1, 0), ValueError, "init.uniform_: a must not be above b, got a=1, b=0"),
    (lambda: init.normal_(minigen.ones(2), 0, -1), ValueError, "init.normal_: std must be at least 0, got -1"),
    (lambda: init.normal_(minigen.tensor([1])), TypeError, "init.normal_: tensor must be floating, got int64"),
    (lambda: init.trunc_normal_(minigen.ones(2), a=1, b=1), ValueError, "needs std > 0 and a < b"),
    (lambda: init.eye_(minigen.ones(2)), ValueError, "init.eye_: tensor must have 2 dimensions, got shape \\(2,\\)"),
    (lambda: init.dirac_(minigen.ones(2, 2)), ValueError, "init.dirac_: tensor must have 3, 4 or 5 dimensions"),
    (lambda: init.dirac_(minigen.ones(3, 2, 1), groups=2), ValueError, "groups=2 must divide the 3 output channels"),
    (lambda: init.orthogonal_(minigen.ones(2)), ValueError, "init.orthogonal_: tensor must have at least 2 dim"),
    (lambda: init.xavier_normal_(minigen.ones(2)), ValueError, "fan-in needs at least two dimensions"),
    (lambda: init.kaiming_normal_(minigen.ones(2, 2), mode="in"), ValueError, "mode must be 'fan_in' or 'fan_out'"),
    (lambda: init.kaiming_uniform_(minigen.ones(2, 2), nonlinearity="gelu"), ValueError, "'gelu' is unknown; use one"),
    (lambda: init.calculate_gain("leaky_relu", True), ValueError, "the slope, must be a number, got True"),
]


@pytest.mark.parametrize(("wrong", "error", "words"), WRONG)
def test_what_they_refuse(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong()
