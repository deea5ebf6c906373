"""D10a and D10b: schedules, the forward process, what a network predicts, and its loss."""

import numpy as np
import pytest

import minigen
from minigen.models import diffusion
from minigen.models.diffusion import Diffusion


# schedules ----------------------------------------------------------------------------------------
def test_linear_is_the_product_of_one_minus_beta():
    abar, product = diffusion.linear(1000), 1.0
    assert abar[0] == 1 and len(abar) == 1001
    for t in range(1, 1001):
        product *= 1 - (1e-4 + (0.02 - 1e-4) * (t - 1) / 999)
        assert abar[t] == pytest.approx(product, rel=1e-12)
    assert abar[1000] == pytest.approx(4.0358e-5, rel=1e-4)  # Ho 2020: the prior is nearly N(0, I)


def test_linear_of_fewer_steps_adds_as_much_noise():
    assert diffusion.linear(250)[-1] == pytest.approx(diffusion.linear(1000)[-1], rel=0.25)


def test_cosine_is_its_closed_form_until_the_last_step():
    abar, t = diffusion.cosine(1000), np.arange(1001)
    f = np.cos((t / 1000 + 0.008) / 1.008 * np.pi / 2) ** 2
    np.testing.assert_allclose(abar[:-1], f[:-1] / f[0], rtol=1e-9)
    assert abar[1000] == pytest.approx(abar[999] * 0.001)  # beta is clipped at 0.999: f(T) itself is 0
    assert abar[500] == pytest.approx(0.494, abs=1e-3)
    assert diffusion.linear(1000)[500] < 0.1  # half the way, and linear has left a tenth of the picture


@pytest.mark.parametrize("wrong", [[1.0, 0.5, 0.5], [0.9, 0.5], [1.0], [1.0, -0.1], [1.0, 0.3, 0.6], [[1.0, 0.5]]])
def test_a_table_that_is_no_schedule_is_refused(wrong):
    with pytest.raises(ValueError, match="alpha_bar"):
        Diffusion(np.array(wrong))


def test_an_unknown_prediction_is_refused():
    with pytest.raises(ValueError, match="v, epsilon, x0"):
        Diffusion(diffusion.cosine(10), "score")


# D10a ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("schedule", diffusion.SCHEDULES)
def test_a_noised_picture_has_the_mean_and_variance_of_d10a(schedule):
    process = Diffusion(diffusion.SCHEDULES[schedule](1000))
    minigen.manual_seed(0)
    x0 = minigen.tensor([0.7, -0.4]).reshape(1, 2).expand(200_000, 2)
    for t in (1, 250, 700, 1000):
        x = process.noised(x0, t, minigen.randn(200_000, 2)).numpy().astype(np.float64)
        abar = process.alpha_bar[t]
        np.testing.assert_allclose(x.mean(0), np.sqrt(abar) * np.array([0.7, -0.4]), atol=0.01)
        np.testing.assert_allclose(x.var(0), 1 - abar, rtol=0.02)
        assert abs(np.cov(x.T)[0, 1]) < 0.01  # the noise of two pixels is independent


def test_many_small_steps_of_noise_are_one_large_one():
    """x_t = sqrt(a_t) x_{t-1} + sqrt(1 - a_t) z, t times, is D10a."""
    process = Diffusion(diffusion.cosine(50))
    minigen.manual_seed(1)
    x = np.full(100_000, 0.8)
    for t in range(1, 31):
        a = process.alpha_bar[t] / process.alpha_bar[t - 1]
        x = np.sqrt(a) * x + np.sqrt(1 - a) * minigen.randn(100_000, dtype=minigen.float64).numpy()
    assert x.mean() == pytest.approx(0.8 * np.sqrt(process.alpha_bar[30]), abs=0.01)
    assert x.var() == pytest.approx(1 - process.alpha_bar[30], rel=0.02)


def test_each_sample_has_its_own_level():
    process = Diffusion(diffusion.cosine(100))
    x0, noise = minigen.randn(3, 1, 4, 4), minigen.randn(3, 1, 4, 4)
    x = process.noised(x0, np.array([0, 40, 100]), noise).numpy()
    np.testing.assert_array_equal(x[0], x0.numpy()[0])
    for i, t in enumerate((0, 40, 100)):
        np.testing.assert_array_equal(x[i], process.noised(x0[i : i + 1], t, noise[i : i + 1]).numpy()[0])


@pytest.mark.parametrize("t", [-1, 101, np.array([3, 101])])
def test_a_level_that_does_not_exist_is_refused(t):
    process = Diffusion(diffusion.cosine(100))
    with pytest.raises(IndexError, match=r"0 \.\. 100"):
        process.noised(minigen.zeros(2, 3), t, minigen.zeros(2, 3))


# epsilon, x0, v -----------------------------------------------------------------------------------
@pytest.mark.parametrize("prediction", diffusion.PREDICTIONS)
def test_whatever_is_predicted_gives_picture_and_noise_back(prediction):
    process = Diffusion(diffusion.cosine(1000), prediction)
    minigen.manual_seed(2)
    x0 = minigen.randn(4, 1, 3, 3, dtype=minigen.float64).clamp(-1, 1)
    noise = minigen.randn(4, 1, 3, 3, dtype=minigen.float64)
    t = np.array([1, 300, 800, 999])
    x, told = process.noised(x0, t, noise), process.target(x0, t, noise)
    for clip in (False, True):
        found, eps = process.split(x, t, told, clip)
        np.testing.assert_allclose(found.numpy(), x0.numpy(), atol=1e-9)
        np.testing.assert_allclose(eps.numpy(), noise.numpy(), atol=1e-9)


