"""Layers of networks: PyTorch's words when printed, its states, and with its weights its numbers and gradients."""

import numpy as np
import pytest
import torch

import minigen

LINES, IMAGES = (2, 4, 9), (2, 4, 6, 7)
LAYERS = [
    *[(f"{name}()", IMAGES) for name in (
        "ELU", "GELU", "Hardsigmoid", "Hardswish", "Hardtanh", "LogSigmoid", "Mish", "PReLU", "ReLU6", "SELU", "SiLU",
        "Softplus", "Softsign",
    )],
    ("ELU(0.5, inplace=True)", (3, 4)), ("GELU('tanh')", (3, 4)), ("Hardtanh(-2, 3)", (3, 4)), ("ReLU6(True)", (3, 4)),
    ("SiLU(inplace=True)", (3, 4)), ("Softplus(2, 3)", (3, 4)), ("PReLU(4, 0.1)", IMAGES), ("GLU()", (3, 4)),
    ("GLU(1)", IMAGES), ("LogSoftmax(dim=1)", (3, 4)), ("Softmin(dim=-1)", (3, 4)),
    ("Dropout1d(0.0)", LINES), ("Dropout2d(0.0)", IMAGES), ("Dropout1d(1.0)", LINES), ("Dropout2d(1.0, True)", IMAGES),
    ("Conv1d(4, 6, 3, stride=2, padding=1)", LINES), ("Conv1d(4, 6, (2,), 1, 'same', 2, 2, False)", LINES),
    *[(f"Conv1d(4, 3, 3, padding=2, padding_mode='{m}')", LINES) for m in ("reflect", "replicate", "circular")],
    *[(f"Conv2d(4, 3, (2, 3), padding='same', padding_mode='{m}')", IMAGES) for m in ("reflect", "circular")],
    ("Conv2d(4, 3, 3, padding='valid', padding_mode='reflect')", IMAGES), ("Conv2d(4, 6, 3, groups=2)", (4, 6, 7)),
    ("ConvTranspose1d(4, 6, 3, output_padding=1, stride=2)", LINES), ("ConvTranspose1d(4, 6, 3, 2, 1, 0, 2)", LINES),
    ("ConvTranspose2d(4, 3, 3, 2)", (4, 6, 7)),
    ("MaxPool1d(2)", LINES), ("MaxPool1d(3, 2, 1, ceil_mode=True)", LINES), ("MaxPool2d(2)", IMAGES),
    ("MaxPool2d((2, 3), stride=1, padding=1, dilation=2)", IMAGES), ("AvgPool1d(2)", LINES), ("AvgPool2d(2)", IMAGES),
    ("AvgPool1d(3, 2, 1, True, False)", LINES), ("AvgPool2d((2, 3), (1, 2), (1, 0), True, False, 5)", IMAGES),
    ("AdaptiveAvgPool1d(3)", LINES), ("AdaptiveAvgPool2d(1)", IMAGES), ("AdaptiveAvgPool2d((3, None))", IMAGES),
    ("Upsample(scale_factor=2)", IMAGES), ("Upsample(scale_factor=(2, 3.5), mode='bilinear')", IMAGES),
    ("Upsample((3, 4), mode='bilinear', align_corners=True)", IMAGES), ("Upsample(5, mode='linear')", LINES),
    ("UpsamplingNearest2d(scale_factor=2)", IMAGES), ("UpsamplingBilinear2d((4, 5))", IMAGES),
    ("PixelShuffle(2)", IMAGES), ("PixelUnshuffle(2)", (2, 3, 4, 6)),
    ("Unfold((2, 3), padding=1)", IMAGES), ("Fold((4, 5), 2, stride=(2, 1))", (2, 12, 8)),
    ("LayerNorm(7)", IMAGES), ("LayerNorm([6, 7], eps=0.1, bias=False)", IMAGES),
    ("LayerNorm((4, 6, 7), elementwise_affine=False)", IMAGES), ("RMSNorm(7)", IMAGES),
    ("RMSNorm((6, 7), 0.1)", IMAGES), ("RMSNorm(7, elementwise_affine=False)", IMAGES),
    ("GroupNorm(2, 4)", IMAGES), ("GroupNorm(4, 4, 0.1)", LINES),
    ("GroupNorm(1, 4, affine=False)", IMAGES), ("GroupNorm(2, 4, bias=False)", IMAGES),
    ("InstanceNorm1d(4)", LINES), ("InstanceNorm2d(4, affine=True, track_running_stats=True)", IMAGES),
    ("InstanceNorm1d(4, 0.1, 0.3, True, True)", LINES), ("InstanceNorm2d(4, affine=True)", (4, 6, 7)),
    ("BatchNorm2d(4, momentum=None)", IMAGES), ("BatchNorm1d(4, bias=False)", LINES),
    *[(f"{k}((1, 2))", LINES) for k in ("ReflectionPad1d", "ReplicationPad1d", "CircularPad1d", "ZeroPad1d")],
    *[(f"{k}(2)", IMAGES) for k in ("ReflectionPad2d", "ReplicationPad2d", "CircularPad2d", "ZeroPad2d")],
    ("ReplicationPad2d((1, 2, 3, 4))", IMAGES), ("ConstantPad1d(1, 3.5)", LINES),
    ("ConstantPad2d((1, 0, 2, 1), -2)", IMAGES),
]  # fmt: skip


