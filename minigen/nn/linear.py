"""Layers that multiply by weights, and the default values of these."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functional as F
from ..creation import zeros
from ..tensor import Tensor
from . import init
from .module import Module, Parameter


def parameter(*shape: int) -> Parameter:
    return Parameter(zeros(*shape))


def placed(build: Callable[..., None]) -> Callable[..., None]:
    """An ``__init__`` that takes PyTorch's keywords ``device`` and ``dtype``, too: what it has built is moved there."""

    @functools.wraps(build)
    def init(self: Module, *args: Any, device: Any = None, dtype: Any = None, **settings: Any) -> None:
        build(self, *args, **settings)
        if device is not None or dtype is not None:
            self.to(device=device, dtype=dtype)

    signature = inspect.signature(build)
    more = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in ("device", "dtype")]
    init.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *more])  # type: ignore[attr-defined]
    return init


def check_sizes(layer: Module, **sizes: Any) -> None:
    """A size that is no integer of at least 0 is named: TypeError or ValueError."""
    for word, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
            raise TypeError(f"{type(layer).__name__}: {word} must be an integer, got {size!r:.60}")
        if size < 0:
            raise ValueError(f"{type(layer).__name__}: {word} must be at least 0, got {size}")


def default_init(weight: Parameter, bias: Parameter | None) -> None:
    """PyTorch's default: w and b uniform in ±1/sqrt(fan_in)."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        bound = 1 / math.sqrt(max(init.fan_in_and_out(weight)[0], 1))
        init.uniform_(bias, -bound, bound)


class Linear(Module):
    """y = x w^T + b: (..., in_features) -> (..., out_features)."""

    @placed
    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        check_sizes(self, in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = parameter(out_features, in_features)
        self.bias = parameter(out_features) if bias else None
        default_init(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """x."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input
