"""Joining."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..tensor import Tensor
from .check import tensors_of


def cat(tensors: Any, dim: int = 0) -> Tensor:
    """The tensors joined along ``dim``, in their common type."""
    return ops.join.joined(tensors_of("cat", tensors), dim)


def stack(tensors: Any, dim: int = 0) -> Tensor:
    """The tensors joined along a new dimension, in their common type."""
    return ops.stack(tensors_of("stack", tensors), dim)
