"""Arithmetic, exponentials, angles, choices, reductions, running sums and products: one expression, two libraries."""

import warnings

import numpy as np
import pytest
import torch

import minigen

BOTH = {"minigen": minigen, "torch": torch}
INF, NAN = float("inf"), float("nan")
NEAR, POSITIVE, INSIDE = {"low": -2.0, "high": 2.0}, {"low": 0.2, "high": 3.0}, {"low": -0.95, "high": 0.95}
DIMS = ("1", "-1, True", "(0, 2)", "(-2,)", "(0, 1, 2), keepdim=True")
ORDERS = ("0", "1", "2", "3", "0.5", "-1", "-2.5", "inf", "-inf", "'fro'")

# where the values lie: {shapes of x, y, z: expressions}
TABLE = [
    (NEAR, {
        ((3, 4),): [
            "t.tan(x / 2)", "x.sinh()", "x.cosh()", "t.expm1(x)", "t.square(x)", "x.square()", "x.ceil()", "t.ceil(x)",
            "t.round(x)", "x.round()", "x.round(decimals=2)", "t.round(x * 100, decimals=-1)", "t.erf(x)", "x.erf()",
            "t.erfc(x)", "t.atan(x)", "t.reciprocal(x)", "x.nan_to_num()", "t.nan_to_num(x, 1.0, 2.0, 3.0)",
            "x.clamp(-0.5, 0.5)", "t.clamp(x, max=0.1)", "x.clip(min=0)", "t.clip(x, -1)", "x % 0.3",
            "t.remainder(x, -0.4)", "x.pow(3)", "2 ** x", "3.5 / x", "1 - x", "abs(x)", "+x", "x.neg()", "x.add(2)",
            "x.sub(x * 2)", "x.mul(0.5)", "x.div(3)", "x.maximum(-x)", "x.minimum(x * x)", "x.sign()", "x.floor()",
            "x.where(x > 0, 0.5)", "x.sigmoid()", "x.tanh()", "x.exp()", "x.sin()", "x.cos()", "x.abs()",
        ],
        ((3, 4), (4,)): [
            "t.atan2(x, y)", "y.atan2(x)", "t.logaddexp(x, y)", "t.remainder(x, y)", "y % x", "t.lerp(x, y, 0.3)",
            "x.lerp(y, 0.8)", "t.lerp(x, x * y, y)", "t.clamp(x, y - 1, y + 1)", "x.clamp(min=y)", "t.max(x, y)",
            "t.min(x, y)", "x.max(y)", "x ** 2 + y ** 3",
        ],
        ((2, 3, 4),): [
            *[f"t.{k}(x, {d})" for k in ("logsumexp", "std", "var", "mean", "sum", "amax", "amin") for d in DIMS],
            *[f"t.norm(x, {p}, {d})" for p in ORDERS for d in ("None", "1", "(0, 2), True")],
            "x.norm()", "x.std()", "x.var()", "x.std(False)", "x.var(1, False)", "t.std(x, 0, correction=0)",
            "t.var(x, correction=2)", "t.std(x, dim=(0, 1), unbiased=False, keepdim=True)", "x.amax()", "x.mean()",
            "x.sum()", "x.logsumexp(2)", "x.prod()", "t.prod(x, 1)", "x.prod(-1, keepdim=True)", "x.cumsum(1)",
            "t.cumsum(x, -1)", "x.cumprod(2)", "t.cumprod(x, 0)", "x.max()", "x.min()", "x.max(1).values",
            "x.min(-1, True)[0]", "t.max(x, dim=0).indices", "x.min(2, keepdim=True).indices", "x.amin(0)",
            "t.sum(x, 1, dtype=t.float32)", "x.mean(dtype=t.float64)", "x.prod(0, dtype=t.float64)",
            "x.cumsum(0, dtype=t.float64)", "x.cumprod(1, dtype=t.float64)",
            "t.einsum('bij->bji', x)", "t.einsum('bij', x)", "t.einsum('bij->', x)", "t.einsum('bij,bij->b', x, x)",
            "t.einsum('b...,b...->...', [x, x])", "t.einsum('...i,...j->...ij', x, x)",
        ],
        ((),): ["x.sum(0)", "x.max(0).values", "x.cumsum(0)", "x.cumprod(-1)", "x.prod(0)", "x.norm()", "x.amax(-1)"],
        ((3, 5), (3, 5)): ["(x * (y > 0)).prod()", "(x * (y > 0)).prod(1)", "(x * (y > 0)).cumprod(0)"],  # with zeros
        ((2, 3), (3, 4)): ["t.mm(x, y)", "x.mm(y)", "x @ y", "t.einsum('ij,jk', x, y)", "t.einsum('ij,jk->ki', x, y)"],
        ((5, 2, 3), (5, 3, 4)): ["t.bmm(x, y)", "x.bmm(y)", "t.einsum('bij,bjk->ibk', x, y)", "x.matmul(y)"],
        ((2, 3), (3,)): ["t.mv(x, y)", "x.mv(y)", "t.einsum('ij,j->i', x, y)", "t.einsum('ba,a', x, y)"],
        ((3,), (3,)): ["t.dot(x, y)", "x.dot(y)", "t.outer(x, y)", "x.outer(y)", "t.einsum('i,i', x, y)"],
        ((3, 3, 2), (2,), (2, 5)): ["t.einsum('iij,j,jk->ik', x, y, z)", "t.einsum('iij->i', x)", "t.einsum('iij', x)"],
        ((2, 1, 3, 4), (5, 4, 2)): ["t.einsum('...ij,...jk->...ik', x, y)"],
        ((3, 4), (4, 2)): ["t.einsum('a..., ...c -> c...a', x, y)", "t.einsum('...,...b', x[:, :, None], y)"],
        ((2, 3, 2, 3),): ["t.einsum('ijij->ij', x)", "t.einsum('ijij', x)", "t.einsum('ijkl->lj', x)"],
        ((2, 1), (3, 4)): ["t.einsum('ij,jk->ik', x, y)", "t.einsum('ij,kl->ljik', x, y)"],  # a size 1 is repeated
        ((2, 0), (0, 3)): ["t.einsum('ij,jk->ik', x, y)", "x @ y", "t.mm(x, y)"],
        ((0, 3), (1, 3)): ["x + y", "x.sum(0)", "x.prod(0)", "x.logsumexp(0)", "x.cumsum(0)", "x.norm()", "x.amax(1)"],
    }),
    (POSITIVE, {
        ((3, 4),): [f"t.{k}(x)" for k in ("log2", "log10", "rsqrt")] + [
            "x.log2()", "x.log10()", "x.rsqrt()", "x.log()", "x.log1p()", "x.sqrt()", "x ** -1.5", "x.expm1()",
        ],
        ((3, 4), (4,)): ["x ** y", "x % y", "t.pow(2.5, x)"],
    }),
    (INSIDE, {((3, 4),): ["t.asin(x)", "x.asin()", "t.acos(x)", "x.acos()", "x.atan()", "x.tan()"]}),
]  # fmt: skip
CASES = [(e, shapes, where) for where, parts in TABLE for shapes, expressions in parts.items() for e in expressions]


