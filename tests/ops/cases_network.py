"""Gradient checks of what networks are made of: activations, windows, pooling, resizing, norms, attention, losses."""

import numpy as np
from hypothesis import strategies as st
from strategies import LAYOUTS, SEEDS, arrays, fixed, laid_out, one, shaped

import minigen
import minigen.functional as F

WIDE = {"low": -4.0, "high": 4.0}
NUMBERS = minigen.tensor([[0, 3], [3, 1]])
LABELS = minigen.tensor([[2, 0, -100], [1, 2, 1]])
WEIGHTS = minigen.tensor(np.array([0.5, 2.0, 1.0]))
TARGET = np.linspace(-3, 3, 15).reshape(3, 5)
ALLOWED = minigen.tensor(np.array([[True, False, True], [False, False, False]]))


@st.composite
def different(draw, *shape):
    """Elements that differ by at least 0.1, so that no step changes which is the largest."""
    n = int(np.prod(shape))
    x = np.random.default_rng(draw(SEEDS)).permutation(n).reshape(shape) * 0.1 - n / 20
    return [laid_out(x, draw(LAYOUTS.filter(lambda layout: layout != "expanded")))]


def away_from_target(*distances):
    """One array (3, 5), the distances of which from TARGET are not close to the given ones, nor to their negatives."""
    kinks = [*distances, *[-d for d in distances]]
    return arrays((3, 5), -3.0, 3.0, away=kinks, expand=False).map(lambda d: [d + TARGET])


def against_target(loss, **options):
    return lambda x: loss(x, minigen.tensor(TARGET), **options)


def seeded(function, **options):
    def call(*xs):
        minigen.manual_seed(5)
        return function(*xs, **options)

    return call


def simplex(x):
    """Positive numbers that sum to 1 along dim 1."""
    return F.softmax(x, 1)


