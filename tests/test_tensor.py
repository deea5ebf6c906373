"""Tensor as an object: what it tells of itself, how values leave it, and how it meets NumPy."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigen
from minigen import nn
from minigen.tensor import device

ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


def leaf(*values):
    return minigen.tensor(list(values), requires_grad=True)


# what it is -----------------------------------------------------------------------------------------
@given(ARRAYS)
def test_it_tells_its_arrays_shape_type_and_layout(array):
    for view in (array, array.T, array[..., None][..., ::-1]):
        t = minigen.from_numpy(view)
        assert t.shape == t.size() == view.shape
        assert tuple(t.size(d) for d in range(t.dim())) == tuple(t.size(d) for d in range(-t.ndim, 0)) == view.shape
        assert (t.dim(), t.ndim, t.numel()) == (view.ndim, view.ndim, view.size)
        assert (t.dtype, t.element_size()) == (view.dtype, view.itemsize)
        assert t.is_contiguous() == view.flags.c_contiguous
        assert t.is_floating_point() == (view.dtype.kind == "f")
        assert t.contiguous().is_contiguous()
        assert (t.contiguous() is t) == view.flags.c_contiguous
        np.testing.assert_array_equal(t.contiguous().numpy(), view)
        assert repr(t.tolist()) == repr(view.tolist())  # as words, for NaN


def test_size_of_a_wrong_dim():
    for dim in (2, -3):
        with pytest.raises(IndexError, match=rf"size: dim {dim} is out of range for shape \(2, 3\); use -2 to 1"):
            minigen.zeros(2, 3).size(dim)


def test_device():
    t = minigen.zeros(2)
    assert t.device == "cpu" == device("cpu") == device("cpu:0")
    assert t.device.type == "cpu"
    assert repr(t.device) == "device(type='cpu')"
    assert t.cpu() is t
    with pytest.raises(ValueError, match="'cuda' is not available"):
        t.to("cuda")


def test_requires_grad_is_set_on_leaves():
    t = minigen.zeros(2)
    assert (t.requires_grad, t.is_leaf, t.grad, t.grad_fn) == (False, True, None, None)
    assert t.requires_grad_() is t
    assert (t.requires_grad, t.is_leaf) == (True, True)
    t.requires_grad = False
    assert not t.requires_grad
    y = leaf(1.0) * 2
    assert (y.requires_grad, y.is_leaf, y.grad) == (True, False, None)
    assert y.grad_fn.op.name == "mul"
    for change in (lambda: y.requires_grad_(False), lambda: setattr(y, "requires_grad", False)):
        with pytest.raises(RuntimeError, match=r"only be changed on a leaf.*use \.detach\(\)"):
            change()
    with pytest.raises(TypeError, match=r"this one is int64; convert it with \.float\(\)"):
        minigen.tensor([1]).requires_grad_()


def test_grad_takes_only_what_fits():
    x = leaf(1.0, 2.0)
    x.grad = minigen.ones(2)
    assert x.grad.tolist() == [1, 1]
    for wrong in (minigen.ones(3), minigen.ones(2, dtype=minigen.float64), 1.0, np.ones(2)):
        with pytest.raises(ValueError, match=r"grad: must be None or a Tensor of shape \(2,\) and type float32"):
            x.grad = wrong
    x.grad = None
    assert x.grad is None
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        minigen.ones(2).grad = minigen.ones(2)


def test_detach_and_data_share_the_storage():
    x = leaf(1.0, 2.0)
    for twin in (x.detach(), x.data, (x * 1).detach()):
        assert not twin.requires_grad
    x.data[0] = 5.0
    x.detach().add_(1)
    assert x.tolist() == [6, 3]
    assert x.version == 2
    array = x.array
    x.data = minigen.tensor([7.0, 8.0])  # same shape and type: the parameter keeps its address
    assert x.array is array
    assert (x.tolist(), x.requires_grad) == ([7, 8], True)
    x.data = minigen.zeros(3, dtype=minigen.float64)
    assert (x.shape, x.dtype) == ((3,), minigen.float64)
    with pytest.raises(TypeError, match="data: must be a Tensor, got ndarray"):
        x.data = np.zeros(3)


# values out -----------------------------------------------------------------------------------------
def test_one_element_becomes_a_number():
    for value in (2.5, 3, True):
        t = minigen.tensor([[value]])
        assert t.item() == value and type(t.item()) is type(value)
    t = minigen.tensor([2.75])
    assert (float(t), int(t), bool(t)) == (2.75, 2, True)
    assert not minigen.tensor(0.0)
    assert [10, 20, 30][minigen.tensor(1)] == 20
    assert list(range(minigen.tensor(3))) == [0, 1, 2]
    assert operator.index(minigen.tensor(7, dtype=minigen.uint8)) == 7


def test_more_than_one_element_does_not():
    t = minigen.zeros(2, 3)
    for function in (float, int, minigen.Tensor.item):
        with pytest.raises(ValueError, match=r"item: only a one-element tensor.*shape \(2, 3\)"):
            function(t)
    with pytest.raises(ValueError, match=r"truth of a tensor of shape \(2, 3\) is ambiguous; reduce it"):
        bool(t)
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        bool(minigen.zeros(0))
    with pytest.raises(TypeError, match=r"this one is float32; convert it with \.long\(\)"):
        operator.index(minigen.tensor(1.0))


def test_len_and_iteration():
    t = minigen.arange(6).reshape(3, 2)
    assert len(t) == 3
    assert [row.tolist() for row in t] == [[0, 1], [2, 3], [4, 5]]
    a, b = minigen.tensor([1.5, 2.5])
    assert (a.shape, a.item(), b.item()) == ((), 1.5, 2.5)
    assert list(minigen.zeros(0, 3)) == []
    with pytest.raises(TypeError, match=r"len\(\) of a 0-d tensor; use \.item\(\)"):
        len(minigen.tensor(1.0))
    with pytest.raises(TypeError, match="0-d tensor cannot be iterated over"):
        iter(minigen.tensor(1.0))
    x = leaf(1.0, 2.0, 3.0)
    sum(i * v for i, v in enumerate(x)).backward()
    assert x.grad.tolist() == [0, 1, 2]


def test_tensors_are_hashed_by_identity():
    a, b = minigen.tensor(1.0), minigen.tensor(1.0)
    assert len({a, b, a}) == 2
    assert (a == b).item() is True


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: minigen.tensor(1.5), "tensor(1.5)"),
        (lambda: minigen.tensor([1.0, -2.25]), "tensor([ 1.  , -2.25])"),
        (lambda: minigen.tensor([1 / 3]), "tensor([0.3333])"),
        (lambda: minigen.tensor([[1, 2], [3, 4]]), "tensor([[1, 2],\n        [3, 4]])"),
        (lambda: minigen.tensor([True]), "tensor([ True])"),
        (lambda: minigen.tensor([1], dtype=minigen.int32), "tensor([1], dtype=int32)"),
        (lambda: minigen.tensor([1.0], dtype=minigen.float64), "tensor([1.], dtype=float64)"),
        (lambda: minigen.tensor([1.5], dtype=minigen.bfloat16), "tensor([1.5], dtype=bfloat16)"),
        (lambda: minigen.zeros(0), "tensor([])"),
        (lambda: minigen.zeros(0, 3), "tensor([], size=(0, 3))"),
        (lambda: leaf(1.0), "tensor([1.], requires_grad=True)"),
        (lambda: leaf(1.0) * 2, "tensor([2.], grad_fn=<mul>)"),
        (lambda: (leaf(1.0) * 2).detach(), "tensor([2.])"),
        (lambda: nn.Parameter(minigen.ones(1)), "Parameter containing:\ntensor([1.], requires_grad=True)"),
        (lambda: minigen.arange(2000), "tensor([   0,    1,    2, ..., 1997, 1998, 1999])"),
    ],
)
def test_repr(made, text):
    assert repr(made()) == str(made()) == text


def test_format():
    assert f"{minigen.tensor(2.5):.2f} {minigen.tensor([3]):3d}" == "2.50   3"
    assert f"{minigen.tensor([1, 2])}" == "tensor([1, 2])"


# types ----------------------------------------------------------------------------------------------
def test_to_converts_only_what_changes():
    t = minigen.tensor([1.5, -2.5])
    for same in (t.to(minigen.float32), t.to("cpu"), t.to("cpu", minigen.float32), t.to(t), t.float(), t.to()):
        assert same is t
    for double in (t.to(np.float64), t.to(dtype=minigen.float64), t.to("cpu", np.float64), t.double(),
                   t.to(minigen.zeros(1, dtype=np.float64)), t.to(device="cpu", dtype=np.float64)):  # fmt: skip
        assert double.dtype == minigen.float64
        assert double.tolist() == [1.5, -2.5]
    assert t.to(copy=True) is not t
    assert not np.shares_memory(t.to(copy=True).array, t.array)
    assert [t.long().dtype, t.int().dtype, t.bool().dtype] == [minigen.int64, minigen.int32, minigen.bool_]
    assert t.long().tolist() == [1, -2]
    with pytest.raises(TypeError, match="is not a type minigen computes with"):
        t.to(np.complex64)


def test_the_gradient_of_a_conversion_comes_back_in_the_inputs_type():
    x = leaf(1.5, -2.5)
    (x.double() * 3).sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (minigen.float32, [3, 3])


# NumPy ----------------------------------------------------------------------------------------------
def test_numpy_is_a_read_only_view():
    t = minigen.tensor([1.0, 2.0])
    view = t.numpy()
    assert np.shares_memory(view, t.array)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5
    t[0] = 7.0
    assert view[0] == 7
    assert t.array.flags.writeable
    assert (leaf(1.0) * 2).numpy().tolist() == [2]


def test_functions_of_numpy_read_tensors():
    t = minigen.tensor([1.0, 4.0])
    assert not np.asarray(t).flags.writeable
    assert np.shares_memory(np.asarray(t), t.array)
    copied = np.array(t)
    assert copied.flags.writeable and not np.shares_memory(copied, t.array)
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.stack([t, t]), [[1, 4], [1, 4]])
    np.testing.assert_allclose(t, [1, 4])


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.lt, operator.eq]


@pytest.mark.parametrize("operation", BINARY, ids=lambda f: f.__name__)
def test_numpys_operators_give_way(operation):
    """An ndarray on the left would else swallow the Tensor and its gradient, element by element."""
    x, array = leaf(1.0, 2.0), np.array([3.0, 4.0], np.float32)
    for scalar in (np.float32(3), np.float64(3), np.int64(3)):
        made, expected = operation(scalar, x), operation(np.asarray(scalar), x.numpy())
        assert type(made) is minigen.Tensor
        assert made.requires_grad == made.is_floating_point()
        np.testing.assert_allclose(made.numpy(), expected.astype(made.dtype))
    for a, b in ((array, x), (x, array)):
        with pytest.raises(TypeError, match=r"cannot combine a Tensor with ndarray; use minigen\.tensor"):
            operation(a, b)


def test_ufuncs_refuse_tensors():
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.add(np.ones(2), minigen.ones(2))


def test_nothing_equals_none():
    t = minigen.ones(2)
    assert (t == None) is False and (t != None) is True  # noqa: E711
    assert (t == 1).tolist() == [True, True]
