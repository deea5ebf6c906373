"""The losses against their formulas, the gradient penalty against finite differences, and the small networks."""

import numpy as np
import pytest

import minigen
from minigen import nn, testing
from minigen.models import gan

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(0.4, 2, 9), RNG.normal(-0.3, 2, 7)
S = 1 / (1 + np.exp(-REAL)), 1 / (1 + np.exp(-FAKE))
FORMULAS = {
    "nonsaturating": (-np.log(S[0]).mean() - np.log(1 - S[1]).mean(), -np.log(S[1]).mean()),
    "minimax": (-np.log(S[0]).mean() - np.log(1 - S[1]).mean(), np.log(1 - S[1]).mean()),
    "least-squares": (((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2, ((FAKE - 1) ** 2).mean() / 2),
    "wgan": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
    "wgan-gp": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
    "hinge": (np.maximum(0, 1 - REAL).mean() + np.maximum(0, 1 + FAKE).mean(), -FAKE.mean()),
}


@pytest.mark.parametrize("name", gan.GAMES)
def test_losses_are_their_formulas(name):
    game, (of_D, of_G) = gan.GAMES[name], FORMULAS[name]
    real, fake = minigen.tensor(REAL), minigen.tensor(FAKE)
    assert game.discriminator(real, fake).item() == pytest.approx(of_D, rel=1e-12)
    assert game.generator(fake).item() == pytest.approx(of_G, rel=1e-12)


@pytest.mark.parametrize("name", gan.GAMES)
def test_the_players_pull_in_opposite_directions(name):
    game = gan.GAMES[name]
    real, fake = (minigen.tensor([0.2, -0.4], dtype=minigen.float64).requires_grad_() for _ in "xy")
    d_real, d_fake = minigen.grad(game.discriminator(real, fake), [real, fake])
    (g_fake,) = minigen.grad(game.generator(fake), fake)
    assert (d_real.numpy() < 0).all() and (d_fake.numpy()[0] > 0).all()  # D raises d(x) and lowers d(G(z))
    assert (g_fake.numpy() < 0).all()  # G raises d(G(z))


def test_the_classification_loss_is_its_formula():
    logits, labels = RNG.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = gan.classification_loss(minigen.tensor(logits), minigen.tensor(labels)).item()
    assert found == pytest.approx(-np.log(p[range(5), labels]).mean(), rel=1e-12)


# the gradient penalty -----------------------------------------------------------------------------
def critic():
    """A small d in float64 with two convolutions."""
    minigen.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(3, 2, 2), nn.Tanh(), nn.Flatten(),
                        nn.Linear(2 * 2 * 2, 1), nn.Flatten(0))  # fmt: skip
    return net.double()


def slopes(net, images, h=1e-6):
    """grad_x d(x) of each image (N, C, H, W) by central differences."""
    found = np.zeros(images.shape)
    with minigen.no_grad():
        for at in np.ndindex(images.shape[1:]):
            step = np.zeros(images.shape)
            step[(slice(None), *at)] = h
            up, down = (net(minigen.tensor(images + sign * step)).numpy() for sign in (1, -1))
            found[(slice(None), *at)] = (up - down) / (2 * h)
    return found


def batch(n=4):
    return (RNG.normal(size=(n, 1, 5, 5)) for _ in "xy")


def test_the_gradient_penalty_equals_finite_differences():
    net, (real, fake) = critic(), batch()
    epsilon = RNG.uniform(size=(4, 1, 1, 1))
    lengths = np.sqrt((slopes(net, epsilon * real + (1 - epsilon) * fake) ** 2).sum((1, 2, 3)))
    found = gan.gradient_penalty(net, *map(minigen.tensor, (real, fake, epsilon))).item()
    assert found == pytest.approx(((lengths - 1) ** 2).mean(), rel=1e-7) and abs(found) > 1e-3


def test_r1_equals_finite_differences():
    net, (real, _) = critic(), batch()
    expected = (slopes(net, real) ** 2).sum((1, 2, 3)).mean() / 2
    assert gan.r1_penalty(net, minigen.tensor(real)).item() == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("penalty", ["gradient_penalty", "r1_penalty"])
def test_the_gradient_of_the_penalty_and_the_next_equal_finite_differences(penalty):
    """d(penalty)/dw, which D is trained with, is a gradient of a gradient; and its own gradient is right, too."""
    net, (real, fake) = critic(), map(minigen.tensor, batch())
    epsilon = minigen.tensor(RNG.uniform(size=(4, 1, 1, 1)))
    first, second = net[0], net[2]

    def of_weights(w, v):
        def d(x):
            h = F.leaky_relu(F.conv2d(x, w, first.bias, 2, 1), 0.2)
            return net[6](net[5](net[4](F.conv2d(h, v, second.bias).tanh())))

        return of_critic(d)

    def of_critic(d):
        return gan.r1_penalty(d, real) if penalty == "r1_penalty" else gan.gradient_penalty(d, real, fake, epsilon)

    F = nn.functional
    weights = [p.detach().clone().requires_grad_() for p in (first.weight, second.weight)]
    assert testing.gradcheck(of_weights, weights)
    assert testing.gradgradcheck(of_weights, weights)
    assert of_critic(net).item() == pytest.approx(of_weights(*weights).item(), rel=1e-12)


def test_the_penalty_leaves_the_images_alone():
    net, (real, fake) = critic(), map(minigen.tensor, batch())
    fake.requires_grad_()
    gan.gradient_penalty(net, real, fake).backward()
    assert fake.grad is None and all(p.grad is not None for p in net.parameters() if p is not net[5].bias)


def test_a_flat_critic_has_a_finite_penalty():
    """||0|| has no derivative; the one that is taken is 0, not NaN."""
    net = critic()
    with minigen.no_grad():
        for p in net.parameters():
            p.zero_()
    loss = gan.gradient_penalty(net, *map(minigen.tensor, batch()))
    loss.backward()
    assert loss.item() == 1 and all(np.isfinite(p.grad.numpy()).all() for p in net.parameters() if p.grad is not None)


# what bounds D ------------------------------------------------------------------------------------
@pytest.mark.parametrize("condition", gan.CONDITIONS)
def test_spectral_norm_bounds_every_layer(condition):
    minigen.manual_seed(0)
    D = gan.Discriminator(4, 10, condition, "spectral")
    x, y = minigen.randn(6, 1, 28, 28), minigen.arange(6)
    with minigen.no_grad():
        for p in D.parameters():
            p.mul_(3.0)
        for _ in range(60):  # the power iteration converges
            D(x, y)
    layers = [m for m in D.modules() if hasattr(m, "weight_orig")]
    assert len(layers) == 4 + (condition == "labels")
    for layer in layers:
        w = layer.weight.numpy()
        largest = np.linalg.svd(w.reshape(len(w), -1), compute_uv=False)[0]
        assert largest == pytest.approx(1, abs=0.02)
        assert np.linalg.svd(layer.weight_orig.numpy().reshape(len(w), -1), compute_uv=False)[0] > 1.2


def test_clipping_bounds_every_weight():
    D = gan.Discriminator(4)
    gan.clip_weights_(D, 0.01)
    largest = max(abs(p.numpy()).max() for p in D.parameters())
    assert largest == np.float32(0.01)


# the networks -------------------------------------------------------------------------------------
@pytest.mark.parametrize("norm", gan.NORMS)
@pytest.mark.parametrize("condition", gan.CONDITIONS)
def test_shapes_and_gradients(condition, norm):
    minigen.manual_seed(1)
    classes = 0 if condition == "none" else 3
    G, D = gan.Generator(5, 4, classes), gan.Discriminator(4, classes, condition, norm)
    labels = minigen.tensor([0, 2, 1, 2, 2, 0]) if classes else None
    fake = G(minigen.randn(6, 5), labels)
    assert fake.shape == (6, 1, 28, 28) and abs(fake.numpy()).max() <= 1
    d, c = D(fake, labels)
    assert d.shape == (6,) and (c is None if condition != "classifier" else c.shape == (6, 3))
    loss = gan.generator_loss(d) if c is None else gan.generator_loss(d) + gan.classification_loss(c, labels)
    loss.backward()
    assert all(p.grad is not None and abs(p.grad.numpy()).max() > 0 for net in (G, D) for p in net.parameters())


def test_the_class_changes_what_is_drawn_and_what_is_judged():
    G, D = gan.Generator(5, 4, 3), gan.Discriminator(4, 3, "labels")
    z = minigen.randn(1, 5).expand(4, 5)
    a, b = minigen.tensor([0, 1, 2, 2]), minigen.tensor([1, 1, 2, 2])
    G.eval()
    drawn = G(z, a).detach()
    assert np.array_equal(drawn[2].numpy(), drawn[3].numpy()) and abs((drawn[0] - drawn[1]).numpy()).max() > 1e-3
    D.eval()
    difference = (D(drawn, a)[0] - D(drawn, b)[0]).detach().numpy()
    assert difference[0] != 0 and np.array_equal(difference[1:], np.zeros(3))


def test_labels_are_asked_for():
    with pytest.raises(ValueError, match="this generator knows 3 classes; say which"):
        gan.Generator(5, 4, 3)(minigen.randn(2, 5))
    with pytest.raises(ValueError, match="labels: this discriminator judges images of a class"):
        gan.Discriminator(4, 3, "labels")(minigen.randn(2, 1, 28, 28))


def test_n1_has_eight_times_the_arithmetic():
    """Multiplications of one image through G and D."""

    def count(net, x):
        total = 0
        for layer in net:
            before, x = x, layer(x)
            if isinstance(layer, nn.ConvTranspose2d):
                total += layer.weight.numel() * before.shape[2] * before.shape[3]
            elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                total += layer.weight.numel() * int(np.prod(x.shape[2:]))
        return total

    z, big, small = minigen.randn(2, 64), minigen.randn(2, 1, 32, 32), minigen.randn(2, 1, 28, 28)
    ours = count(gan.Generator().main, z) + count(gan.Discriminator().body, small)
    n1 = count(gan.DCGenerator().main, minigen.randn(2, 100, 1, 1)) + count(gan.DCDiscriminator().main, big)
    assert 7 < n1 / ours < 9