CASES = {
    # activations
    "elu": (lambda x: F.elu(x, 0.7), one(away=(0,))),
    "gelu": (F.gelu, one(**WIDE)),
    "gelu by tanh": (lambda x: F.gelu(x, "tanh"), one(**WIDE)),
    "glu": (lambda x: F.glu(x, 1), shaped("abc").map(lambda xs: [np.concatenate([xs[0], xs[0] + 0.5], 1)])),
    "hardsigmoid": (F.hardsigmoid, one(away=(-3, 3), **WIDE)),
    "hardswish": (F.hardswish, one(away=(-3, 3), **WIDE)),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 1.5), one(away=(-0.5, 1.5))),
    "logsigmoid": (F.logsigmoid, one(**WIDE)),
    "mish": (F.mish, one(**WIDE)),
    "prelu": (F.prelu, st.tuples(arrays((2, 3, 5), away=(0,)), arrays((3,))).map(list)),
    "prelu of one number": (F.prelu, st.tuples(arrays((4,), away=(0,)), arrays((1,))).map(list)),
    "relu6": (F.relu6, one(low=-2.0, high=9.0, away=(0, 6))),
    "selu": (F.selu, one(away=(0,))),
    "silu": (F.silu, one(**WIDE)),
    "softmin": (lambda x: F.softmin(x, 0), fixed((3, 5), **WIDE)),
    "softplus": (lambda x: F.softplus(x, beta=2, threshold=3), one(low=-4.0, high=4.0, away=(1.5,))),
    "softsign": (F.softsign, one(away=(0,))),
    # convolutions and windows
    "conv1d": (
        lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1, dilation=2, groups=2),
        fixed((2, 4, 9), (6, 2, 3), (6,)),
    ),
    "conv_transpose1d": (
        lambda x, w, b: F.conv_transpose1d(x, w, b, stride=3, padding=1, output_padding=2, groups=2),
        fixed((2, 4, 3), (4, 3, 2), (6,)),
    ),
    "fold": (lambda x: F.fold(x, (5, 4), (2, 3), stride=(1, 2), padding=(0, 1)), fixed((2, 12, 8))),
    "unfold": (lambda x: F.unfold(x, (2, 3), dilation=(2, 1), padding=1, stride=(1, 2)), fixed((2, 3, 5, 4))),
    "gated_residual": (
        lambda x, skip, *weights: F.cat(F.gated_residual(x, skip, *weights, dilation=2), dim=2),
        fixed((2, 4, 3), (2, 4, 5), (4, 3, 2), (4,), (3, 2, 1), (3,), (5, 2, 1), (5,)),
    ),
    # pooling and sizes
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 3), fixed((2, 3, 7))),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 5)), fixed((2, 3, 6, 7))),
    "avg_pool1d": (lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False), fixed((2, 3, 8))),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, (2, 3), 2, (1, 1), ceil_mode=True), fixed((2, 3, 6, 5))),
    "max_pool1d": (lambda x: F.max_pool1d(x, 3, 2, 1), different(2, 3, 7)),
    "max_pool2d": (lambda x: F.max_pool2d(x, (2, 3), (1, 2), (1, 0), (2, 1), ceil_mode=True), different(2, 3, 5, 6)),
    "interpolate": (lambda x: F.interpolate(x, (5, 8)), fixed((2, 3, 3, 4))),
    "interpolate, repeated": (lambda x: F.interpolate(x, scale_factor=2), fixed((2, 3, 3, 4))),
    "interpolate, bilinear": (lambda x: F.interpolate(x, (5, 2), mode="bilinear"), fixed((2, 3, 3, 4))),
    "interpolate, linear": (lambda x: F.interpolate(x, 7, mode="linear", align_corners=True), fixed((2, 3, 4))),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), fixed((2, 8, 2, 3))),
    "pixel_unshuffle": (lambda x: F.pixel_unshuffle(x, 2), fixed((2, 3, 4, 6))),
    # norms
    "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), fixed((3, 4, 5), (4,), (4,), low=-3.0, high=3.0)),
    "group_norm_silu": (
        lambda x, w, b: F.group_norm_silu(x, 2, w, b), fixed((3, 4, 5), (4,), (4,), low=-3.0, high=3.0)
    ),
    "group_norm_silu, adaptive": (
        lambda x, w, b: F.group_norm_silu(x, 2, w, b), fixed((3, 4, 5), (3, 4), (3, 4), low=-3.0, high=3.0)
    ),
    "instance_norm": (
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b, eps=0.1), fixed((3, 2, 5), (2,), (2,), low=-3.0, high=3.0)
    ),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, (4, 5), w, b, 0.1), fixed((3, 4, 5), (4, 5), (4, 5), **WIDE)),
    "normalize": (lambda x: F.normalize(x, dim=-1), fixed((3, 5), low=0.3)),
    "rms_norm": (lambda x, w: F.rms_norm(x, 5, w), fixed((3, 5), (5,), low=0.3)),
    # vectors
    "cosine_similarity": (F.cosine_similarity, fixed((3, 5), (5,), low=0.3)),
    "dropout1d": (seeded(F.dropout1d, p=0.4), fixed((3, 4, 5))),
    "dropout2d": (seeded(F.dropout2d, p=0.4), fixed((3, 4, 2, 5))),
    "embedding": (lambda w: F.embedding(NUMBERS, w), fixed((4, 5))),
    "scaled_dot_product_attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, ALLOWED), fixed((2, 2, 4), (3, 4), (2, 3, 5))
    ),
    "scaled_dot_product_attention with a mask and dropout": (
        seeded(F.scaled_dot_product_attention, dropout_p=0.3), fixed((2, 2, 4), (2, 3, 4), (2, 3, 5), (2, 3))
    ),
    # losses
    "cross_entropy by labels": (
        lambda x: F.cross_entropy(x, LABELS, WEIGHTS, label_smoothing=0.2), fixed((2, 3, 3), **WIDE)
    ),
    "cross_entropy by probabilities": (
        lambda x, y: F.cross_entropy(x, simplex(y), WEIGHTS, label_smoothing=0.1), fixed((4, 3), (4, 3), **WIDE)
    ),
    "huber_loss": (against_target(F.huber_loss, delta=0.7), away_from_target(0.7)),
    "kl_div": (lambda x, y: F.kl_div(x, simplex(y), reduction="batchmean"), fixed((4, 3), (4, 3))),
    "kl_div of logarithms": (lambda x, y: F.kl_div(x, y, log_target=True), fixed((4, 3), (4, 3))),
    "l1_loss": (against_target(F.l1_loss), away_from_target(0.0)),
    "nll_loss": (lambda x: F.nll_loss(x, LABELS, WEIGHTS), fixed((2, 3, 3))),
    "smooth_l1_loss": (against_target(F.smooth_l1_loss, beta=0.5), away_from_target(0.0, 0.5)),
}
NOT_DIFFERENTIABLE = {
    "max_pool2d, positions": lambda x: F.max_pool2d(x.reshape(1, 1, 3, 2), 2, return_indices=True)[1],
}
