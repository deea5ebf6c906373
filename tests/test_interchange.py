"""Sharing memory with NumPy and with whatever speaks DLPack; pickles of tensors, and none in checkpoints."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigen
from minigen import checkpoint, fused, nn

SHARED = [minigen.float32, minigen.float64, minigen.float16, minigen.int64, minigen.int8, minigen.uint8, minigen.bool_]


class Exporter:
    """An array of another library: nothing but DLPack's two methods."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


@given(hnp.array_shapes(min_dims=0, min_side=0, max_side=4), st.sampled_from(SHARED), st.booleans())
def test_dlpack_shares_memory_both_ways(shape, dtype, turned):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    array = array.T if turned else array
    t = minigen.from_dlpack(Exporter(array))
    assert (t.dtype, t.shape, t.requires_grad) == (dtype, array.shape, False)
    back = np.from_dlpack(t)
    assert back.strides == array.strides or not array.size
    t.fill_(1)
    assert (array == 1).all() and (back == 1).all()
    assert np.shares_memory(back, array) or not array.size


def test_dlpack_of_a_tensor_shares_its_version():
    t = minigen.zeros(3)
    twin = minigen.from_dlpack(t)
    twin.add_(1)
    assert (t.tolist(), t.version) == ([1, 1, 1], 1)
    assert t.__dlpack_device__() == (1, 0)


def test_dlpack_refuses_what_cannot_be_shared():
    ones = minigen.ones(3)
    frozen = np.ones(3)
    frozen.flags.writeable = False
    for bad, words in (
        (minigen.ones(3, requires_grad=True), r"requires a gradient.*\.detach\(\)"),
        (ones.requires_grad_() * 2, r"requires a gradient.*\.detach\(\)"),
        (ones.detach()[:1].expand(3), r"must not be written.*\.clone\(\)"),
        (minigen.from_numpy(frozen), r"must not be written.*\.clone\(\)"),
        (ones.detach()[::-1], r"runs backwards.*\.clone\(\)"),
        (ones.detach().to(minigen.bfloat16), r"bfloat16.*\.float\(\)"),
    ):
        with pytest.raises(BufferError, match=words):
            np.from_dlpack(bad)
    with pytest.raises(BufferError, match="stream must be None"):
        ones.detach().__dlpack__(stream=1)
    assert np.from_dlpack(ones.detach()[::-1].clone()).tolist() == [1, 1, 1]


def test_from_dlpack_refuses_what_it_cannot_read():
    with pytest.raises(TypeError, match=r"__dlpack__, got list; minigen\.tensor"):
        minigen.from_dlpack([1.0])
    with pytest.raises(BufferError, match=r"does not lie in the CPU's memory.*\.cpu\(\)"):
        minigen.from_dlpack(Exporter(np.ones(2), device=(2, 0)))  # CUDA

    class Foreign(Exporter):
        def __dlpack__(self, **options):
            raise RuntimeError("Unsupported dtype in DLTensor.")  # NumPy's words for bfloat16

    with pytest.raises(TypeError, match=r"Unsupported dtype.*bfloat16 to float32"):
        minigen.from_dlpack(Foreign(np.ones(2)))


def test_numpy_reads_without_copying_and_cannot_write():
    t = minigen.ones(2, 3, requires_grad=True)
    for array in (np.asarray(t), t.numpy(), np.asarray(t * 2)):
        assert not array.flags.writeable
    assert np.shares_memory(np.asarray(t), t.array)
    for array in (np.array(t), np.asarray(t, dtype=np.float64), np.array(t, copy=True)):
        array[0] = 5
    assert t.tolist() == [[1, 1, 1]] * 2
    assert np.shares_memory(np.asarray(t, copy=False), t.array)
    with pytest.raises(ValueError, match="avoid copy"):
        np.asarray(t, dtype=np.float64, copy=False)
    assert np.concatenate([t, t.detach()]).shape == (4, 3)


def test_from_numpy_shares_and_tensor_copies():
    array = np.zeros(3)
    shared, own = minigen.from_numpy(array), minigen.tensor(array)
    array[0] = 7
    assert (shared.tolist(), own.tolist()) == ([7, 0, 0], [0, 0, 0])
    shared[1] = 8
    assert array.tolist() == [7, 8, 0]


def test_tensors_go_to_other_processes():
    t = minigen.arange(6).reshape(2, 3).t()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(minigen.clone, (t,))
    assert found.tolist() == t.tolist()


def test_operations_are_copied_and_pickled_by_name():
    """A module may keep one as an attribute, its activation, say."""
    assert pickle.loads(pickle.dumps(minigen.exp)) is copy.copy(minigen.exp) is minigen.exp
    net = nn.Sequential(nn.Linear(2, 2))
    net.last, net.first, net.between = minigen.sin, nn.functional.relu, fused.relu
    twin = copy.deepcopy(net)
    assert (twin.last, twin.first, twin.between) == (net.last, net.first, net.between)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_checkpoint_that_is_a_pickle_is_refused_unread(tmp_path, protocol):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    for state in ({"w": np.zeros(3)}, Trap(), nn.Linear(2, 2).weight):
        (tmp_path / "a").write_bytes(pickle.dumps(state, protocol))
        with pytest.raises(ValueError, match=r"a is a pickle .* run the code in it.*minigen\.checkpoint\.save"):
            checkpoint.load(tmp_path / "a")
    assert not (tmp_path / "sprung").exists()


def test_an_archive_with_a_pickle_is_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))  # as torch.save writes it
    with pytest.raises(ValueError, match="is a pickle"):
        checkpoint.load(tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "b", "w") as archive:
        archive.writestr("poem.txt", "roses")
    with pytest.raises(ValueError, match="truncated or not a safetensors file"):
        checkpoint.load(tmp_path / "b")
