"""Tensors from numbers and arrays: which type they get, who owns their memory."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigen
from minigen import dtypes

ALL = list(dtypes.ALL)
NAMES = [d.name for d in ALL]
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 5]), max_size=3).map(tuple)


@pytest.fixture
def doubles():
    minigen.set_default_dtype(minigen.float64)
    yield
    minigen.set_default_dtype(minigen.float32)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (True, "bool"), ([[True], [False]], "bool"), (3, "int64"), ([1, 2], "int64"), ([True, 2], "int64"),
        (2**63 - 1, "int64"), (1.5, "float32"), ([1, 2.5], "float32"), ([True, 2.5], "float32"), ([], "float32"),
        ([[], []], "float32"), ((1, 2), "int64"), (range(3), "int64"), (float("nan"), "float32"),
        ([np.float64(1)], "float32"), ([np.int8(1)], "int64"), (np.float64(1), "float64"), (np.int8(1), "int8"),
        (np.zeros(2, np.uint8), "uint8"), (np.zeros(2, np.float16), "float16"),
        (np.zeros(2, ml_dtypes.bfloat16), "bfloat16"), ([ml_dtypes.bfloat16(1)], "bfloat16"),
        (np.zeros(2, ">f4"), "float32"),
    ],
    ids=repr,
)  # fmt: skip
def test_tensor_infers_its_type(data, dtype):
    made = minigen.tensor(data)
    assert made.dtype.name == dtype
    assert made.dtype.isnative
    np.testing.assert_array_equal(made.numpy(), np.array(data, made.dtype))


def test_the_default_type_is_that_of_python_floats_alone(doubles):
    assert minigen.get_default_dtype() == minigen.float64
    for made in (minigen.tensor(1.5), minigen.tensor([]), minigen.zeros(2), minigen.ones(2), minigen.full((2,), 0.5),
                 minigen.arange(0, 1, 0.5), minigen.rand(2), minigen.randn(2), minigen.tensor([1]) / 2):  # fmt: skip
        assert made.dtype == minigen.float64
    assert minigen.tensor([1]).dtype == minigen.int64
    assert minigen.tensor(np.float32(1)).dtype == minigen.float32
    assert repr(minigen.tensor(1.5)) == "tensor(1.5)"
    assert repr(minigen.tensor(np.float32(1))) == "tensor(1., dtype=float32)"


def test_the_default_type_must_be_floating():
    with pytest.raises(TypeError, match="must be a floating type, got int64"):
        minigen.set_default_dtype(minigen.int64)
    assert minigen.get_default_dtype() == minigen.float32


@given(hnp.arrays(st.sampled_from([np.float64, np.int64, np.bool_]), hnp.array_shapes(min_dims=0, min_side=0)))
def test_tensor_copies_and_from_numpy_shares(array):
    for view in (array, array.T, array[..., None][..., ::-1]):
        copied, shared = minigen.tensor(view), minigen.from_numpy(view)
        np.testing.assert_array_equal(copied.numpy(), view)
        np.testing.assert_array_equal(shared.numpy(), view)
        assert copied.is_contiguous()
        assert not np.shares_memory(copied.array, view)
        assert shared.array is view


def test_from_numpy_writes_both_ways():
    array = np.zeros(3)
    shared, copied = minigen.from_numpy(array), minigen.tensor(array)
    array[0] = 1
    shared[1] = 2.0
    assert array.tolist() == shared.tolist() == [1, 2, 0]
    assert copied.tolist() == [0, 0, 0]
    twin = minigen.tensor(shared)
    twin.zero_()
    assert array.tolist() == [1, 2, 0]


@pytest.mark.parametrize("dtype", ALL, ids=NAMES)
@given(SHAPES)
def test_zeros_ones_full(dtype, shape):
    for made, value in (
        (minigen.zeros(*shape, dtype=dtype), 0), (minigen.ones(shape, dtype=dtype), 1),
        (minigen.full(shape, 1, dtype=dtype), 1), (minigen.full(list(shape), True, dtype=dtype), 1),
    ):  # fmt: skip
        assert (made.shape, made.dtype) == (shape, dtype)
        assert made.array.flags.writeable and made.is_contiguous()
        np.testing.assert_array_equal(made.numpy(), np.full(shape, value, dtype))
        for twin, expected in ((minigen.zeros_like(made), 0), (minigen.ones_like(made), 1),
                               (minigen.full_like(made, 1), 1)):  # fmt: skip
            assert (twin.shape, twin.dtype) == (shape, dtype)
            np.testing.assert_array_equal(twin.numpy(), np.full(shape, expected, dtype))
        assert minigen.zeros_like(made, dtype=minigen.float16).dtype == minigen.float16


def test_full_takes_the_type_of_its_value():
    assert [minigen.full((2,), v).dtype.name for v in (True, 2, 2.5)] == ["bool", "int64", "float32"]
    assert minigen.full(3, 2).shape == (3,)
    assert minigen.zeros().shape == ()
    x = minigen.ones(2, requires_grad=True)
    like = minigen.full_like(x, 3)
    assert not like.requires_grad
    assert like.tolist() == [3, 3]
    assert minigen.zeros_like(x, requires_grad=True).requires_grad


@pytest.mark.parametrize(
    ("arguments", "values", "dtype"),
    [
        ((4,), [0, 1, 2, 3], "int64"), ((0,), [], "int64"), ((1, 4), [1, 2, 3], "int64"),
        ((5, 0, -2), [5, 3, 1], "int64"), ((2.5,), [0, 1, 2], "float32"),
        ((0, 1, 0.25), [0, 0.25, 0.5, 0.75], "float32"), ((3, 3), [], "int64"), ((np.int64(2),), [0, 1], "int64"),
    ],
)  # fmt: skip
def test_arange(arguments, values, dtype):
    made = minigen.arange(*arguments)
    assert made.tolist() == values
    assert made.dtype.name == dtype
    assert minigen.arange(*arguments, dtype=minigen.float64).dtype == minigen.float64


@pytest.mark.parametrize("dtype", ALL, ids=NAMES)
def test_only_floating_tensors_may_require_gradients(dtype):
    made = minigen.ones(2, dtype=dtype)
    if dtypes.is_floating(dtype):
        assert minigen.tensor(made, requires_grad=True).requires_grad
    else:
        with pytest.raises(TypeError, match=rf"only floating tensors have gradients, this one is {dtype.name}"):
            minigen.tensor(made, requires_grad=True)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: minigen.tensor([[1, 2], [3]]), ValueError, "not a rectangular nest.*same length"),
        (lambda: minigen.tensor("one"), TypeError, "data must be numbers, got str"),
        (lambda: minigen.tensor(None), TypeError, "data must be numbers, got NoneType"),
        (lambda: minigen.tensor([1j]), TypeError, "complex128"),
        (lambda: minigen.tensor([2**63]), ValueError, "9223372036854775808 is too large for int64"),
        (lambda: minigen.tensor(1, dtype="f2x"), TypeError, "dtype: 'f2x' is not a type.*float32, float64"),
        (lambda: minigen.tensor(1, dtype=np.uint16), TypeError, "not a type minigen computes with"),
        (lambda: minigen.from_numpy([1, 2]), TypeError, "expects an ndarray, got list; minigen.tensor"),
        (lambda: minigen.from_numpy(np.zeros(2, ">f4")), TypeError, "byte-swapped"),
        (lambda: minigen.from_numpy(np.zeros(2, complex)), TypeError, "not a type minigen computes with"),
        (lambda: minigen.zeros(2, -1), ValueError, "zeros: sizes must be integers of at least 0"),
        (lambda: minigen.ones(2.0), ValueError, "ones: sizes must be integers"),
        (lambda: minigen.full((2,), [1]), TypeError, "fill_value must be one number"),
        (lambda: minigen.arange(3, 0), ValueError, "step 1 does not lead from 3 to 0"),
        (lambda: minigen.arange(0, 3, 0), ValueError, "step 0 does not lead"),
        (lambda: minigen.zeros_like([1.0]), TypeError, "zeros_like: input must be a Tensor, got list"),
    ],
)
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
