"""A kernel's examination: run it, run it backwards, compare with what was expected, and count."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import job as jobs
from .counts import Counts
from .loading import load
from .module import POISON, KernelError

SANITIZERS = {"address": "AddressSanitizer", "thread": "ThreadSanitizer"}


def run(path: Path, job: jobs.Job, say: Callable[[str], Any], sanitizer: str = "") -> int:
    """Examine the kernel in ``path``, line by line through ``say``; 1 if something is wrong with it, else 0.

    With a ``sanitizer`` ("address" or "thread") that tool looks instead of the emulator, and nothing is counted.
    """
    module = load(path, checked=not sanitizer, sanitizer=sanitizer)
    name = job.kernel or (module.kernels[0] if len(module.kernels) == 1 else "")
    if name not in module.kernels:
        have = ", ".join(module.kernels) or "none"
        raise jobs.JobError(f"which kernel? {path.name} has: {have}; write //! kernel NAME")
    if not job.grid or not job.block:
        raise jobs.JobError(f"how many threads? {jobs.HELP}")
    kernel, declared = module.get_function(name), module.parameters[name]
    given, names = jobs.arguments(job, declared)
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in given]
    counts = None
    try:
        kernel(job.grid, job.block, given, job.shared)
        backwards, again = ([a.copy() if isinstance(a, np.ndarray) else a for a in before] for _ in range(2))
        if not sanitizer:
            kernel(job.grid, job.block, backwards, job.shared, order="reverse")
            counts = kernel.count(job.grid, job.block, again, job.shared)
    except KernelError as error:
        say(f"WRONG  {error}")
        for line in _quoted(path, str(error)):
            say(line)
        return 1
    except (TypeError, ValueError) as error:
        raise jobs.JobError(str(error)) from error
    faults = [
        *(() if sanitizer else _differences(declared, given, backwards)),
        *_unwritten(declared, given),
        *_unexpected(job, declared, given, names),
    ]
    for fault in faults:
        say(f"WRONG  {fault}")
    if not faults:
        found = "no access outside of an array, none before a write, no race, the same backwards"
        found = f"{SANITIZERS[sanitizer]} finds nothing" if sanitizer else found
        expected = f", {', '.join(job.expected)} as expected" if job.expected else ""
        say(f"right  {name}: {found}{expected}")
    if counts is not None:
        say("")
        say(str(counts))
        for advice in advised(counts):
            say(advice)
    return 1 if faults else 0


def _quoted(path: Path, message: str) -> Iterator[str]:
    """The source lines that a message names."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number in dict.fromkeys(map(int, re.findall(rf"{re.escape(path.name)}:(\d+)", message))):
        if 0 < number <= len(lines):
            yield f"{number:7} | {lines[number - 1]}"


def _differences(declared: list[tuple[str, str]], forward: list[Any], backwards: list[Any]) -> Iterator[str]:
    for (_, name), a, b in zip(declared, forward, backwards, strict=True):
        if isinstance(a, np.ndarray) and (differs := a.view(np.uint8) != b.view(np.uint8)).any():
            where = np.argwhere(differs.reshape(*a.shape, a.itemsize).any(-1))
            yield (
                f"{name}{_index(where[0])} depends on the order of the threads: {a[tuple(where[0])]} forwards and "
                f"{b[tuple(where[0])]} backwards; atomics on float add in any order, or a barrier is missing"
            )


def _unwritten(declared: list[tuple[str, str]], given: list[Any]) -> Iterator[str]:
    for (_, name), a in zip(declared, given, strict=True):
        if isinstance(a, np.ndarray) and a.dtype == np.float32 and (left := a.view(np.uint32) == POISON).any():
            first = f"{name}{_index(np.argwhere(left)[0])}"
            yield f"{left.sum()} of {a.size} elements of {name} were never written, the first is {first}"


def _unexpected(
    job: jobs.Job, declared: list[tuple[str, str]], given: list[Any], names: dict[str, Any]
) -> Iterator[str]:
    results = {name: a for (_, name), a in zip(declared, given, strict=True) if isinstance(a, np.ndarray)}
    for name, text in job.expected.items():
        if name not in results:
            raise jobs.JobError(f"expect {name}: the kernel has no array of that name, but {', '.join(results)}")
        with np.errstate(invalid="ignore"):  # what was never written
            got = results[name].astype(np.float64)
        want = np.broadcast_to(np.asarray(jobs.evaluate(text, f"expect {name}", names), np.float64), got.shape)
        scale = max(float(np.abs(want).max(initial=0)), 1e-30)
        wrong = ~((np.abs(got - want) <= 1e-5 * scale) | (np.isnan(got) & np.isnan(want)) | (got == want))
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            yield (
                f"{wrong.sum()} of {got.size} elements of {name} are not as expected, the first is {name}{_index(at)}: "
                f"{got[at]:.7g} instead of {want[at]:.7g}"
            )


def _index(at: Any) -> str:
    return f"[{', '.join(str(int(i)) for i in at)}]"


def advised(counts: Counts) -> Iterator[str]:
    """What would make the memory's work smaller."""
    for a in counts.accesses:
        if a.kind.startswith("global") and a.sectors_per_warp > 8 and a.bytes < 16 * a.sectors:
            yield (
                f"{a.line}: a warp's {a.kind} of {a.array} touches {a.sectors_per_warp:.0f} sectors of 32 bytes and "
                f"uses {a.bytes / (32 * a.sectors):.0%} of them: let neighbouring threads (threadIdx.x) take "
                "neighbouring addresses"
            )
        if a.kind.startswith("shared") and a.conflicts >= 1.5:
            yield (
                f"{a.line}: lanes of a warp wait for each other for {a.array}, {a.conflicts:.1f} passes where one "
                "would do: rows one element longer put neighbours into different banks"
            )
