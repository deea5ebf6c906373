"""Layers of networks: the words that PyTorch prints, the shape of what they return, what their state holds."""

import numpy as np
import pytest

import minigen
from minigen import functional as F
from minigen import nn

LINES, IMAGES = (2, 4, 9), (2, 4, 6, 7)
# what makes it, what it prints if that is something else, shape in, shape out, what the state holds
TABLE = [
    ("ReLU6()", "", IMAGES, IMAGES, {}), ("SELU()", "", IMAGES, IMAGES, {}), ("Mish()", "", IMAGES, IMAGES, {}),
    ("SiLU(inplace=True)", "", IMAGES, IMAGES, {}), ("Hardsigmoid()", "", IMAGES, IMAGES, {}),
    ("Hardswish()", "", IMAGES, IMAGES, {}), ("LogSigmoid()", "", IMAGES, IMAGES, {}),
    ("Softsign()", "", IMAGES, IMAGES, {}), ("ELU()", "ELU(alpha=1.0)", LINES, LINES, {}),
    ("GELU()", "GELU(approximate='none')", LINES, LINES, {}), ("GELU(approximate='tanh')", "", LINES, LINES, {}),
    ("Softplus()", "Softplus(beta=1.0, threshold=20.0)", LINES, LINES, {}),
    ("Hardtanh()", "Hardtanh(min_val=-1.0, max_val=1.0)", LINES, LINES, {}),
    ("PReLU()", "PReLU(num_parameters=1)", LINES, LINES, {"weight": (1,)}),
    ("PReLU(4, 0.1)", "PReLU(num_parameters=4)", IMAGES, IMAGES, {"weight": (4,)}),
    ("LogSoftmax(dim=1)", "", LINES, LINES, {}), ("Softmin(dim=1)", "", LINES, LINES, {}),
    ("GLU(1)", "GLU(dim=1)", LINES, (2, 2, 9), {}),
    ("Dropout1d()", "Dropout1d(p=0.5, inplace=False)", LINES, LINES, {}),
    ("Dropout2d(0.2)", "Dropout2d(p=0.2, inplace=False)", IMAGES, IMAGES, {}),
    ("Conv1d(4, 6, 3, 2, 1)", "Conv1d(4, 6, kernel_size=(3,), stride=(2,), padding=(1,))", LINES, (2, 6, 5),
     {"weight": (6, 4, 3), "bias": (6,)}),
    ("Conv1d(4, 6, 2, padding='same', groups=2, bias=False, padding_mode='circular')",
     "Conv1d(4, 6, kernel_size=(2,), stride=(1,), padding=same, groups=2, bias=False, padding_mode=circular)",
     LINES, (2, 6, 9), {"weight": (6, 2, 2)}),
    ("ConvTranspose1d(4, 6, 3, 2, output_padding=1)",
     "ConvTranspose1d(4, 6, kernel_size=(3,), stride=(2,), output_padding=(1,))", LINES, (2, 6, 20),
     {"weight": (4, 6, 3), "bias": (6,)}),
    ("MaxPool1d(3, 2)", "MaxPool1d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)", LINES,
     (2, 4, 4), {}),
    ("MaxPool2d(2)", "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)", IMAGES,
     (2, 4, 3, 3), {}),
    ("AvgPool1d(2)", "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))", LINES, (2, 4, 4), {}),
    ("AvgPool2d((2, 3), 1)", "AvgPool2d(kernel_size=(2, 3), stride=1, padding=0)", IMAGES, (2, 4, 5, 5), {}),
    ("AdaptiveAvgPool1d(5)", "AdaptiveAvgPool1d(output_size=5)", LINES, (2, 4, 5), {}),
    ("AdaptiveAvgPool2d((3, None))", "AdaptiveAvgPool2d(output_size=(3, None))", IMAGES, (2, 4, 3, 7), {}),
    ("Upsample(scale_factor=2)", "Upsample(scale_factor=2.0, mode='nearest')", IMAGES, (2, 4, 12, 14), {}),
    ("Upsample(size=(3, 4), mode='bilinear')", "", IMAGES, (2, 4, 3, 4), {}),
    ("UpsamplingNearest2d(scale_factor=3)", "UpsamplingNearest2d(scale_factor=3.0, mode='nearest')", IMAGES,
     (2, 4, 18, 21), {}),
    ("PixelShuffle(2)", "PixelShuffle(upscale_factor=2)", IMAGES, (2, 1, 12, 14), {}),
    ("PixelUnshuffle(2)", "PixelUnshuffle(downscale_factor=2)", (4, 2, 6), (16, 1, 3), {}),
    ("Unfold(2)", "Unfold(kernel_size=2, dilation=1, padding=0, stride=1)", IMAGES, (2, 16, 30), {}),
    ("Fold((3, 2), 2)", "Fold(output_size=(3, 2), kernel_size=2, dilation=1, padding=0, stride=1)", (2, 8, 2),
     (2, 2, 3, 2), {}),
    ("LayerNorm(7)", "LayerNorm((7,), eps=1e-05, elementwise_affine=True, bias=True)", IMAGES, IMAGES,
     {"weight": (7,), "bias": (7,)}),
    ("LayerNorm((6, 7), bias=False)", "LayerNorm((6, 7), eps=1e-05, elementwise_affine=True, bias=False)", IMAGES,
     IMAGES, {"weight": (6, 7)}),
    ("RMSNorm(7)", "RMSNorm((7,), eps=None, elementwise_affine=True)", IMAGES, IMAGES, {"weight": (7,)}),
    ("GroupNorm(2, 4)", "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)", IMAGES, IMAGES,
     {"weight": (4,), "bias": (4,)}),
    ("InstanceNorm1d(4)",
     "InstanceNorm1d(4, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
     LINES, LINES, {}),
    ("InstanceNorm2d(4, track_running_stats=True)",
     "InstanceNorm2d(4, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)", (4, 6, 7),
     (4, 6, 7), {"running_mean": (4,), "running_var": (4,), "num_batches_tracked": ()}),
    ("ReflectionPad1d(2)", "ReflectionPad1d((2, 2))", LINES, (2, 4, 13), {}),
    ("ReflectionPad2d((1, 2, 3, 4))", "", IMAGES, (2, 4, 13, 10), {}),
    ("ReplicationPad2d(1)", "ReplicationPad2d((1, 1, 1, 1))", IMAGES, (2, 4, 8, 9), {}),
    ("CircularPad2d(1)", "CircularPad2d((1, 1, 1, 1))", IMAGES, (2, 4, 8, 9), {}),
    ("ZeroPad1d((0, 3))", "", LINES, (2, 4, 12), {}),
    ("ConstantPad2d(1, 3.5)", "ConstantPad2d(padding=(1, 1, 1, 1), value=3.5)", IMAGES, (2, 4, 8, 9), {}),
]  # fmt: skip


