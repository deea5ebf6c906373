"""How types mix: PyTorch's promotion table, typed here once, and what may weigh less than an array's type."""

import itertools

import numpy as np
import pytest

import minigen
from minigen import dtypes

# torch.promote_types, row and column in the order of the first line
TABLE = """
      bool   u8   i8  i16  i32  i64  f16 bf16  f32  f64
bool  bool   u8   i8  i16  i32  i64  f16 bf16  f32  f64
u8      u8   u8  i16  i16  i32  i64  f16 bf16  f32  f64
i8      i8  i16   i8  i16  i32  i64  f16 bf16  f32  f64
i16    i16  i16  i16  i16  i32  i64  f16 bf16  f32  f64
i32    i32  i32  i32  i32  i32  i64  f16 bf16  f32  f64
i64    i64  i64  i64  i64  i64  i64  f16 bf16  f32  f64
f16    f16  f16  f16  f16  f16  f16  f16  f32  f32  f64
bf16  bf16 bf16 bf16 bf16 bf16 bf16  f32 bf16  f32  f64
f32    f32  f32  f32  f32  f32  f32  f32  f32  f32  f64
f64    f64  f64  f64  f64  f64  f64  f64  f64  f64  f64
"""
HEAD, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
DTYPE = dict(zip(HEAD, dtypes.ALL, strict=True))
PROMOTED = {(row[0], column): DTYPE[found] for row in ROWS for column, found in zip(HEAD, row[1:], strict=True)}
PAIRS = list(itertools.product(HEAD, HEAD))
HIGHEST = {0: "bool", 1: "i64", 2: "f32"}  # what a Python scalar of a category becomes


def highest(name):
    return dtypes.category(DTYPE[name])


def arithmetic(a, b):
    """The result's type of every promoting operation that both types have, which must be one."""
    results = (a + b, b + a, a * b, minigen.maximum(a, b), minigen.where(a == b, a, b))
    found = {r.dtype for r in results}
    assert len(found) == 1
    return found.pop()


def test_the_table_lists_every_type_once():
    assert len(PROMOTED) == len(dtypes.ALL) ** 2 == 100
    assert all(PROMOTED[a, b] == PROMOTED[b, a] for a, b in PAIRS)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_two_arrays(a, b):
    assert dtypes.promote_types(DTYPE[a], DTYPE[b]) == PROMOTED[a, b]
    x, y = minigen.ones(2, dtype=DTYPE[a]), minigen.ones(3, 1, dtype=DTYPE[b])
    assert arithmetic(x, y) == PROMOTED[a, b]
    assert minigen.cat([x, minigen.ones(1, dtype=DTYPE[b])]).dtype == PROMOTED[a, b]


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_a_zero_dim_tensor_matters_only_in_a_higher_category(a, b):
    x, scalar = minigen.ones(2, dtype=DTYPE[a]), minigen.tensor(1, dtype=DTYPE[b])
    assert arithmetic(x, scalar) == (DTYPE[b] if highest(b) > highest(a) else DTYPE[a])
    zero_dim = minigen.tensor(1, dtype=DTYPE[a])  # two of them are promoted like arrays
    assert arithmetic(zero_dim, scalar) == PROMOTED[a, b]


@pytest.mark.parametrize("scalar", [True, 1, 1.0, np.bool_(True), np.int64(1), np.float32(1), np.float64(1)], ids=repr)
@pytest.mark.parametrize("name", HEAD)
def test_a_scalar_is_weaker_still_and_brings_its_categorys_default(name, scalar):
    category = dtypes.scalar_category(scalar)
    expected = DTYPE[HIGHEST[category]] if category > highest(name) else DTYPE[name]
    for x in (minigen.ones(2, dtype=DTYPE[name]), minigen.tensor(1, dtype=DTYPE[name])):
        assert arithmetic(x, scalar) == expected


def test_of_three_the_zero_dim_tensor_outweighs_the_scalar():
    kinds = [[dtypes.int32], [dtypes.scalar_category(2.5)]]
    assert dtypes.result_type(*kinds) == dtypes.float32
    assert dtypes.result_type(*kinds, zero_dims=[dtypes.float64]) == dtypes.float64


@pytest.mark.parametrize("name", HEAD)
def test_division_and_transcendental_functions_are_floating(name):
    x = minigen.ones(2, dtype=DTYPE[name])
    expected = DTYPE[name] if highest(name) == 2 else dtypes.float32
    for made in (x / x, x / 2, 2 / x, x.exp(), x.sqrt(), x.log(), x.sin(), x.tanh(), x.sigmoid()):
        assert made.dtype == expected


@pytest.mark.parametrize("name", HEAD)
def test_comparisons_are_bool_and_sums_of_integers_int64(name):
    x = minigen.ones(3, dtype=DTYPE[name])
    for made in (x == 1, x < x, x >= 0.5, x != minigen.ones(3)):
        assert made.dtype == dtypes.bool_
    assert x.sum().dtype == (DTYPE[name] if highest(name) == 2 else dtypes.int64)
    assert x.argmax().dtype == dtypes.int64
    assert x.amax().dtype == DTYPE[name]


def test_values_survive_promotion():
    big = 2**53 + 1
    assert (minigen.tensor([big]) + minigen.tensor([0], dtype=dtypes.int8)).item() == big
    assert (minigen.tensor([200], dtype=dtypes.uint8) + minigen.tensor([-100], dtype=dtypes.int8)).item() == 100
    assert (minigen.tensor([3]) / minigen.tensor([2])).item() == 1.5
    assert (minigen.tensor([7]) * 0.5).item() == 3.5
    assert (minigen.tensor([True]) + minigen.tensor([True])).item() is True
    assert (minigen.tensor([True]) + 1).item() == 2


def test_a_gradient_has_the_type_of_its_leaf():
    leaves = [minigen.ones(2, dtype=d, requires_grad=True) for d in dtypes.ALL if dtypes.is_floating(d)]
    total = sum((x * 1.5).sum() for x in leaves)
    assert total.dtype == dtypes.float64
    total.backward()
    for x in leaves:
        assert x.grad.dtype == x.dtype
        assert x.grad.tolist() == [1.5, 1.5]


def test_names_of_types():
    assert (minigen.float, minigen.double, minigen.long) == (dtypes.float32, dtypes.float64, dtypes.int64)
    for given_, found in (("float32", dtypes.float32), (np.float64, dtypes.float64), (int, dtypes.int64),
                          (bool, dtypes.bool_), (np.dtype(">i4"), dtypes.int32)):  # fmt: skip
        assert dtypes.as_dtype(given_) == found
        assert dtypes.as_dtype(given_).isnative
    for wrong in ("float99", np.uint32, complex, object, "U3", 7):
        with pytest.raises(TypeError, match=r"is not a type minigen computes with; use one of bool, uint8, .*float64"):
            dtypes.as_dtype(wrong)
