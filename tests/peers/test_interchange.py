"""PyTorch and minigen hand tensors to each other through DLPack, without copying."""

import numpy as np
import pytest
import torch

import minigen


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_memory_is_shared_both_ways(dtype):
    mine = minigen.ones(2, 3, dtype=dtype).t()
    theirs = torch.from_dlpack(mine)
    assert (str(theirs.dtype), theirs.shape, theirs.stride()) == (f"torch.{dtype}", (3, 2), (1, 3))
    theirs[2, 1] = 0
    assert mine[2, 1].item() == 0
    back = minigen.from_dlpack(theirs)
    assert np.shares_memory(back.array, mine.array)
    back.fill_(0)
    assert not theirs.any()


def test_what_cannot_be_shared_is_refused_by_name():
    for bad, words in (
        (minigen.ones(2, requires_grad=True), r"\.detach\(\)"), (minigen.ones(1).expand(3), r"\.clone\(\)"),
        (minigen.arange(3)[::-1], r"\.clone\(\)"), (minigen.ones(2, dtype=minigen.bfloat16), r"\.float\(\)"),
    ):  # fmt: skip
        with pytest.raises(BufferError, match=words):
            torch.from_dlpack(bad)
    with pytest.raises(TypeError, match="bfloat16 to float32"):
        minigen.from_dlpack(torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(BufferError, match="detach"):
        minigen.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match=r"complex64.* is not a type"):
        minigen.from_dlpack(torch.ones(2, dtype=torch.complex64))
    assert torch.from_dlpack(minigen.ones(1).expand(3), copy=True).tolist() == [1, 1, 1]


def test_a_checkpoint_of_pytorch_is_refused(tmp_path):
    from minigen import checkpoint

    for old in (True, False):
        torch.save({"w": torch.ones(2)}, tmp_path / "a", _use_new_zipfile_serialization=not old)
        with pytest.raises(ValueError, match="a is a pickle"):
            checkpoint.load(tmp_path / "a")
