"""Kernels under the compiler's own sanitizers, for addresses or for races, with a real thread for each of CUDA's.

A second opinion beside the emulator's own checks (``checks.cc``), by tools that know nothing of this project. A launch
is written to a file, a program of its own runs it (``threads.cc``) and writes the arrays back; what the sanitizer
reports is said again in the kernel's terms: its line, its thread, its argument. Only the kernel's text is looked at,
and the blocks of a grid run one after the other.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import build, memory
from .module import Kernel, KernelError, Module

SECONDS = 120  # for one launch
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=0:exitcode=66:detect_stack_use_after_return=0",
    "TSAN_OPTIONS": "halt_on_error=1:exitcode=66:history_size=4",
    "UBSAN_OPTIONS": "print_stacktrace=0",
}


class Sanitized(Module):
    """The kernels of one source text, each launch in a process of its own."""

    def __init__(self, text: str, options: Sequence[str], sanitizer: str) -> None:
        if sanitizer not in build.SANITIZED:
            raise ValueError(f"load: sanitizer must be 'address' or 'thread', got {sanitizer!r}")
        if not sys.platform.startswith("linux"):
            raise RuntimeError("load: the sanitizers run on Linux only; checked=True looks at every access anywhere")
        super().__init__(text, options, False)  # which knows the parameters' sizes
        self.sanitizer, self.program = sanitizer, build.program(text, options, sanitizer)
        self.files = set(re.findall(r'^#line \d+ "(.*)"', text, re.MULTILINE))

    def get_function(self, name: str) -> Kernel:
        super().get_function(name)  # or the error
        return SanitizedKernel(self, name, self._entries[name], [name for _, name in self.parameters[name]])


class SanitizedKernel(Kernel):
    """A kernel whose launches a sanitizer follows."""

    module: Sanitized

    def _launch(
        self,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        args: Sequence[Any],
        shared_mem: int,
        order: str,
        reachable: Sequence[np.ndarray],
        counting: bool,
    ) -> None:
        sizes, cells = self._understood(grid, block, args, shared_mem, order)
        number = list(self.module.parameters).index(self.name)
        arrays = {f"reachable {i}": a for i, a in enumerate(reachable)}
        arrays |= {name: a for name, a in zip(self.parameters, args, strict=True) if isinstance(a, np.ndarray)}
        launch = Launch(arrays)
        for value, cell in zip(args, cells, strict=True):
            launch.argument(value, cell)
        if reachable:
            for a in args:
                launch.addresses(a)
        head = [number, *sizes[0], *sizes[1], shared_mem, int(order == "reverse")]
        with tempfile.TemporaryDirectory() as folder:
            given, back = Path(folder) / "launch", Path(folder) / "arrays"
            given.write_bytes(launch.text(head))
            try:
                done = subprocess.run(
                    [str(self.module.program), str(given), str(back)], env={**os.environ, **ENVIRONMENT},
                    capture_output=True, text=True, errors="replace", timeout=SECONDS, preexec_fn=_same_addresses,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise KernelError(f"{self.name}: has not ended after {SECONDS} s under a sanitizer") from None
            if done.returncode:
                raise KernelError(f"{self.name}: {said(done.stderr, self.module.files, done.returncode)}")
            launch.bring_back(np.fromfile(back, np.uint8))


class Launch:
    """What a program must know of a launch, as threads.cc reads it."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.places = {name: memory.place(a) for name, a in arrays.items() if a.size}
        self.stretches = memory.overlapping([(p.low, p.high) for p in self.places.values()])
        self.arrays, self.arguments, self.moved = list[bytes](), list[bytes](), list[bytes]()
        for low, high in self.stretches:  # those that overlap are one
            name = next(name for name, p in reversed(self.places.items()) if low <= p.low < high)
            about = struct.pack("=3q64s", high - low, low % 256, arrays[name].itemsize, name.encode()[:63])
            self.arrays.append(about + memory.bytes_at(low, high).tobytes())

    def where(self, address: int) -> tuple[int, int] | None:
        """(the stretch, the place in it) of an address."""
        return next(((i, address - low) for i, (low, high) in enumerate(self.stretches) if low <= address < high), None)

    def argument(self, value: Any, cell: Any) -> None:
        array = isinstance(value, np.ndarray)
        place = self.where(value.ctypes.data) if array and value.size else None
        kind = 1 if place else 2 if array or value is None else 0
        data = bytes(cell) if kind == 0 else b""
        self.arguments.append(struct.pack("=3q64s", kind, *(place or (0, 0)), data))

    def addresses(self, a: Any) -> None:
        """The elements of a table that are addresses of other arrays: they lie elsewhere in another process."""
        if isinstance(a, np.ndarray) and a.itemsize == 8 and a.dtype.kind in "iu" and a.size:
            for i, address in enumerate(a.ravel().tolist()):
                if there := self.where(address):
                    stretch, at = self.where(a.ctypes.data) or (0, 0)
                    self.moved.append(struct.pack("=4q", stretch, at + 8 * i, *there))

    def text(self, head: list[int]) -> bytes:
        parts = (self.arrays, self.arguments, self.moved)
        return struct.pack("=12q", *head, *map(len, parts)) + b"".join(b"".join(part) for part in parts)

    def bring_back(self, whole: np.ndarray) -> None:
        at = 0
        for low, high in self.stretches:
            new, old = whole[at : at + high - low], memory.bytes_at(low, high)
            if not np.array_equal(new, old):  # an array that was only read may be one that nobody may write
                old[:] = new
            at += high - low


