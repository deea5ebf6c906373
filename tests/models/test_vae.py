"""VAEs: densities and divergences by hand, both bounds by their formulas, and a model whose likelihood is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen import optim
from minigen.models import vae

F64 = minigen.float64


def normal(*shape, seed=0, scale=1.0):
    return minigen.tensor(np.random.default_rng(seed).standard_normal(shape) * scale)


def binary(*shape, seed=0):
    return minigen.tensor((np.random.default_rng(seed).random(shape) < 0.4).astype(np.float64))


# densities and divergences ------------------------------------------------------------------------
Z, STEP = np.linspace(-20, 20, 200_001, retstep=True)


def density(mean, logvar):
    return np.exp(-0.5 * (Z - mean) ** 2 / np.exp(logvar)) / np.sqrt(2 * np.pi * np.exp(logvar))


def test_log_normal_is_the_log_of_the_density():
    mean, logvar = 0.3, -0.7
    z = minigen.tensor(Z[::1000].reshape(-1, 1))
    mine = vae.log_normal(z, minigen.tensor([mean], dtype=F64), minigen.tensor([logvar], dtype=F64)).numpy()
    for i in (100, 101, 99, 95):
        assert mine[i] == pytest.approx(np.log(density(mean, logvar)[1000 * i]), abs=1e-9)
    pair = vae.log_normal(minigen.tensor([[0.5, -1.0]], dtype=F64)).item()  # dimensions add up
    assert pair == pytest.approx(-0.5 * (0.25 + 1.0) - math.log(2 * math.pi))


@settings(deadline=None, max_examples=20)
@given(*[st.floats(-1.5, 1.5)] * 4)
def test_the_divergence_of_two_normals_is_its_integral(m, v, mp, vp):
    q, p = density(m, v), density(mp, vp)
    integrand = q * (-0.5 * (Z - m) ** 2 / np.exp(v) - v / 2 + 0.5 * (Z - mp) ** 2 / np.exp(vp) + vp / 2)  # q log q/p
    assert p.sum() * STEP == pytest.approx(1)
    a, b, c, d = (minigen.tensor([u], dtype=F64) for u in (m, v, mp, vp))
    assert vae.kl_normals(a, b, c, d).item() == pytest.approx(integrand.sum() * STEP, abs=1e-8)
    zero = minigen.zeros(1, dtype=F64)
    assert vae.kl_to_prior(a, b).item() == pytest.approx(vae.kl_normals(a, b, zero, zero).item(), abs=1e-12)


def test_log_bernoulli_is_the_product_of_the_pixels():
    logits, x = normal(3, 2, 5), binary(3, 2, 5)
    p = 1 / (1 + np.exp(-logits.numpy()))
    product = np.where(x.numpy() == 1, p, 1 - p).reshape(3, -1).prod(axis=1)
    assert vae.log_bernoulli(x, logits).numpy() == pytest.approx(np.log(product))
    sure = vae.log_bernoulli(minigen.ones(1, 2), minigen.tensor([[1e4, -1e4]])).item()  # finite where sigmoid is 0 or 1
    assert sure == pytest.approx(-1e4)


# the bounds ---------------------------------------------------------------------------------------
def small(classes=0, latent=3):
    """A VAE of 28 x 28 in float64 that takes no time."""
    minigen.manual_seed(1)
    return vae.dense(latent, classes, width=6).double()


def test_the_elbo_is_its_formula():
    net, x = small(), binary(4, 1, 28, 28)
    bound = vae.elbo(net, x, beta=2.5, generator=minigen.Generator(3))
    eps = minigen.randn(4, 3, generator=minigen.Generator(3), dtype=F64).numpy()
    mean, logvar = (t.numpy() for t in net.encode(x))
    z = minigen.tensor(mean + eps * np.exp(logvar / 2))
    p = 1 / (1 + np.exp(-net.decode(z).numpy()))
    reconstruction = np.log(np.where(x.numpy() == 1, p, 1 - p)).sum(axis=(1, 2, 3))
    kl = 0.5 * (mean**2 + np.exp(logvar) - logvar - 1)
    assert bound.reconstruction.numpy() == pytest.approx(reconstruction)
    assert bound.kl.numpy() == pytest.approx(kl)
    assert bound.value.numpy() == pytest.approx(reconstruction - 2.5 * kl.sum(axis=1))


@pytest.mark.parametrize("bound", [vae.elbo, vae.iwae])
def test_a_posterior_of_any_width_gives_finite_bounds_and_gradients(bound):
    net = small().float()
    with minigen.no_grad():
        net.posterior[-1].bias[3:] += 200.0  # logvar: e^200 is infinite in float32
    assert (net.encode(binary(4, 1, 28, 28).float())[1].numpy() == 20).all()
    value = bound(net, binary(4, 1, 28, 28).float(), generator=minigen.Generator(0)).value
    value.mean().backward()
    assert np.isfinite(value.numpy()).all() and all(np.isfinite(p.grad.numpy()).all() for p in net.parameters())


def weights_by_hand(net, x, k, seed):
    """log p(x|z) + log N(z; 0, I) - log N(z; mean, e^logvar), in NumPy, (N, k)."""
    mean, logvar = (t.numpy()[:, None] for t in net.encode(x))
    eps = minigen.randn(len(x), k, net.latent, generator=minigen.Generator(seed), dtype=F64).numpy()
    z = mean + eps * np.exp(logvar / 2)
    logits = net.decode(minigen.tensor(z.reshape(-1, net.latent))).numpy().reshape(len(x), k, -1)
    p = 1 / (1 + np.exp(-logits))
    log_likelihood = np.log(np.where(x.numpy().reshape(len(x), 1, -1) == 1, p, 1 - p)).sum(axis=2)
    prior = -0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=2)
    q = -0.5 * ((z - mean) ** 2 / np.exp(logvar) + logvar + np.log(2 * np.pi)).sum(axis=2)
    return log_likelihood + prior - q


def test_the_importance_weighted_bound_is_its_formula():
    net, x = small(), binary(4, 1, 28, 28)
    for k in (1, 5):
        by_hand = np.log(np.exp(weights_by_hand(net, x, k, seed=3)).mean(axis=1))
        bound = vae.iwae(net, x, k=k, generator=minigen.Generator(3))
        assert bound.value.numpy() == pytest.approx(by_hand)


def test_the_likelihood_gathers_the_same_weights():
    net, x = small(), binary(2, 1, 28, 28)
    found = vae.log_likelihood(net, x, k=7, rows=100, seed=3)
    for i in (0, 1):
        by_hand = weights_by_hand(net, x[i : i + 1], 7, seed=3 + i)[0]
        w = np.exp(by_hand - by_hand.max())  # their squares would be below the smallest number
        assert found.log_p[i] == pytest.approx(by_hand.max() + np.log(w.mean()))
        assert found.elbo[i] == pytest.approx(by_hand.mean())
        assert found.variance[i] == pytest.approx((w**2).sum() / w.sum() ** 2 - 1 / 7)
    summary = found.summary(7)
    assert summary["nll"] == pytest.approx(-found.log_p.mean())
    assert summary["standard_error"] == pytest.approx(abs(found.log_p[0] - found.log_p[1]) / 2)
    assert summary["monte_carlo_error"] == pytest.approx(math.sqrt(found.variance.sum()) / 2)
    assert vae.log_likelihood(net, x[1:], k=7, seed=4).log_p[0] == found.log_p[1]  # a part gives the same as the whole


def test_the_likelihood_in_parts_draws_k_times():
    net, x = small(), binary(1, 1, 28, 28)
    generator = minigen.Generator(4)
    parts = [vae.log_weights(net, x, *net.encode(x), k=n, generator=generator)[0].numpy()[0] for n in (3, 3, 1)]
    found = vae.log_likelihood(net, x, k=7, rows=3, seed=4)
    assert found.log_p[0] == pytest.approx(np.logaddexp.reduce(np.concatenate(parts)) - np.log(7))


def test_test_digits_are_binarised_once_and_for_all():
    grey = np.random.default_rng(0).random((400, 1, 28, 28), dtype=np.float32)
    grey[:, :, 0], grey[:, :, 1] = 0, 1
    one, two = vae.binarised_test(grey), vae.binarised_test(grey)
    assert (one == two).all() and set(np.unique(one)) == {0, 1}
    assert not one[:, :, 0].any() and one[:, :, 1].all()
    assert (vae.binarised_test(grey[:3]) == one[:3]).all()
    assert np.corrcoef(one[:, 0, 2:].ravel(), grey[:, 0, 2:].ravel())[0, 1] > 0.5


@pytest.mark.parametrize("bound", [vae.elbo, lambda *args, **kw: vae.iwae(*args, k=3, **kw)], ids=["elbo", "iwae"])
@pytest.mark.parametrize("classes", [0, 3])
def test_gradients_in_float64(bound, classes):
    """Along a random direction of all weights together, by finite differences."""
    net, x = small(classes), binary(2, 1, 28, 28)
    labels = minigen.tensor([2, 0]) if classes else None

    def value():
        return bound(net, x, labels, generator=minigen.Generator(5)).value.mean()

    value().backward()
    directions = [normal(*p.shape, seed=i, scale=1e-6) for i, p in enumerate(net.parameters())]
    slope = sum((p.grad * v).sum().item() for p, v in zip(net.parameters(), directions, strict=True))
    ends = []
    with minigen.no_grad():
        for step in (1, -2):  # to w + v, and from there to w - v
            for p, v in zip(net.parameters(), directions, strict=True):
                p += step * v
            ends.append(value().item())
    assert slope == pytest.approx((ends[0] - ends[1]) / 2, rel=1e-6)


# a model whose likelihood is known ----------------------------------------------------------------
class Linear:
    """p(z) = N(0, I), p(x|z) = N(Wz + b, s^2 I): log p(x) = log N(x; b, W W^T + s^2 I), exactly (probabilistic PCA)."""

    def __init__(self, seed=0, D=4, d=2, s=0.8):
        rng = np.random.default_rng(seed)
        self.W, self.b, self.s = rng.standard_normal((D, d)), rng.standard_normal(D), s
        self.x = rng.multivariate_normal(self.b, self.W @ self.W.T + s**2 * np.eye(D), size=6)

    def log_p(self):
        covariance = self.W @ self.W.T + self.s**2 * np.eye(len(self.b))
        r = self.x - self.b
        quadratic = (r * np.linalg.solve(covariance, r.T).T).sum(axis=1)
        return -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1])

    def log_p_given(self, z):
        """log p(x|z) for z (N, k, d)."""
        r = minigen.tensor(self.x[:, None]) - z @ minigen.tensor(self.W.T) - minigen.tensor(self.b)
        return vae.log_normal(r, 0.0, 2 * math.log(self.s))

    def posterior(self):
        """The best diagonal q: the exact posterior's mean, and 1 / the diagonal of its precision."""
        precision = np.eye(self.W.shape[1]) + self.W.T @ self.W / self.s**2
        mean = np.linalg.solve(precision, self.W.T @ (self.x - self.b).T / self.s**2).T
        return mean, np.broadcast_to(-np.log(np.diag(precision)), mean.shape)


