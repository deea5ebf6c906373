"""Training for a given time: how PyTorch's runs are trained that a run of minigen with --budget is compared with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any


def train(step: Callable[[Any, float], Any], batches: Iterable[Any], limit: float) -> tuple[list[Any], float]:
    """step(batch, share of the time that is over) until the steps have taken ``limit`` seconds.

    Returns what the steps returned, and how many seconds they took; only steps are timed. Ctrl-C ends the training
    early, and what it has learnt is kept: then the seconds stay below the limit.
    """
    from tqdm import tqdm

    returned: list[Any] = []
    seconds = 0.0
    shown = "{l_bar}{bar}| {n:.1f} of {total:.1f} min, {postfix}"
    with tqdm(total=limit / 60, bar_format=shown, file=sys.stderr) as bar:
        try:
            for batch in batches:
                start = perf_counter()
                returned.append(step(batch, seconds / limit))
                took = perf_counter() - start
                seconds += took
                bar.set_postfix_str(f"{len(returned):,} steps", refresh=False)
                bar.update(min(took / 60, bar.total - bar.n))
                if seconds >= limit:
                    break
        except KeyboardInterrupt:
            if not returned:
                raise
            bar.write(f"stopped after {seconds / 60:.1f} minutes: what was learnt until then is used")
    return returned, seconds
