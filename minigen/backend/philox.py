"""Philox4x32-10: a counter-based generator (Salmon, Moraes, Dror, Shaw, SC 2011).

Word i of a stream depends on (seed, offset, i) alone, so any number of threads, on any device, gives the same bits.
Block b has the counter (lo, hi, 0, 0) of the 64-bit number offset + b and the key (lo, hi) of the seed; ten rounds of

    hi0, lo0 = M0 * c0;  hi1, lo1 = M1 * c2;  c = (hi1 ^ c1 ^ k0, lo1, hi0 ^ c3 ^ k1, lo0);  k += (W0, W1)

turn it into four 32-bit words.
"""

import numpy as np

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


def block(counter: tuple[np.ndarray, ...], key: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Ten rounds on a counter of four uint64 arrays that hold 32-bit words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ np.uint64(k0), p1 & _LOW, (p0 >> _32) ^ c3 ^ np.uint64(k1), p0 & _LOW
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return c0, c1, c2, c3


def words(seed: int, offset: int, n: int) -> np.ndarray:
    """``n`` uint32 words of the stream of ``seed``, starting at block ``offset``."""
    b = np.arange(-(-n // 4), dtype=np.uint64) + np.uint64(offset)
    zero = np.zeros_like(b)
    out = block((b & _LOW, b >> _32, zero, zero), (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))
    return np.stack(out, axis=1).astype(np.uint32).reshape(-1)[:n]
