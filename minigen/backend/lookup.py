"""Rows of a table by number, and the sums that go back to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray


class Lookup:
    """The part of NumpyBackend that reads tables."""

    index_add: Any

    def embedding(self, w: Array, ids: Array, padding_idx: int | None) -> tuple[Array, Any]:
        return np.take(w, ids, axis=0), (ids.copy(), w.shape, padding_idx)  # the gradient must find the same numbers

    def embedding_vjp(self, saved: Any, mask: Sequence[bool], delta: Array) -> tuple[Array, None]:
        ids, shape, padding_idx = saved
        if padding_idx is not None:
            trained = ids != padding_idx
            ids, delta = ids[trained], delta[trained]
        return self.index_add(delta, (ids,), shape), None  # a row that was read twice gets the sum of both
