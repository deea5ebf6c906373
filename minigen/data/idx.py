"""The IDX format of MNIST: a header that says how many bytes follow, and those bytes.

    0  0  type  D | size_1 ... size_D (each 4 bytes, big-endian) | size_1 * ... * size_D values

The type of MNIST's files is 0x08, unsigned bytes. Source: the format's description on Yann LeCun's MNIST page.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

UNSIGNED_BYTE = 0x08
CHUNK = 1 << 20


def read_idx(path: Path, ndim: int) -> tuple[np.ndarray, str]:
    """The array in an IDX file of unsigned bytes, gzipped or not, and the SHA-256 of its uncompressed bytes.

    The header's claim is compared with the true uncompressed size first, which is counted in steps of one megabyte:
    a file that lies about its size never makes us allocate what it asks for.

    Returns: a writable uint8 array with `ndim` axes, and 64 hexadecimal digits.
    Raises: FileNotFoundError; ValueError for another type or number of axes, a size that differs from the header's,
    a truncated or corrupt gzip stream.
    """
    with open_plain(path) as stream:
        header = stream.read(4 + 4 * ndim)
    shape = _shape(path, header, ndim)
    claimed = len(header) + math.prod(shape)
    size, digest = measure(path, limit=claimed)
    if size != claimed:
        found = f"only {size:,} bytes" if size < claimed else f"more than {claimed:,} bytes"
        raise ValueError(
            f"{path}: its header promises {' x '.join(map(str, shape))} values, a file of {claimed:,} bytes, "
            f"but it has {found} (uncompressed). It is truncated or damaged: delete it and fetch it again."
        )
    values = bytearray(math.prod(shape))
    with open_plain(path) as stream:
        stream.read(len(header))
        stream.readinto(values)  # type: ignore[attr-defined]
    return np.frombuffer(values, np.uint8).reshape(shape), digest


def measure(path: Path, limit: int) -> tuple[int, str]:
    """Uncompressed size in bytes and SHA-256 of a file, in constant memory. Stops once the size is above `limit`."""
    size, digest = 0, hashlib.sha256()
    with open_plain(path) as stream:
        while size <= limit and (chunk := stream.read(CHUNK)):
            size += len(chunk)
            digest.update(chunk)
    return size, digest.hexdigest()


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """The file's uncompressed bytes. Its first two bytes, not its name, tell whether it is gzipped."""
    with open(path, "rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if zipped else raw
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(
                f"{path}: the gzip stream is truncated or corrupt ({error}). Delete the file and fetch it again."
            ) from error


def _shape(path: Path, header: bytes, ndim: int) -> tuple[int, ...]:
    expected = bytes([0, 0, UNSIGNED_BYTE, ndim])
    if header[:4] != expected[: len(header)]:
        raise ValueError(
            f"{path}: it begins with the bytes {header[:4].hex(' ')}, but an IDX file of unsigned bytes with {ndim} "
            f"axes begins with {expected.hex(' ')}. Is it another file under this name?"
        )
    if len(header) < 4 + 4 * ndim:
        raise ValueError(
            f"{path}: an IDX header with {ndim} axes has {4 + 4 * ndim} bytes, but the file has only {len(header)} in "
            "all. It is truncated: delete it and fetch it again."
        )
    return struct.unpack(f">{ndim}I", header[4:])
