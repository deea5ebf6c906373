"""Gradient checks of arithmetic, exponentials, angles, choices, reductions, running sums and products."""

import math

import numpy as np
from hypothesis import strategies as st
from strategies import arrays, distinct, fixed, one, shaped, two

import minigen
from minigen import ops

POSITIVE = {"low": 0.3, "high": 2.0}
INSIDE = {"low": -0.9, "high": 0.9}
WHOLE = (-2, -1, 0, 1, 2)
ZEROS = minigen.tensor(np.array([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 1, 1, 1]], float))


def halves(away):
    """Some distance from the places where rounding jumps."""
    return one(away=[n + 0.5 for n in away])


def apart(center, other):
    """Two arrays that broadcast together, each within 0.5 of its center."""
    sides = [arrays(s, c - 0.5, c + 0.5) for s, c in (((3, 5), center), ((5,), other))]
    return st.tuples(*sides).map(list)


CASES = {
    # arithmetic
    "ceil": (ops.ceil, one(away=WHOLE)),
    "floor_divide": (ops.floor_divide, two(low=0.1, high=0.9, low2=1.2, high2=2.0)),
    "lerp": (ops.lerp, fixed((3, 5), (5,), (3, 1), low=0.6, high=2.0)),
    "reciprocal": (ops.reciprocal, one(**POSITIVE)),
    "remainder": (ops.remainder, two(low=0.1, high=0.9, low2=1.2, high2=2.0)),
    "round": (lambda x: ops.round(x, decimals=0), halves((-3, *WHOLE))),
    "square": (ops.square, one()),
    # exponentials
    "erf": (ops.erf, one(low=-3.0, high=3.0)),
    "erfc": (ops.erfc, one(low=-3.0, high=3.0)),
    "expm1": (ops.expm1, one()),
    "log10": (ops.log10, one(**POSITIVE)),
    "log2": (ops.log2, one(**POSITIVE)),
    "logaddexp": (ops.logaddexp, two()),
    "rsqrt": (ops.rsqrt, one(**POSITIVE)),
    # angles
    "acos": (ops.acos, one(**INSIDE)),
    "asin": (ops.asin, one(**INSIDE)),
    "atan": (ops.atan, one()),
    "atan2": (ops.atan2, two(low2=0.3)),
    "cosh": (ops.cosh, one()),
    "sinh": (ops.sinh, one()),
    "tan": (ops.tan, one(low=-1.2, high=1.2)),
    # choices
    "clamp": (lambda x: ops.clamp(x, -1, 1.5), one(away=(-1, 1.5))),
    "clamp from above": (lambda x, y: ops.clamp(x, max=y), apart(3, 1)),
    "clamp from below": (ops.clamp, apart(-3, -1)),
    "max": (lambda x: ops.max(x, -1).values, distinct(1)),
    "max of all": (ops.max, distinct()),
    "min": (lambda x: ops.min(x, 0, keepdim=True)[0], distinct(1)),
    "nan_to_num": (ops.nan_to_num, one()),
    # reductions
    "cumprod": (lambda x: ops.cumprod(x, -1), shaped("ab")),
    "cumprod of zeros": (lambda x: ops.cumprod(x * ZEROS, 1), fixed((3, 5))),
    "cumsum": (lambda x: ops.cumsum(x, 0), shaped("ab")),
    "logsumexp": (lambda x: ops.logsumexp(x, (0, -1)), fixed((3, 2, 5), low=-4.0, high=4.0)),
    "norm": (lambda x: ops.norm(x, dim=1), fixed((3, 5), **POSITIVE)),
    "norm of order inf": (lambda x: ops.norm(x, math.inf, dim=-1), distinct(1).map(lambda xs: [xs[0] + 20])),
    "norm of order 1": (lambda x: ops.norm(x, 1), one(away=(0,))),
    "norm of order 2.5": (lambda x: ops.norm(x, 2.5, dim=0, keepdim=True), fixed((3, 5), **POSITIVE)),
    "prod": (lambda x: ops.prod(x, -1), shaped("ab")),
    "prod of all": (ops.prod, fixed((3, 2), (0, 3), (), low=-2.0).map(lambda xs: xs[:1])),
    "prod of zeros": (lambda x: ops.prod(x * ZEROS, 1, keepdim=True), fixed((3, 5))),
    "std": (lambda x: ops.std(x, 0, correction=0), fixed((3, 5), **POSITIVE).filter(lambda xs: xs[0].std(0).all())),
    # products
    "bmm": (ops.bmm, shaped("bmk", "bkn")),
    "dot": (ops.dot, shaped("k", "k")),
    "einsum": (lambda x, y: ops.einsum("b...ij,jk->...ki", x, y), shaped("baij", "jk")),
    "einsum of diagonals": (lambda x, y, z: ops.einsum("iij,j,jk->ik", x, y, z), fixed((3, 3, 2), (2,), (2, 5))),
    "mm": (ops.mm, shaped("mk", "kn")),
    "mv": (ops.mv, shaped("mk", "k")),
    "outer": (ops.outer, shaped("m", "n")),
}
# Integers or bools come out: nothing flows.
NOT_DIFFERENTIABLE = {
    "all": lambda x: ops.all(x, dim=0),
    "allclose": lambda x: minigen.tensor(ops.allclose(x, x + 1e-9)),
    "any": lambda x: ops.any(x, dim=0),
    "bitwise_and": lambda x: ops.bitwise_and(x > 0, x > 1),
    "bitwise_not": lambda x: ops.bitwise_not(x > 0),
    "bitwise_or": lambda x: ops.bitwise_or(x > 0, x > 1),
    "bitwise_xor": lambda x: ops.bitwise_xor(x > 0, x > 1),
    "equal": lambda x: minigen.tensor(ops.equal(x, x)),
    "isclose": lambda x: ops.isclose(x, 1.0),
    "isfinite": ops.isfinite,
    "isinf": ops.isinf,
    "isnan": ops.isnan,
    "logical_and": lambda x: ops.logical_and(x, 1.0),
    "logical_not": ops.logical_not,
    "logical_or": lambda x: ops.logical_or(x, 1.0),
    "logical_xor": lambda x: ops.logical_xor(x, 1.0),
}
