"""The loader and the transforms against PyTorch's."""

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate as torch_collate

from minigen.data import default_collate
from minigen.data.transforms import Resize


@pytest.mark.parametrize("size", [(32, 32), (14, 10), (64, 17), (7, 33), (5, 3)])
def test_resize(size):
    x = np.random.default_rng(0).random((2, 3, 28, 20), dtype=np.float32)
    want = torch.nn.functional.interpolate(torch.from_numpy(x), size=size, mode="bilinear", antialias=True)
    np.testing.assert_allclose(Resize(size)(x), want.numpy(), atol=2e-6)


def test_collating_gives_the_same_types_and_values():
    items = [(1, 0.5, True, np.float32([1, 2])), (2, 1.5, False, np.float32([3, 4]))]
    for mine, theirs in zip(default_collate(items), torch_collate(items), strict=True):
        assert mine.dtype == theirs.numpy().dtype
        np.testing.assert_array_equal(mine.array, theirs.numpy())
