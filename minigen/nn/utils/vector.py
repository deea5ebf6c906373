"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ... import functional as F
from ...autograd import no_grad
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """(p_1, p_2, ...) flattened and joined, in the graph."""
    given = list(parameters)
    if not given:
        raise ValueError("parameters_to_vector: there are no parameters; an iterator is used up once")
    return F.cat([p.reshape(-1) for p in given])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the parts of ``vec`` into the parameters, in place: they keep their addresses."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: vec must be a Tensor, got {type(vec).__name__}")
    given = list(parameters)
    total = sum(p.numel() for p in given)
    if vec.shape != (total,):
        raise ValueError(
            f"vector_to_parameters: vec has shape {vec.shape}, the parameters have {total} elements: pass a vector of "
            "that many"
        )
    at = 0
    with no_grad():
        for p in given:
            p.copy_(vec[at : at + p.numel()].reshape(p.shape))
            at += p.numel()
