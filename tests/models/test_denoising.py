"""D10c and D10d: the samplers against closed forms on Gaussians, guidance, inpainting, image to image."""

import numpy as np
import pytest

import minigen
from minigen.models import denoising, diffusion
from minigen.models.denoising import guided, known, reverse, sample, stepper, times, vary
from minigen.models.diffusion import Diffusion

MEAN, STD = 0.3, 0.5


def gaussian(process):
    """What a perfect network says where x_0 ~ N(MEAN, STD^2): the eps that is expected of x_t, or what goes with it.

    x_t ~ N(sqrt(abar) MEAN, abar STD^2 + 1 - abar), and eps = -sqrt(1 - abar) times the gradient of its log-density.
    """

    def predict(x, t):
        abar = float(process.alpha_bar[int(t.numpy()[0])])
        eps = (1 - abar) ** 0.5 * (x - abar**0.5 * MEAN) / (abar * STD**2 + 1 - abar)
        if process.prediction == "epsilon":
            return eps
        x0 = (x - (1 - abar) ** 0.5 * eps) / abar**0.5
        return x0 if process.prediction == "x0" else abar**0.5 * eps - (1 - abar) ** 0.5 * x0

    return predict


@pytest.mark.parametrize("prediction", diffusion.PREDICTIONS)
@pytest.mark.parametrize("schedule", diffusion.SCHEDULES)
@pytest.mark.parametrize(
    ("sampler", "eta", "steps"), [("ddpm", 0.0, 1000), ("ddim", 0.0, 200), ("ddim", 0.5, 500), ("ddim", 1.0, 1000)]
)
def test_with_the_true_score_samples_have_the_data_s_mean_and_variance(sampler, eta, steps, schedule, prediction):
    process = Diffusion(diffusion.SCHEDULES[schedule](1000), prediction)
    x = sample(process, gaussian(process), (5000,), steps, sampler, eta, clip=False, generator=minigen.Generator(0))
    assert x.numpy().mean() == pytest.approx(MEAN, abs=0.025)
    assert x.numpy().std() == pytest.approx(STD, rel=0.03)


def test_ddim_is_the_map_of_gaussians_onto_each_other():
    """Its limit carries x_T to MEAN + STD x_T, as both are Gaussian: more steps, less error."""
    process = Diffusion(diffusion.linear(1000), "epsilon")
    start = minigen.linspace(-2, 2, 9)

    def error(steps):
        *_, last = reverse(process, gaussian(process), start, times(1000, steps), clip=False)
        return abs(last.x.numpy() - (MEAN + STD * start.numpy())).max()

    coarse, middle, fine = error(10), error(50), error(500)
    assert fine < 0.01 < middle < coarse < 0.3


def test_ddim_with_eta_1_is_ddpm():
    process = Diffusion(diffusion.cosine(100), "v")
    x, x0, eps = (minigen.randn(6, 5, dtype=minigen.float64) for _ in range(3))
    x = process.noised(x0, 60, eps)
    both = [
        step(process, x, 60, 45, x0, eps, generator=minigen.Generator(3)).numpy()
        for step in (stepper("ddpm"), stepper("ddim", 1.0))
    ]
    np.testing.assert_allclose(*both, atol=1e-12)


def test_ddpm_draws_from_the_posterior():
    """q(x_s | x_t, x_0): Ho 2020, equation 7, by Bayes' rule on the two Gaussians."""
    process = Diffusion(diffusion.cosine(100))
    t, s, x0, x = 60, 59, 0.4, 0.1
    abar_t, abar_s = process.alpha_bar[[t, s]]
    eps = (x - abar_t**0.5 * x0) / (1 - abar_t) ** 0.5
    wide = minigen.ones(200_000)
    drawn = denoising.ddpm_step(process, x * wide, t, s, x0 * wide, eps * wide, minigen.Generator(4)).numpy()
    a = abar_t / abar_s  # x_t | x_s ~ N(sqrt(a) x_s, 1 - a),  x_s | x_0 ~ N(sqrt(abar_s) x_0, 1 - abar_s)
    precision = a / (1 - a) + 1 / (1 - abar_s)
    mean = (a**0.5 * x / (1 - a) + abar_s**0.5 * x0 / (1 - abar_s)) / precision
    assert drawn.mean() == pytest.approx(mean, abs=2e-3)
    assert drawn.var() == pytest.approx(1 / precision, rel=0.02)


