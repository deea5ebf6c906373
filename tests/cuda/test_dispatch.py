"""NumPy's functions reach CuPy's when they are given its arrays: tried on CuPy itself, without a driver.

An array over memory that does not exist can be looked at, not read. What only looks (shapes, strides) must come out as
NumPy's; what computes must get as far as asking for the driver, and not stop before at an argument that is unknown to
CuPy.
"""

import numpy as np
import pytest

WITHOUT = "NOT RUN: CuPy is not installed (pip install 'minigen[cuda-check]')"


@pytest.fixture(scope="module")
def cupy():
    module = pytest.importorskip("cupy", reason=WITHOUT)
    if module.cuda.runtime.driverGetVersion():
        pytest.skip("NOT RUN: this machine has a driver, for which memory that does not exist is a fault")
    return module


@pytest.fixture
def array(cupy):
    memory = cupy.cuda.UnownedMemory(0x7F0000000000, 4096, None, 0)
    return lambda shape, dtype=np.float32: cupy.ndarray(shape, dtype, memptr=cupy.cuda.MemoryPointer(memory, 0))


LOOKING = {
    "reshape": lambda x: np.reshape(x, (4, 3)),
    "transpose": lambda x: np.transpose(x, (1, 0)),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "swapaxes": lambda x: np.swapaxes(x, -1, -2),
    "subscript": lambda x: x[..., None, ::-1],
    "view": lambda x: x.view(),
}
COMPUTING = {
    "zeros": lambda x, i: np.zeros((2,), x.dtype, like=x),
    "empty": lambda x, i: np.empty((2,), x.dtype, like=x),
    "arange": lambda x, i: np.arange(3, like=x),
    "tri": lambda x, i: np.tri(3, 3, dtype=np.bool_, like=x),
    "full_like": lambda x, i: np.full_like(x, 0.0, order="C"),
    "empty_like": lambda x, i: np.empty_like(x),
    "exp": lambda x, i: np.exp(x),
    "where": lambda x, i: np.where(x, x.dtype.type(0), x),
    "a number of NumPy's": lambda x, i: x * np.float32(2),
    "sum": lambda x, i: x.sum(axis=(0,), dtype=np.float64, keepdims=True),
    "copyto": lambda x, i: np.copyto(x, -np.inf, where=x),
    "take_along_axis": lambda x, i: np.take_along_axis(x, i, axis=1),
    "pad": lambda x, i: np.pad(x, ((0, 0), (1, 1)), constant_values=0.0),
    "concatenate": lambda x, i: np.concatenate((x, x), axis=0),
    "argsort": lambda x, i: np.argsort(x, axis=1, kind="stable"),
    "cumsum": lambda x, i: np.cumsum(x, axis=1, dtype=np.float64),
    "positions": lambda x, i: x[i],
    "all": lambda x, i: np.all(x != 0, axis=(0,), keepdims=True),
    "unique": lambda x, i: np.unique(x, axis=None, return_inverse=True, return_counts=True, equal_nan=False),
}


@pytest.mark.parametrize("name", LOOKING)
def test_looking_gives_what_numpy_gives(name, cupy, array):
    got, want = LOOKING[name](array((3, 4))), LOOKING[name](np.zeros((3, 4), np.float32))
    assert isinstance(got, cupy.ndarray)
    assert (got.shape, got.strides) == (want.shape, want.strides)


@pytest.mark.parametrize("name", COMPUTING)
def test_computing_gets_as_far_as_the_driver(name, cupy, array):
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="InsufficientDriver"):
        COMPUTING[name](array((3, 4)), array((3, 4), np.int64))


def test_what_the_engine_asks_of_an_array(cupy, array):
    x = array((3, 4))
    assert np.may_share_memory(x, x[1:]) is True
    assert x.base is None and x[1:].base is x and x.flags.c_contiguous and not x.T.flags.c_contiguous
    assert cupy.lib.stride_tricks.as_strided(x, (3,), (20,)).strides == (20,)
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(x)
