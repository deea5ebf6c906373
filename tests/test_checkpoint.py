"""Checkpoints come back as they were, and a bad file is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigen
from minigen import checkpoint

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
        hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
    ),
)
nests = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_size=4,
)


def same(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


@given(nests)
def test_what_is_saved_is_loaded(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("checkpoints") / "a.safetensors"
    checkpoint.save(path, state)
    assert same(checkpoint.load(path), state)
    assert [p.name for p in path.parent.iterdir()] == ["a.safetensors"]


def test_tensors_are_saved_as_arrays(tmp_path):
    checkpoint.save(tmp_path / "a", {"w": minigen.arange(6).reshape(2, 3).t()})
    assert np.array_equal(checkpoint.load(tmp_path / "a")["w"], [[0, 3], [1, 4], [2, 5]])


def test_keys_with_a_slash_are_not_taken_for_a_nest(tmp_path):
    state = {"a/b": np.zeros(2), "a": {"b": np.ones(2), "b'": np.full(2, 2.0)}, "a/b'": np.full(2, 3.0)}
    checkpoint.save(tmp_path / "a", state)
    assert same(checkpoint.load(tmp_path / "a"), state)


def test_bfloat16_comes_back(tmp_path):
    w = minigen.randn(3, 4).bfloat16()
    checkpoint.save(tmp_path / "a", {"w": w, "turned": w.t(), "one": minigen.tensor(1.5).bfloat16()})
    found = checkpoint.load(tmp_path / "a")
    assert same(found, {"w": w.numpy(), "turned": w.numpy().T, "one": np.array(1.5, minigen.bfloat16)})


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    checkpoint.save(path, {"step": 1})
    with pytest.raises(TypeError, match="net/layer is a object"):
        checkpoint.save(path, {"net": {"layer": object()}})
    assert checkpoint.load(path) == {"step": 1}


@pytest.mark.parametrize("keep", [0, 7, 40, -1])
def test_a_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / "a"
    checkpoint.save(path, {"w": np.arange(100.0)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="truncated or not a safetensors file"):
        checkpoint.load(path)


def test_a_foreign_file_is_named(tmp_path):
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(3)}, tmp_path / "a")
    with pytest.raises(ValueError, match="no checkpoint of minigen"):
        checkpoint.load(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        checkpoint.load(tmp_path / "b")


def test_a_foreign_file_of_a_type_that_numpy_has_not_is_named(tmp_path):
    header = b'{"w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    (tmp_path / "a").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    with pytest.raises(ValueError, match="no checkpoint of minigen"):
        checkpoint.load(tmp_path / "a")