def read(expression: str, library: str):
    """The expression as a function of x, y, z in one of the libraries."""
    known = {"t": BOTH[library], "inf": INF}
    return lambda *xs: eval(expression, {**known, **dict(zip("xyz", xs, strict=False))})


@pytest.mark.parametrize(("expression", "shapes", "where"), CASES, ids=[f"{e} {s}" for e, s, _ in CASES])
def test_values_and_gradients(agree, numbers, expression, shapes, where):
    agree(read(expression, "minigen"), read(expression, "torch"), *[numbers(*s, **where) for s in shapes])


WHOLE = [
    "x // y", "x // 2", "7 // y", "x // 2.5", "x % y", "x % -3", "7 % y", "x ** 2", "2 ** abs(y)", "x & y", "x | y",
    "x ^ y", "x & 6", "5 | x", "3 ^ y", "~x", "-x", "x / y", "x.sum()", "x.prod()", "x.cumsum(0)", "x.max()",
    "x.max(0).values", "x.min(0).indices", "x.amin(0)", "x.clamp(-2, 3)", "x.clamp(0.5)", "x.sign()", "x.floor()",
    "x.ceil()", "x.round()", "x.abs()", "x.square()", "t.maximum(x, y)", "x > y", "x >= y", "x.eq(3)", "x.ne(y)",
    "x.lt(y)", "x.le(2)", "x.gt(0)", "x.ge(y)", "x.all()", "x.any(0)", "t.all(x, 0)", "t.any(x)", "x.isnan()",
    "x.isfinite()", "x.isinf()", "t.floor_divide(x, y)", "x.floor_divide(y)", "x.remainder(y)", "x.logical_and(y)",
    "t.logical_or(x, y)", "x.logical_xor(y)", "t.logical_not(x)", "t.bitwise_and(x, y)", "t.bitwise_or(x, y)",
    "t.bitwise_xor(x, y)", "t.bitwise_not(x)", "x.bitwise_not()", "x.bitwise_and(y)", "x.bitwise_or(y)",
    "x.bitwise_xor(y)", "x.logical_or(y)", "x.logical_not()", "t.logical_and(x, y)", "t.logical_xor(x, y)", "x.exp()",
    "t.where(x > y, x, y)", "t.where(x > y, 1.5, y)", "t.where(x > y)", "t.where(x > y, 2, 0.5)", "x.nan_to_num()",
    "x.reciprocal()", "t.isclose(x, y, rtol=0.5)", "x.isclose(y, 0.1, 2.0)", "t.isnan(x)", "t.isinf(x)",
    "t.isfinite(x)", "x.pow(2)", "t.dot(x, y)", "x.outer(y)", "x.erfc()", "x.logsumexp(0)",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "int64"])
