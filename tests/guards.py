"""Outputs between bands that nobody may touch, for the tests of kernels."""

from collections.abc import Callable

import numpy as np


class Guarded:
    """Outputs that nobody has written, each between two bands of a value that nobody may change.

    ``unwritten``: what an output holds at first, by its size; NaN by default.
    """

    BAND, MARK = 64, np.float32(12345.0)

    def __init__(self, unwritten: Callable[[int], np.ndarray] = lambda size: np.full(size, np.nan, np.float32)):
        self.unwritten = unwritten

    def __enter__(self):
        self.whole = []
        return self

    def __call__(self, *shape):
        size = int(np.prod(shape, dtype=np.int64))
        whole = np.full(size + 2 * self.BAND, self.MARK, np.float32)
        inner = whole[self.BAND : self.BAND + size]
        inner[:] = self.unwritten(size)
        self.whole.append(whole)
        return inner.reshape(shape)

    def __exit__(self, kind, error, trace):
        if kind is None:
            for whole in self.whole:
                assert (whole[: self.BAND] == self.MARK).all(), "written before the first element of an output"
                assert (whole[-self.BAND :] == self.MARK).all(), "written past the last element of an output"
