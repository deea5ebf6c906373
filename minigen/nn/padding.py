"""Borders around lines and images, and windows as columns."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..tensor import Tensor
from .module import Module

Borders = int | tuple[int, ...]


class _Pad(Module):
    """One width for all sides, or (left, right) and, for images, (left, right, top, bottom)."""

    ndim = 2
    mode = "constant"

    def __init__(self, padding: Borders) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.ndim) if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_Pad):
    """Zeros at both ends of (N, C, L)."""

    ndim = 1


class ZeroPad2d(_Pad):
    """Zeros around images (N, C, H, W)."""


class _ConstantPad(_Pad):
    def __init__(self, padding: Borders, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """``value`` at both ends of (N, C, L)."""

    ndim = 1


class ConstantPad2d(_ConstantPad):
    """``value`` around images (N, C, H, W)."""


class ReflectionPad1d(_Pad):
    """What a mirror at both ends of (N, C, L) shows, the edge itself once."""

    ndim, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """What a mirror at the edges of (N, C, H, W) shows, the edge itself once."""

    mode = "reflect"


class ReplicationPad1d(_Pad):
    """The ends of (N, C, L) repeated."""

    ndim, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The edges of (N, C, H, W) repeated."""

    mode = "replicate"


class CircularPad1d(_Pad):
    """Each end of (N, C, L) continued by the other."""

    ndim, mode = 1, "circular"


class CircularPad2d(_Pad):
    """Each edge of (N, C, H, W) continued by the opposite one."""

    mode = "circular"


class Unfold(Module):
    """Every window as a column: (N, C, H, W) -> (N, C KH KW, OH OW). See ``functional.unfold``."""

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


class Fold(Unfold):
    """Columns added where their windows lay: (N, C KH KW, OH OW) -> (N, C, H, W), ``output_size`` = (H, W)."""

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"
