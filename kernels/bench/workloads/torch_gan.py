"""The twins in PyTorch of ``minigen.models.gan``: the same layers in the same order, so that weights carry over."""

from __future__ import annotations

from torch import nn


def n1() -> list[nn.Module]:
    """G and D of N1; G takes noise (N, 100, 1, 1)."""
    G = nn.Sequential(
        nn.ConvTranspose2d(100, 256, 4, 1, 0, bias=False), nn.BatchNorm2d(256), nn.ReLU(),
        nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    D = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Conv2d(128, 256, 4, 2, 1, bias=False), nn.BatchNorm2d(256), nn.LeakyReLU(0.2),
        nn.Conv2d(256, 1, 4, 1, 0, bias=False), nn.Flatten(0),
    )  # fmt: skip
    return [G, D]


def n2() -> list[nn.Module]:
    """G and D of N2, with Keras' slope 0.3, eps 1e-3 and momentum 0.99 (here 0.01); padding 2 on both sides."""

    def norm(layer: type, channels: int) -> nn.Module:
        return layer(channels, eps=1e-3, momentum=0.01)

    G = nn.Sequential(
        nn.Flatten(), nn.Linear(100, 7 * 7 * 256, bias=False), norm(nn.BatchNorm1d, 7 * 7 * 256), nn.LeakyReLU(0.3),
        nn.Unflatten(1, (256, 7, 7)),
        nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False), norm(nn.BatchNorm2d, 128), nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False), norm(nn.BatchNorm2d, 64), nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1, bias=False), nn.Tanh(),
    )  # fmt: skip
    D = nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0.3),
        nn.Conv2d(64, 128, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0.3),
        nn.Flatten(), nn.Linear(128 * 7 * 7, 1), nn.Flatten(0),
    )  # fmt: skip
    return [G, D]
