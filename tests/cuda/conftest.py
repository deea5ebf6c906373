"""The GPUs of these tests: the one of this machine if it has one, and always one that is pretended.

The second is arrays that behave as CuPy's do, in the CPU's memory, and the emulator for the kernels. A test that looks
inside of it asks for ``pretended``.
"""

import sys
from pathlib import Path

import pytest

from minigen import backend
from minigen.backend.cuda import loading

sys.path.insert(0, str(Path(__file__).parents[1] / "ops"))  # the tables of cases of the engine's own tests


def pytest_generate_tests(metafunc):
    if "gpu" in metafunc.fixturenames:
        kinds = ["pretended"] if backend.available()["cuda"] else ["GPU", "pretended"]
        metafunc.parametrize("gpu", kinds, indirect=True)


def inside(monkeypatch, be):
    """Until the test ends ``device="cuda"`` exists and is ``be``."""
    monkeypatch.setattr(backend._State, "cuda", be)
    monkeypatch.setitem(backend._BACKENDS, "cuda", be)
    backend.state.__dict__.pop("cuda", None)
    yield be
    backend.state.__dict__.pop("cuda", None)


@pytest.fixture
def gpu(request, monkeypatch):
    """Inside the test ``device="cuda"`` exists."""
    yield from inside(monkeypatch, getattr(loading, {"GPU": "load", "pretended": "pretend"}[request.param])())


@pytest.fixture
def pretended(monkeypatch):
    """The GPU that is pretended, wherever the test runs."""
    yield from inside(monkeypatch, loading.pretend())
