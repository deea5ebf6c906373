"""Fetch one file from the first of several mirrors that delivers what was promised, or leave nothing behind.

The bytes go to a temporary file beside the target, are checked there, and take the target's name in one atomic step:
whoever sees the target sees a whole and checked file, even if two programs download at once or one is killed.
"""

from __future__ import annotations

import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from .idx import measure

TIMEOUT = 15.0  # seconds without a byte before the next mirror is tried
LIMIT = 1 << 27  # 128 MiB: more than twice the largest file, so that no server can fill disk or time
CHUNK = 1 << 16


class DownloadError(OSError):
    """No mirror delivered the file. The text lists what each of them did."""


def fetch(urls: Sequence[str], target: Path, sha256: str) -> None:
    """Download `target` from the first of `urls` whose uncompressed bytes have the checksum `sha256`.

    Raises: DownloadError when none has, with one line per mirror; OSError when the folder can't be written.
    """
    failures = []
    target.parent.mkdir(parents=True, exist_ok=True)
    for url in urls:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                _receive(url, file)
            _verify(part, sha256)
            part.chmod(0o644)  # a temporary file is private to its owner, a data set need not be
            os.replace(part, target)
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{url}: {str(error) or type(error).__name__}")
        finally:
            part.unlink(missing_ok=True)  # also after Ctrl-C
    raise DownloadError(f"{target.name} could not be downloaded.\n  " + "\n  ".join(failures))


def _receive(url: str, file: BinaryIO) -> None:
    from tqdm import tqdm

    with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
        promised = int(response.headers.get("Content-Length") or 0)
        bar = tqdm(total=promised or None, desc=url.rsplit("/", 1)[-1], unit="B", unit_scale=True, leave=False)
        received = 0
        with bar:
            while chunk := response.read(CHUNK):
                received += len(chunk)
                if received > LIMIT:
                    raise ValueError(f"the server sends more than {LIMIT:,} bytes")
                file.write(chunk)
                bar.update(len(chunk))
    if promised and received != promised:
        raise ValueError(f"the connection ended after {received:,} of {promised:,} bytes")


def _verify(path: Path, sha256: str) -> None:
    size, digest = measure(path, limit=LIMIT)
    if digest != sha256:
        raise ValueError(f"checksum mismatch: the SHA-256 of the {size:,} uncompressed bytes is {digest}, not {sha256}")
