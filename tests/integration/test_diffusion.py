"""A small U-Net learns to tell the noise in four digits (Ho 2020, algorithm 1), at fixed times and with fixed noise."""

import math

import numpy as np

import minigen
from minigen import functional as F
from minigen import nn
from minigen.data import MNIST

STEPS = 1000
BETA = np.linspace(1e-4, 0.02, STEPS)
KEPT = np.cumprod(1 - BETA)  # how much of the image's variance is left at each time


class TimeEmbedding(nn.Module):
    """sin(t w_k), cos(t w_k) for frequencies w_k from 1 down to 1/10000 (Vaswani 2017), then a small network."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        frequencies = np.exp(-math.log(10000) * np.arange(dim // 2) / (dim // 2))
        self.register_buffer("frequencies", minigen.tensor(frequencies).float(), persistent=False)
        self.net = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, t):
        angle = t.float().unsqueeze(1) * self.frequencies
        return self.net(minigen.cat([minigen.sin(angle), minigen.cos(angle)], dim=1))


class Block(nn.Module):
    """Two convolutions around the time, and a way past them."""

    def __init__(self, inputs: int, outputs: int, dim: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(4, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(dim, outputs))
        self.second = nn.Sequential(nn.GroupNorm(4, outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.past = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, time):
        h = self.first(x) + self.time(time)[:, :, None, None]
        return self.second(h) + self.past(x)


class Attention(nn.Module):
    """Every pixel looks at every other."""

    def __init__(self, channels: int, heads: int = 2) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.attend = nn.MultiheadAttention(channels, heads, batch_first=True)

    def forward(self, x):
        N, C, H, W = x.shape
        pixels = self.norm(x).flatten(2).transpose(1, 2)  # (N, H W, C)
        return x + self.attend(pixels, pixels, pixels, need_weights=False)[0].transpose(1, 2).reshape(N, C, H, W)


class UNet(nn.Module):
    """28 -> 14 -> 7 -> 14 -> 28, with bridges between levels of equal size."""

    def __init__(self, widths=(16, 32, 32), dim: int = 32) -> None:
        super().__init__()
        a, b, c = widths
        self.time = TimeEmbedding(dim)
        self.enter = nn.Conv2d(1, a, 3, padding=1)
        self.down = nn.ModuleList([Block(a, a, dim), Block(b, b, dim)])
        self.shrink = nn.ModuleList([nn.Conv2d(a, b, 3, stride=2, padding=1), nn.Conv2d(b, c, 3, stride=2, padding=1)])
        self.middle = nn.ModuleList([Block(c, c, dim), Block(c, c, dim)])
        self.attention = Attention(c)
        self.grow = nn.ModuleList([nn.Conv2d(c, b, 3, padding=1), nn.Conv2d(b, a, 3, padding=1)])
        self.up = nn.ModuleList([Block(2 * b, b, dim), Block(2 * a, a, dim)])
        self.double = nn.Upsample(scale_factor=2, mode="nearest")
        self.leave = nn.Sequential(nn.GroupNorm(4, a), nn.SiLU(), nn.Conv2d(a, 1, 3, padding=1))

    def forward(self, x, t):
        time, bridges = self.time(t), []
        h = self.enter(x)
        for block, shrink in zip(self.down, self.shrink, strict=True):
            h = block(h, time)
            bridges.append(h)
            h = shrink(h)
        h = self.middle[1](self.attention(self.middle[0](h, time)), time)
        for block, grow in zip(self.up, self.grow, strict=True):
            h = block(minigen.cat([grow(self.double(h)), bridges.pop()], dim=1), time)
        return self.leave(h)


def test_the_noise_in_four_digits_is_learnt():
    minigen.manual_seed(0)
    digits = minigen.tensor(MNIST("embedded", train=False)[np.arange(4)][0]) * 2 - 1  # (4, 1, 28, 28) in [-1, 1]
    t = minigen.tensor([100, 300, 500, 700])
    kept = minigen.tensor(KEPT[t.numpy()]).float().reshape(4, 1, 1, 1)
    noise = minigen.randn_like(digits)
    noisy = kept.sqrt() * digits + (1 - kept).sqrt() * noise
    net = UNet()
    optimiser = minigen.optim.Adam(net.parameters(), lr=2e-3)
    for _ in range(300):
        optimiser.zero_grad()
        loss = F.mse_loss(net(noisy, t), noise)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        if loss.item() < 0.004:
            break
    assert loss.item() < 0.01, loss.item()  # the noise itself has 1

    net.eval()
    with minigen.no_grad():
        told = net(noisy, t)
        digit = ((noisy - (1 - kept).sqrt() * told) / kept.sqrt()).numpy()  # x_0 from x_t and the noise
        other = net(noisy, t[[3, 2, 1, 0]])
    distance = np.square(digit.reshape(4, 1, 784) - digits.numpy().reshape(1, 4, 784)).mean(axis=2)
    assert (distance.argmin(axis=1) == np.arange(4)).all()
    assert F.mse_loss(other, noise).item() > 2 * F.mse_loss(told, noise).item()  # the time is used
