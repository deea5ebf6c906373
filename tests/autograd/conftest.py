"""Shared by the tests of differentiation."""

import gc

import numpy as np
import pytest

import minigen


@pytest.fixture(scope="session")
def leaf():
    """``leaf(2, 3, seed=1)``: a float64 leaf of numbers in [0.5, 1.5)."""

    def make(*shape, seed=0):
        return minigen.tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape)).requires_grad_()

    return make


@pytest.fixture
def no_collector():
    """Without the collector of cycles, so that only reference counts free memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
