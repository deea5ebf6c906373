"""The articles' networks: N1 typed for PyTorch with its imports changed, N2 in Keras' shapes; and the losses D5-D7."""

import math
from pathlib import Path

import numpy as np
import pytest

import minigen
from minigen import data, nn
from minigen.models import gan

LISTING = Path(__file__).with_name("listing_n1.py")
IMPORTS = {
    "import torch\n": "import minigen as torch\n",
    "from torch import nn, optim\n": "from minigen import nn, optim\n",
    "from torch.utils.data import DataLoader\n": "from minigen.data import DataLoader\n",
    "from torchvision import datasets, transforms\n": "from minigen import data as datasets\n"
    "from minigen.data import transforms\n",
}


@pytest.fixture
def n1():
    """The listing's names, after its four import lines have been changed, and nothing else."""
    source = LISTING.read_text()
    for theirs, ours in IMPORTS.items():
        assert source.count(theirs) == 1
        source = source.replace(theirs, ours)
    minigen.manual_seed(0)
    names = {"__name__": "n1"}
    exec(compile(source, str(LISTING), "exec"), names)
    return names


def shapes(network, x):
    """The shape after every layer of a Sequential."""
    found = []
    for layer in network:
        x = layer(x)
        found.append(x.shape[1:])
    return found


# N1 -------------------------------------------------------------------------------------------------
G1 = [(256, 4, 4)] * 3 + [(128, 8, 8)] * 3 + [(64, 16, 16)] * 3 + [(1, 32, 32)] * 2
D1 = [(64, 16, 16)] * 2 + [(128, 8, 8)] * 3 + [(256, 4, 4)] * 3 + [(1, 1, 1)]


def test_every_layer_of_n1_has_its_shape(n1):
    assert shapes(n1["netG"].main, minigen.randn(2, 100, 1, 1)) == G1
    assert shapes(n1["netD"].main, minigen.randn(2, 1, 32, 32)) == [*D1, (1, 1, 1)]  # and the sigmoid
    assert shapes(gan.DCGenerator().main, minigen.randn(2, 100, 1, 1)) == G1
    assert shapes(gan.DCDiscriminator().main, minigen.randn(2, 1, 32, 32)) == [*D1, ()]  # flattened, a logit each


def test_the_listing_and_our_n1_have_the_same_weights(n1):
    def entries(net):
        return {k: v.shape for k, v in net.state_dict().items()}

    assert entries(n1["netG"]) == entries(gan.DCGenerator())
    assert entries(n1["netD"]) == entries(gan.DCDiscriminator())
    kernels = 16 * (100 * 256 + 256 * 128 + 128 * 64 + 64 * 1)
    assert sum(p.numel() for p in n1["netG"].parameters()) == kernels + 2 * (256 + 128 + 64)
    kernels = 16 * (1 * 64 + 64 * 128 + 128 * 256 + 256 * 1)
    assert sum(p.numel() for p in n1["netD"].parameters()) == kernels + 2 * (128 + 256)