def linear_vae(model, monkeypatch):
    """What ``log_weights`` needs of a VAE: ``decode`` passes z on, and the model's normal stands for the pixels."""
    normal = lambda x, z: model.log_p_given(z.reshape(len(model.x), -1, 2)).reshape(-1)  # noqa: E731
    monkeypatch.setattr(vae, "log_bernoulli", normal)
    mean, logvar = (minigen.tensor(np.array(a)) for a in model.posterior())

    class Net:
        latent = 2

        def encode(self, x, labels=None):
            return mean, logvar

        def decode(self, z, labels=None):
            return z

    return Net(), minigen.tensor(model.x)


def test_the_importance_weighted_bound_climbs_to_the_exact_likelihood(monkeypatch):
    model = Linear()
    net, x = linear_vae(model, monkeypatch)
    exact = model.log_p()
    with minigen.no_grad():
        log_w = vae.log_weights(net, x, *net.encode(x), k=32_768, generator=minigen.Generator(0))[0].numpy()
        far = vae.iwae(net, x, k=32_768, generator=minigen.Generator(0)).value.numpy()
    groups = [np.exp(log_w).reshape(len(exact), -1, k).mean(axis=2) for k in (1, 4, 16, 64)]
    bounds = [np.log(w).mean(axis=1) for w in groups]  # the mean of many L_k, for each image
    gaps = exact - np.array(bounds)  # (k, image)
    assert (np.diff(gaps.mean(axis=1)) < 0).all() and (gaps > -0.02).all(), gaps
    assert gaps[0].mean() > 0.1 and gaps[-1].mean() < 0.02, gaps  # D8 is not tight here: the posterior is correlated
    assert far == pytest.approx(exact, abs=0.02)


