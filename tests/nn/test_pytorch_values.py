"""Layers have PyTorch's values, gradients and second gradients in float64: those that are committed, to 1e-10."""

import json

import numpy as np
import pytest
from pytorch_values import FILE, LAYERS, values

import minigen

COMMITTED = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_the_committed_values(name):
    mine = values(minigen, name)
    assert mine.keys() == COMMITTED[name].keys()
    for what, arrays in COMMITTED[name].items():
        assert len(mine[what]) == len(arrays) > 0
        for got, want in zip(mine[what], arrays, strict=True):
            # a gradient that depends on nothing is None or zeros
            zero = np.zeros_like(np.array(got if want is None else want, np.float64))
            got, want = (zero if x is None else np.array(x) for x in (got, want))
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-10, err_msg=what)


def test_the_committed_values_are_of_every_layer_and_not_zero():
    assert list(COMMITTED) == list(LAYERS)
    for name, found in COMMITTED.items():
        assert all(np.abs(np.array(a)).max() > 1e-3 for a in found["outputs"]), name
