"""What bends a layer's result: elementwise functions, and two that look at pairs of channels.

Input of any shape and floating type; another type raises TypeError. ``inplace`` is accepted and ignored: minigen's
operations never write to their inputs.
"""

from __future__ import annotations

from .. import dtypes, fused, ops
from ..ops.check import axis_of
from ..tensor import Tensor
from .check import number_of, same_dtype, tensor_of


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); the gradient at 0 is 0. Integers stay integers."""
    if tensor_of("relu", "input", input, floating=False).dtype == dtypes.bool_:
        raise TypeError("relu: input must hold numbers, got bools; convert it with .float()")
    return fused.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope x."""
    slope = number_of("leaky_relu", "negative_slope", negative_slope)
    return fused.leaky_relu(tensor_of("leaky_relu", "input", input), slope=slope)


def tanh(input: Tensor) -> Tensor:
    """(e^x - e^-x) / (e^x + e^-x)."""
    tensor_of("tanh", "input", input, floating=False)
    return fused.tanh(input) if dtypes.is_floating(input.dtype) else ops.tanh(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-x)."""
    tensor_of("sigmoid", "input", input, floating=False)
    return fused.sigmoid(input) if dtypes.is_floating(input.dtype) else ops.sigmoid(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6) (Krizhevsky 2010); the gradient at 0 and at 6 is 0."""
    return _between("relu6", input, 0.0, 6.0)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """min(max(x, min_val), max_val). Like PyTorch's, its gradient at both limits is 0 (that of ``clamp`` is 1).

    Raises ValueError for min_val > max_val.
    """
    low, high = number_of("hardtanh", "min_val", min_val), number_of("hardtanh", "max_val", max_val)
    if low > high:
        raise ValueError(f"hardtanh: min_val must not be larger than max_val, got {min_val} and {max_val}")
    return _between("hardtanh", input, low, high)


def _between(name: str, input: Tensor, low: float, high: float) -> Tensor:
    tensor_of(name, "input", input)
    return ops.where(input <= low, low, ops.where(input >= high, high, input))  # NaN passes through


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (e^x - 1) (Clevert 2016)."""
    tensor_of("elu", "input", input)
    return _elu(input, number_of("elu", "alpha", alpha), 1.0)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 x where x > 0, else 1.0507 * 1.6733 (e^x - 1): mean 0 and variance 1 reproduce themselves (Klambauer
    2017)."""
    tensor_of("selu", "input", input)
    return _elu(input, 1.6732632423543772, 1.0507009873554805)


def _elu(x: Tensor, alpha: float, scale: float) -> Tensor:
    below = ops.where(x > 0, 0.0, x)  # e^x of a large x would be inf, and inf * 0 the gradient NaN
    return ops.where(x > 0, x * scale, ops.expm1(below) * (alpha * scale))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x P(n <= x), n standard normal (Hendrycks & Gimpel 2016), with all digits in the lower tail: x erfc(-x / sqrt 2)
    / 2.

    ``approximate="tanh"``: x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, as in GPT-2. ValueError for other words.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return fused.gelu(tensor_of("gelu", "input", input), approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x s(x), s the sigmoid (Elfwing 2018), also called swish."""
    return fused.silu(tensor_of("silu", "input", input))


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(log(1 + e^x)) (Misra 2019)."""
    return input * fused.tanh(fused.softplus(tensor_of("mish", "input", input)))


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta x)) / beta, a smooth max(x, 0); x itself where beta x > threshold, as in PyTorch.

    Raises ValueError for beta = 0.
    """
    tensor_of("softplus", "input", input)
    b, limit = number_of("softplus", "beta", beta), number_of("softplus", "threshold", threshold)
    if not b:
        raise ValueError("softplus: beta must not be 0")
    z = input if b == 1 else input * b
    y = fused.softplus(z)
    return ops.where(z > limit, input, y if b == 1 else y / b)


def logsigmoid(input: Tensor) -> Tensor:
    """log s(x) = -log(1 + e^-x), s the sigmoid; about x where x is very negative and s(x) rounds to 0."""
    return -fused.softplus(-tensor_of("logsigmoid", "input", input))


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (1 + ops.abs(tensor_of("softsign", "input", input)))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6 (Howard 2019)."""
    tensor_of("hardsigmoid", "input", input)
    return _between("hardsigmoid", input + 3, 0.0, 6.0) / 6


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x min(max(x + 3, 0), 6) / 6 (Howard 2019)."""
    return input * hardsigmoid(tensor_of("hardswish", "input", input))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a s(b), a and b the halves of x along ``dim``, s the sigmoid (Dauphin 2017): size 2n there becomes n.

    Raises ValueError for an odd size, IndexError for a dim that is not there.
    """
    tensor_of("glu", "input", input)
    axis = axis_of("glu", dim, input.ndim)
    n = input.shape[axis] if input.ndim else 1
    if n % 2:
        raise ValueError(f"glu: dim {dim} of shape {input.shape} must have an even size, half of which are gates")
    before = (slice(None),) * axis
    return input[(*before, slice(n // 2))] * fused.sigmoid(input[(*before, slice(n // 2, n))])


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else w x: weight (1) or (), or (C) for input (N, C, ...) (He 2015). ValueError for other sizes."""
    tensor_of("prelu", "input", input)
    same_dtype("prelu", input=input, weight=weight)
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ValueError(
            f"prelu: weight must hold 1 number or {channels}, one for each channel of input {input.shape}, got shape "
            f"{weight.shape}"
        )
    w = weight.reshape((1, -1) + (1,) * (input.ndim - 2)) if weight.numel() > 1 else weight.reshape(())
    return ops.where(input > 0, input, input * w)
