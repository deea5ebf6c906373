"""U-Net: a diffusion model's step on 28 x 28 images, the noise predicted (Ho, Jain & Abbeel 2020, algorithm 1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .workload import Workload

TIMES, TURNS = 1000, 4  # noise levels; draws of t and of noise that the steps take in turn


def network(lib: Any) -> Any:
    nn, F = lib.nn, lib.nn.functional

    class Residual(lib.nn.Module):
        """h = conv3(SiLU(GN8(x))) + W SiLU(e);  out = conv3(SiLU(GN8(h))) + (x, or conv1(x) if channels change)."""

        def __init__(self, channels: int, out: int) -> None:
            super().__init__()
            self.norm1, self.conv1 = nn.GroupNorm(8, channels), nn.Conv2d(channels, out, 3, padding=1)
            self.embed = nn.Linear(128, out)
            self.norm2, self.conv2 = nn.GroupNorm(8, out), nn.Conv2d(out, out, 3, padding=1)
            self.skip = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

        def forward(self, x: Any, e: Any) -> Any:
            h = self.conv1(normalised(self.norm1, x)) + self.embed(F.silu(e))[:, :, None, None]
            return self.conv2(normalised(self.norm2, h)) + self.skip(x)

    class UNet(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.time1, self.time2 = nn.Linear(64, 128), nn.Linear(128, 128)
            self.first, self.down1 = nn.Conv2d(1, 32, 3, padding=1), Residual(32, 32)
            self.half1, self.down2 = nn.Conv2d(32, 64, 3, 2, padding=1), Residual(64, 64)
            self.half2, self.middle1 = nn.Conv2d(64, 128, 3, 2, padding=1), Residual(128, 128)
            self.middle2 = Residual(128, 128)
            self.double2, self.up2 = nn.Conv2d(128, 64, 3, padding=1), Residual(128, 64)
            self.double1, self.up1 = nn.Conv2d(64, 32, 3, padding=1), Residual(64, 32)
            self.norm, self.last = nn.GroupNorm(8, 32), nn.Conv2d(32, 1, 3, padding=1)
            self.frequencies = lib.from_numpy(10000.0 ** (-np.arange(32, dtype=np.float32) / 32))

        def forward(self, x: Any, t: Any) -> Any:
            angles = t[:, None] * self.frequencies
            e = self.time2(F.silu(self.time1(lib.cat([lib.sin(angles), lib.cos(angles)], 1))))
            h1 = self.down1(self.first(x), e)  # (N, 32, 28, 28)
            h2 = self.down2(self.half1(h1), e)  # (N, 64, 14, 14)
            h = self.middle2(self.middle1(self.half2(h2), e), e)  # (N, 128, 7, 7)
            h = self.up2(lib.cat([self.double2(doubled(h)), h2], 1), e)
            h = self.up1(lib.cat([self.double1(doubled(h)), h1], 1), e)
            return self.last(normalised(self.norm, h))

    def normalised(norm: Any, x: Any) -> Any:
        """SiLU(GN(x)), for which minigen has a kernel."""
        pair = getattr(F, "group_norm_silu", None)
        return pair(x, norm.num_groups, norm.weight, norm.bias, norm.eps) if pair else F.silu(norm(x))

    def doubled(h: Any) -> Any:
        return F.interpolate(h, scale_factor=2, mode="nearest")

    return UNet()


def objective(lib: Any, network: Any, x: Any, t: Any, noise: Any, signal: Any, level: Any) -> Any:
    """|noise - network(sqrt(abar_t) x + sqrt(1 - abar_t) noise, t)|^2."""
    return lib.nn.functional.mse_loss(network(signal * x + level * noise, t), noise)


def images(n: int) -> dict[str, np.ndarray]:
    """x, and for every turn t, the noise, sqrt(abar_t) and sqrt(1 - abar_t)."""
    rng = np.random.default_rng(0)
    t = rng.integers(0, TIMES, (TURNS, n))
    abar = np.cumprod(1 - np.linspace(1e-4, 0.02, TIMES))[t][..., None, None, None]
    return {
        "x": rng.uniform(-1, 1, (n, 1, 28, 28)).astype(np.float32),
        "t*": t.astype(np.float32),
        "noise*": rng.standard_normal((TURNS, n, 1, 28, 28)).astype(np.float32),
        "signal*": np.sqrt(abar).astype(np.float32),
        "level*": np.sqrt(1 - abar).astype(np.float32),
    }


UNET = Workload(
    "U-Net", "DDPM, 32-64-128 channels on 28 x 28 images, residual blocks with group norm, MSE, Adam(1e-3)", 64, 54.1,
    lambda lib: [network(lib)], images,
    optimiser="Adam", settings={"lr": 1e-3}, objective=objective, convolutional=True,
)  # fmt: skip
