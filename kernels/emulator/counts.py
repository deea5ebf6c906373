"""What a launch asked of memory, instruction by instruction, and how much arithmetic it did.

Loads and stores are counted warp by warp (``counts.cc``). Arithmetic is counted in the machine code: the compiler calls
a function at the head of each piece of straight-line code, so that it is known how often each ran, and the disassembly
says which instructions of floating point stand in it. A fused multiply-add counts as two.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import build

_NUMBERS = ("threads", "bytes", "warps", "sectors", "lines", "waves", "least_waves")


class _Site(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_long), ("shared", ctypes.c_int), ("write", ctypes.c_int),
        *((name, ctypes.c_longlong) for name in _NUMBERS), ("array", ctypes.c_char * 32),
    )  # fmt: skip


@dataclass
class Access:
    """What one line of the source loads from or stores to one array."""

    line: str  # "x.cu:17"
    kind: str  # "global load", "global store", "shared load", "shared store"
    array: str
    threads: int = 0  # executions by single threads
    bytes: int = 0  # that they moved
    warps: int = 0  # executions by warps
    sectors: int = 0  # global: 32-byte sectors that were fetched or written
    lines: int = 0  # global: 128-byte lines that these lie in
    waves: int = 0  # shared: passes through the banks
    least_waves: int = 0  # as many as there had to be

    @property
    def sectors_per_warp(self) -> float:
        """4 if 32 threads take neighbouring floats, up to 32 if each takes a sector of its own."""
        return self.sectors / max(self.warps, 1)

    @property
    def conflicts(self) -> float:
        """How often a warp's access to shared memory had to be repeated: 1 is none, 32 the worst."""
        return self.waves / max(self.least_waves, 1)


@dataclass
class Counts:
    """A launch in numbers; ``str()`` is a table."""

    kernel: str
    accesses: list[Access]
    flops: int

    @classmethod
    def of(cls, library: Any, path: Path, kernel: str) -> Counts:
        """Of the last launch of a library that counted."""
        first = ctypes.POINTER(_Site)()
        sites = first[: library.emu_counts(ctypes.byref(first))]
        found: dict[tuple[str, str, str], Access] = {}
        for site, line in zip(sites, build.lines(path, [s.code for s in sites]) if sites else (), strict=True):
            kind = f"{'shared' if site.shared else 'global'} {'store' if site.write else 'load'}"
            key = line, kind, site.array.decode(errors="replace")
            into = found.setdefault(key, Access(*key))
            for name in _NUMBERS:
                setattr(into, name, getattr(into, name) + getattr(site, name))
        library.emu_visits.restype = ctypes.POINTER(ctypes.c_uint)
        library.emu_counted_flops.restype = ctypes.POINTER(ctypes.c_longlong)
        visits = library.emu_visits()
        flops = sum(n * visits[at] for at, n in _arithmetic(path)) + library.emu_counted_flops()[0]
        return cls(kernel, sorted(found.values(), key=lambda a: (a.kind, _by_number(a.line), a.array)), flops)

    def total(self, kind: str) -> Access:
        """All accesses of a kind ("global load" and so on) together."""
        whole = Access("", kind, "")
        for access in self.accesses:
            if access.kind == kind:
                for name in _NUMBERS:
                    setattr(whole, name, getattr(whole, name) + getattr(access, name))
        return whole

    @property
    def global_bytes(self) -> int:
        """Bytes that travel between global memory and the chip if no cache helps: whole sectors."""
        return 32 * (self.total("global load").sectors + self.total("global store").sectors)

    @property
    def intensity(self) -> float:
        """Floating-point operations per byte of those."""
        return self.flops / max(self.global_bytes, 1)

    def __str__(self) -> str:
        rows = [("line", "what", "by threads", "by warps", "per warp", "")]
        for a in self.accesses:
            if a.kind.startswith("global"):
                per_warp = f"{a.sectors_per_warp:.1f} sectors"
                words = (
                    "" if a.bytes >= 16 * a.sectors else f"{a.bytes / (32 * a.sectors):.0%} of what is moved is used"
                )
            else:
                per_warp = f"{a.waves / max(a.warps, 1):.1f} passes"
                words = "" if a.conflicts < 1.05 else f"bank conflicts: {a.conflicts:.1f} times what is needed"
            rows.append((a.line, f"{a.kind} of {a.array}", f"{a.threads:,}", f"{a.warps:,}", per_warp, words))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = [
            "  ".join(
                cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=False))
            )
            + ("  " + row[5] if row[5] else "")
            for row in rows
        ]
        lines.append(
            f"{self.flops:,} floating-point operations, {self.global_bytes:,} bytes to and from global memory: "
            f"{self.intensity:.2f} operations per byte"
        )
        return "\n".join(lines)


def _by_number(line: str) -> tuple[str, int]:
    name, _, number = line.rpartition(":")
    return name, int(number) if number.isdecimal() else 0


_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
_ONCE = re.compile(r"v?(add|sub|mul|div|sqrt|max|min)s[sd]$|f(add|sub|mul|div|sqrt|max|min|maxnm|minnm)$")
_TWICE = re.compile(r"vfn?m(add|sub)\w*s[sd]$|fn?m(add|sub)$")
_FUNCTIONS = re.compile(r"<(exp|log|sin|cos|tan|tanh|pow|erf|erfc|exp2|log2|expm1|log1p|sqrt|fma|fmax|fmin)f?(@plt)?>")


def _arithmetic(path: Path) -> Iterator[tuple[int, int]]:
    """(offset of its first instruction, floating-point operations) of each piece of straight-line code."""
    command = ["objdump", "-d", "--no-show-raw-insn", str(path)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    start, operations, begins = None, 0, False
    for line in listing.splitlines():
        if line.endswith(">:"):  # another function
            if start is not None and operations:
                yield start, operations
            start, operations, begins = None, 0, False
            continue
        if not (found := _INSTRUCTION.match(line)):
            continue
        address, name, rest = int(found[1], 16), found[2], found[3]
        if begins:
            start, begins = address, False
        if "__sanitizer_cov_trace_pc" in rest:
            if start is not None and operations:
                yield start, operations
            start, operations, begins = None, 0, True
        elif _TWICE.match(name):
            operations += 2
        elif _ONCE.match(name) or _FUNCTIONS.search(rest):
            operations += 1
    if start is not None and operations:
        yield start, operations
