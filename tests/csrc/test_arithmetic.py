"""+ - * / of small arrays: NumPy's numbers for those they take, None for all others."""

import warnings

import numpy as np
import pytest

from minigen import _cpu

PAIRS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide}
SHAPES = [((), ()), ((3,), (3,)), ((2, 5), (2, 5)), ((0, 4), (0, 4)), ((), (7,)), ((2, 3), ()), ((8192,), (8192,))]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("left, right", SHAPES)
def test_equals_numpy(name, left, right):
    rng = np.random.default_rng(0)
    x, y = (np.asarray(rng.standard_normal(shape), np.float32) for shape in (left, right))
    got, want = getattr(_cpu, name)(x, y), np.asarray(PAIRS[name](x, y))
    assert type(got) is np.ndarray and (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("number", [2, -3, 0.1, -0.0, 2**60 + 1, float("inf")])
def test_a_number_is_a_0d_array(name, number):
    x, scalar = np.array([[1.5, -2.0]], np.float32), np.array(number, np.float32)
    for left, right in ((x, number), (number, x)):
        want = PAIRS[name](*(scalar if side is number else side for side in (left, right)))
        got = getattr(_cpu, name)(left, right)
        assert got.tobytes() == want.tobytes() and (got.shape, got.dtype) == (want.shape, want.dtype)


def test_infinities_come_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        z = _cpu.div(np.array([1, -1, 0], np.float32), np.zeros(3, np.float32))
    assert z[0] == np.inf and z[1] == -np.inf and np.isnan(z[2])


x = np.ones((4, 6), np.float32)
OTHERS = {
    "float64": (x, x.astype(np.float64)), "byte-swapped": (x.astype(">f4"), x), "a list": (x, [1.0]),
    "NumPy's number": (x, np.float32(1)),
    "a bool": (x, True), "a huge number": (x, 10**400), "two numbers": (1.0, 2.0), "None": (x, None),
    "strided": (x[:, ::2], x[:, ::2]), "reversed": (x[::-1], x), "broadcast": (x, x[0]),
    "other sizes": (x, x[:, :5]), "misaligned": (np.zeros(97, np.uint8)[1:].view(np.float32).reshape(4, 6), x),
    "large": (np.ones(8193, np.float32), np.ones(8193, np.float32)), "one element": (np.ones(1, np.float32), x),
    "a subclass": (x.view(np.matrix), x),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_others_are_left_to_numpy(case):
    a, b = OTHERS[case]
    assert all(getattr(_cpu, name)(a, b) is None for name in PAIRS)


def test_a_wrong_count_raises():
    with pytest.raises(TypeError, match="two arrays"):
        _cpu.add(x)
