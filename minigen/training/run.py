"""A folder per run: its configuration, a line of numbers per step, its checkpoint."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..files import write_json, written


class Run:
    """A folder with config.json, metrics.jsonl and checkpoint.safetensors."""

    def __init__(self, folder: str | os.PathLike[str], config: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = dict(config)
        write_json(self.folder / "config.json", self.config)

    @classmethod
    def new(cls, root: str | os.PathLike[str], config: Mapping[str, Any]) -> Run:
        """A fresh folder under ``root``, named by the time."""
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        for i in range(1, 1000):
            folder = Path(root) / (stamp if i == 1 else f"{stamp}_{i}")
            with contextlib.suppress(FileExistsError):  # to make it is the only sure sign that no other run has it
                folder.mkdir(parents=True)
                return cls(folder, config)
        raise FileExistsError(f"Run: a thousand runs started in one second under {root}")

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    def log(self, **row: Any) -> None:
        """Add a line to metrics.jsonl."""
        with open(self.metrics, "a") as file:
            file.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a last line that a crash cut short is left out."""
        rows = []
        for line in self.metrics.read_text().splitlines() if self.metrics.exists() else ():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return rows

    def forget_after(self, step: int) -> None:
        """Drop the lines past ``step``: a resumed run writes them again."""
        kept = [r for r in self.rows() if r.get("step", 0) <= step]
        with written(self.metrics) as part:
            part.write_text("".join(json.dumps(r) + "\n" for r in kept))


def newest_checkpoint(root: str | os.PathLike[str]) -> Path:
    """The checkpoint of the newest run under ``root`` that has one."""
    found = sorted(Path(root).glob("*/checkpoint.safetensors"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise FileNotFoundError(f"no checkpoint under {root}; train first, or name the file of one")
    return found[-1]
