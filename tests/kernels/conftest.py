"""Shared by the tests of the CUDA kernels, which run here in the emulator."""

import shutil
from functools import partial

import pytest
from guards import Guarded
from minigen.kernels import emulator

collect_ignore_glob = [] if shutil.which("g++") else ["test_*.py"]


def pytest_terminal_summary(terminalreporter) -> None:
    if collect_ignore_glob:
        terminalreporter.write_line("CUDA kernels in the emulator: NOT RUN (install g++)")


@pytest.fixture(scope="session")
def guarded():
    """``with guarded() as empty: out = empty(2, 3)`` checks at its end that nothing was written around it."""
    return partial(Guarded, emulator.empty)
