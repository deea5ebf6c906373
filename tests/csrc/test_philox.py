"""Philox4x32-10: the known answers of the paper's authors, and the same bits as NumPy's version."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu
from minigen.backend import philox
from minigen.backend.cpp import CppBackend
from minigen.backend.numpy import NumpyBackend

word = st.integers(0, 2**64 - 1)


def words(seed, offset, n):
    out = np.zeros(n, np.uint32)
    _cpu.philox(seed, offset, out)
    return out


@pytest.mark.parametrize("variant", _cpu.variants())
def test_known_answer(variant):
    _cpu.set_variant(variant)  # counter 0, key 0, from the authors' table of known answers
    assert [hex(w) for w in words(0, 0, 4)] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]


def test_the_specification_gives_the_known_answers():
    """The other two answers have counters beyond the kernel's reach: they hold NumPy's version, which then judges."""
    ones = (np.uint64(0xFFFFFFFF),) * 4
    got = philox.block(tuple(np.array([c]) for c in ones), (0xFFFFFFFF, 0xFFFFFFFF))
    assert [int(w[0]) for w in got] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    pi = tuple(np.array([c], np.uint64) for c in (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344))
    got = philox.block(pi, (0xA4093822, 0x299F31D0))
    assert [int(w[0]) for w in got] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize("variant", _cpu.variants())
@settings(max_examples=50)
@given(seed=word, offset=word, n=st.sampled_from([0, 1, 2, 3, 4, 5, 63, 64, 65, 1000, 16383, 16385, 40001]))
def test_equals_numpys_version(variant, seed, offset, n):
    _cpu.set_variant(variant)
    with np.errstate(over="ignore"):  # the counter wraps at 2^64
        np.testing.assert_array_equal(words(seed, offset, n), philox.words(seed, offset, n))


@pytest.mark.parametrize("variant", _cpu.variants())
@settings(max_examples=50)
@given(
    seed=word,
    n=st.sampled_from([0, 1, 3, 16, 63, 127, 129, 16385]),
    p=st.sampled_from([0.0, 1e-12, 2.0**-24, 0.1, 0.3, 0.5, 1 - 2.0**-24, 1 - 1e-12, 1.0]),
)
def test_what_dropout_keeps_is_decided_as_numpys_version_does(guarded, variant, seed, n, p):
    _cpu.set_variant(variant)
    want = NumpyBackend().dropout_mask(seed, 5, n, p)
    assert np.array_equal(CppBackend().dropout_mask(seed, 5, n, p), want)
    with guarded() as empty:
        out = empty(n)
        _cpu.dropout_mask(seed, 5, 1 << 23, 3.5, out)
        np.testing.assert_array_equal(out, np.where(philox.words(seed, 5, n) >> 8 >= 1 << 23, np.float32(3.5), 0))


def test_any_number_of_threads_and_any_cut_gives_the_same_bits():
    _cpu.set_num_threads(1)
    whole = words(7, 3, 100_000)
    _cpu.set_num_threads(8)
    np.testing.assert_array_equal(whole, words(7, 3, 100_000))
    np.testing.assert_array_equal(whole[400:500], words(7, 103, 100))
