"""Losses against their formulas in float64, by every reduction, at their extremes, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen import nn

SEEDS = st.integers(0, 2**32 - 1)
SHAPES = st.lists(st.sampled_from([1, 2, 3, 7]), max_size=3).map(tuple)
REDUCED = {"none": lambda x: x, "mean": np.mean, "sum": np.sum}


def binary(p, y):
    with np.errstate(divide="ignore"):
        return -y * np.maximum(np.log(p), -100) - (1 - y) * np.maximum(np.log1p(-p), -100)


def softplus(x):
    return np.logaddexp(0, x)


def cross(x, labels):
    return np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), labels]


PAIRS = {  # the layer, the formula, inputs from numbers in (0, 1)
    "BCELoss": (nn.BCELoss, binary, lambda u: u),
    "BCEWithLogitsLoss": (
        nn.BCEWithLogitsLoss, lambda x, y: y * softplus(-x) + (1 - y) * softplus(x), lambda u: 20 * u - 10
    ),
    "MSELoss": (nn.MSELoss, lambda x, y: (x - y) ** 2, lambda u: 6 * u - 3),
}  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCED)
@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=15)
@given(shape=SHAPES, seed=SEEDS)
def test_values_and_gradients(name, reduction, shape, seed):
    layer, formula, spread = PAIRS[name]
    rng = np.random.default_rng(seed)
    x, y = np.asarray(spread(rng.uniform(0.01, 0.99, shape))), np.asarray(rng.uniform(0, 1, shape))
    input, target = minigen.tensor(x, requires_grad=True), minigen.tensor(y)
    loss = layer(reduction=reduction)(input, target)
    want = REDUCED[reduction](formula(x, y))
    assert loss.shape == np.shape(want)
    np.testing.assert_allclose(loss.numpy(), want, rtol=1e-12)
    loss.sum().backward()
    h = 1e-6
    slope = (formula(x + h, y) - formula(x - h, y)) / (2 * h)
    slope = slope / x.size if reduction == "mean" else slope
    np.testing.assert_allclose(input.grad.numpy(), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reduction", REDUCED)
@settings(max_examples=15)
@given(n=st.integers(1, 7), k=st.integers(1, 7), seed=SEEDS)
def test_cross_entropy(reduction, n, k, seed):
    rng = np.random.default_rng(seed)
    x, labels = rng.uniform(-4, 4, (n, k)), rng.integers(0, k, n)
    input = minigen.tensor(x, requires_grad=True)
    loss = nn.CrossEntropyLoss(reduction=reduction)(input, minigen.tensor(labels))
    np.testing.assert_allclose(loss.numpy(), REDUCED[reduction](cross(x, labels)), rtol=1e-12, atol=1e-12)
    loss.sum().backward()
    softmax = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    want = (softmax - np.eye(k)[labels]) / (n if reduction == "mean" else 1)
    np.testing.assert_allclose(input.grad.numpy(), want, rtol=1e-10, atol=1e-12)


def test_the_default_is_the_mean():
    x, y = minigen.tensor([[0.25, 0.75], [0.5, 0.125]]), minigen.tensor([[0.0, 1.0], [1.0, 0.0]])
    for layer in (nn.BCELoss, nn.BCEWithLogitsLoss, nn.MSELoss):
        assert layer()(x, y).item() == layer(reduction="mean")(x, y).item()
        np.testing.assert_allclose(layer()(x, y).item(), layer(reduction="sum")(x, y).item() / 4, rtol=1e-6)
    labels = minigen.tensor([1, 0])
    np.testing.assert_allclose(
        nn.CrossEntropyLoss()(x, labels).item(), nn.CrossEntropyLoss(reduction="sum")(x, labels).item() / 2, rtol=1e-6
    )


@pytest.mark.parametrize("dtype", [minigen.float32, minigen.float64])
def test_logits_of_any_size_give_finite_losses_and_slopes(dtype):
    x = minigen.tensor([-1000.0, -100.0, 0.0, 100.0, 1000.0], dtype=dtype).requires_grad_()
    for y, want, slope in ((0.0, [0, 0, np.log(2), 100, 1000], [0, 0, 0.5, 1, 1]),
                           (1.0, [1000, 100, np.log(2), 0, 0], [-1, -1, -0.5, 0, 0])):  # fmt: skip
        loss = nn.BCEWithLogitsLoss(reduction="none")(x, minigen.full_like(x, y).detach())
        np.testing.assert_allclose(loss.numpy(), want, rtol=1e-6, atol=1e-30)
        (g,) = minigen.grad(loss.sum(), x)
        np.testing.assert_allclose(g.numpy(), slope, rtol=1e-6, atol=1e-30)
    rows = minigen.tensor([[1000.0, 0.0], [-1000.0, 0.0]], dtype=dtype).requires_grad_()
    loss = nn.CrossEntropyLoss(reduction="none")(rows, minigen.tensor([0, 0]))
    assert loss.tolist() == [0, 1000]
    (g,) = minigen.grad(loss.sum(), rows)
    assert g.tolist() == [[0, 0], [-1, 1]]


def test_probabilities_of_0_and_1_cost_100_at_most():
    """PyTorch cuts the logarithm there, so that one sure mistake does not end a training with inf."""
    x = minigen.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = nn.BCELoss(reduction="none")(x, minigen.tensor([0.0, 1.0, 1.0, 0.0]))
    assert loss.tolist() == [0, 0, 100, 100]
    loss.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    assert x.grad.numpy()[2] < 0 < x.grad.numpy()[3]


def test_both_forms_of_the_binary_loss_agree():
    x = minigen.randn(50, generator=minigen.Generator(0), dtype=minigen.float64)
    y = minigen.rand(50, generator=minigen.Generator(1), dtype=minigen.float64)
    np.testing.assert_allclose(nn.BCEWithLogitsLoss()(x, y).item(), nn.BCELoss()(x.sigmoid(), y).item(), rtol=1e-12)


def test_targets_get_gradients_too():
    x, y = minigen.tensor([0.2, 0.7], requires_grad=True), minigen.tensor([0.5, 0.25], requires_grad=True)
    nn.MSELoss(reduction="sum")(x, y).backward()
    np.testing.assert_allclose(y.grad.numpy(), [0.6, -0.9], rtol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [-0.6, 0.9], rtol=1e-6)


X, Y = minigen.full((2, 3), 0.5), minigen.zeros(2, 3)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: nn.BCELoss()(X, Y[:1]), ValueError, r"binary_cross_entropy: .*\(2, 3\).*\(1, 3\)"),
        (lambda: nn.BCEWithLogitsLoss()(X, Y.flatten()), ValueError, r"\(2, 3\).*\(6,\).*flatten"),
        (lambda: nn.MSELoss()(X, Y[0]), ValueError, r"mse_loss: .*\(2, 3\).*\(3,\)"),
        (lambda: nn.MSELoss()(X, Y.double()), TypeError, "mse_loss: input is float32, target is float64"),
        (lambda: nn.MSELoss()(X, 0.0), TypeError, "mse_loss: target must be a Tensor, got float"),
        (lambda: nn.BCELoss()(X * 3, Y), ValueError, r"must lie in \[0, 1\].*binary_cross_entropy_with_logits"),
        (lambda: nn.BCELoss()(X * float("nan"), Y), ValueError, r"must lie in \[0, 1\]"),
        (lambda: nn.CrossEntropyLoss()(X, minigen.tensor([0, 3])), IndexError, "label 3 is out of range for 3 classes"),
        (lambda: nn.CrossEntropyLoss()(X, minigen.tensor([0, -1])), IndexError, "label -1 is out of range"),
        (lambda: nn.CrossEntropyLoss()(X, minigen.tensor([0.0, 1.0])), TypeError, r"int64.*\.long\(\)"),
        (lambda: nn.CrossEntropyLoss()(X, minigen.tensor([0])), ValueError, r"cross_entropy: .*\(2, 3\).*\(1,\)"),
        (lambda: nn.MSELoss(reduction="average")(X, Y), ValueError, "reduction must be 'none', 'mean' or 'sum'"),
        (lambda: nn.CrossEntropyLoss(reduction="max")(X, minigen.tensor([0, 1])), ValueError, "reduction must be"),
    ],
)  # fmt: skip
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
