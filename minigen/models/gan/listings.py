"""The generators and discriminators of the listings: N1, a DCGAN for PyTorch, and N2, one for Keras."""

from __future__ import annotations

from ... import nn
from ...tensor import Tensor


# N1: DCGAN (Radford, Metz & Chintala 2015) for 32 x 32 images -------------------------------------
class DCGenerator(nn.Module):
    """Noise (N, z_dim) or (N, z_dim, 1, 1) -> images (N, 1, 32, 32) in [-1, 1]."""

    image_size = 32

    def __init__(self, z_dim: int = 100) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.main = nn.Sequential(
            nn.ConvTranspose2d(z_dim, 256, 4, 1, 0, bias=False),  # 1 -> 4
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False),  # 4 -> 8
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),  # 8 -> 16
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False),  # 16 -> 32
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z.reshape(z.shape[0], self.z_dim, 1, 1))


class DCDiscriminator(nn.Module):
    """Images (N, 1, 32, 32) -> logits (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 64, 4, 2, 1, bias=False),  # 32 -> 16
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 4, 2, 1, bias=False),  # 16 -> 8
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2),
            nn.Conv2d(128, 256, 4, 2, 1, bias=False),  # 8 -> 4
            nn.BatchNorm2d(256),
            nn.LeakyReLU(0.2),
            nn.Conv2d(256, 1, 4, 1, 0, bias=False),  # 4 -> 1
            nn.Flatten(0),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


# N2: the Keras DCGAN for 28 x 28 images -----------------------------------------------------------
class KerasGenerator(nn.Module):
    """Noise (N, z_dim) -> images (N, 1, 28, 28) in [-1, 1].

    Keras' settings: LeakyReLU slope 0.3, batch norm eps 1e-3 and momentum 0.99, which is 0.01 here. 'same' with stride
    2 pads one side more than the other in Keras; padding 2 with output_padding 1 gives the same sizes.
    """

    image_size = 28

    def __init__(self, z_dim: int = 100) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.main = nn.Sequential(
            nn.Linear(z_dim, 7 * 7 * 256, bias=False),
            nn.BatchNorm1d(7 * 7 * 256, eps=1e-3, momentum=0.01),
            nn.LeakyReLU(0.3),
            nn.Unflatten(1, (256, 7, 7)),
            nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),  # 7 -> 7
            nn.BatchNorm2d(128, eps=1e-3, momentum=0.01),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False),  # 7 -> 14
            nn.BatchNorm2d(64, eps=1e-3, momentum=0.01),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1, bias=False),  # 14 -> 28
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z.reshape(z.shape[0], self.z_dim))


class KerasDiscriminator(nn.Module):
    """Images (N, 1, 28, 28) -> logits (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 64, 5, 2, 2),  # 28 -> 14
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.Conv2d(64, 128, 5, 2, 2),  # 14 -> 7
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(128 * 7 * 7, 1),
            nn.Flatten(0),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.main(x)


NETWORKS = {"n1": (DCGenerator, DCDiscriminator), "n2": (KerasGenerator, KerasDiscriminator)}


def dcgan_init(module: nn.Module) -> None:
    """Weights N(0, 0.02^2), batch norm's gamma N(1, 0.02^2): ``net.apply(dcgan_init)``. DCGAN paper, section 4."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.weight is not None:
        nn.init.normal_(module.weight, 1.0, 0.02)
