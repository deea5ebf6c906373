"""Parameter: the Tensor that a Module finds and an optimiser trains."""

from __future__ import annotations

import numpy as np

from .. import dtypes
from ..tensor import Tensor


class Parameter(Tensor):
    """A Tensor that a Module trains: it shares the memory of ``data`` and is a leaf of its own.

    ``Parameter()`` is empty. TypeError for anything but a Tensor, and for integers that are to require a gradient.
    """

    __slots__ = ()

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            data = Tensor(np.empty(0, dtypes.get_default_dtype()))
        if not isinstance(data, Tensor):
            raise TypeError(f"Parameter: data must be a Tensor, got {type(data).__name__}; use minigen.tensor")
        super().__init__(data.array, None, data._writes())
        self.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()
