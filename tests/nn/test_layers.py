"""Layers: shapes, initial values, what they compute in each mode, their words, and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
import minigen.functional as F
from minigen import nn

SIZES = st.sampled_from([0, 1, 2, 3, 5, 7])


def numbers(*shape, seed=0, dtype=np.float32, scale=1.0, shift=0.0):
    return minigen.tensor(np.random.default_rng(seed).normal(shift, scale, shape).astype(dtype))


# initial values -------------------------------------------------------------------------------------
INITIAL = {  # the layer, its fan-in
    "Linear": (lambda: nn.Linear(200, 300), 200),
    "Conv2d": (lambda: nn.Conv2d(20, 60, (3, 5)), 20 * 15),
    "Conv2d groups": (lambda: nn.Conv2d(40, 60, 5, groups=4), 10 * 25),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(40, 20, 5), 20 * 25),  # of its weight (in, out/groups, 5, 5)
    "ConvTranspose2d groups": (lambda: nn.ConvTranspose2d(40, 80, 5, groups=2), 40 * 25),
}


@pytest.mark.parametrize("name", INITIAL)
def test_initial_values_are_uniform_within_one_over_the_root_of_fan_in(name):
    make, fan_in = INITIAL[name]
    minigen.manual_seed(3)
    layer = make()
    bound = 1 / math.sqrt(fan_in)
    for p, least in ((layer.weight, 10_000), (layer.bias, 20)):
        x = p.numpy().astype(np.float64).ravel() / bound
        assert x.size >= least and abs(x).max() <= 1 + 1e-6
        ranks = np.arange(1, x.size + 1) / x.size
        assert abs(np.sort(x) - (2 * ranks - 1)).max() < 2 * 1.95 / math.sqrt(x.size) + 1 / x.size  # Kolmogorov's bound
        assert p.requires_grad and p.dtype == np.float32
    minigen.manual_seed(3)
    twin = make()
    np.testing.assert_array_equal(twin.weight.numpy(), layer.weight.numpy())
    np.testing.assert_array_equal(twin.bias.numpy(), layer.bias.numpy())
    assert (make().weight.numpy() != layer.weight.numpy()).any()


def test_layers_without_bias():
    for layer in (nn.Linear(2, 3, bias=False), nn.Conv2d(2, 3, 1, bias=False), nn.ConvTranspose2d(2, 3, 1, bias=False)):
        assert layer.bias is None
        assert [k for k, _ in layer.named_parameters()] == ["weight"]


# linear and convolution -----------------------------------------------------------------------------
@settings(max_examples=30)
@given(lead=st.lists(SIZES, max_size=2), m=SIZES, n=SIZES, bias=st.booleans())
def test_linear(lead, m, n, bias):
    layer, x = nn.Linear(m, n, bias=bias), numbers(*lead, m)
    y = layer(x)
    want = x.numpy() @ layer.weight.numpy().T + (layer.bias.numpy() if bias else 0)
    assert (y.shape, layer.weight.shape) == ((*lead, n), (n, m))
    np.testing.assert_allclose(y.numpy(), want, rtol=1e-5, atol=1e-5)


KERNELS = {"kernel_size": st.integers(1, 3), "stride": st.integers(1, 3), "padding": st.integers(0, 2),
           "dilation": st.integers(1, 2), "groups": st.integers(1, 2)}  # fmt: skip


@settings(max_examples=40)
@given(st.fixed_dictionaries(KERNELS), st.booleans())
def test_conv2d(how, bias):
    layer, x = nn.Conv2d(2, 4, bias=bias, **how), numbers(3, 2, 9, 8)
    k, s, p, d, groups = (how[name] for name in KERNELS)
    y = layer(x)
    assert layer.weight.shape == (4, 2 // groups, k, k)
    assert y.shape == (3, 4, *[(n + 2 * p - d * (k - 1) - 1) // s + 1 for n in (9, 8)])
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), (p, p), (p, p)])
    w, (_, _, h, v) = layer.weight.numpy(), y.shape
    i, j, o = h - 1, v // 2, 3  # one output by hand: the last row of the last channel
    patch = padded[1, :, s * i : s * i + d * (k - 1) + 1 : d, s * j : s * j + d * (k - 1) + 1 : d]
    patch = patch[o // (4 // groups) * (2 // groups) :][: 2 // groups]
    want = (patch * w[o]).sum() + (layer.bias.numpy()[o] if bias else 0)
    np.testing.assert_allclose(y[1, o, i, j].item(), want, rtol=1e-4, atol=1e-5)


@settings(max_examples=40)
@given(st.fixed_dictionaries(KERNELS), st.integers(0, 1))
def test_conv_transpose2d_is_the_convolutions_gradient(how, extra):
    k, s, p, d, groups = (how[name] for name in KERNELS)
    if extra >= max(s, d) or p > d * (k - 1):
        return
    layer = nn.ConvTranspose2d(4, 2, output_padding=extra, bias=False, **how)
    x = numbers(3, 4, 5, 6)
    y = layer(x)
    assert layer.weight.shape == (4, 2 // groups, k, k)
    assert y.shape == (3, 2, *[(n - 1) * s - 2 * p + d * (k - 1) + extra + 1 for n in (5, 6)])
    image = minigen.zeros_like(y).requires_grad_()
    forward = F.conv2d(image, layer.weight.detach(), None, s, p, d, groups)
    forward[:, :, :5, :6].backward(x)
    np.testing.assert_allclose(y.numpy(), image.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_named_paddings_and_pairs():
    x = numbers(2, 3, 8, 7)
    assert nn.Conv2d(3, 4, (3, 2), padding="same", dilation=(1, 2))(x).shape == (2, 4, 8, 7)
    assert nn.Conv2d(3, 4, 3, padding="valid")(x).shape == (2, 4, 6, 5)
    assert nn.Conv2d(3, 4, (1, 3), stride=(2, 1), padding=(0, 1))(x).shape == (2, 4, 4, 7)
    assert nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1)(x).shape == (2, 4, 16, 14)  # doubles, as in a DCGAN


# batch norm -----------------------------------------------------------------------------------------
NORMS = {
    "table": (nn.BatchNorm1d, (6, 3)),
    "lines": (nn.BatchNorm1d, (4, 3, 5)),
    "images": (nn.BatchNorm2d, (4, 3, 2, 5)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0, 0.0, None])
@pytest.mark.parametrize("kind", NORMS)
def test_batch_norm_against_its_formula(kind, momentum, dtype):
    layer_type, shape = NORMS[kind]
    layer = layer_type(3, eps=1e-3, momentum=momentum).to(dtype)
    with minigen.no_grad():
        layer.weight.copy_(numbers(3, seed=8))
        layer.bias.copy_(numbers(3, seed=9))
    axes, broadcast = (0, *range(2, len(shape))), (1, 3) + (1,) * (len(shape) - 2)
    gamma, beta = (p.numpy().astype(np.float64).reshape(broadcast) for p in (layer.weight, layer.bias))
    running_mean, running_var = np.zeros(3), np.ones(3)
    n = math.prod(shape) // 3
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-12}

    def formula(x, mean, var):
        return (x - mean.reshape(broadcast)) / np.sqrt(var.reshape(broadcast) + 1e-3) * gamma + beta

    for t in range(3):
        x = numbers(*shape, seed=t, dtype=dtype, scale=2.0, shift=3.0)
        exact = x.numpy().astype(np.float64)
        mean, var = exact.mean(axis=axes), exact.var(axis=axes)
        np.testing.assert_allclose(layer(x).numpy(), formula(exact, mean, var), **tolerance)
        share = 1 / (t + 1) if momentum is None else momentum  # None: the mean over all batches
        running_mean = (1 - share) * running_mean + share * mean
        running_var = (1 - share) * running_var + share * var * n / (n - 1)  # unbiased, as in PyTorch
        np.testing.assert_allclose(layer.running_mean.numpy(), running_mean, **tolerance)
        np.testing.assert_allclose(layer.running_var.numpy(), running_var, **tolerance)
        assert layer.num_batches_tracked.item() == t + 1
    layer.eval()
    kept = layer.running_mean.numpy().copy()
    np.testing.assert_allclose(layer(x).numpy(), formula(exact, running_mean, running_var), **tolerance)
    assert layer(x[:1]).shape == (1, *shape[1:])  # one sample is enough there
    np.testing.assert_array_equal(layer.running_mean.numpy(), kept)
    assert layer.num_batches_tracked.item() == 3
    assert layer(x).dtype == layer.running_var.dtype == dtype


def test_batch_norm_starts_as_the_plain_norm():
    layer = nn.BatchNorm2d(2)
    assert (layer.weight.tolist(), layer.bias.tolist()) == ([1, 1], [0, 0])
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    y = layer(numbers(8, 2, 5, 5, scale=3, shift=50)).numpy().astype(np.float64)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(0, 2, 3)), 1, rtol=1e-4)


def test_batch_norm_without_parameters_or_statistics():
    bare = nn.BatchNorm1d(3, affine=False)
    assert list(bare.parameters()) == []
    untracked = nn.BatchNorm1d(3, track_running_stats=False)
    assert list(untracked.state_dict()) == ["weight", "bias"]
    x = numbers(5, 3)
    np.testing.assert_array_equal(untracked.train()(x).numpy(), untracked.eval()(x).numpy())  # always the batch's
    np.testing.assert_allclose(bare(x).numpy(), untracked(x).numpy(), rtol=1e-6, atol=1e-6)


def test_the_gradient_does_not_flow_into_running_statistics():
    layer = nn.BatchNorm1d(3)
    x = numbers(5, 3).requires_grad_()
    layer(x).sum().backward()
    assert not layer.running_mean.requires_grad
    np.testing.assert_allclose(x.grad.numpy(), 0, atol=1e-5)  # a normalised sum is constant
    np.testing.assert_allclose(layer.weight.grad.numpy(), 0, atol=1e-5)
    np.testing.assert_allclose(layer.bias.grad.numpy(), 5)
    layer.eval()
    x.grad = None
    layer(x).sum().backward()
    want = layer.weight.numpy() / np.sqrt(layer.running_var.numpy() + 1e-5)  # the statistics are constants there
    np.testing.assert_allclose(x.grad.numpy(), np.broadcast_to(want, (5, 3)), rtol=1e-5)


# dropout --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropouts_share_and_scale(p):
    n, layer = 100_000, nn.Dropout(p)
    minigen.manual_seed(1)
    x = minigen.full((n,), 3.0, requires_grad=True)
    y = layer(x)
    kept = y.numpy() != 0
    assert abs(kept.mean() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / n)
    np.testing.assert_allclose(y.numpy()[kept], 3 / (1 - p), rtol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.numpy() / 3, rtol=1e-6)  # the mask of the forward pass
    assert abs(np.corrcoef(kept[1:], kept[:-1])[0, 1]) < 4 / math.sqrt(n)
    assert (layer(x).numpy() != y.numpy()).any()
    minigen.manual_seed(1)
    np.testing.assert_array_equal(layer(x).numpy(), y.numpy())
    assert layer.eval()(x) is x


def test_dropout_at_its_ends():
    x = numbers(4, 5)
    np.testing.assert_array_equal(nn.Dropout(0.0)(x).numpy(), x.numpy())
    np.testing.assert_array_equal(nn.Dropout(1.0)(x).numpy(), np.zeros((4, 5)))
    np.testing.assert_array_equal(nn.Dropout(1.0).eval()(x).numpy(), x.numpy())
    assert nn.Dropout()(x.double()).dtype == np.float64


# layers without weights -----------------------------------------------------------------------------
def test_activations_are_their_functions():
    x = numbers(3, 5, scale=2)
    a = x.numpy().astype(np.float64)
    for layer, want in (
        (nn.ReLU(), np.maximum(a, 0)), (nn.ReLU(inplace=True), np.maximum(a, 0)),
        (nn.LeakyReLU(), np.where(a > 0, a, 0.01 * a)), (nn.LeakyReLU(0.2, inplace=True), np.where(a > 0, a, 0.2 * a)),
        (nn.Tanh(), np.tanh(a)), (nn.Sigmoid(), 1 / (1 + np.exp(-a))), (nn.Identity(54, unused=True), a),
        (nn.Softmax(dim=1), np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)),
        (nn.Softmax(dim=0), np.exp(a) / np.exp(a).sum(axis=0, keepdims=True)),
    ):  # fmt: skip
        np.testing.assert_allclose(layer(x).numpy(), want, rtol=1e-5, atol=1e-6)
        assert list(layer.parameters()) == []
    np.testing.assert_array_equal(x.numpy(), a)  # inplace=True is accepted and ignored


def test_layers_that_move_elements():
    x = numbers(2, 3, 4, 5)
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    np.testing.assert_array_equal(nn.Unflatten(1, (3, 4, 5))(nn.Flatten()(x)).numpy(), x.numpy())
    assert nn.Unflatten(-1, (5, 1))(x).shape == (2, 3, 4, 5, 1)
    for padding, widths in ((1, ((1, 1), (1, 1))), ((1, 0, 2, 3), ((2, 3), (1, 0)))):
        want = np.pad(x.numpy(), [(0, 0), (0, 0), *widths])
        np.testing.assert_array_equal(nn.ZeroPad2d(padding)(x).numpy(), want)


# words ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Linear(2, 3, bias=False), "Linear(in_features=2, out_features=3, bias=False)"),
        (nn.Conv2d(2, 4, (3, 2), padding="same", dilation=2, groups=2),
         "Conv2d(2, 4, kernel_size=(3, 2), stride=(1, 1), padding=same, dilation=(2, 2), groups=2)"),
        (nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, bias=False, dilation=(2, 1)),
         "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 1), "
         "output_padding=(1, 1), bias=False)"),
        (nn.BatchNorm1d(3, affine=False, track_running_stats=False),
         "BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)"),
        (nn.LeakyReLU(0.1, True), "LeakyReLU(negative_slope=0.1, inplace=True)"), (nn.ReLU(True), "ReLU(inplace=True)"),
        (nn.ReLU(), "ReLU()"), (nn.Softmax(1), "Softmax(dim=1)"), (nn.Dropout(), "Dropout(p=0.5, inplace=False)"),
        (nn.Unflatten(1, (2, 2)), "Unflatten(dim=1, unflattened_size=(2, 2))"), (nn.Identity(), "Identity()"),
        (nn.ZeroPad2d(1), "ZeroPad2d((1, 1, 1, 1))"), (nn.Tanh(), "Tanh()"), (nn.BCELoss(), "BCELoss()"),
    ],
)  # fmt: skip
def test_words(layer, text):
    assert repr(layer) == text


# what is refused ------------------------------------------------------------------------------------
IMAGE = minigen.zeros(2, 3, 8, 8)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: nn.Linear(3, 4)(IMAGE), ValueError, r"linear: input \(2, 3, 8, 8\) does not fit weight \(4, 3\)"),
        (lambda: nn.Linear(8, 4)(IMAGE.double()), TypeError, "linear: input is float64, weight is float32"),
        (lambda: nn.Linear(-1, 4), ValueError, "Linear: in_features must be at least 0, got -1"),
        (lambda: nn.Linear(2.5, 4), TypeError, "Linear: in_features must be an integer, got 2.5"),
        (lambda: nn.Conv2d(1, "8", 3), TypeError, "Conv2d: out_channels must be an integer, got '8'"),
        (lambda: nn.Conv2d(1, 8, 3, padding="vald"), ValueError, "Conv2d: padding must be integers, 'same' or 'valid'"),
        (lambda: nn.Conv2d(1, 8, 3, 2, "same"), ValueError, "Conv2d: padding 'same' needs stride 1, got 2"),
        (lambda: nn.ConvTranspose2d(1, 8, 3, padding="same"), ValueError, "ConvTranspose2d: padding must be integers,"),
        (lambda: nn.Embedding(-1, 3), ValueError, "Embedding: num_embeddings must be at least 0, got -1"),
        (lambda: nn.MultiheadAttention(4.0, 2), TypeError, "MultiheadAttention: embed_dim must be an integer, got 4.0"),
        (lambda: nn.BatchNorm1d(2.5), TypeError, "BatchNorm1d: num_features must be an integer, got 2.5"),
        (lambda: nn.BatchNorm1d(3)(None), TypeError, "BatchNorm1d: input must be a Tensor, got NoneType"),
        (lambda: nn.Dropout("a"), TypeError, "Dropout: p must be a number, got 'a'"),
        (lambda: nn.Linear(2, 2).cuda(), ValueError, "device: 'cuda' is not available"),
        (lambda: nn.utils.clip_grad_norm_(nn.Linear(2, 2), 1.0), TypeError, "must be Tensors, .* got Linear"),
        (lambda: nn.utils.clip_grad_norm_([], "a"), TypeError, "clip_grad_norm_: max_norm must be a number, got 'a'"),
        (lambda: nn.utils.clip_grad_norm_([], -1), ValueError, "clip_grad_norm_: max_norm must be at least 0, got -1"),
        (lambda: nn.utils.clip_grad_value_([], -1), ValueError, "clip_grad_value_: clip_value must be at least 0"),
        (lambda: nn.Conv2d(4, 4, 3)(IMAGE), ValueError, r"conv2d: input .*\(2, 3, 8, 8\) has 3 channels.*expects 4"),
        (lambda: nn.Conv2d(3, 4, 3)(IMAGE[0, 0]), ValueError, "must have 4 dimensions"),
        (lambda: nn.Conv2d(3, 4, 9)(IMAGE), ValueError, r"kernel \(9, 9\).*larger than the input \(8, 8\)"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "groups=2 must divide in_channels=3 and out_channels=4"),
        (lambda: nn.Conv2d(3, 4, 0), ValueError, "Conv2d: kernel_size must be at least 1"),
        (lambda: nn.Conv2d(3, 4, 3, stride=0), ValueError, "Conv2d: stride must be at least 1"),
        (lambda: nn.Conv2d(3, 4, 3, padding=-1), ValueError, "Conv2d: padding must be at least 0"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), TypeError, "kernel_size must be an integer or two"),
        (lambda: nn.Conv2d(3, 4, 3, 2, padding="same")(IMAGE), ValueError, "'same' needs stride 1"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, output_padding=1)(IMAGE), ValueError, "output_padding .* must be smaller"),
        (lambda: nn.ConvTranspose2d(4, 4, 3)(IMAGE), ValueError, "has 3 channels.*expects 4"),
        (lambda: nn.BatchNorm2d(4)(IMAGE), ValueError, r"\(4,\).*\(2, 3, 8, 8\) has 3 channels"),
        (lambda: nn.BatchNorm2d(3)(IMAGE[0]), ValueError, r"BatchNorm2d: input must have 4 dimensions, got shape"),
        (lambda: nn.BatchNorm1d(3)(IMAGE), ValueError, "BatchNorm1d: input must have 2 or 3 dimensions"),
        (lambda: nn.BatchNorm1d(3)(minigen.zeros(1, 3)), ValueError, r"more than one value per channel.*\.eval\(\)"),
        (lambda: nn.Dropout(1.5), ValueError, r"Dropout: p must lie in \[0, 1\], got 1.5"),
        (lambda: nn.Dropout(-0.1), ValueError, "Dropout: p must lie in"),
        (lambda: nn.Softmax(dim=4)(IMAGE), IndexError, "dim 4 is out of range for 4 dimensions"),
        (lambda: nn.Unflatten(1, (2, 2))(IMAGE), ValueError, "reshape: .* do not fit into shape"),
        (lambda: nn.Unflatten(5, (2, 2))(IMAGE), IndexError, "Unflatten: dim 5 is out of range"),
        (lambda: nn.Flatten(3, 1)(IMAGE), ValueError, "start_dim 3 comes after end_dim 1"),
    ],
)  # fmt: skip
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
