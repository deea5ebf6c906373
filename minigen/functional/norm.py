"""Normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import fused, ops
from ..ops.check import sizes_of
from ..tensor import Tensor
from .check import same_dtype, tensor_of


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * gamma + beta over all axes but 1 (Ioffe & Szegedy 2015).

    In training, mean and biased var are the batch's, and the running ones (var unbiased) move by ``momentum``
    towards them; else the running ones are used.
    """
    tensor_of("batch_norm", "input", input)
    same_dtype("batch_norm", input=input, weight=weight, bias=bias)
    if input.ndim < 2:
        raise ValueError(f"batch_norm: input must be (N, C, ...), got shape {input.shape}")
    C = input.shape[1]
    same_dtype("batch_norm", running_mean=running_mean, running_var=running_var)
    for name, t in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if t is not None and t.shape != (C,):
            raise ValueError(f"batch_norm: {name} has shape {t.shape}, input {input.shape} has {C} channels")
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: running_mean and running_var are needed when training=False")
        shape = (1, C) + (1,) * (input.ndim - 2)
        scale = 1 / ops.sqrt(running_var + eps)
        scale = scale if weight is None else scale * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        return input * scale.reshape(shape) + shift.reshape(shape)
    n = input.numel() // max(C, 1)
    if n <= 1 and C:
        raise ValueError(
            f"batch_norm: expected more than one value per channel in training, got shape {input.shape}; use "
            "a larger batch or .eval()"
        )
    y, mean_, var_ = fused.batch_norm(input, weight, bias, eps=float(eps))
    if running_mean is not None and running_var is not None:
        _move(running_mean, mean_.array, momentum)
        _move(running_var, var_.array * (n / max(n - 1, 1)), momentum)
    return y


def _parameters(name: str, input: Tensor, shape: tuple[int, ...], **tensors: Tensor | None) -> None:
    same_dtype(name, input=input, **tensors)
    for key, t in tensors.items():
        if t is not None and t.shape != shape:
            raise ValueError(f"{name}: {key} has shape {t.shape}, input {input.shape} needs {shape}")


def _trailing(name: str, input: Tensor, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    tensor_of(name, "input", input)
    given = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
    shape = sizes_of(name, "normalized_shape", given)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ValueError(f"{name}: input of shape {input.shape} must end in normalized_shape {shape}")
    return shape


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * gamma + beta, mean and biased var over the last dimensions, of sizes
    ``normalized_shape``, which gamma and beta have, too (Ba 2016).

    Input (..., *normalized_shape). Raises ValueError where the shapes differ, TypeError for types.
    """
    shape = _trailing("layer_norm", input, normalized_shape)
    _parameters("layer_norm", input, shape, weight=weight, bias=bias)
    return fused.layer_norm(input, weight, bias, dims=len(shape), eps=float(eps))


def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """y = x / sqrt(mean(x^2) + eps) * gamma over the last dimensions, of sizes ``normalized_shape`` (Zhang & Sennrich
    2019).

    ``eps`` is by default the distance from 1 to the next number, of float32 also for half types. Errors
    are those of ``layer_norm``.
    """
    shape = _trailing("rms_norm", input, normalized_shape)
    _parameters("rms_norm", input, shape, weight=weight)
    last = tuple(range(-len(shape), 0))
    x = input.float() if input.dtype.itemsize == 2 else input  # the square of 300 overflows float16
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    y = x / ops.sqrt((x * x).mean(dim=last, keepdim=True) + eps)
    return (y if weight is None else y * weight).to(input.dtype)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * gamma_c + beta_c, mean and biased var over each sample's group of C /
    ``num_groups`` channels and all its positions (Wu & He 2018).

    Input (N, C, ...), gamma and beta (C). Raises ValueError where num_groups does not divide C.
    """
    _grouped("group_norm", input, num_groups, weight, bias)
    return fused.group_norm(input, weight, bias, groups=num_groups, eps=float(eps))


def group_norm_silu(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """y = z sigmoid(z), z = group_norm(input, num_groups, weight, bias, eps), in one pass over memory each way.

    minigen's own: the same numbers as ``silu(group_norm(...))``, which is what precedes each convolution of a
    diffusion U-Net (Ho 2020, appendix B). Gamma and beta may also be (N, C), each sample's own: adaptive group norm
    (Dhariwal & Nichol 2021, section 3.1). Other shapes and errors are those of ``group_norm``.
    """
    tensor_of("group_norm_silu", "input", input)
    shape, each = input.shape, [t for t in (weight, bias) if isinstance(t, Tensor) and t.ndim == 2]
    if not each:
        _grouped("group_norm_silu", input, num_groups, weight, bias)
        return fused.group_norm_silu(input, weight, bias, groups=num_groups, eps=float(eps))
    _grouped("group_norm_silu", input, num_groups, None, None)
    _parameters("group_norm_silu", input, shape[:2], weight=weight, bias=bias)
    weight, bias = (None if t is None else t.reshape(-1) for t in (weight, bias))
    samples = input.reshape(1, shape[0] * shape[1], *shape[2:])  # as channels of one
    groups = shape[0] * num_groups
    return fused.group_norm_silu(samples, weight, bias, groups=groups, eps=float(eps)).reshape(shape)


def _grouped(name: str, input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None) -> None:
    tensor_of(name, "input", input)
    if input.ndim < 2:
        raise ValueError(f"{name}: input must be (N, C, ...), got shape {input.shape}")
    C = input.shape[1]
    if not isinstance(num_groups, int) or num_groups < 1 or C % num_groups:
        raise ValueError(f"{name}: num_groups={num_groups!r} must divide the {C} channels of input {input.shape}")
    _parameters(name, input, (C,), weight=weight, bias=bias)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """y = (x - mean) / sqrt(var + eps) * gamma_c + beta_c, mean and biased var over each channel of each sample
    (Ulyanov 2016).

    Input (N, C, ...) with more than one position. Running statistics, if given, move by ``momentum`` towards the
    batch's mean of these (var unbiased); ``use_input_stats=False`` uses them instead. Raises ValueError for shapes.
    """
    tensor_of("instance_norm", "input", input)
    if input.ndim < 3:
        raise ValueError(f"instance_norm: input must be (N, C, ...) with positions, got shape {input.shape}")
    C = input.shape[1]
    _parameters("instance_norm", input, (C,), weight=weight, bias=bias)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    n = math.prod(input.shape[2:])
    if n <= 1:
        raise ValueError(f"instance_norm: expected more than one position per channel, got shape {input.shape}")
    for name, t in (("running_mean", running_mean), ("running_var", running_var)):
        if t is not None and t.shape != (C,):
            raise ValueError(f"instance_norm: {name} has shape {t.shape}, input {input.shape} has {C} channels")
    if running_mean is not None and running_var is not None and input.numel():
        rows = input.array.reshape(*input.shape[:2], n).astype(np.float64)
        _move(running_mean, rows.mean(axis=2).mean(axis=0), momentum)
        _move(running_var, rows.var(axis=2, ddof=1).mean(axis=0), momentum)
    return fused.group_norm(input, weight, bias, groups=C, eps=float(eps))


def _move(running: Tensor, new: Any, momentum: float) -> None:
    running.array[...] += (momentum * (new - running.array)).astype(running.dtype)
    running._written()
