"""The committed values are what the PyTorch that is installed says."""

import json

import numpy as np
import pytest
import torch
from pytorch_values import FILE, LAYERS, values


@pytest.mark.parametrize("name", LAYERS)
def test_pytorch_says_what_is_committed(name):
    committed = json.loads(FILE.read_text())[name]
    for what, arrays in values(torch, name).items():
        for got, want in zip(arrays, committed[what], strict=True):
            assert (got is None) == (want is None)
            if got is not None:
                np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)
