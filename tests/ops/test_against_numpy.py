"""Values against NumPy: sizes 0, 1 and primes, every memory layout, broadcast shapes, random equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import arrays, two

import minigen


def near(mine, theirs):
    theirs = np.asarray(theirs)
    assert mine.shape == theirs.shape
    np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-12, atol=1e-12)


UNARY = {
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "ceil": np.ceil, "cosh": np.cosh, "expm1": np.expm1,
    "isfinite": np.isfinite, "isinf": np.isinf, "isnan": np.isnan, "log10": np.log10, "log2": np.log2,
    "nan_to_num": np.nan_to_num, "reciprocal": np.reciprocal, "round": np.round, "sinh": np.sinh, "square": np.square,
    "tan": np.tan, "logical_not": np.logical_not,
}  # fmt: skip
BINARY = {
    "atan2": np.arctan2, "floor_divide": np.floor_divide, "logaddexp": np.logaddexp, "remainder": np.remainder,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor, "isclose": np.isclose,
}  # fmt: skip
REDUCTIONS = {
    "sum": np.sum, "mean": np.mean, "amax": np.max, "amin": np.min, "all": np.all, "any": np.any,
    "var": lambda x, axis, keepdims: np.var(x, axis=axis, keepdims=keepdims, ddof=1),
    "std": lambda x, axis, keepdims: np.std(x, axis=axis, keepdims=keepdims, ddof=1),
    "logsumexp": lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)),
    "norm": lambda x, axis, keepdims: np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims)),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@settings(max_examples=25)
@given(x=arrays(low=-0.95, high=0.95))
def test_one_tensor(name, x):
    with np.errstate(all="ignore"):
        near(getattr(minigen, name)(minigen.from_numpy(x)), UNARY[name](x))


@pytest.mark.parametrize("name", BINARY)
@settings(max_examples=25)
@given(xs=two(low=-3, high=3))
def test_two_tensors(name, xs):
    near(getattr(minigen, name)(*map(minigen.from_numpy, xs)), BINARY[name](*xs))


@st.composite
def reduced(draw):
    """An array, some of its dims in any order and sign, keepdim; no variance or maximum of nothing."""
    x = draw(arrays(tuple(draw(st.lists(st.sampled_from([1, 2, 3, 5, 7]), max_size=4)))))
    dims = draw(st.permutations(range(x.ndim)).flatmap(lambda p: st.integers(0, len(p)).map(lambda n: p[:n])))
    signed = tuple(d - x.ndim if draw(st.booleans()) else d for d in dims)
    return x, signed, draw(st.booleans())


@pytest.mark.parametrize("name", REDUCTIONS)
@settings(max_examples=40)
@given(case=reduced())
def test_reductions(name, case):
    x, dims, keepdim = case
    axes = dims if dims else None  # no dims at all means all of them, as in PyTorch
    found = getattr(minigen, name)(minigen.from_numpy(x), dim=dims, keepdim=keepdim)
    if name in ("var", "std") and np.prod([x.shape[d] for d in dims] or x.shape) < 2:
        assert np.isnan(found.numpy()).all()  # NumPy warns
    else:
        near(found, REDUCTIONS[name](x, axis=axes, keepdims=keepdim))


@settings(max_examples=80)
@given(x=arrays(), data=st.data())
def test_running_and_whole_products(x, data):
    t = minigen.from_numpy(x)
    near(t.prod(), np.prod(x))
    if x.ndim:
        dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
        near(t.prod(dim, keepdim=True), np.prod(x, axis=dim, keepdims=True))
        near(t.cumsum(dim), np.cumsum(x, axis=dim))
        near(t.cumprod(dim), np.cumprod(x, axis=dim))
        if x.shape[dim]:
            values, indices = t.max(dim)
            near(values, np.max(x, axis=dim))
            near(indices, np.argmax(x, axis=dim))


@st.composite
def equations(draw):
    """An einsum of one to three operands: repeated letters, sizes 0 and 1, an ellipsis, explicit or implicit output."""
    size = {c: draw(st.sampled_from([0, 1, 2, 3, 5]) if c == "a" else st.sampled_from([1, 2, 3, 5])) for c in "abcd"}
    hidden = draw(st.lists(st.sampled_from([1, 2, 3]), max_size=2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    terms, operands, dotted = [], [], False
    for _ in range(draw(st.integers(1, 3))):
        letters = draw(st.lists(st.sampled_from("abcd"), max_size=3))
        dots = draw(st.booleans())
        part = [n if draw(st.booleans()) else 1 for n in hidden[draw(st.integers(0, len(hidden))) :]] if dots else []
        at = draw(st.integers(0, len(letters)))
        shape = [size[c] for c in letters[:at]] + part + [size[c] for c in letters[at:]]
        terms.append("".join(letters[:at]) + "..." * dots + "".join(letters[at:]))
        operands.append(rng.standard_normal(shape))
        dotted |= dots
    if draw(st.booleans()):
        used = sorted(set("".join(terms)) - {"."})
        kept = draw(st.permutations(used).flatmap(lambda p: st.integers(0, len(p)).map(lambda n: p[:n])))
        return ",".join(terms) + "->" + "..." * dotted + "".join(kept), operands
    return ",".join(terms), operands


@settings(max_examples=300)
@given(equations())
def test_einsum(case):
    equation, operands = case
    near(minigen.einsum(equation, *map(minigen.from_numpy, operands)), np.einsum(equation, *operands))