def test_the_listing_trains_on_real_digits(n1, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIGEN_DATA", raising=False)
    monkeypatch.setattr(data.mnist, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(data.MNIST, "mirrors", ())  # no network: the embedded digits are left
    networks = [n1["netG"], n1["netD"]]
    before = [[p.numpy().copy() for p in net.parameters()] for net in networks]
    history = n1["main"](epochs=1, batches=3)
    assert "the embedded subset" in capsys.readouterr().out
    assert len(history) == 3 and np.isfinite(history).all() and np.greater(history, 0).all()
    for net, old in zip(networks, before, strict=True):
        moved = [abs(p.numpy() - w).max() for p, w in zip(net.parameters(), old, strict=True)]
        assert all(0 < m < 3 * 2 * 2e-4 for m in moved), moved  # three steps of Adam, each near the learning rate
    fake = n1["netG"](minigen.randn(2, 100, 1, 1))
    assert abs(fake.numpy()).max() <= 1


# N2 -------------------------------------------------------------------------------------------------
G2 = [(12544,)] * 3 + [(256, 7, 7)] + [(128, 7, 7)] * 3 + [(64, 14, 14)] * 3 + [(1, 28, 28)] * 2
D2 = [(64, 14, 14)] * 3 + [(128, 7, 7)] * 3 + [(6272,), (1,), ()]


def test_every_layer_of_n2_has_keras_shape():
    assert shapes(gan.KerasGenerator().main, minigen.randn(2, 100)) == G2
    assert shapes(gan.KerasDiscriminator().main, minigen.randn(2, 1, 28, 28)) == D2


def test_n2_has_as_many_parameters_as_keras_prints():
    """Kernel height x width x inputs x outputs, outputs for a bias, and for batch norm gamma and beta (trainable), mean
    and variance (not)."""
    G, D = gan.KerasGenerator(), gan.KerasDiscriminator()
    norms = 7 * 7 * 256 + 128 + 64
    trained = 100 * 12544 + 5 * 5 * (256 * 128 + 128 * 64 + 64 * 1) + 2 * norms
    assert sum(p.numel() for p in G.parameters()) == trained == 2_305_472
    running = sum(b.numel() for name, b in G.named_buffers() if not name.endswith("num_batches_tracked"))
    assert (running, trained + running) == (2 * norms, 2_330_944)
    assert sum(p.numel() for p in D.parameters()) == 26 * 64 + (25 * 64 + 1) * 128 + 6272 + 1 == 212_865


def test_n2_has_keras_settings():
    layers = [*gan.KerasGenerator().main, *gan.KerasDiscriminator().main]
    assert {m.negative_slope for m in layers if isinstance(m, nn.LeakyReLU)} == {0.3}
    norms = [m for m in layers if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}  # Keras' momentum 0.99 is what is kept
    assert {m.p for m in layers if isinstance(m, nn.Dropout)} == {0.3}


@pytest.mark.parametrize("networks", gan.NETWORKS.values(), ids=gan.NETWORKS)
def test_a_step_of_each_network_reaches_every_weight(networks):
    minigen.manual_seed(1)
    G, D = (network() for network in networks)
    real = minigen.rand(4, 1, G.image_size, G.image_size) * 2 - 1
    fake = G(minigen.randn(4, G.z_dim))
    gan.discriminator_loss(D(real), D(fake.detach())).backward()
    assert all(p.grad is not None and abs(p.grad.numpy()).max() > 0 for p in D.parameters())
    assert all(p.grad is None for p in G.parameters())
    gan.generator_loss(D(fake)).backward()
    assert all(p.grad is not None and abs(p.grad.numpy()).max() > 0 for p in G.parameters())


# the losses -----------------------------------------------------------------------------------------
LOGITS = np.linspace(-6, 6, 25)
OTHERS = np.linspace(-3, 9, 25)[::-1].copy()


def probability(logits):
    return 1 / (1 + np.exp(-logits))


def leaf(values):
    return minigen.tensor(values).requires_grad_()


def slope(loss, logits):
    """dL/dD of N L at each image's probability D = s(l): dL/dl / (D (1 - D))."""
    x = leaf(logits)
    (g,) = minigen.grad(loss(x), x)
    D = probability(logits)
    return len(logits) * g.numpy() / (D * (1 - D))


def test_the_losses_are_their_formulas():
    real, fake = probability(LOGITS), probability(OTHERS)
    x, z = minigen.tensor(LOGITS), minigen.tensor(OTHERS)
    d6 = -np.log(real).mean() - np.log(1 - fake).mean()
    np.testing.assert_allclose(gan.discriminator_loss(x, z).item(), d6, rtol=1e-12)
    np.testing.assert_allclose(gan.generator_loss(z).item(), -np.log(fake).mean(), rtol=1e-12)
    np.testing.assert_allclose(gan.minimax_generator_loss(z).item(), np.log(1 - fake).mean(), rtol=1e-12)
    # D6 is the negative value of the game, D5, and the minimax loss the part of that value which G can change
    value = np.log(real).mean() + np.log(1 - fake).mean()
    np.testing.assert_allclose(-gan.discriminator_loss(x, z).item(), value, rtol=1e-12)
    np.testing.assert_allclose(gan.minimax_generator_loss(z).item(), value - np.log(real).mean(), rtol=1e-12)


def test_the_losses_where_nobody_knows():
    """At D = 1/2, as at the game's equilibrium: D6 = log 4, D7 = log 2."""
    undecided = minigen.zeros(5, dtype=np.float64)
    assert gan.discriminator_loss(undecided, undecided).item() == pytest.approx(math.log(4), rel=1e-14)
    assert gan.generator_loss(undecided).item() == pytest.approx(math.log(2), rel=1e-14)
    assert gan.minimax_generator_loss(undecided).item() == pytest.approx(-math.log(2), rel=1e-14)


def test_the_losses_pull_in_the_right_direction():
    D = probability(LOGITS)
    # G wants its images called real: both of its losses fall as D(G(z)) rises, D7 by 1/D, the minimax form by 1/(1 - D)
    np.testing.assert_allclose(slope(gan.generator_loss, LOGITS), -1 / D, rtol=1e-9)
    np.testing.assert_allclose(slope(gan.minimax_generator_loss, LOGITS), -1 / (1 - D), rtol=1e-9)
    # D wants the opposite: its loss falls as D(x) rises and grows as D(G(z)) rises
    other = minigen.tensor(OTHERS)
    np.testing.assert_allclose(slope(lambda x: gan.discriminator_loss(x, other), LOGITS), -1 / D, rtol=1e-9)
    np.testing.assert_allclose(slope(lambda z: gan.discriminator_loss(other, z), LOGITS), 1 / (1 - D), rtol=1e-9)


def test_the_non_saturating_loss_is_strong_where_d_is_sure():
    sure = np.array([-12.0])  # D(G(z)) = 6e-6
    x = leaf(sure)
    strong, weak = (abs(minigen.grad(f(x), x)[0].item()) for f in (gan.generator_loss, gan.minimax_generator_loss))
    assert strong == pytest.approx(1, abs=1e-5) and weak == pytest.approx(probability(-12.0), rel=1e-9)


def test_the_misprinted_generator_loss_would_train_g_backwards():
    """L_G = -E[D(G(z))] - E[log(1 - D(G(z)))] has the slope D / (1 - D) > 0 in D(G(z)): minimising it makes G's images
    less convincing. Ours falls."""

    def misprint(logits):
        D = logits.sigmoid()
        return -D.mean() - (1 - D).log().mean()

    D = probability(LOGITS)
    np.testing.assert_allclose(slope(misprint, LOGITS), D / (1 - D), rtol=1e-9)
    assert (slope(misprint, LOGITS) > 0).all() and (slope(gan.generator_loss, LOGITS) < 0).all()


def test_the_misprinted_discriminator_loss_would_call_fakes_real():
    """-E[D(x)] - E[D(G(z))] + E[1 - D(G(z))] falls as D(G(z)) rises; D6 grows."""
    other = minigen.tensor(OTHERS)

    def misprint(fake):
        return -other.sigmoid().mean() - fake.sigmoid().mean() + (1 - fake.sigmoid()).mean()

    np.testing.assert_allclose(slope(misprint, LOGITS), -2, rtol=1e-9)
    assert (slope(lambda z: gan.discriminator_loss(other, z), LOGITS) > 0).all()