def test_the_last_step_of_ddpm_draws_no_noise():
    process = Diffusion(diffusion.cosine(100))
    x0, eps = minigen.randn(3, 4), minigen.randn(3, 4)
    x = process.noised(x0, 1, eps)
    np.testing.assert_allclose(denoising.ddpm_step(process, x, 1, 0, x0, eps).numpy(), x0.numpy(), atol=1e-5)


def test_a_seed_decides_the_sample():
    process = Diffusion(diffusion.cosine(50))
    drawn = [
        sample(process, gaussian(process), (4, 3), 10, "ddim", 0.5, generator=minigen.Generator(seed)).numpy()
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert abs(drawn[0] - drawn[2]).max() > 0.1


def test_reverse_tells_every_state():
    process = Diffusion(diffusion.cosine(100))
    states = list(reverse(process, gaussian(process), minigen.randn(5, 2), [100, 40, 0]))
    assert [s.t for s in states] == [100, 40, 0] and states[0].x0 is None
    np.testing.assert_array_equal(states[-1].x.numpy(), states[-1].x0.numpy())  # abar_0 = 1
    assert not any(s.x.requires_grad for s in states)


# levels and steps ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("steps", "start"), [(1, None), (50, None), (1000, None), (7, 300), (300, 300)])
def test_times_fall_from_start_to_0_without_repeats(steps, start):
    found = times(1000, steps, start)
    assert len(found) == steps + 1 and found[0] == (start or 1000) and found[-1] == 0
    gaps = -np.diff(found)
    assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize(("steps", "start"), [(1001, None), (0, None), (5, 4), (1, 0), (10, 1001)])
def test_more_steps_than_levels_are_refused(steps, start):
    with pytest.raises(ValueError, match="must lie in"):
        times(1000, steps, start)


@pytest.mark.parametrize(("sampler", "eta"), [("euler", 0.0), ("ddim", 1.5), ("ddim", -0.1), ("ddpm", 0.5)])
def test_an_unknown_sampler_or_eta_is_refused(sampler, eta):
    with pytest.raises(ValueError, match="ddim with 0 <= eta <= 1, or ddpm"):
        stepper(sampler, eta)


# guidance -----------------------------------------------------------------------------------------
class Labelled:
    """Says the label itself, everywhere; ``classes`` (no label) counts as -7."""

    classes = 3

    def __call__(self, x, t, labels=None):
        said = np.full(len(x), -7.0) if labels is None else np.where(labels.numpy() == 3, -7.0, labels.numpy())
        return minigen.from_numpy(said.astype(np.float32)[:, None]) + 0 * x


@pytest.mark.parametrize(("weight", "said"), [(0, [-7, -7]), (1, [0, 2]), (3, [14, 20]), (0.5, [-3.5, -2.5])])
def test_guidance_goes_from_no_label_through_the_label_and_on(weight, said):
    x, t = minigen.zeros(2, 4), minigen.ones(2)
    out = guided(Labelled(), [0, 2], weight)(x, t).numpy()
    np.testing.assert_array_equal(out, np.repeat(np.float32(said)[:, None], 4, 1))
    np.testing.assert_array_equal(guided(Labelled())(x, t).numpy(), np.full((2, 4), -7))


@pytest.mark.parametrize("weight", [0, 2.5])
def test_guidance_between_two_levels_is_one_elsewhere(weight):
    """Below, at low, within, at high, above; in one batch, and each alone."""
    t, inside = np.float32([1, 200, 201, 700, 701]), np.array([False, False, True, True, False])
    labels, x = [0, 1, 2, 0, 1], minigen.zeros(5, 4)
    out = guided(Labelled(), labels, weight, interval=(200, 700))(x, minigen.from_numpy(t)).numpy()
    everywhere, trained = (guided(Labelled(), labels, w)(x, minigen.ones(5)).numpy() for w in (weight, 1))
    np.testing.assert_array_equal(out, np.where(inside[:, None], everywhere, trained))
    for i in range(5):
        alone = guided(Labelled(), labels[i : i + 1], weight, interval=(200, 700))
        one = alone(minigen.zeros(1, 4), minigen.from_numpy(t[i : i + 1])).numpy()
        np.testing.assert_array_equal(one, out[i : i + 1])


def test_guidance_where_it_is_one_asks_the_network_once():
    asked = []

    def network(x, t, labels):
        asked.append(len(x))
        return x

    network.classes = 3
    predict = guided(network, [0, 1], 2.0, interval=(200, 700))
    for level in (900.0, 700.0, 200.0):
        predict(minigen.zeros(2, 4), minigen.full((2,), level))
    assert asked == [2, 4, 2]
    assert guided(network, [], 2.0)(minigen.zeros(0, 4), minigen.ones(0)).shape == (0, 4)


def test_guidance_without_labels_or_classes_or_with_a_wrong_label_is_refused():
    with pytest.raises(ValueError, match="needs labels"):
        guided(Labelled(), None, 2.0)
    with pytest.raises(ValueError, match="no classes"):
        guided(lambda x, t: x, [1], 1.0)
    for wrong in ([0, 3], [-1]):
        with pytest.raises(IndexError, match="classes are 0 to 2"):
            guided(Labelled(), wrong, 1.0)
    for weight in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite"):
            guided(Labelled(), [1], weight)
    for interval in ((700, 200), (5, 5), (-1, 5)):
        with pytest.raises(ValueError, match="low < high"):
            guided(Labelled(), [1], 2.0, interval)


# inpainting, image to image -----------------------------------------------------------------------
@pytest.mark.parametrize(("sampler", "repeats"), [("ddim", 1), ("ddim", 3), ("ddpm", 2)])
def test_inpainting_keeps_the_known_pixels_and_draws_the_others(sampler, repeats):
    process = Diffusion(diffusion.cosine(200))
    image, mask = minigen.rand(400, 1, 4, 4) * 2 - 1, np.eye(4)
    x = sample(process, gaussian(process), image.shape, 100, sampler, clip=False, keep=known(image, mask),
               repeats=repeats, generator=minigen.Generator(7)).numpy()  # fmt: skip
    there = np.broadcast_to(mask, x.shape) == 1
    np.testing.assert_array_equal(x[there], image.numpy()[there])
    assert x[~there].mean() == pytest.approx(MEAN, abs=0.03)
    assert x[~there].std() == pytest.approx(STD, rel=0.08)  # in 100 steps of 2 levels DDPM's sigma is a little small


def test_the_unknown_pixels_follow_the_known_ones():
    """Both pixels of these pictures are the same number: where one is known, the other must become it."""
    process = Diffusion(diffusion.cosine(200), "x0")

    def predict(x, t):  # E[x_0 | x_t] where x_0 = (c, c), c ~ N(0, 1)
        abar = float(process.alpha_bar[int(t.numpy()[0])])
        c = abar**0.5 * x.sum(dim=1, keepdim=True) / (2 * abar + 1 - abar)
        return c.expand(len(x), 2)

    c = minigen.linspace(-1, 1, 300)[:, None]
    image = minigen.cat([c, minigen.zeros(300, 1)], 1)

    def error(repeats):
        x = sample(process, predict, (300, 2), 20, clip=False, generator=minigen.Generator(8),
                   keep=known(image, np.array([[1, 0]] * 300)), repeats=repeats).numpy()  # fmt: skip
        return abs(x[:, 1] - x[:, 0]).mean()

    assert error(5) < 0.08 and error(1) > 0.15  # RePaint's repeats are what makes them agree


@pytest.mark.parametrize(
    ("mask", "says"),
    [(np.ones((4, 5)), r"\(4, 4\)"), (np.ones((1, 4)), r"\(4, 4\)"), (np.full((4, 4), 0.5), "1 where")],
)
def test_a_mask_of_another_shape_or_of_other_numbers_is_refused(mask, says):
    with pytest.raises(ValueError, match=says):
        known(minigen.zeros(2, 1, 4, 4), mask)
    with pytest.raises(ValueError, match="repeats"):
        next(reverse(Diffusion(diffusion.cosine(9)), None, minigen.zeros(1), [9, 0], repeats=0))


def test_image_to_image_keeps_the_less_the_stronger_it_is():
    process = Diffusion(diffusion.cosine(1000))
    image = minigen.full((4000,), -1.0)
    means = [
        vary(process, gaussian(process), image, strength, clip=False, generator=minigen.Generator(9)).numpy().mean()
        for strength in (0.0, 0.3, 0.6, 1.0)
    ]
    assert means[0] == -1 and means == sorted(means) and means[-1] == pytest.approx(MEAN, abs=0.05)
    with pytest.raises(ValueError, match="strength"):
        vary(process, gaussian(process), image, 1.5)
