"""Draws from distributions with parameters of their own for each element. No gradient flows through a draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .random import Generator, _shape, check_like, default_generator
from .tensor import Tensor, on_host, placed


def probabilities(name: str, p: Any) -> np.ndarray:
    """p as an array of probabilities; TypeError for what is not floating, ValueError outside [0, 1]."""
    check_like(name, p)
    if not dtypes.is_floating(p.dtype):
        raise TypeError(f"{name}: probabilities must be floating, got {p.dtype}; convert them with .float()")
    if p.numel() and not (p.array.min() >= 0 and p.array.max() <= 1):  # written so that NaN is refused
        raise ValueError(f"{name}: probabilities must lie in [0, 1], got {p.array.min()} to {p.array.max()}")
    return on_host(p.array)


def below(p: np.ndarray, shape: tuple[int, ...], generator: Generator | None) -> np.ndarray:
    """True with probability p, elementwise in ``shape``: u < p for u uniform in [0, 1)."""
    exact = np.dtype(np.float64) if p.dtype == np.float64 else np.dtype(np.float32)  # 8 bits would be too coarse a u
    n = int(np.prod(shape, dtype=np.int64))
    return (generator or default_generator).uniform(n, exact).reshape(shape) < p.astype(exact, copy=False)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with probability input_i, else 0, in input's type; or, given ``p``, with that probability for all elements.

    Raises TypeError if input is no floating Tensor, ValueError for a probability outside [0, 1].
    """
    check_like("bernoulli", input)
    given = input if p is None else Tensor(np.asarray(p, np.float64))
    drawn = below(probabilities("bernoulli", given), input.shape, generator).astype(input.dtype)
    return Tensor(placed(drawn, input.device))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices k with probability input_k / sum_j input_j: input (K) -> int64 (num_samples), (N, K) -> (N, num_samples).

    The weights need not sum to 1. With replacement: the first k whose cumulated weight exceeds u sum_j input_j.
    Without: the ``num_samples`` smallest of -log(1 - u_k) / input_k, in order, which draws one after the other from
    what is left (Efraimidis & Spirakis 2006). Raises ValueError for negative or non-finite weights, a row of zeros,
    and, without replacement, for more samples than a row has positive weights (PyTorch returns weightless ones there).
    """
    check_like("multinomial", input)
    if not dtypes.is_floating(input.dtype):
        raise TypeError(f"multinomial: input must be floating, got {input.dtype}; convert it with .float()")
    if input.ndim not in (1, 2) or not input.shape[-1]:
        raise ValueError(f"multinomial: input must be (K) or (N, K) with K > 0, got shape {input.shape}")
    if isinstance(num_samples, bool) or not isinstance(num_samples, (int, np.integer)) or num_samples < 1:
        raise ValueError(f"multinomial: num_samples must be an integer of at least 1, got {num_samples!r:.60}")
    w = np.atleast_2d(on_host(input.array)).astype(np.float64)
    N, K = w.shape
    if not (np.isfinite(w).all() and (w >= 0).all()):
        raise ValueError("multinomial: the weights in input must be finite and at least 0; use softmax for raw scores")
    fewest = int((w > 0).sum(axis=1).min(initial=K))
    if fewest < (1 if replacement else num_samples):
        raise ValueError(
            f"multinomial: a row of input has {fewest} positive weights, too few for {num_samples} samples "
            f"{'with' if replacement else 'without'} replacement"
        )
    draw = generator or default_generator
    n = num_samples if replacement else K
    u = draw.uniform(N * n, np.dtype(np.float64)).reshape(N, n)
    if replacement:
        edges = np.cumsum(w / w.max(axis=1, keepdims=True), axis=1)  # scaled: the sum cannot overflow
        last = K - 1 - np.argmax(w[:, ::-1] > 0, axis=1)  # u sum may round up to the sum
        rows = [np.searchsorted(e, v * e[-1], side="right") for e, v in zip(edges, u, strict=True)]
        found = np.minimum(np.reshape(rows, (N, n)), last[:, None])
    else:
        with np.errstate(divide="ignore"):
            keys = np.where(w > 0, np.log(-np.log1p(-u)) - np.log(w), np.inf)
        found = np.argsort(keys, axis=1, kind="stable")[:, :n][:, :num_samples]
    return Tensor(placed(found.astype(np.int64).reshape(*input.shape[:-1], num_samples), input.device))


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, dtype: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """mean + std n, n standard normal. Tensors broadcast and give mean's type; two numbers need a ``size``.

    For a gradient with respect to mean and std write ``mean + std * minigen.randn_like(std)``.
    Raises TypeError for what is not floating, ValueError for a negative std and for shapes that do not broadcast.
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    for name, x in (("mean", mean), ("std", std)):
        if isinstance(x, Tensor) and not dtypes.is_floating(x.dtype):
            raise TypeError(f"normal: {name} must be floating, got {x.dtype}; convert it with .float()")
        if not isinstance(x, (Tensor, int, float, np.number)) or isinstance(x, bool):
            raise TypeError(f"normal: {name} must be a Tensor or a number, got {x!r:.60}")
    m, s = (on_host(x.array) if isinstance(x, Tensor) else x for x in (mean, std))
    if tensors:
        if size is not None:
            raise TypeError("normal: size is for two numbers; the shape follows from the Tensors mean and std")
        try:
            shape = np.broadcast_shapes(*(x.shape for x in tensors))
        except ValueError:
            shapes = " and std ".join(str(x.shape) for x in tensors)
            raise ValueError(f"normal: mean {shapes} do not broadcast; reshape or expand one of them") from None
        kind = tensors[0].dtype
    elif size is None:
        raise TypeError("normal: mean and std are two numbers; give a size, as in normal(0.0, 1.0, (2, 3))")
    else:
        shape = _shape("normal", (size,) if isinstance(size, (tuple, list)) else ((size,),))
        kind = dtypes.get_default_dtype()
    if not np.all(s >= 0):
        raise ValueError(f"normal: std must be at least 0, got {np.min(s)}")
    if dtype is not None:
        kind = dtypes.as_dtype(dtype)
        if not dtypes.is_floating(kind):
            raise TypeError(f"normal: dtype must be floating, got {kind}")
    n = (generator or default_generator).normal(int(np.prod(shape, dtype=np.int64)), kind).reshape(shape)
    where = tensors[0].device if tensors else None
    return Tensor(placed(np.asarray(m + s * n).astype(kind, copy=False), where)).requires_grad_(requires_grad)
