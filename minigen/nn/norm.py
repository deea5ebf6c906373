"""Normalisation over the batch and over each sample's channels, with running statistics."""

from __future__ import annotations

import numpy as np

from .. import functional as F
from ..creation import ones, zeros
from ..functional.check import tensor_of
from ..tensor import Tensor
from .linear import check_sizes, placed
from .module import Module, Parameter


class _Tracked(Module):
    """Scale and shift, and running statistics, of ``num_features`` channels."""

    ndims: tuple[int, ...] = ()
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    @placed
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_sizes(self, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(ones(num_features)) if affine else None
        self.bias = Parameter(zeros(num_features)) if affine and bias else None
        self.register_buffer("running_mean", zeros(num_features) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype=np.int64) if track_running_stats else None)

    def _check(self, input: Tensor) -> None:
        tensor_of(type(self).__name__, "input", input)
        if input.ndim not in self.ndims:
            raise ValueError(
                f"{type(self).__name__}: input must have {' or '.join(map(str, self.ndims))} dimensions, got "
                f"shape {input.shape}"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Tracked):
    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        momentum = self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.array[...] += 1
            if momentum is None:  # the plain mean of all batches so far
                momentum = 1 / int(self.num_batches_tracked.array)
        training = self.training or self.running_mean is None
        return F.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training, momentum or 0.0, self.eps
        )


class BatchNorm1d(_BatchNorm):
    """Batch norm of (N, C) or (N, C, L). ``momentum=None``: the running statistics are the mean over all batches."""

    ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm of (N, C, H, W). ``momentum=None``: the running statistics are the mean over all batches."""

    ndims = (4,)


class _InstanceNorm(_Tracked):
    @placed
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check(input)
        channels = 1 if input.ndim == max(self.ndims) else 0
        if input.shape[channels] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: input of shape {input.shape} has {input.shape[channels]} channels, "
                f"num_features is {self.num_features}"
            )
        x = input if channels else input.unsqueeze(0)
        measured = self.training or self.running_mean is None
        y = F.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, measured, self.momentum or 0.0, self.eps
        )
        return y if channels else y.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample normalised by itself: (N, C, L) or (C, L)."""

    ndims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample normalised by itself: (N, C, H, W) or (C, H, W)."""

    ndims = (3, 4)
