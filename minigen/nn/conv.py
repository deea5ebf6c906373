"""Convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functional as F
from ..functional.check import each_dim
from ..tensor import Tensor
from .linear import check_sizes, default_init, parameter, placed
from .module import Module

Size = int | tuple[int, ...]
_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    ndim: ClassVar[int]
    transposed: ClassVar[bool] = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        output_padding: Size,
        dilation: Size,
        groups: int,
        bias: bool,
        padding_mode: str,
    ) -> None:
        super().__init__()
        name, n = type(self).__name__, self.ndim
        check_sizes(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}"
            )
        if padding_mode not in (_MODES[:1] if self.transposed else _MODES):
            allowed = "must be 'zeros'" if self.transposed else f"must be one of {', '.join(map(repr, _MODES))}"
            raise ValueError(f"{name}: padding_mode {allowed}, got {padding_mode!r}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = each_dim(name, "kernel_size", kernel_size, n, 1)
        self.stride, self.dilation = each_dim(name, "stride", stride, n, 1), each_dim(name, "dilation", dilation, n, 1)
        self.padding = padding if isinstance(padding, str) else each_dim(name, "padding", padding, n, 0)
        if isinstance(padding, str) and (padding not in ("same", "valid") or self.transposed):
            named = "" if self.transposed else ", 'same' or 'valid'"
            raise ValueError(f"{name}: padding must be integers{named}, got {padding!r}")
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(f"{name}: padding 'same' needs stride 1, got {stride}: give padding as numbers")
        self.output_padding = each_dim(name, "output_padding", output_padding, n, 0)
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = parameter(first, second // groups, *self.kernel_size)
        self.bias = parameter(out_channels) if bias else None
        default_init(self.weight, self.bias)

    def _convolved(self, input: Tensor) -> Tensor:
        function: Any = F.conv1d if self.ndim == 1 else F.conv2d
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._borders(), mode=self.padding_mode), 0
        return function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _borders(self) -> list[int]:
        """What ``pad`` takes: the last dimension first; 'same' puts an odd one at the end."""
        sides: list[int] = []
        for i in range(self.ndim - 1, -1, -1):
            total = self.dilation[i] * (self.kernel_size[i] - 1) if self.padding == "same" else 0
            left = total // 2 if isinstance(self.padding, str) else self.padding[i]
            sides += [left, total - left if isinstance(self.padding, str) else left]
        return sides

    def _transposed(self, input: Tensor, output_size: Any) -> Tensor:
        function: Any = F.conv_transpose1d if self.ndim == 1 else F.conv_transpose2d
        padding: Any = self.padding
        extra = self.output_padding if output_size is None else self._missing(input, output_size)
        return function(input, self.weight, self.bias, self.stride, padding, extra, self.groups, self.dilation)

    def _missing(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output_padding that makes the result ``output_size``."""
        name, n = type(self).__name__, self.ndim
        given = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,)
        wanted = each_dim(name, "output_size", given[-n:], n, 1)
        padding: Any = self.padding
        parts = zip(input.shape[-n:], self.stride, padding, self.dilation, self.kernel_size, strict=True)
        least = [(m - 1) * s - 2 * p + d * (k - 1) + 1 for m, s, p, d, k in parts]
        extra = tuple(w - low for w, low in zip(wanted, least, strict=True))
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
            raise ValueError(
                f"{name}: output_size {wanted} is out of reach for input {input.shape}: from {least} to {most}"
            )
        return extra

    def extra_repr(self) -> str:
        n = self.ndim
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        quiet = {"padding": (0,) * n, "dilation": (1,) * n, "output_padding": (0,) * n, "groups": 1}
        for name, value in quiet.items():
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        text += "" if self.bias is not None else ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


class _Forward(_Conv):
    @placed
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias, padding_mode
        )

    def forward(self, input: Tensor) -> Tensor:
        return self._convolved(input)


class _Transposed(_Conv):
    transposed = True

    @placed
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation, groups, bias,
            padding_mode,
        )  # fmt: skip

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        return self._transposed(input, output_size)


class Conv1d(_Forward):
    """Convolution: (N, in_channels, L) -> (N, out_channels, OL). See ``functional.conv1d``."""

    ndim = 1


class Conv2d(_Forward):
    """Convolution: (N, in_channels, H, W) -> (N, out_channels, OH, OW). See ``functional.conv2d``.

    ``padding_mode`` 'reflect', 'replicate' or 'circular' takes the borders from the image, as ``functional.pad`` does.
    """

    ndim = 2


class ConvTranspose1d(_Transposed):
    """Transposed convolution, ``functional.conv_transpose1d``: (N, in_channels, L) -> (N, out_channels, OL)."""

    ndim = 1


class ConvTranspose2d(_Transposed):
    """Transposed convolution, ``functional.conv_transpose2d``: (N, in_channels, H, W) -> (N, out_channels, OH, OW).

    Called with ``output_size`` = (OH, OW), it chooses the output_padding for it.
    """

    ndim = 2
