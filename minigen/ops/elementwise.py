"""The elementwise operations under one name, for the files that use several of their kinds."""

from .arithmetic import (
    abs, add, ceil, div, floor, floor_divide, lerp, mul, neg, pow, reciprocal, remainder, round, sign, square, sub,
)  # fmt: skip
from .compare import (
    allclose, clamp, eq, equal, ge, gt, isclose, isfinite, isinf, isnan, le, lt, maximum, minimum, nan_to_num, ne,
    where,
)  # fmt: skip
from .exponential import (
    erf, erfc, exp, expm1, log, log1p, log2, log10, logaddexp, rsqrt, sigmoid, sqrt, tanh,
)  # fmt: skip
from .logical import (
    bitwise_and, bitwise_not, bitwise_or, bitwise_xor, logical_and, logical_not, logical_or, logical_xor,
)  # fmt: skip
from .trigonometric import acos, asin, atan, atan2, cos, cosh, sin, sinh, tan

__all__ = [
    "abs", "acos", "add", "allclose", "asin", "atan", "atan2", "bitwise_and", "bitwise_not", "bitwise_or",
    "bitwise_xor", "ceil", "clamp", "cos", "cosh", "div", "eq", "equal", "erf", "erfc", "exp", "expm1", "floor",
    "floor_divide", "ge", "gt", "isclose", "isfinite", "isinf", "isnan", "le", "lerp", "log", "log1p", "log2", "log10",
    "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "maximum", "minimum", "mul",
    "nan_to_num", "ne", "neg", "pow", "reciprocal", "remainder", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh",
    "sqrt", "square", "sub", "tan", "tanh", "where",
]  # fmt: skip
