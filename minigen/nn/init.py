"""Initial values, written in place into a tensor, which is returned. Random ones take a ``generator``."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from .. import dtypes, random
from ..autograd import no_grad
from ..ops.check import check_tensor
from ..tensor import Tensor, placed

Generator = random.Generator | None


def _set(tensor: Tensor, values: Tensor | np.ndarray) -> Tensor:
    with no_grad():
        values = values.array if isinstance(values, Tensor) else values
        return tensor.copy_(Tensor(placed(values, tensor.device)))


def _uniform(tensor: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    return _set(tensor, random.rand(tensor.shape, generator=generator, dtype=tensor.dtype) * (high - low) + low)


def _normal(tensor: Tensor, mean: float, std: float, generator: Generator) -> Tensor:
    return _set(tensor, random.randn(tensor.shape, generator=generator, dtype=tensor.dtype) * std + mean)


def _checked(name: str, tensor: Tensor, floating: bool = True) -> Tensor:
    check_tensor(f"init.{name}", tensor)
    if floating and not dtypes.is_floating(tensor.dtype):
        raise TypeError(f"init.{name}: tensor must be floating, got {tensor.dtype}; convert it with .float()")
    return tensor


# plain values and distributions -------------------------------------------------------------------
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator = None) -> Tensor:
    """U(a, b)."""
    if not a <= b:
        raise ValueError(f"init.uniform_: a must not be above b, got a={a}, b={b}")
    return _uniform(_checked("uniform_", tensor), a, b, generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator = None) -> Tensor:
    """N(mean, std^2)."""
    if not std >= 0:
        raise ValueError(f"init.normal_: std must be at least 0, got {std}")
    return _normal(_checked("normal_", tensor), mean, std, generator)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator = None
) -> Tensor:
    """N(mean, std^2) under the condition a <= x <= b: x = mean + std Φ^-1(u), u uniform between Φ((a - mean)/std) and
    Φ((b - mean)/std). The limits are values, not multiples of std."""
    _checked("trunc_normal_", tensor)
    if not (std > 0 and a < b):
        raise ValueError(f"init.trunc_normal_: needs std > 0 and a < b, got std={std}, a={a}, b={b}")
    normal = NormalDist()
    low, high = normal.cdf((a - mean) / std), normal.cdf((b - mean) / std)
    u = low + (high - low) * random.rand(tensor.shape, generator=generator, dtype=np.float64).array
    u = np.clip(u, 1e-300, 1 - 2.0**-53)  # Φ^-1 is not finite at 0 and 1
    x = np.fromiter(map(normal.inv_cdf, u.ravel().tolist()), np.float64, u.size).reshape(u.shape)
    return _set(tensor, np.clip(mean + std * x, a, b))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere."""
    return _set(_checked("constant_", tensor, floating=False), np.full(tensor.shape, val, tensor.dtype))


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


# maps that keep what they get ---------------------------------------------------------------------
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix: ones where row and column are equal."""
    if _checked("eye_", tensor, floating=False).ndim != 2:
        raise ValueError(f"init.eye_: tensor must have 2 dimensions, got shape {tensor.shape}")
    return _set(tensor, np.eye(*tensor.shape, dtype=np.float64))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's identity: output channel i of each group copies input channel i; (out, in/groups, *kernel) with
    1, 2 or 3 kernel dimensions."""
    if _checked("dirac_", tensor, floating=False).ndim not in (3, 4, 5):
        raise ValueError(f"init.dirac_: tensor must have 3, 4 or 5 dimensions, got shape {tensor.shape}")
    outputs, inputs, *kernel = tensor.shape
    if groups < 1 or outputs % groups:
        raise ValueError(f"init.dirac_: groups={groups} must divide the {outputs} output channels")
    values, each = np.zeros(tensor.shape), outputs // groups
    for i in range(min(each, inputs)):
        centre: Any = (slice(i, None, each), i, *[k // 2 for k in kernel])
        values[centre] = 1
    return _set(tensor, values)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """gain Q, rows (or columns, if there are fewer of them) orthonormal, uniform among all such matrices: the Q of a
    normal matrix's QR, its signs chosen so that R's diagonal is positive (Saxe 2014; Mezzadri 2007). Dimensions after
    the first count as one."""
    if _checked("orthogonal_", tensor).ndim < 2:
        raise ValueError(f"init.orthogonal_: tensor must have at least 2 dimensions, got shape {tensor.shape}")
    if not tensor.numel():
        return tensor
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    a = random.randn(max(rows, columns), min(rows, columns), generator=generator, dtype=np.float64).array
    q, r = np.linalg.qr(a)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return _set(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


# scales from the number of inputs and outputs -----------------------------------------------------
def fan_in_and_out(tensor: Tensor) -> tuple[int, int]:
    """Inputs and outputs per unit of a weight (out, in, *kernel)."""
    check_tensor("init", tensor)
    if tensor.ndim < 2:
        raise ValueError(f"init: fan-in needs at least two dimensions, got shape {tensor.shape}")
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


_calculate_fan_in_and_fan_out = fan_in_and_out  # PyTorch's name, private, yet many listings call it


_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4} | {
    f"conv{kind}{n}d": 1.0 for kind in ("", "_transpose") for n in (1, 2, 3)
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity: 1 for linear, convolutions and sigmoid, 5/3 for tanh,
    sqrt(2) for relu, sqrt(2 / (1 + param^2)) for leaky_relu of that slope (default 0.01), 3/4 for selu."""
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"init.calculate_gain: param, the slope, must be a number, got {slope!r}")
        return math.sqrt(2 / (1 + slope * slope))
    if nonlinearity not in _GAINS:
        names = ", ".join(sorted([*_GAINS, "leaky_relu"]))
        raise ValueError(f"init.calculate_gain: nonlinearity {nonlinearity!r} is unknown; use one of {names}")
    return _GAINS[nonlinearity]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16)."""
    bound = gain * math.sqrt(6 / max(sum(fan_in_and_out(_checked("xavier_uniform_", tensor))), 1))
    return _uniform(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    std = gain * math.sqrt(2 / max(sum(fan_in_and_out(_checked("xavier_normal_", tensor))), 1))
    return _normal(tensor, 0.0, std, generator)


def _kaiming(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """gain / sqrt(fan), the standard deviation of He's initial values."""
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"init.{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = fan_in_and_out(_checked(name, tensor))[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
) -> Tensor:
    """U(-b, b), b = gain sqrt(3 / fan), ``a`` the slope of leaky_relu (He 2015, equation 14). 'fan_in' keeps the
    variance on the way forward, 'fan_out' on the way back."""
    bound = math.sqrt(3) * _kaiming("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return _uniform(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
) -> Tensor:
    """N(0, s^2), s = gain / sqrt(fan), ``a`` the slope of leaky_relu (He 2015, equation 14)."""
    return _normal(tensor, 0.0, _kaiming("kaiming_normal_", tensor, a, mode, nonlinearity), generator)
