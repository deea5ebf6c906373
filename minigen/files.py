"""Files that are whole or not there: each is written beside its place and then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def written(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The name of a file to write, which becomes ``path`` at the end of the block, once the disk has it.

    After an error or Ctrl-C within the block an older file is as it was, and nothing lies beside it. Missing folders
    are made.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")  # some writers go by the suffix
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], value: Any, indent: int = 2) -> None:
    """``value`` as JSON in UTF-8, or TypeError and an older file as it was."""
    with written(path) as part:
        part.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
