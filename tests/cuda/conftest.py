"""A GPU for tests: arrays that behave as CuPy's do, in the CPU's memory, and the emulator for the kernels."""

import sys
from pathlib import Path

import pytest

from minigen import backend
from minigen.backend.cuda.loading import pretend

sys.path.insert(0, str(Path(__file__).parents[1] / "ops"))  # the tables of cases of the engine's own tests


@pytest.fixture
def gpu(monkeypatch):
    """Inside the test ``device="cuda"`` exists."""
    be = pretend()
    monkeypatch.setattr(backend._State, "cuda", be)
    monkeypatch.setitem(backend._BACKENDS, "cuda", be)
    backend.state.__dict__.pop("cuda", None)
    yield be
    backend.state.__dict__.pop("cuda", None)