@pytest.mark.parametrize(("made", "printed", "shape", "result", "state"), TABLE, ids=[row[0] for row in TABLE])
def test_a_layer(made, printed, shape, result, state):
    minigen.manual_seed(0)
    layer = eval(f"nn.{made}", {"nn": nn})
    assert repr(layer) == (printed or made)
    y = layer(minigen.randn(*shape))
    assert y.shape == result and y.dtype == minigen.float32
    assert {k: v.shape for k, v in layer.state_dict().items()} == state
    other = eval(f"nn.{made}", {"nn": nn}).eval()
    other.load_state_dict(layer.state_dict())
    x = minigen.randn(*shape)
    assert np.array_equal(other(x).numpy(), layer.eval()(x).numpy())


def test_embedding():
    minigen.manual_seed(0)
    layer = nn.Embedding(400, 50, padding_idx=-1)
    assert repr(layer) == "Embedding(400, 50, padding_idx=399)"
    table = layer.weight.numpy()
    assert not table[399].any() and abs(table[:399].mean()) < 0.05 and table[:399].std() == pytest.approx(1, rel=0.02)
    index = minigen.tensor([[3, 399], [0, 3]])
    assert np.array_equal(layer(index).numpy(), table[index.numpy()])
    layer(index).sum().backward()
    assert layer.weight.grad.numpy()[[0, 3, 399], 0].tolist() == [1, 2, 0]
    frozen = nn.Embedding.from_pretrained(minigen.ones(3, 2))
    assert not frozen.weight.requires_grad and frozen.num_embeddings == 3


def test_the_initial_values_of_the_others():
    assert (nn.PReLU(3).weight.numpy() == 0.25).all()
    for layer in (nn.LayerNorm(3), nn.GroupNorm(1, 3), nn.InstanceNorm1d(3, affine=True)):
        assert (layer.weight.numpy() == 1).all() and not layer.bias.numpy().any()
    bound = 1 / np.sqrt(16 * 5)
    for layer in (nn.Conv1d(16, 40, 5), nn.ConvTranspose1d(40, 16, 5)):
        for p in (layer.weight, layer.bias):
            assert 0.9 * bound < abs(p.numpy()).max() <= bound


def test_a_transposed_convolution_undoes_a_convolutions_size():
    down, up = nn.Conv2d(1, 1, 3, 2, 1), nn.ConvTranspose2d(1, 1, 3, 2, 1)
    for size in ((7, 8), (8, 7), (5, 6)):
        assert up(down(minigen.zeros(1, 1, *size)), output_size=size).shape == (1, 1, *size)


