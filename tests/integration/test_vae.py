"""A variational autoencoder (Kingma & Welling 2014) of 784-400-20 learns eight digits."""

import numpy as np
import pytest

import minigen
from minigen import functional as F
from minigen import nn
from minigen.data import MNIST


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU())
        self.mu, self.logvar = nn.Linear(400, 20), nn.Linear(400, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + minigen.randn_like(mu) * minigen.exp(0.5 * logvar)
        return self.decoder(z), mu, logvar


def terms(x, reconstructed, mu, logvar):
    """-log p(x|z) and KL(q(z|x) || N(0, 1)) = -1/2 sum (1 + logvar - mu^2 - e^logvar), summed over the batch."""
    bce = F.binary_cross_entropy(reconstructed, x.view(-1, 784), reduction="sum")
    kl = -0.5 * minigen.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce, kl


def test_eight_digits_are_learnt():
    minigen.manual_seed(0)
    x = minigen.tensor(MNIST("embedded", train=False)[np.arange(8)][0])  # (8, 1, 28, 28) in [0, 1]
    net = VAE()
    optimiser = minigen.optim.Adam(net.parameters(), lr=2e-3)
    first = None
    for _ in range(250):
        optimiser.zero_grad()
        bce, kl = terms(x, *net(x))
        loss = (bce + kl) / len(x)
        loss.backward()
        optimiser.step()
        first = loss.item() if first is None else first
    floor = F.binary_cross_entropy(x, x, reduction="sum").item() / len(x)  # grey pixels: no image costs less
    assert first > 500 and loss.item() < 60, (first, loss.item())  # in nats per image
    assert floor < bce.item() / len(x) < floor + 6
    assert kl.item() / len(x) > np.log2(8)  # the code carries more than which of the eight it is

    net.eval()
    with minigen.no_grad():
        again = net.decoder(net.mu(net.encoder(x))).numpy()  # from the mean code, without noise
    distance = np.square(again[:, None] - x.numpy().reshape(1, 8, 784)).sum(axis=2)
    assert (distance.argmin(axis=1) == np.arange(8)).all()


def test_the_divergence_is_that_of_two_normals():
    mu, logvar = 0.7, -0.8
    _, kl = terms(minigen.zeros(1, 784), minigen.zeros(1, 784), minigen.tensor([mu]), minigen.tensor([logvar]))
    z, step = np.linspace(-12, 12, 100_001, retstep=True)
    q = np.exp(-0.5 * (z - mu) ** 2 / np.exp(logvar)) / np.sqrt(2 * np.pi * np.exp(logvar))
    log_ratio = -0.5 * (z - mu) ** 2 / np.exp(logvar) - 0.5 * logvar + 0.5 * z**2
    assert kl.item() == pytest.approx(float((q * log_ratio).sum() * step), rel=1e-5)
