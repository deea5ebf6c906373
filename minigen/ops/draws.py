"""Filling a tensor in place with draws: ``bernoulli_``, ``exponential_``, ``random_``. (inplace.py has the others.)"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes, sampling
from ..random import Generator, default_generator
from ..tensor import Tensor
from .inplace import _write

_DIGITS = {dtypes.bfloat16: 8, dtypes.float16: 11, dtypes.float32: 24, dtypes.float64: 53}


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Every element := 1 with probability p (a number, or a Tensor that broadcasts to self's shape), else 0."""
    array = sampling.probabilities("bernoulli_", p if isinstance(p, Tensor) else Tensor(np.asarray(p, np.float64)))
    if len(array.shape) > self.ndim or any(n not in (1, m) for n, m in zip(array.shape[::-1], self.shape[::-1])):  # noqa: B905
        raise ValueError(f"bernoulli_: p of shape {array.shape} does not broadcast to {self.shape}, which is written")
    return _write(
        "bernoulli_", self, "a = minigen.bernoulli(a, p)",
        lambda: sampling.below(array, self.shape, generator).astype(self.dtype),
    )  # fmt: skip


def exponential_(self: Tensor, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Every element := a draw from lambd e^(-lambd x), x >= 0: -ln(1 - u) / lambd, u uniform in [0, 1)."""
    if not dtypes.is_floating(self.dtype):
        raise TypeError(f"exponential_: the tensor must be floating, this one is {self.dtype}; use .float()")
    if not lambd > 0:
        raise ValueError(f"exponential_: lambd must be above 0, got {lambd}")
    exact = np.dtype(np.float64) if self.dtype == np.float64 else np.dtype(np.float32)
    return _write(
        "exponential_", self, "a = -minigen.log1p(-minigen.rand_like(a)) / lambd",
        lambda: (-np.log1p(-(generator or default_generator).uniform(self.numel(), exact)) / lambd).reshape(self.shape),
    )  # fmt: skip


def random_(
    self: Tensor, low: int | None = None, high: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Every element := an integer in [low, high), with one bound in [0, low), with none in [0, the type's largest].

    A floating type's largest is 2^24 for float32: below it every integer is exact. Raises ValueError for bounds that
    the type does not hold or that enclose nothing.
    """
    floating, is_bool = dtypes.is_floating(self.dtype), self.dtype == np.bool_
    most = 2 ** _DIGITS[self.dtype] if floating else 1 if is_bool else int(np.iinfo(self.dtype).max)
    least = -most if floating else 0 if is_bool else int(np.iinfo(self.dtype).min)
    low, high = (0, most + 1) if low is None else (0, low) if high is None else (low, high)
    if not all(isinstance(n, (int, np.integer)) for n in (low, high)):
        raise TypeError(f"random_: the bounds must be integers, got {low!r:.40} and {high!r:.40}")
    if not least <= low < high <= most + 1:
        raise ValueError(
            f"random_: the lower bound {low} must be below the upper {high}, within {self.dtype}'s {least} to {most}"
        )
    return _write(
        "random_", self, "a = minigen.randint(low, high, a.shape, dtype=a.dtype)",
        lambda: (generator or default_generator)
        .integers(int(low), int(high), self.numel()).reshape(self.shape).astype(self.dtype),
    )  # fmt: skip


for _function in (bernoulli_, exponential_, random_):
    setattr(Tensor, _function.__name__, _function)
for _name in ("bernoulli", "multinomial"):
    setattr(Tensor, _name, getattr(sampling, _name))