def both(text: str):
    """The layer in both libraries, in float64, with numbers of our choice in all places."""
    mine, theirs = (eval(f"nn.{text}", {"nn": library.nn}).double() for library in (minigen, torch))
    state = theirs.state_dict()
    assert list(mine.state_dict()) == list(state)
    assert [tuple(v.shape) for v in state.values()] == [v.shape for v in mine.state_dict().values()]
    rng = np.random.default_rng(3)
    floating = {k: rng.uniform(0.3, 1.5, v.shape) for k, v in state.items() if v.is_floating_point()}
    theirs.load_state_dict({**state, **{k: torch.tensor(v) for k, v in floating.items()}})
    mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return mine, theirs


@pytest.mark.parametrize(("text", "shape"), LAYERS, ids=[text for text, _ in LAYERS])
def test_a_layer(agree, near, numbers, text, shape):
    mine, theirs = both(text)
    assert repr(mine) == repr(theirs)
    x = numbers(*shape)
    rough = "Hardsigmoid" in text  # PyTorch rounds its slope 1/6 to float32, and has no second derivative
    agree(mine, lambda x: theirs(x * 1), x, twice=not rough, rtol=1e-7 if rough else None)  # * 1: it may write in place
    for net, make in ((mine, minigen.tensor), (theirs, torch.tensor)):
        out = net(make(x))
        if out.requires_grad:
            (out * out).sum().backward()
    for (name, p), (other, q) in zip(mine.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other
        near(f"gradient of {name}", p.grad, q.grad)
    for (name, a), (other, b) in zip(mine.named_buffers(), theirs.named_buffers(), strict=True):
        assert name == other
        near(name, a, b)
    mine.eval(), theirs.eval()
    near("evaluation", mine(minigen.tensor(x)), theirs(torch.tensor(x)))


def weights(library, n):
    return (minigen.tensor if library is minigen else torch.tensor)(np.linspace(0.5, 2, n))


LOSSES = [
    *[(name, {}) for name in ("L1Loss", "SmoothL1Loss", "HuberLoss", "KLDivLoss", "MSELoss")],
    ("SmoothL1Loss", {"beta": 0.3}), ("HuberLoss", {"delta": 0.3}), ("KLDivLoss", {"log_target": True}),
    ("BCELoss", {"weight": 4}), ("BCEWithLogitsLoss", {"weight": 4, "pos_weight": 4}),
]  # fmt: skip


def loss_of(library, name, options):
    values = {k: weights(library, v) if "weight" in k else v for k, v in options.items()}
    return getattr(library.nn, name)(**values)


@pytest.mark.filterwarnings("ignore:reduction")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "options"), LOSSES)
def test_a_loss(agree, numbers, name, options, reduction):
    mine, theirs = (loss_of(library, name, {**options, "reduction": reduction}) for library in (minigen, torch))
    assert repr(mine) == repr(theirs) and list(mine.state_dict()) == list(theirs.state_dict())
    x, y = numbers(6, 4, low=0.05, high=0.95), numbers(6, 4, low=0.05, high=0.95)
    agree(lambda x: mine(x, minigen.tensor(y)), lambda x: theirs(x, torch.tensor(y)), x)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("name", "options"),
    [("NLLLoss", {}), ("NLLLoss", {"weight": 4, "ignore_index": 2}), ("CrossEntropyLoss", {"weight": 4}),
     ("CrossEntropyLoss", {"ignore_index": 0, "label_smoothing": 0.2, "weight": 4})],
)  # fmt: skip
def test_a_loss_of_labels(agree, numbers, name, options, reduction):
    mine, theirs = (loss_of(library, name, {**options, "reduction": reduction}) for library in (minigen, torch))
    assert repr(mine) == repr(theirs) and list(mine.state_dict()) == list(theirs.state_dict())
    y = np.array([0, 3, 1, 1, 2, 0])
    agree(lambda x: mine(x, minigen.tensor(y)), lambda x: theirs(x, torch.tensor(y)), numbers(6, 4))


