"""IDX files that are right, and every way in which they can be wrong."""

import gzip
import hashlib
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigen.data import idx as idx_module
from minigen.data.idx import measure, read_idx

ARRAYS = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9))


@given(ARRAYS, st.booleans())
def test_round_trip(idx, tmp_path_factory, array, packed):
    path = tmp_path_factory.getbasetemp() / "round-trip"
    content = idx(array)
    path.write_bytes(gzip.compress(content) if packed else content)
    values, digest = read_idx(path, array.ndim)
    np.testing.assert_array_equal(values, array)
    assert values.dtype == np.uint8 and values.flags.writeable
    assert digest == hashlib.sha256(content).hexdigest()


@given(ARRAYS, st.data())
def test_every_truncation_is_noticed(idx, tmp_path_factory, array, data):
    path = tmp_path_factory.getbasetemp() / "cut"
    content = idx(array)
    for whole in (content, gzip.compress(content)):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        with pytest.raises(ValueError, match=r"(It is|stream is) truncated|begins with the bytes 1f,"):
            read_idx(path, array.ndim)


@pytest.mark.parametrize("packed", [False, True])
def test_a_header_that_promises_terabytes_allocates_nothing(tmp_path, packed):
    path = tmp_path / "liar"
    content = struct.pack(">HBBIII", 0, 8, 3, 2**32 - 1, 28, 28) + bytes(1000)
    path.write_bytes(gzip.compress(content) if packed else content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"promises 4294967295 x 28 x 28 .* only 1,016 bytes"):
            read_idx(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_header_that_promises_too_little_stops_the_unpacking_early(tmp_path, monkeypatch):
    path, unpacked = tmp_path / "bomb.gz", []
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 5) + bytes(64 << 20)))

    def spied(path, limit):
        unpacked.append(size_and_digest := measure(path, limit))
        return size_and_digest

    monkeypatch.setattr(idx_module, "measure", spied)
    with pytest.raises(ValueError, match=r"promises 5 values, a file of 13 bytes, but it has more than 13 bytes"):
        read_idx(path, 1)
    assert unpacked[0][0] <= idx_module.CHUNK


def test_another_kind_of_file(tmp_path, idx):
    path = tmp_path / "file"
    for content, found in ((b"<html>not found</html>", "3c 68 74 6d"), (idx([1, 2]), "00 00 08 01"),
                           (struct.pack(">HBBIII", 0, 0x0D, 3, 1, 1, 1) + bytes(4), "00 00 0d 03")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"begins with the bytes {found}"):
            read_idx(path, 3)


def test_damaged_gzip(tmp_path, idx):
    packed = bytearray(gzip.compress(idx(np.arange(200) % 7)))
    packed[-6] ^= 1  # the checksum of the contents
    path = tmp_path / "damaged.gz"
    path.write_bytes(packed)
    with pytest.raises(ValueError, match="gzip stream is truncated or corrupt"):
        read_idx(path, 1)


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing", 1)
