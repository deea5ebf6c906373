"""Softmax and its logarithm: numbers as probabilities."""

from __future__ import annotations

from typing import Any

from .. import dtypes, fused
from ..ops.check import axis_of
from ..tensor import Tensor
from .check import tensor_of


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """y_i = e^(x_i) / sum_k e^(x_k) along ``dim``, of any shape, computed so that no e^x overflows.

    ``dtype`` converts first. -inf gives 0, a row of nothing but -inf NaN. TypeError for integers without dtype,
    IndexError for a dim that is not there. (PyTorch guesses a dim that is left out, with a warning; here it is needed.)
    """
    return _along("softmax", fused.softmax, input, dim, dtype)


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """y_i = x_i - log sum_k e^(x_k) along ``dim``: log(softmax x), but finite where the softmax rounds to 0.

    Arguments and errors are those of ``softmax``.
    """
    return _along("log_softmax", fused.log_softmax, input, dim, dtype)


def softmin(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """y_i = e^(-x_i) / sum_k e^(-x_k) along ``dim``. Arguments and errors are those of ``softmax``."""
    return _along("softmin", lambda x, dim: fused.softmax(-x, dim=dim), input, dim, dtype)


def _along(name: str, function: Any, input: Tensor, dim: int, dtype: Any) -> Tensor:
    tensor_of(name, "input", input, floating=dtype is None)
    if dtype is not None:
        if not dtypes.is_floating(dtypes.as_dtype(dtype)):
            raise TypeError(f"{name}: dtype must be floating, got {dtypes.as_dtype(dtype)}")
        input = input.to(dtype)
    axis = axis_of(name, dim, input.ndim)
    return function(input, dim=axis) if input.ndim else function(input.reshape(1), dim=0).reshape(())