def test_embedding_and_its_padding_row(near, numbers):
    table, index = numbers(5, 3), np.array([[0, 4, 2], [4, 4, 1]])
    for options in ({}, {"padding_idx": -1}, {"padding_idx": 0}):
        mine, theirs = (library.nn.Embedding(5, 3, **options).double() for library in (minigen, torch))
        assert repr(mine) == repr(theirs) and list(mine.state_dict()) == list(theirs.state_dict()) == ["weight"]
        if options:
            for net in (mine, theirs):
                assert not net.weight.detach().numpy()[options["padding_idx"]].any()
        mine.load_state_dict({"weight": table}), theirs.load_state_dict({"weight": torch.tensor(table)})
        outs = mine(minigen.tensor(index)), theirs(torch.tensor(index))
        near("value", *outs)
        for out in outs:
            (out * out).sum().backward()
        near("gradient", mine.weight.grad, theirs.weight.grad)


def test_embedding_from_pretrained(near, numbers):
    table = numbers(5, 3)
    for freeze in (True, False):
        mine = minigen.nn.Embedding.from_pretrained(minigen.tensor(table), freeze, padding_idx=1)
        theirs = torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze, padding_idx=1)
        assert repr(mine) == repr(theirs) and mine.weight.requires_grad == theirs.weight.requires_grad
        near("value", mine(minigen.tensor([1, 4])), theirs(torch.tensor([1, 4])))


def test_cosine_similarity(agree, numbers):
    agree(minigen.nn.CosineSimilarity(dim=0), torch.nn.CosineSimilarity(dim=0), numbers(4, 3), numbers(4, 3))


@pytest.mark.parametrize("name", ["MaxPool1d", "MaxPool2d"])
def test_max_pool_with_positions(near, numbers, name):
    x = numbers(*(LINES if name == "MaxPool1d" else IMAGES))
    mine, theirs = (getattr(library.nn, name)(3, 2, 1, return_indices=True) for library in (minigen, torch))
    for a, b in zip(mine(minigen.tensor(x)), theirs(torch.tensor(x)), strict=True):
        near(name, a, b)


@pytest.mark.parametrize("size", [(12, 13), (11, 14)])
def test_conv_transpose_with_a_wanted_size(near, numbers, size):
    mine, theirs = both("ConvTranspose2d(4, 3, (2, 3), stride=2, padding=(0, 1))")
    x = numbers(2, 4, 6, 7)
    if size == (12, 13):
        near("value", mine(minigen.tensor(x), output_size=size), theirs(torch.tensor(x), output_size=size))
        return
    for net, make, error in ((mine, minigen.tensor, ValueError), (theirs, torch.tensor, ValueError)):
        with pytest.raises(error):
            net(make(x), output_size=size)


INITIAL = ["Conv1d(16, 40, 5)", "ConvTranspose1d(40, 16, 5)", "Embedding(60, 50)", "PReLU(6)", "LayerNorm(9)",
           "GroupNorm(2, 8)", "RMSNorm(9)", "InstanceNorm2d(8, affine=True, track_running_stats=True)"]  # fmt: skip


@pytest.mark.parametrize("text", INITIAL)
def test_initial_values_have_the_same_distribution(text):
    minigen.manual_seed(0)
    torch.manual_seed(0)
    mine, theirs = (eval(f"nn.{text}", {"nn": library.nn}).state_dict() for library in (minigen, torch))
    for key in theirs:
        a, b = mine[key].numpy(), theirs[key].numpy()
        assert a.dtype == b.dtype and a.shape == b.shape
        if a.size < 50:
            assert np.array_equal(a, b) or "bias" in key
        if a.size >= 16:
            assert a.std() == pytest.approx(b.std(), rel=0.03 if a.size > 1000 else 0.5)
            assert abs(a).max() == pytest.approx(abs(b).max(), rel=0.3)
            assert abs(a.mean()) < 5 * a.std() / np.sqrt(a.size)
