"""The U-Net of diffusion models (Ho, Jain & Abbeel 2020, appendix B): a noisy picture and its noise level in, what the
diffusion asks for out (the noise, say), as large as the picture.

    down    a level's blocks, then a convolution of stride 2: half as wide and high, more channels
    middle  two blocks, and between them attention, if wanted: every place looks at every other
    up      doubled by nearest neighbour and a convolution; beside it the level's own features, over the bridge of the U

A block learns what to add to its input. The noise level t and a class reach it as a vector e. It is added to every
place; or, in an adaptive network, it says how each channel is scaled and shifted behind its norm (Dhariwal & Nichol
2021, section 3.1): there a class has more of a say, and samples are more often of the class that was asked for. This
file also runs as it stands on PyTorch, for comparisons (``minigen.kernels.bench.translate``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from .. import functional as F
from .. import nn
from ..creation import arange, zeros
from ..dtypes import float32, int64
from ..functional import cat
from ..ops import cos, exp, sin
from ..tensor import Tensor


def time_features(t: Tensor, n: int) -> Tensor:
    """[sin, cos](t 10000^(-i/n)), i < n: (N,) -> (N, 2 n). Fast and slow clocks: Vaswani et al. 2017, section 3.5."""
    angles = t[:, None] * exp(arange(n, dtype=float32) * (-math.log(10000) / n))
    return cat([sin(angles), cos(angles)], 1)


def norm_silu(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """SiLU(GN(x)): one pass over memory."""
    return F.group_norm_silu(x, norm.num_groups, norm.weight, norm.bias, norm.eps)


class Residual(nn.Module):
    """h = conv3(SiLU(GN(x))) + W SiLU(e);  y = conv3(SiLU(GN(h))) + (x, or conv1(x) where the channels change).

    adaptive:  h = conv3(SiLU(GN(x)));  (y_s, y_b) = W SiLU(e);  y = conv3(SiLU((1 + y_s) GN(h) + y_b)) + (...).
    x (N, channels, H, W) and SiLU(e) (N, embed) -> (N, out, H, W).
    """

    def __init__(self, channels: int, out: int, embed: int, groups: int = 8, adaptive: bool = False) -> None:
        super().__init__()
        self.adaptive = adaptive
        self.norm1, self.conv1 = nn.GroupNorm(groups, channels), nn.Conv2d(channels, out, 3, padding=1)
        self.embed = nn.Linear(embed, 2 * out if adaptive else out)
        self.norm2, self.conv2 = nn.GroupNorm(groups, out), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        h = self.conv1(norm_silu(self.norm1, x))
        if not self.adaptive:
            return self.conv2(norm_silu(self.norm2, h + self.embed(e)[:, :, None, None])) + self.skip(x)
        norm, (scale, shift) = self.norm2, self.embed(e).chunk(2, 1)
        weight, bias = (1 + scale) * norm.weight, (1 + scale) * norm.bias + shift
        return self.conv2(F.group_norm_silu(h, norm.num_groups, weight, bias, norm.eps)) + self.skip(x)


class Attention(nn.Module):
    """y = x + attention(GN(x)), the H W places of a picture as a sequence: (N, channels, H, W) -> the same shape."""

    def __init__(self, channels: int, heads: int, groups: int = 8) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.heads = nn.MultiheadAttention(channels, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        N, C, H, W = x.shape
        places = self.norm(x).flatten(2).transpose(1, 2)  # (N, H W, C)
        y, _ = self.heads(places, places, places, need_weights=False)
        return x + y.transpose(1, 2).reshape(N, C, H, W)


class UNet(nn.Module):
    """x (N, image_channels, H, W), t (N,) and, with ``classes``, labels (N,) -> (N, image_channels, H, W).

    ``channels`` of each level, the finest first, with ``blocks`` residual blocks each, twice: down and up. ``patch``:
    the finest level works on squares of patch x patch pixels, so that (28, 28) pictures are (14, 14) ones with 4
    channels for ``patch=2``; H and W must be multiples of patch 2^(levels - 1). ``heads`` > 0 adds attention in the
    middle. ``adaptive``: time and class scale and shift, see Residual. Labels are 0 .. classes - 1; the label
    ``classes``, or none at all, stands for "any class" (Ho & Salimans 2021), which is what classifier-free guidance
    needs.
    """

    def __init__(
        self, channels: Sequence[int] = (32, 64, 128), *, image_channels: int = 1, patch: int = 1, blocks: int = 1,
        heads: int = 0, classes: int = 0, embed: int = 128, groups: int = 8, adaptive: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.patch, self.classes, self.embed = patch, classes, embed
        self.multiple = patch * 2 ** (len(channels) - 1)
        first, last, pixels = channels[0], channels[-1], image_channels * patch**2
        told = embed, groups, adaptive
        steps = list(pairwise(channels))  # (finer, coarser)

        self.time1, self.time2 = nn.Linear(embed // 2, embed), nn.Linear(embed, embed)
        self.label = nn.Embedding(classes + 1, embed) if classes else None
        self.first = nn.Conv2d(pixels, first, 3, padding=1)
        self.down = nn.ModuleList(level(blocks, c, c, *told) for c, _ in steps)
        self.shrink = nn.ModuleList(nn.Conv2d(c, d, 3, 2, padding=1) for c, d in steps)
        self.middle1 = Residual(last, last, *told)
        self.attention = Attention(last, heads, groups) if heads else nn.Identity()
        self.middle2 = Residual(last, last, *told)
        self.grow = nn.ModuleList(nn.Conv2d(d, c, 3, padding=1) for c, d in steps)
        self.up = nn.ModuleList(level(blocks, 2 * c, c, *told) for c, _ in steps)
        self.norm, self.last = nn.GroupNorm(groups, first), nn.Conv2d(first, pixels, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        if x.shape[-1] % self.multiple or x.shape[-2] % self.multiple:
            raise ValueError(f"UNet: height and width must be multiples of {self.multiple}, got x of shape {x.shape}")
        e = F.silu(self.condition(t, labels))
        h = self.first(F.pixel_unshuffle(x, self.patch))
        bridges = []
        for down, shrink in zip(self.down, self.shrink, strict=True):
            for block in down:
                h = block(h, e)
            bridges.append(h)
            h = shrink(h)
        h = self.middle2(self.attention(self.middle1(h, e)), e)
        for up, grow, bridge in reversed(list(zip(self.up, self.grow, bridges, strict=True))):
            h = cat([grow(F.interpolate(h, scale_factor=2, mode="nearest")), bridge], 1)
            for block in up:
                h = block(h, e)
        return F.pixel_shuffle(self.last(norm_silu(self.norm, h)), self.patch)

    def condition(self, t: Tensor, labels: Tensor | None) -> Tensor:
        """e (N, embed) = W2 SiLU(W1 [sin, cos](t)) + the label's vector."""
        e = self.time2(F.silu(self.time1(time_features(t, self.embed // 4))))
        if self.label is None:
            if labels is not None:
                raise ValueError("UNet: it has no classes, so labels mean nothing to it; make it with classes=...")
            return e
        return e + self.label(zeros(len(t), dtype=int64) + self.classes if labels is None else labels)


def level(blocks: int, channels: int, out: int, embed: int, groups: int, adaptive: bool) -> nn.ModuleList:
    return nn.ModuleList(Residual(channels if i == 0 else out, out, embed, groups, adaptive) for i in range(blocks))


def quiet_start(network: UNet) -> UNet:
    """Zero what ends each block and the network: at first every block passes its input on (Ho 2020's code)."""
    for module in network.modules():
        ends = {Residual: "conv2", UNet: "last"}.get(type(module))
        if ends:
            nn.init.zeros_(getattr(module, ends).weight)
            nn.init.zeros_(getattr(module, ends).bias)
    return network
