"""Spectral normalisation: a layer whose largest singular value is 1."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from ... import random
from ...tensor import Tensor
from ..conv import ConvTranspose1d, ConvTranspose2d
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


class SpectralNorm:
    """A forward pre-hook that sets ``weight`` to weight_orig / sigma. See ``spectral_norm``."""

    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        self.name, self.n_power_iterations, self.eps, self.dim = name, n_power_iterations, eps, dim

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight with its output dimension first, and all others as one: (h, w)."""
        if self.dim:
            weight = weight.permute((self.dim, *[d for d in range(weight.ndim) if d != self.dim]))
        return weight.reshape(weight.shape[0], math.prod(weight.shape[1:]))

    def normalised(self, x: np.ndarray) -> np.ndarray:
        return x / max(float(np.linalg.norm(x)), self.eps)

    def weight(self, module: Module, iterate: bool) -> Tensor:
        """W / sigma, sigma = u^T W v: u and v are constants, W is not."""
        weight, u, v = (getattr(module, self.name + end) for end in ("_orig", "_u", "_v"))
        w = self.matrix(weight)
        for _ in range(self.n_power_iterations if iterate else 0):
            v.array[...] = self.normalised(w.array.T @ u.array)
            u.array[...] = self.normalised(w.array @ v.array)
            u._written()
            v._written()
        sigma = (u.clone() * (w @ v.clone())).sum()  # copies: the next forward pass writes to u and v
        return weight / sigma

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.weight(module, iterate=module.training))

    def forget(self, module: Module, inputs: Any, output: Any) -> None:
        """After the forward pass only the values stay, so that no graph outlives its use."""
        setattr(module, self.name, getattr(module, self.name).detach())


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """W_SN = W / sigma(W), sigma(W) = u^T W v the largest singular value, from one step of power iteration per forward
    pass in training: v := W^T u / ||W^T u||, u := W v / ||W v|| (Miyato 2018, algorithm 1).

    The layer's ``weight`` becomes the parameter ``weight_orig`` and the buffers ``weight_u`` and ``weight_v``, which
    evaluation leaves alone. ``dim`` counts the outputs: 0, for transposed convolutions 1.
    """
    if not isinstance(module, Module):
        raise TypeError(f"spectral_norm: module must be a Module, got {type(module).__name__}")
    if _hook_of(module, name) is not None:
        raise RuntimeError(f"spectral_norm: {name} of {type(module).__name__} is normalised already")
    weight = module.__dict__.get(name)
    if not isinstance(weight, Parameter):
        raise ValueError(f"spectral_norm: {type(module).__name__} has no parameter {name!r}; give its name=")
    if n_power_iterations < 1:
        raise ValueError(f"spectral_norm: n_power_iterations must be at least 1, got {n_power_iterations}")
    if weight.ndim < 2 or not weight.numel():
        raise ValueError(f"spectral_norm: {name} of shape {weight.shape} is no matrix with singular values")
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d)) else 0
    if not -weight.ndim <= dim < weight.ndim:
        raise IndexError(f"spectral_norm: dim {dim} is out of range for {name} of shape {weight.shape}")
    hook = SpectralNorm(name, n_power_iterations, eps, dim % weight.ndim)
    h, w = hook.matrix(weight.detach()).shape
    u, v = (hook.normalised(random.randn(n, dtype=weight.dtype).array) for n in (h, w))
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", Tensor(u.astype(weight.dtype)))
    module.register_buffer(f"{name}_v", Tensor(v.astype(weight.dtype)))
    module.register_forward_pre_hook(hook)
    module.register_forward_hook(hook.forget)
    return module


def _hook_of(module: Module, name: str) -> int | None:
    for key, hook in (module._forward_pre_hooks or {}).items():
        if isinstance(hook.function, SpectralNorm) and hook.function.name == name:
            return key
    return None


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Back to one parameter ``weight``, which keeps the normalised values."""
    key = _hook_of(module, name)
    if key is None or module._forward_pre_hooks is None or module._forward_hooks is None:
        raise ValueError(f"remove_spectral_norm: {name} of {type(module).__name__} is not normalised")
    hook: Any = module._forward_pre_hooks.pop(key).function
    for k, h in list(module._forward_hooks.items()):
        if getattr(h.function, "__self__", None) is hook:
            del module._forward_hooks[k]
    weight = hook.weight(module, iterate=False).detach()
    for end in ("", "_orig", "_u", "_v"):
        delattr(module, name + end)
    module.register_parameter(name, Parameter(weight))
    return module