def _same_addresses() -> None:
    """ThreadSanitizer wants memory where it expects it: no random addresses (personality ADDR_NO_RANDOMIZE)."""
    ctypes.CDLL(None).personality(0x0040000)


# what is said ---------------------------------------------------------------------------------------------------
def said(report: str, files: set[str], status: int) -> str:
    """A sanitizer's report in the kernel's terms; the report's own beginning where it is of another kind."""
    if "ThreadSanitizer: data race" in report:
        return _race(report, files)
    if found := re.search(r"^(?:.*/)?([^/\s:]+:\d+):\d+: runtime error: (.*)$", report, re.MULTILINE):
        return f"{found[1]}: {found[2]} (UndefinedBehaviorSanitizer: bounds)"
    if found := re.search(r"ERROR: AddressSanitizer: (\S+)", report):
        who = re.search(r"^emu: (thread .*)$", report, re.MULTILINE)
        line = next(_lines(report[found.start() :], files), "?")
        return f"{line}: {who[1] if who else 'a thread touches memory that it may not touch'}{_shared(report)} " + (
            f"(AddressSanitizer: {found[1]})"
        )
    if status == -14:
        return "has not ended: a thread waits for one that has returned, or loops for ever"
    words = [line for line in report.splitlines() if not line.startswith("emu: array")]
    return "\n".join(words[:12]).removeprefix("emu: ") or f"the program ended with status {status}"


def _lines(report: str, files: set[str]) -> Iterator[str]:
    """The kernel's lines in a stack trace, the innermost first."""
    for found in re.finditer(r"^\s+#\d+ .*?([^/\s]+):(\d+)(?::\d+)?(?: \(|$)", report, re.MULTILINE):
        if found[1] in files:
            yield f"{found[1]}:{found[2]}"


def _shared(report: str) -> str:
    """", past the end of shared array `tile`", where AddressSanitizer says so."""
    pattern = r"is located (\d+) bytes (after|before|to the right of|to the left of) global variable '([^']+)'"
    if not (found := re.search(pattern, report)):
        return ""
    side = "past the end" if found[2] in ("after", "to the right of") else "before the beginning"
    return f", {side} of shared array `{found[3].split('::')[-1]}`"


def _race(report: str, files: set[str]) -> str:
    """Two accesses, who made them, and to what."""
    names = dict(re.findall(r"Thread (T\d+) '([\d,]+)'", report))
    accesses = []
    access = r"^\s+(?:Previous )?(?:atomic )?(write|read) of size (\d+) at (0x\w+) by (?:thread (T\d+)|main).*\n"
    pattern = access + r"((?:\s+#.*\n)+)"
    for found in re.finditer(pattern, report, re.MULTILINE | re.IGNORECASE):
        who = f"thread ({names.get(found[4], found[4])})"
        accesses.append((found[1].lower(), found[2], who, next(_lines(found[5], files), "?"), int(found[3], 16)))
    if len(accesses) < 2:
        return "\n".join(report.splitlines()[:12])
    (verb, size, who, line, at), (other_verb, _, other, other_line, _) = accesses[:2]
    verb, other_verb, what = f"{verb}s", f"{other_verb}s", ""
    if place := re.search(r"Location is global '([^']+)'", report):
        what = f" of shared array `{place[1].split('::')[-1]}`"
    for name, low, count in re.findall(r"^emu: array (.+) (0x\w+) (\d+)$", report, re.MULTILINE):
        if int(low, 16) <= at < int(low, 16) + int(count):
            what = f" of argument `{name}`"
    return (
        f"{line}: {who} {verb} {size} bytes{what} that {other} {other_verb} at {other_line}, and no __syncthreads "
        "stands between (ThreadSanitizer: data race)"
    )
