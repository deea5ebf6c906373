"""The loop that scripts share: a folder per run, progress, checkpoints, Ctrl-C, resuming, and a guard against NaN."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import checkpoint, random
from .anomaly import Anomaly
from .autograd import detect_anomaly
from .tensor import Tensor

INTERRUPTED = 130  # the exit status of a program that Ctrl-C ended


class Run:
    """A folder with config.json, metrics.jsonl and checkpoint.safetensors."""

    def __init__(self, folder: str | os.PathLike[str], config: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = dict(config)
        (self.folder / "config.json").write_text(json.dumps(self.config, indent=2) + "\n")

    @classmethod
    def new(cls, root: str | os.PathLike[str], config: Mapping[str, Any]) -> Run:
        """A fresh folder under ``root``, named by the time."""
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        for i in range(1, 1000):
            folder = Path(root) / (stamp if i == 1 else f"{stamp}_{i}")
            if not folder.exists():
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
        part = self.metrics.with_suffix(".part")
        part.write_text("".join(json.dumps(r) + "\n" for r in kept))
        os.replace(part, self.metrics)


def newest_checkpoint(root: str | os.PathLike[str]) -> Path:
    """The checkpoint of the newest run under ``root`` that has one."""
    found = sorted(Path(root).glob("*/checkpoint.safetensors"), key=lambda p: p.stat().st_mtime)
    if not found:
        raise FileNotFoundError(f"no checkpoint under {root}; train first, or name the file of one")
    return found[-1]


class Interrupt:
    """Ctrl-C asks for an end between two steps, so that what is saved is a whole step; a second Ctrl-C ends at once."""

    def __enter__(self) -> Interrupt:
        self.asked = False
        self._before: Any = None
        with contextlib.suppress(ValueError):  # not in the main thread: Ctrl-C does not arrive here
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def _ask(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __exit__(self, *error: Any) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)


def finite(name: str, loss: Tensor) -> float:
    """The loss as a number, or FloatingPointError. Call it before the update: then no parameter is touched by a NaN."""
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(f"{name} is {value}")
    return value


def train(
    run: Run,
    parts: Mapping[str, Any],
    loader: Any,
    step: Callable[..., dict[str, float]],
    *,
    epochs: int,
    after_epoch: Callable[[int], None],
    resume: Path | None = None,
    max_steps: int | None = None,
    show: Callable[[dict[str, float]], dict[str, Any]] = dict,
) -> bool:
    """Call ``step(*batch)`` for every batch of ``epochs`` epochs; True if it came to the end, False if Ctrl-C ended it.

    ``parts`` are the objects with ``state_dict``: they, the loader's position, the default random generator and the
    step count are saved after each epoch and at Ctrl-C. A resumed run continues bitwise as if it had never stopped. A
    loss that is not finite stops the run, and names step, loss and the op that made it.
    """
    from tqdm import tqdm

    done = _restore(run, parts, loader, resume) if resume is not None else 0
    total = epochs * len(loader) if max_steps is None else min(max_steps, epochs * len(loader))

    def save() -> None:
        state = {"parts": {k: v.state_dict() for k, v in parts.items()}, "loader": loader.state_dict(),
                 "random": random.default_generator.get_state(), "step": done, "config": run.config}  # fmt: skip
        checkpoint.save(run.checkpoint, state)

    if not run.checkpoint.exists():
        save()  # so that a run that fails early can still be resumed
    progress = tqdm(total=total, initial=done, unit="step", dynamic_ncols=True, smoothing=0.05)
    with Interrupt() as interrupt, progress as bar:
        for batch, ends_epoch in _batches(loader, total - done):
            began, before = time.perf_counter(), random.default_generator.get_state()
            try:
                row = step(*batch)
            except FloatingPointError as error:
                bar.close()
                raise FloatingPointError(f"step {done + 1}: {error}; {_explain(step, batch, before)}") from None
            done += 1
            seconds = time.perf_counter() - began
            run.log(step=done, **row, seconds=round(seconds, 4))
            bar.set_postfix({**show(row), "img/s": f"{len(batch[0]) / seconds:.0f}"}, refresh=False)
            bar.update()
            if interrupt.asked:
                save()
                return False
            if ends_epoch or done == total:
                save()
                after_epoch(done)
    return True


def _batches(loader: Any, steps: int) -> Iterator[tuple[Any, bool]]:
    """``steps`` batches over as many epochs as it takes, each with whether it is the last of its epoch."""
    while steps > 0:
        left = len(loader) - loader.state_dict()["batch"]
        for batch in loader:
            left -= 1
            steps -= 1
            yield batch, left == 0
            if steps == 0:
                return


def _restore(run: Run, parts: Mapping[str, Any], loader: Any, path: Path) -> int:
    state = checkpoint.load(path)
    unknown = set(parts) ^ set(state.get("parts", {}))
    if unknown:
        raise ValueError(f"{path} is a checkpoint of another kind of run: {', '.join(sorted(unknown))} do not match")
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    loader.load_state_dict(state["loader"])
    random.default_generator.set_state(tuple(state["random"]))
    run.forget_after(state["step"])
    return state["step"]


def _explain(step: Callable[..., dict[str, float]], batch: Any, before: tuple[int, int]) -> str:
    """Run the failing batch again with every op checked, to name the one that made the first NaN or inf.

    An inf that was brought along may be meant (a mask, say). Then the first NaN tells more, if there is one.
    """
    found = _replay(step, batch, before)
    if isinstance(found, Anomaly) and found.brought:
        later = _replay(step, batch, before, check_inf=False)
        if isinstance(later, Anomaly) and not later.brought:
            return f"{found}\nand the first NaN: {later}"
    return str(found or "run again with every op checked, it did not recur")


def _replay(step: Callable, batch: Any, before: tuple[int, int], **what: bool) -> FloatingPointError | None:
    random.default_generator.set_state(before)
    try:
        with detect_anomaly(**what):
            step(*batch)
    except FloatingPointError as error:
        return error
    return None
