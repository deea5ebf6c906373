"""The types of results: every pair of types, tensors with and without dimensions, and Python's scalars."""

import itertools
import operator

import numpy as np
import pytest
import torch

import minigen
from minigen import dtypes

NAMES = [d.name for d in dtypes.ALL]
SCALARS = {"a bool": True, "an int": 2, "a float": 2.5}
KINDS = ["matrix", "0-d"]


def name(dtype) -> str:
    return str(dtype).split(".")[-1]


def made(kind: str, dtype: str):
    """Ones of that type in both libraries."""
    shape = {"matrix": (2, 3), "0-d": ()}[kind]
    mine = minigen.ones(*shape, dtype=getattr(minigen, {"bool": "bool_"}.get(dtype, dtype)))
    return mine, torch.ones(shape, dtype=getattr(torch, dtype))


@pytest.mark.parametrize(("a", "b"), list(itertools.product(NAMES, NAMES)))
def test_a_pair_of_tensors(a, b):
    for kinds in itertools.product(KINDS, KINDS):
        (x, tx), (y, ty) = made(kinds[0], a), made(kinds[1], b)
        want = name(torch.result_type(tx, ty))
        assert name((x * y).dtype) == want, (kinds, "mul")
        assert name(minigen.where(x > 0, x, y).dtype) == name(torch.where(tx > 0, tx, ty).dtype), (kinds, "where")
        assert name((x / y).dtype) == name((tx / ty).dtype), (kinds, "div")
        assert (x == y).dtype == np.bool_
    assert name(dtypes.promote_types(x.dtype, y.dtype)) == name(torch.promote_types(tx.dtype, ty.dtype))


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize(("a", "kind"), list(itertools.product(NAMES, KINDS)))
def test_a_tensor_and_a_scalar(a, kind, scalar):
    x, tx = made(kind, a)
    value = SCALARS[scalar]
    want = name(torch.result_type(tx, value))
    assert name((x * value).dtype) == name((value * x).dtype) == want
    assert name((x / value).dtype) == name((tx / value).dtype)
    assert name((value / x).dtype) == name((value / tx).dtype)
    assert name(minigen.where(x > 0, x, value).dtype) == name(torch.where(tx > 0, tx, value).dtype)


@pytest.mark.parametrize(("a", "b", "scalar"), list(itertools.product(NAMES, NAMES, SCALARS)))
def test_a_tensor_a_0d_tensor_and_a_scalar(a, b, scalar):
    """All three kinds at once: (x * s) * y has PyTorch's type, whichever comes first."""
    (x, tx), (y, ty) = made("matrix", a), made("0-d", b)
    value = SCALARS[scalar]
    for f in (lambda x, y: (x * value) * y, lambda x, y: x * (y * value)):
        assert name(f(x, y).dtype) == name(f(tx, ty).dtype)


@pytest.mark.parametrize("a", NAMES)
@pytest.mark.parametrize("function", ["sum", "exp", "sqrt", "sigmoid", "tanh", "argmax", "abs", "neg", "sign", "relu"])
def test_one_tensor(a, function):
    x, tx = made("matrix", a)
    try:
        want = getattr(tx, function)()
    except (RuntimeError, NotImplementedError):
        if a != "bool":
            return  # PyTorch's CPU kernels lack it for this type; ours may have it
        want = None
    if want is None and function not in ("argmax", "abs"):
        with pytest.raises(TypeError):
            getattr(x, function)()
    elif want is not None:
        assert name(getattr(x, function)().dtype) == name(want.dtype)


@pytest.mark.parametrize(
    "data", [1, 1.5, True, [1, 2], [1, 2.5], [True, False], [[1], [2]], [], [[]], [True, 2], [1, True, 0.5]]
)
def test_a_new_tensor(data):
    mine, theirs = minigen.tensor(data), torch.tensor(data)
    assert (mine.shape, name(mine.dtype)) == (tuple(theirs.shape), name(theirs.dtype))
    assert mine.tolist() == theirs.tolist()


@pytest.mark.parametrize(
    "call",
    [
        "t.zeros(2, 3)", "t.ones((2,))", "t.full((2,), 1)", "t.full((2,), 1.5)", "t.full((2,), True)", "t.arange(5)",
        "t.arange(1, 2, 0.25)", "t.arange(2.0)", "t.arange(5, 1, -2)", "t.zeros_like(t.arange(3))", "t.ones(())",
        "t.ones_like(t.ones(2) > 0)", "t.zeros(0)", "t.full_like(t.arange(3), 2)",
        "t.zeros(2, dtype=t.int64)", "t.arange(3, dtype=t.float64)",
    ],
)  # fmt: skip
def test_a_filled_tensor(near, call):
    near(call, *(eval(call, {"t": t}) for t in (minigen, torch)), 0)


@pytest.mark.parametrize("comparison", ["lt", "le", "gt", "ge", "eq", "ne"])
@pytest.mark.parametrize(
    ("a", "b"), [("int64", "float32"), ("uint8", "int8"), ("bool", "float64"), ("float16", "int32")]
)
def test_comparisons_of_mixed_types(near, comparison, a, b):
    found = []
    for t in (minigen, torch):
        x, y = (made("matrix", k)[t is torch] for k in (a, b))
        found.append(getattr(operator, comparison)(x, y * t.tensor([0, 1, 2])))
    near(comparison, *found, 0)
