"""The loop: steps with progress, a checkpoint after each epoch, Ctrl-C, bitwise resuming, limits in epochs and time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import checkpoint, random
from .guard import Interrupt, explain
from .run import Run

SAVE_EVERY = 300.0  # seconds: an epoch may be long, and a crash should cost little


def train(
    run: Run,
    parts: Mapping[str, Any],
    loader: Any,
    step: Callable[..., dict[str, float]],
    *,
    epochs: int | None,
    after_epoch: Callable[[int], None],
    resume: Path | None = None,
    max_steps: int | None = None,
    budget: float | None = None,
    before_step: Callable[[float], None] = lambda progress: None,
    show: Callable[[dict[str, float]], dict[str, Any]] = dict,
) -> bool:
    """Call ``step(*batch)`` for every batch of ``epochs`` epochs; True if it came to the end, False if Ctrl-C ended it.

    ``parts`` are the objects with ``state_dict``: they, the loader's position, the default random generator and the
    step count are saved after each epoch, every five minutes and at Ctrl-C. A resumed run continues bitwise as if it
    had never stopped. A loss that is not finite stops the run, and names step, loss and the op that made it.

    ``budget`` is a limit in minutes spent on steps (loading included; pictures and checkpoints not), over all resumes;
    ``epochs=None`` leaves it alone to decide. ``before_step`` is told how far the run is, in [0, 1]: the larger of
    steps done / steps and minutes used / budget, so that a schedule comes to its end within either limit.
    Raises ValueError without a limit, or with a loader that gives no batch.
    """
    from tqdm import tqdm

    if len(loader) == 0:
        raise ValueError("train: the loader gives no batch; is batch_size larger than the data set, with drop_last?")
    total = min(math.inf if epochs is None else epochs * len(loader), math.inf if max_steps is None else max_steps)
    allowed = math.inf if budget is None else budget * 60
    if math.inf == total == allowed:
        raise ValueError("train: there is no limit; give epochs, max_steps or budget")
    done = _restore(run, parts, loader, resume) if resume is not None else 0
    spent = sum(row.get("seconds", 0.0) for row in run.rows())

    def save() -> None:
        state = {"parts": {k: v.state_dict() for k, v in parts.items()}, "loader": loader.state_dict(),
                 "random": random.default_generator.get_state(), "step": done, "config": run.config}  # fmt: skip
        checkpoint.save(run.checkpoint, state)

    if not run.checkpoint.exists():
        save()  # so that a run that fails early can still be resumed
    length = None if total == math.inf else int(total)
    progress = tqdm(total=length, initial=done, unit="step", dynamic_ncols=True, smoothing=0.05)
    with Interrupt() as interrupt, progress as bar:
        began = saved = time.perf_counter()
        for batch, ends_epoch in _batches(loader, total - done if spent < allowed else 0):
            before = random.default_generator.get_state()
            before_step(min(max(done / total, spent / allowed), 1.0))
            try:
                row = step(*batch)
            except FloatingPointError as error:
                bar.close()
                raise FloatingPointError(f"step {done + 1}: {error}; {explain(step, batch, before)}") from None
            done += 1
            seconds = round(-began + (began := time.perf_counter()), 4)
            spent += seconds
            run.log(step=done, **row, seconds=seconds)
            left = {"min left": f"{max(allowed - spent, 0) / 60:.1f}"} if budget else {}
            bar.set_postfix({**show(row), "img/s": f"{len(batch[0]) / max(seconds, 1e-4):.0f}", **left}, refresh=False)
            bar.update()
            if interrupt.asked:
                save()
                return False
            ends = done == total or spent >= allowed
            if ends_epoch or ends or began - saved > SAVE_EVERY:
                save()
                with random.fork_rng():  # what it draws changes no step: a run that goes on from here has not drawn it
                    after_epoch(done)
                began = saved = time.perf_counter()
            if ends:
                break
    return True


def _batches(loader: Any, steps: float) -> Iterator[tuple[Any, bool]]:
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