@pytest.mark.parametrize("prediction", diffusion.PREDICTIONS)
def test_a_clipped_picture_and_its_noise_still_make_x(prediction):
    process = Diffusion(diffusion.linear(1000), prediction)
    minigen.manual_seed(3)
    x, wrong = minigen.randn(4, 9), 5 * minigen.randn(4, 9)
    x0, eps = process.split(x, 500, wrong, clip=True)
    assert abs(x0.numpy()).max() == 1
    np.testing.assert_allclose(process.noised(x0, 500, eps).numpy(), x.numpy(), atol=1e-5)


def test_v_is_its_definition():
    process = Diffusion(diffusion.cosine(10), "v")
    x0, noise = minigen.randn(2, 5), minigen.randn(2, 5)
    abar = process.alpha_bar[4]
    expected = np.sqrt(abar) * noise.numpy() - np.sqrt(1 - abar) * x0.numpy()
    np.testing.assert_allclose(process.target(x0, 4, noise).numpy(), expected, rtol=1e-5)


# D10b ---------------------------------------------------------------------------------------------
def test_levels_are_uniform_and_spread_in_every_batch():
    process = Diffusion(diffusion.cosine(1000))
    minigen.manual_seed(4)
    drawn = np.concatenate([process.levels(8) for _ in range(4000)])
    assert drawn.min() == 1 and drawn.max() == 1000
    counts = np.histogram(drawn, 10, (0.5, 1000.5))[0]
    np.testing.assert_allclose(counts, 3200, rtol=0.03)
    for _ in range(20):
        assert sorted((process.levels(8) - 1) * 4 // 1000) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_levels_are_drawn_as_often_as_their_frequency_says():
    process = Diffusion(diffusion.cosine(10), frequency=diffusion.focused(10, 0.3, 0.8, 4))
    np.testing.assert_allclose(np.diff(process.cumulated, prepend=0) * 25, [1, 1, 1, 4, 4, 4, 4, 4, 1, 1])
    minigen.manual_seed(4)
    for _ in range(20):  # a batch of 25 k has each level k times its frequency
        np.testing.assert_array_equal(np.bincount(process.levels(50), minlength=11)[1:], [2, 2, 2, 8, 8, 8, 8, 8, 2, 2])


@pytest.mark.parametrize("frequency", [np.ones(9), np.zeros(10), -np.ones(10), np.full(10, np.nan), np.ones((10, 1))])
def test_a_frequency_that_is_none_is_refused(frequency):
    with pytest.raises(ValueError, match="10 positive numbers"):
        Diffusion(diffusion.cosine(10), frequency=frequency)
    for wrong in ((0.5, 0.5, 2), (-0.1, 1, 2), (0, 1.1, 2), (0, 1, 0), (0, 1, np.inf), (0, 1, np.nan)):
        with pytest.raises(ValueError, match="a positive times"):
            diffusion.focused(10, *wrong)


@pytest.mark.parametrize("prediction", diffusion.PREDICTIONS)
def test_the_loss_is_d10b(prediction):
    process = Diffusion(diffusion.cosine(1000), prediction)
    x0, seen = minigen.randn(8, 1, 2, 2), {}

    def network(x, t):
        seen.update(x=x.numpy(), t=t.numpy())
        return 0.5 * x

    loss, t, errors = process.loss(network, x0, generator=minigen.Generator(5))
    np.testing.assert_array_equal(seen["t"], t)
    abar = process.alpha_bar[t][:, None, None, None]
    eps = (seen["x"] - np.sqrt(abar) * x0.numpy()) / np.sqrt(1 - abar)
    said = {"epsilon": eps, "x0": x0.numpy(), "v": np.sqrt(abar) * eps - np.sqrt(1 - abar) * x0.numpy()}[prediction]
    by_hand = ((0.5 * seen["x"] - said) ** 2).reshape(8, 4).mean(1)
    np.testing.assert_allclose(errors, by_hand, rtol=1e-3)
    assert loss.item() == pytest.approx(by_hand.mean(), rel=1e-3)


def test_by_level_splits_the_loss():
    t, errors = np.array([1, 250, 251, 1000]), np.array([1.0, 3.0, 5.0, 7.0])
    assert diffusion.by_level(t, errors, 1000) == {"loss 1/4": 2.0, "loss 2/4": 5.0, "loss 4/4": 7.0}


def test_labels_are_forgotten_with_the_asked_probability():
    labels = minigen.from_numpy(np.arange(20_000) % 10)
    kept = diffusion.forgetful(labels, 10, 0.1, minigen.Generator(6)).numpy()
    assert (kept == 10).mean() == pytest.approx(0.1, abs=0.01)
    assert (kept[kept < 10] == labels.numpy()[kept < 10]).all()
    assert (diffusion.forgetful(labels, 10, 0.0).numpy() == labels.numpy()).all()
    with pytest.raises(ValueError, match="probability"):
        diffusion.forgetful(labels, 10, 1.5)
