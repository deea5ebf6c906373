"""Shared by the tests of the CUDA kernels, which run here in the emulator."""

import shutil

import numpy as np
import pytest
from minigen.kernels import emulator

collect_ignore_glob = [] if shutil.which("g++") else ["test_*.py"]


def pytest_terminal_summary(terminalreporter) -> None:
    if collect_ignore_glob:
        terminalreporter.write_line("CUDA kernels in the emulator: NOT RUN (install g++)")


class Guarded:
    """Outputs that nobody has written, each between two bands of a value that nobody may change."""

    BAND, MARK = 64, np.float32(12345.0)

    def __enter__(self):
        self.whole = []
        return self

    def __call__(self, *shape):
        size = int(np.prod(shape, dtype=np.int64))
        whole = np.full(size + 2 * self.BAND, self.MARK, np.float32)
        whole[self.BAND : self.BAND + size] = emulator.empty(size)
        self.whole.append(whole)
        return whole[self.BAND : self.BAND + size].reshape(shape)

    def __exit__(self, kind, error, trace):
        if kind is None:
            for whole in self.whole:
                assert (whole[: self.BAND] == self.MARK).all(), "written before the first element of an output"
                assert (whole[-self.BAND :] == self.MARK).all(), "written past the last element of an output"


@pytest.fixture(scope="session")
def guarded():
    """``with guarded() as empty: out = empty(2, 3)`` checks at its end that nothing was written around it."""
    return Guarded
