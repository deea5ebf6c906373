"""The types of elements, and how they mix: PyTorch's promotion, by category, Python scalars weak.

category 0 bool < 1 integer < 2 floating. The highest category among the arguments decides. Arrays of that category are
promoted among themselves (int32 with int64 gives int64, float16 with bfloat16 gives float32); a 0-d array, and still
weaker a Python scalar, only matters when its category is the highest; a scalar then gives the default type of it.
"""

from collections.abc import Sequence
from functools import reduce

import ml_dtypes
import numpy as np

bool_ = np.dtype(np.bool_)
uint8 = np.dtype(np.uint8)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
float16 = np.dtype(np.float16)
bfloat16 = np.dtype(ml_dtypes.bfloat16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)

ALL = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64)
_CATEGORY = {d: 0 if d == bool_ else 2 if d in (float16, bfloat16, float32, float64) else 1 for d in ALL}
_SAME = {d: d for d in ALL}  # NumPy makes equal dtypes that are not one object; comparing objects is quick
_default = float32


def get_default_dtype() -> np.dtype:
    """The type of a Tensor made from Python floats (float32 unless changed)."""
    return _default


def set_default_dtype(dtype: object) -> None:
    """Make Python floats become ``dtype`` (a floating type) in new Tensors."""
    global _default
    checked = as_dtype(dtype)
    if not is_floating(checked):
        raise TypeError(f"set_default_dtype: dtype must be a floating type, got {checked}")
    _default = checked


def as_dtype(dtype: object) -> np.dtype:
    """``dtype`` as a NumPy dtype that minigen computes with, or a TypeError that lists them."""
    try:
        found = np.dtype(dtype).newbyteorder("=")  # type: ignore[call-overload]
    except TypeError:
        found = None
    if found not in _CATEGORY:
        names = ", ".join(d.name for d in ALL)
        raise TypeError(f"dtype: {dtype!r} is not a type minigen computes with; use one of {names}")
    return _SAME[found]


def category(dtype: np.dtype) -> int:
    """0 for bool, 1 for integers, 2 for floating types."""
    return _CATEGORY[dtype]


def is_floating(dtype: np.dtype) -> bool:
    """True for the types that can carry a gradient."""
    return _CATEGORY.get(dtype) == 2


def scalar_category(value: object) -> int:
    """The category of a Python (or NumPy) scalar."""
    if isinstance(value, (bool, np.bool_)):
        return 0
    return 1 if isinstance(value, (int, np.integer)) else 2


def promote_types(a: np.dtype, b: np.dtype) -> np.dtype:
    """The smallest type that both arrays' types convert to (the higher category wins)."""
    ca, cb = _CATEGORY[a], _CATEGORY[b]
    if ca != cb:
        return a if ca > cb else b
    return float32 if {a, b} == {float16, bfloat16} else np.promote_types(a, b)


def result_type(
    arrays: Sequence[np.dtype], scalar_categories: Sequence[int], zero_dims: Sequence[np.dtype] = ()
) -> np.dtype:
    """The common type of arrays, of 0-d arrays and of Python scalars.

    Each kind yields to the one before it unless its category is higher.
    """
    scalar = [(bool_, int64, _default)[max(scalar_categories)]] if scalar_categories else []
    kinds = [reduce(promote_types, kind) for kind in (arrays, zero_dims, scalar) if kind]
    return reduce(lambda strong, weak: weak if _CATEGORY[weak] > _CATEGORY[strong] else strong, kinds)
