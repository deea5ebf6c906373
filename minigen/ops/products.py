"""Products of vectors and matrices by their names; each asks for its own number of dimensions."""

from __future__ import annotations

from ..tensor import Tensor
from .arithmetic import mul
from .check import check_tensor
from .matmul import matmul
from .shape import unsqueeze


def _dimensions(name: str, x: tuple[str, Tensor, int], y: tuple[str, Tensor, int]) -> None:
    for argument, t, ndim in (x, y):
        check_tensor(name, t)
        if t.ndim != ndim:
            raise ValueError(
                f"{name}: {argument} must have {ndim} dimension{'s' * (ndim > 1)}, got shape {t.shape}; "
                "matmul and einsum take others"
            )
    if x[1].dtype != y[1].dtype:
        raise TypeError(f"{name}: {x[0]} is {x[1].dtype} and {y[0]} is {y[1].dtype}; convert one with .to(dtype)")


def _inner(name: str, x: tuple[str, Tensor, int], y: tuple[str, Tensor, int]) -> None:
    _dimensions(name, x, y)
    m, n = x[1].shape[-1], y[1].shape[max(y[2] - 2, 0)]
    if m != n:
        raise ValueError(
            f"{name}: shapes {x[1].shape} and {y[1].shape} do not fit: the last size of {x[0]}, {m}, must equal {n} "
            f"of {y[0]}"
        )


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """z_ij = sum_k x_ik y_kj: (M, K) (K, N) -> (M, N), no broadcasting.

    ValueError for other dimensions or sizes that do not match, TypeError for different types; so for all in this file.
    """
    _inner("mm", ("input", input, 2), ("mat2", mat2, 2))
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """z_bij = sum_k x_bik y_bkj: (B, M, K) (B, K, N) -> (B, M, N), no broadcasting."""
    _inner("bmm", ("input", input, 3), ("mat2", mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ValueError(
            f"bmm: input of shape {input.shape} has {input.shape[0]} matrices, mat2 of shape {mat2.shape} "
            f"{mat2.shape[0]}; matmul broadcasts"
        )
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """z_i = sum_k x_ik y_k: (M, K) (K) -> (M)."""
    _inner("mv", ("input", input, 2), ("vec", vec, 1))
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """z = sum_k x_k y_k: (K) (K) -> ()."""
    _inner("dot", ("input", input, 1), ("tensor", tensor, 1))
    return matmul(input, tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """z_ij = x_i y_j: (M) (N) -> (M, N). Types are promoted."""
    for argument, x in (("input", input), ("vec2", vec2)):
        check_tensor("outer", x)
        if x.ndim != 1:
            raise ValueError(f"outer: {argument} must have 1 dimension, got shape {x.shape}; flatten it")
    return mul(unsqueeze(input, 1), vec2)