@pytest.mark.parametrize("expression", WHOLE)
def test_integers_and_bools(near, expression, kind):
    """Values and types; what PyTorch refuses, minigen refuses, too."""
    numbers = np.array([3, 0, 5, 3, 7, 2]), np.array([2, 1, 5, 4, 3, 6])
    if kind.startswith("int"):
        numbers = numbers[0] * [1, 1, -1, -1, 1, 1], numbers[1] * [1, -1, 1, -1, 1, 1]
    arrays = [a.astype(kind) for a in numbers]
    try:
        theirs = read(expression, "torch")(*[torch.from_numpy(a) for a in arrays])
    except (RuntimeError, NotImplementedError):
        with pytest.raises((TypeError, ValueError)):
            read(expression, "minigen")(*[minigen.tensor(a) for a in arrays])
        return
    mine = read(expression, "minigen")(*[minigen.tensor(a) for a in arrays])
    for a, b in zip(mine, theirs, strict=True) if isinstance(theirs, tuple) else [(mine, theirs)]:
        near(expression, a, b, 1e-6)


EDGES = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e300, 1e-300, 0.5, 700.0, -745.0, 710.2])
ALONE = [
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1", "sigmoid", "square", "floor", "ceil", "round", "erf",
    "erfc", "atan", "neg", "reciprocal", "nan_to_num", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "asin", "acos",
    "isnan", "isinf", "isfinite",
]  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_values_and_slopes_at_the_edges(agree, name):
    agree(read(f"t.{name}(x)", "minigen"), read(f"t.{name}(x)", "torch"), EDGES, twice=False, rtol=1e-12)