def test_the_elbo_of_the_linear_model_is_its_closed_form(monkeypatch):
    """L_1 = log p(x) - KL(q || posterior), both known."""
    model = Linear(seed=1)
    net, x = linear_vae(model, monkeypatch)
    precision = np.eye(2) + model.W.T @ model.W / model.s**2
    q = np.diag(1 / np.diag(precision))
    divergence = 0.5 * (np.trace(precision @ q) - 2 - np.linalg.slogdet(precision @ q)[1])  # the means are equal
    with minigen.no_grad():
        log_w, _ = vae.log_weights(net, x, *net.encode(x), k=30_000, generator=minigen.Generator(0))
    assert log_w.numpy().mean(axis=1) == pytest.approx(model.log_p() - divergence, abs=0.02)


# the networks -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", vae.NETWORKS)
@pytest.mark.parametrize("classes", [0, 10])
def test_networks_have_their_shapes_and_every_weight_learns(name, classes):
    minigen.manual_seed(0)
    net = vae.NETWORKS[name](latent=5, classes=classes)
    labels = minigen.tensor([3, 9, 0]) if classes else None
    x = binary(3, 1, 28, 28).float()
    mean, logvar = net.encode(x, labels)
    assert mean.shape == logvar.shape == (3, 5)
    assert net.decode(mean, labels).shape == (3, 1, 28, 28)
    optimiser = optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(3):  # residual branches start at zero: their first layers learn from the second step on
        optimiser.zero_grad()
        (-vae.elbo(net, x, labels).value.mean()).backward()
        optimiser.step()
    still = [k for k, p in net.named_parameters() if p.grad is None or not np.any(p.grad.numpy())]
    assert not still


