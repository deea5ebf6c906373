"""Shared by the tests of the C++ kernels: a clean state after each test, and outputs that show stray writes."""

import importlib.util

import numpy as np
import pytest
from guards import Guarded

BUILT = importlib.util.find_spec("minigen._cpu") is not None
collect_ignore_glob = [] if BUILT else ["test_*.py"]


def pytest_terminal_summary(terminalreporter) -> None:
    if not BUILT:
        terminalreporter.write_line("C++ kernels: NOT RUN (minigen._cpu is not built; reinstall with a C++17 compiler)")


@pytest.fixture(autouse=True, scope="module")
def settings_restored():
    from minigen import _cpu

    variant, threads = _cpu.variant(), _cpu.get_num_threads()
    yield
    _cpu.set_variant(variant)
    _cpu.set_num_threads(threads)


@pytest.fixture(scope="session")
def guarded():
    """``with guarded() as empty: out = empty(2, 3)`` checks at its end that nothing was written around it."""
    return Guarded


def assert_close(got, want, scale, rtol=1e-5):
    """Equal up to the rounding of a float32 sum: relative to ``scale``, the sum of its terms' absolute values."""
    assert got.shape == want.shape
    wrong = ~(np.abs(got - want) <= rtol * scale + 1e-30)  # written so that a NaN is wrong
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size} wrong, first at {np.argwhere(wrong)[0]}"


@pytest.fixture(scope="session")
def close():
    return assert_close