@pytest.mark.parametrize("expression", ["t.atan2(x, y)", "t.remainder(x, y)", "x ** y", "x // y", "t.isclose(x, y)"])
def test_pairs_of_edges(near, expression):
    x, y = np.meshgrid(EDGES, EDGES[EDGES != 1e-300])  # PyTorch finds no remainder of 1e300 / 1e-300
    got = [read(expression, k)(f(x), f(y)) for k, f in (("minigen", minigen.tensor), ("torch", torch.from_numpy))]
    near(expression, *got, 1e-12)


@pytest.mark.parametrize("p", [1, 2, 3, 2.5, 0.5, -1, INF, -INF])
def test_norms_at_their_kinks(agree, p):
    x = np.array([[0.0, 0.0], [0.0, 2.0], [1.0, 1.0], [-2.0, 2.0]])
    agree(lambda x: x.norm(p, 1), lambda x: x.norm(p, 1), x, twice=False)


@pytest.mark.parametrize(
    "expression",
    ["x.logsumexp(1)", "x.std(1)", "x.amax(1)", "x.amin()", "x.max(1).values", "x.min()", "x.clamp(0, 1)", "x.prod(1)",
     "x.cumprod(1)", "t.maximum(x, 1 + 0 * x)"],
)  # fmt: skip
def test_ties_limits_and_zeros(agree, expression):
    x = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 2.0], [0.0, 3.0, 0.0], [-1.0, 1e4, -1e4], [0.1, 0.1, 0.1]])
    agree(read(expression, "minigen"), read(expression, "torch"), x, twice=False)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(
    "expression",
    ["x.sum()", "x.mean(0)", "x.var()", "x.std(0)", "x.norm()", "x.prod()", "x.logsumexp(0)", "x.cumsum(0)", "x.erf()",
     "x.round()", "x % 0.7", "x // 0.3", "x @ x.t()", "x.clamp(0)", "x ** 2", "x ** x", "t.lerp(x, x * 2, 0.25)",
     "t.atan2(x, x)", "x.isclose(x * 1.1)", "x.nan_to_num()", "t.einsum('ij,ij->i', x, x)"],
)  # fmt: skip
def test_every_floating_type(expression, kind):
    values = np.linspace(0.2, 2, 12).reshape(3, 4)
    theirs = read(expression, "torch")(torch.tensor(values, dtype=kind))
    mine = read(expression, "minigen")(minigen.tensor(values, dtype=getattr(minigen, str(kind).removeprefix("torch."))))
    assert mine.dtype.name == str(theirs.dtype).removeprefix("torch.") and mine.shape == theirs.shape
    rtol = {torch.float16: 2e-3, torch.bfloat16: 2e-2, torch.float32: 1e-5, torch.float64: 1e-12}[kind]
    np.testing.assert_allclose(mine.double().numpy(), theirs.double().numpy(), rtol=rtol, atol=rtol)


def test_python_bools():
    for x, y in (([1.0, NAN], [1.0, NAN]), ([1.0], [1.0 + 1e-9]), ([INF, 1.0], [INF, 1.0]), ([1.0], [2.0])):
        a, b = (minigen.tensor(v, dtype=minigen.float64) for v in (x, y))
        c, d = (torch.tensor(v, dtype=torch.float64) for v in (x, y))
        assert minigen.allclose(a, b) is torch.allclose(c, d) and minigen.equal(a, b) is torch.equal(c, d)
        assert a.allclose(b, equal_nan=True) is c.allclose(d, equal_nan=True) and a.equal(b) is c.equal(d)
    assert minigen.equal(minigen.zeros(2), minigen.zeros(2, 1)) is False


def test_deviations_without_enough_values(near):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns
        for x in ([1.0], [1.0, 2.0]):
            for correction in (0, 1, 2, 5):
                got = [f(x).var(correction=correction) for f in (minigen.tensor, torch.tensor)]
                near(f"var {x} {correction}", *got)
