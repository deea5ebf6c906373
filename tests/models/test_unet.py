"""The U-Net: its sizes, where time and class enter, and its errors."""

import numpy as np
import pytest

import minigen
from minigen import functional as F
from minigen import testing
from minigen.models.unet import Attention, Residual, UNet, quiet_start, time_features


def small(**options):
    minigen.manual_seed(0)
    return UNet((8, 16), embed=16, groups=4, **options)


@pytest.mark.parametrize(
    ("options", "size"),
    [({}, (6, 10)), ({"patch": 2}, (8, 12)), ({"image_channels": 3, "blocks": 2}, (4, 4)), ({"heads": 4}, (4, 6)),
     ({"adaptive": True}, (4, 6))],
)
def test_what_comes_out_is_as_large_as_the_picture(options, size):
    x = minigen.randn(2, options.get("image_channels", 1), *size)
    assert small(**options)(x, minigen.tensor([1.0, 500.0])).shape == x.shape


def test_three_levels_meet_at_a_quarter_of_the_size():
    network, seen = UNet((8, 16, 32), groups=4), []
    network.middle1.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    network(minigen.randn(1, 1, 28, 28), minigen.ones(1))
    assert seen == [(1, 32, 7, 7)]


def test_time_features_are_sines_and_cosines_of_slower_and_slower_clocks():
    t = np.array([0.0, 1.0, 999.0])
    angles = t[:, None] * 10000.0 ** (-np.arange(4) / 4)
    expected = np.concatenate([np.sin(angles), np.cos(angles)], 1)
    np.testing.assert_allclose(time_features(minigen.tensor(t), 4).numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("adaptive", [False, True])
def test_time_and_class_change_the_answer_and_no_label_is_the_last_class(adaptive):
    network = small(classes=3, adaptive=adaptive)
    x, t = minigen.randn(2, 1, 4, 4), minigen.tensor([10.0, 10.0])
    with minigen.no_grad():
        answers = [network(x, t, minigen.tensor([c, c])).numpy() for c in range(4)]
        assert abs(network(x, t + 300, minigen.tensor([1, 1])).numpy() - answers[1]).max() > 1e-3
        for a, b in ((0, 1), (1, 2), (2, 3)):
            assert abs(answers[a] - answers[b]).max() > 1e-3
        np.testing.assert_array_equal(network(x, t).numpy(), answers[3])


@pytest.mark.parametrize("adaptive", [False, True])
def test_samples_do_not_see_each_other(adaptive):
    network = small(heads=2, classes=3, adaptive=adaptive)
    x, t, labels = minigen.randn(3, 1, 4, 4), minigen.tensor([5.0, 300.0, 900.0]), minigen.tensor([0, 1, 3])
    with minigen.no_grad():
        together = network(x, t, labels).numpy()
        for i in range(3):
            alone = network(x[i : i + 1], t[i : i + 1], labels[i : i + 1]).numpy()
            np.testing.assert_allclose(together[i : i + 1], alone, atol=1e-5)


@pytest.mark.parametrize("adaptive", [False, True])
def test_every_parameter_gets_a_gradient(adaptive):
    network = small(heads=2, classes=3, patch=2, adaptive=adaptive)
    network(minigen.randn(2, 1, 8, 8), minigen.tensor([3.0, 700.0]), minigen.tensor([1, 3])).square().mean().backward()
    missing = [name for name, p in network.named_parameters() if p.grad is None or not abs(p.grad.numpy()).max() > 0]
    assert missing == []


@pytest.mark.parametrize("kind", ["added", "adaptive", "attention"])
def test_gradients_of_the_blocks_are_those_of_finite_differences(kind):
    block = Attention(4, 2, groups=2) if kind == "attention" else Residual(4, 6, 3, 2, kind == "adaptive")
    minigen.manual_seed(1)
    x, e = minigen.randn(2, 4, 3, 3, dtype=minigen.float64), minigen.randn(2, 3, dtype=minigen.float64)
    inputs = [v.requires_grad_() for v in ([x] if kind == "attention" else [x, e])]
    assert testing.gradcheck(block.double(), inputs)


def test_an_adaptive_block_is_its_equation():
    minigen.manual_seed(2)
    block = Residual(4, 6, 3, groups=2, adaptive=True)
    x, e = minigen.randn(3, 4, 5, 2), minigen.randn(3, 3)
    scale, shift = (v[:, :, None, None] for v in block.embed(e).chunk(2, 1))
    h = block.conv1(F.silu(block.norm1(x)))
    want = block.conv2(F.silu((1 + scale) * block.norm2(h) + shift)) + block.skip(x)
    np.testing.assert_allclose(block(x, e).numpy(), want.numpy(), rtol=1e-4, atol=1e-5)


def test_a_quiet_start_passes_everything_on_and_says_nothing():
    network = quiet_start(small(heads=2))
    x, e = minigen.randn(2, 16, 3, 3), minigen.randn(2, 16)
    np.testing.assert_array_equal(network.middle1(x, e).numpy(), x.numpy())
    assert not network(minigen.randn(2, 1, 4, 4), minigen.ones(2)).numpy().any()


def test_sizes_and_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        small(patch=2)(minigen.zeros(1, 1, 6, 8), minigen.ones(1))
    with pytest.raises(ValueError, match="no classes"):
        small()(minigen.zeros(1, 1, 4, 4), minigen.ones(1), minigen.tensor([1]))
    with pytest.raises(IndexError):
        small(classes=3)(minigen.zeros(1, 1, 4, 4), minigen.ones(1), minigen.tensor([4]))