def test_instance_norm_uses_its_statistics_in_evaluation_only():
    layer, x = nn.InstanceNorm1d(2, track_running_stats=True), minigen.randn(3, 2, 50, generator=minigen.Generator(0))
    layer(x)
    rows = x.numpy()
    want = 0.9 * 1 + 0.1 * rows.var(axis=2, ddof=1).mean(axis=0)
    np.testing.assert_allclose(layer.running_var.numpy(), want, rtol=1e-5)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.1 * rows.mean(axis=(0, 2)), rtol=1e-4, atol=1e-7)
    layer.eval()
    mean, var = (b.numpy()[:, None] for b in (layer.running_mean, layer.running_var))
    np.testing.assert_allclose(layer(x).numpy(), (rows - mean) / np.sqrt(var + 1e-5), rtol=1e-4, atol=1e-6)


# losses -------------------------------------------------------------------------------------------
X, Y = (minigen.tensor(np.random.default_rng(i).uniform(0.1, 0.9, (5, 3))) for i in range(2))
LABELS, W = minigen.tensor([2, 0, 1, 1, 2]), minigen.tensor([0.5, 1.0, 2.0], dtype=minigen.float64)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def picked(x, labels, weight):
    return -x[np.arange(len(x)), labels] * weight[labels]


x_, y_, k_, w_ = X.numpy(), Y.numpy(), LABELS.numpy(), W.numpy()
d_ = np.abs(x_ - y_)
SMOOTHED = 0.9 * np.eye(3)[k_] + 0.1 / 3
FORMULAS = [
    (nn.L1Loss, {}, Y, d_), (nn.MSELoss, {}, Y, d_**2),
    (nn.SmoothL1Loss, {"beta": 0.3}, Y, np.where(d_ < 0.3, d_**2 / 0.6, d_ - 0.15)),
    (nn.HuberLoss, {"delta": 0.3}, Y, np.where(d_ < 0.3, d_**2 / 2, 0.3 * (d_ - 0.15))),
    (nn.KLDivLoss, {}, Y, y_ * (np.log(y_) - x_)), (nn.KLDivLoss, {"log_target": True}, Y, np.exp(y_) * (y_ - x_)),
    (nn.BCELoss, {"weight": W}, Y, -w_ * (y_ * np.log(x_) + (1 - y_) * np.log(1 - x_))),
    (nn.BCEWithLogitsLoss, {"pos_weight": W}, Y,
     w_ * y_ * np.log1p(np.exp(-x_)) + (1 - y_) * (x_ + np.log1p(np.exp(-x_)))),
    (nn.NLLLoss, {}, LABELS, picked(x_, k_, np.ones(3))),
    (nn.CrossEntropyLoss, {}, LABELS, picked(log_softmax(x_), k_, np.ones(3))),
    (nn.CrossEntropyLoss, {"label_smoothing": 0.1}, LABELS, -(SMOOTHED * log_softmax(x_)).sum(axis=1)),
    (nn.CrossEntropyLoss, {}, Y, -(y_ * log_softmax(x_)).sum(axis=1)),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "options", "target", "want"), FORMULAS)
def test_a_loss_by_its_formula(loss, options, target, want):
    for reduction, reduced in (("none", want), ("sum", want.sum()), ("mean", want.mean())):
        np.testing.assert_allclose(loss(reduction=reduction, **options)(X, target).numpy(), reduced, rtol=1e-12)


def test_the_weighted_mean_divides_by_the_weights_that_count():
    want = picked(log_softmax(x_), k_, w_)
    loss = nn.CrossEntropyLoss(W)(X, LABELS)
    assert loss.item() == pytest.approx(want.sum() / w_[k_].sum(), rel=1e-12)
    counted = k_ != 1
    loss = nn.CrossEntropyLoss(W, ignore_index=1)(X, LABELS)
    assert loss.item() == pytest.approx(want[counted].sum() / w_[k_][counted].sum(), rel=1e-12)


def test_a_picture_of_labels_is_a_batch_of_them():
    """(N, K, H, W) with (N, H, W) is the loss of N H W samples."""
    x = minigen.randn(2, 3, 4, 5, generator=minigen.Generator(0), dtype=minigen.float64)
    y = minigen.randint(0, 3, (2, 4, 5), generator=minigen.Generator(1))
    flat = F.cross_entropy(x.permute(0, 2, 3, 1).reshape(-1, 3), y.reshape(-1))
    assert F.cross_entropy(x, y).item() == pytest.approx(flat.item(), rel=1e-12)


def test_batchmean_is_the_divergence_of_a_sample():
    p, q = F.softmax(X, 1), F.softmax(Y, 1)
    kl = (q.numpy() * np.log(q.numpy() / p.numpy())).sum(axis=1).mean()
    assert nn.KLDivLoss(reduction="batchmean")(p.log(), q).item() == pytest.approx(kl, rel=1e-12)


def test_the_weights_of_a_loss_are_buffers():
    loss = nn.BCEWithLogitsLoss(minigen.ones(3), pos_weight=minigen.ones(3))
    assert list(loss.state_dict()) == ["weight", "pos_weight"] and not list(loss.parameters())
    assert loss.double().pos_weight.dtype == minigen.float64 and repr(loss) == "BCEWithLogitsLoss()"