def test_n4_has_the_articles_sizes():
    sizes = [784 * 400 + 400, 400 * 40 + 40, 20 * 400 + 400, 400 * 784 + 784]
    assert sum(p.numel() for p in vae.n4().parameters()) == sum(sizes)


def test_a_conditional_vae_draws_the_class_that_is_asked_for():
    """Two classes, two pictures: the label alone must decide which."""
    minigen.manual_seed(0)
    net = vae.dense(2, classes=2, width=32)
    pictures = binary(2, 1, 28, 28).float()
    optimiser = optim.Adam(net.parameters(), lr=1e-2)
    labels = minigen.tensor([0, 1] * 4)
    for _ in range(150):
        optimiser.zero_grad()
        (-vae.elbo(net, pictures[labels], labels).value.mean()).backward()
        optimiser.step()
    drawn = net.decode(minigen.randn(8, 2), labels).numpy() > 0
    assert (drawn == (pictures[labels].numpy() > 0.5)).mean() > 0.99


@pytest.mark.parametrize(
    ("classes", "labels", "words"),
    [
        (0, [1, 2], "is unconditional"),
        (10, None, "labels from 0 to 9 are needed"),
        (10, [1, 10], "no class 10; the labels are 0 to 9"),
        (10, [-1, 1], "no class -1"),
        (10, [1, 2, 3], r"want labels of shape \(2,\), got \(3,\)"),
    ],
)
def test_wrong_labels_are_named(classes, labels, words):
    net = vae.dense(2, classes, width=4)
    labels = None if labels is None else minigen.tensor(labels)
    with pytest.raises(ValueError, match=words):
        net.encode(minigen.zeros(2, 1, 28, 28), labels)
    with pytest.raises(ValueError, match=words):
        net.decode(minigen.zeros(2, 2), labels)


def test_no_draws_are_no_estimate():
    net = small()
    with pytest.raises(ValueError, match="k must be at least 1 draw, got 0"):
        vae.iwae(net, binary(1, 1, 28, 28), k=0)
    with pytest.raises(ValueError, match="k and rows must be at least 1, got 10 and 0"):
        vae.log_likelihood(net, binary(1, 1, 28, 28), k=10, rows=0)


def test_active_units_are_those_that_answer_to_the_image():
    mean = np.zeros((100, 4))
    mean[:, 1], mean[:, 3] = np.linspace(-1, 1, 100), np.linspace(-0.05, 0.05, 100)
    assert vae.active_units(mean) == 1 and vae.active_units(mean, least=1e-6) == 2
