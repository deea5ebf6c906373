"""Kernels that can be launched like CuPy's: ``module.get_function(name)(grid, block, args, shared_mem=0)``."""

from __future__ import annotations

import ctypes
import json
import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import build, memory
from .counts import Counts

_LIMITS = {"grid": (2**31 - 1, 65535, 65535), "block": (1024, 1024, 64)}
_STATIC, _DYNAMIC = 48 << 10, 227 << 10  # bytes of shared memory: without asking, and the most that Hopper gives
_PYTHON = {bool: np.bool_, int: np.int64, float: np.float64}  # as CuPy takes them
POISON = np.uint32(0xFFA5FFA5)  # a NaN that no arithmetic makes


class KernelError(RuntimeError):
    """A kernel did what a kernel must not do; the text says what, where, and which thread it was."""


def empty(shape: int | Sequence[int]) -> np.ndarray:
    """A float32 array whose elements count as never written: a checked kernel that reads one is stopped.

    They are NaN, so that an unchecked kernel's result shows the same mistake.
    """
    return np.full(shape, POISON, np.uint32).view(np.float32)


class _Range(ctypes.Structure):
    _fields_ = (
        ("low", ctypes.c_void_p), ("high", ctypes.c_void_p), ("name", ctypes.c_char_p), ("poisoned", ctypes.c_int),
        ("item", ctypes.c_int), ("shadow", ctypes.c_int),
    )  # fmt: skip


class _Entry(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("count", ctypes.c_int), ("sizes", ctypes.POINTER(ctypes.c_int)),
        ("call", ctypes.c_void_p),
    )  # fmt: skip


_lock = threading.Lock()  # one launch at a time: there is one set of stacks, and a kernel's shared memory is one


_made: list[int] = []


def _stacks(library: Any) -> int:
    """The address of the threads' stacks, made once for all kernels of this process."""
    with _lock:
        if not _made:
            library.emu_make_stacks.restype = ctypes.c_void_p
            if not (address := library.emu_make_stacks()):
                raise MemoryError("the emulator found no memory for its threads' stacks (128 MB of addresses)")
            _made.append(address)
        return _made[0]


class Module:
    """The kernels of one source text, compiled; as cupy.RawModule."""

    def __init__(self, text: str, options: Sequence[str], checked: bool) -> None:
        self.path, self.parameters = build.build(text, options, checked)
        self.checked = checked
        self.compiled = library = ctypes.CDLL(str(self.path))
        library.emu_failure.restype = ctypes.c_char_p
        library.emu_base.restype = ctypes.c_void_p
        library.emu_launch.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_long, ctypes.c_int, ctypes.c_int]
        library.emu_set_stacks(ctypes.c_void_p(_stacks(library)))
        variables = json.loads(self.path.with_suffix(".json").read_text())
        self.shared_bytes = sum(size for _, _, size in variables["shared"])  # of all kernels together
        base = library.emu_base()
        for kind, tell in (("shared", library.emu_set_shared), ("constant", library.emu_set_constants)):
            arrays = variables[kind]
            ranges = (_Range * (len(arrays) + 1))(
                *(_Range(base + at, base + at + size, name.encode(), 0, 4) for name, at, size in arrays)
            )
            tell(len(arrays), ranges)
            setattr(self, f"_{kind}", ranges)  # which holds the names
        table = (_Entry * (len(self.parameters) + 1)).in_dll(library, "emu_kernels")
        self._entries = {entry.name.decode(): entry for entry in table[: len(self.parameters)]}

    @property
    def kernels(self) -> list[str]:
        """The names of its kernels."""
        return list(self._entries)

    def get_function(self, name: str) -> Kernel:
        """The kernel called ``name``; a ValueError lists those that there are."""
        if name not in self._entries:
            raise ValueError(f"get_function: no kernel {name!r}; the source has: {', '.join(self._entries) or 'none'}")
        return Kernel(self, name, self._entries[name], [name for _, name in self.parameters[name]])


class Kernel:
    """One kernel; calling it launches it and waits for its end, as if a synchronisation followed."""

    def __init__(self, module: Module, name: str, entry: Any, parameters: list[str]) -> None:
        self.name, self.module, self.parameters = name, module, parameters
        self._call, self._sizes = entry.call, [entry.sizes[i] for i in range(entry.count)]
        self.max_dynamic_shared_size_bytes = _STATIC  # as in CuPy: more must be asked for

    def __call__(
        self,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        args: Sequence[Any],
        shared_mem: int = 0,
        *,
        order: str = "forward",
        reachable: Sequence[np.ndarray] = (),
    ) -> None:
        """Run ``grid`` blocks of ``block`` threads; ``order="reverse"`` takes blocks and threads last to first.

        ``reachable``: arrays that a checked kernel may touch without getting them as arguments, through a table of
        addresses for instance.
        """
        self._launch(grid, block, args, shared_mem, order, reachable, False)

    def count(
        self, grid: int | Sequence[int], block: int | Sequence[int], args: Sequence[Any], shared_mem: int = 0
    ) -> Counts:
        """Run it and count loads, stores, the memory transactions that they need, bank conflicts and arithmetic."""
        if not self.module.checked:
            raise RuntimeError(f"{self.name}: only a checked kernel counts: load it with checked=True")
        self._launch(grid, block, args, shared_mem, "forward", (), True)
        return Counts.of(self.module.compiled, self.module.path, self.name)

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
        arrays = [(self.parameters[i], a) for i, a in enumerate(args) if isinstance(a, np.ndarray)]
        library = self.module.compiled
        with _lock, memory.placed([a for _, a in arrays], self.module.checked) as places:
            home = iter(places)
            for i, a in enumerate(args):
                if isinstance(a, np.ndarray):
                    cells[i] = ctypes.c_void_p(next(home).address)
            there = [*zip(arrays, places, strict=True), *((("reachable", a), memory.place(a)) for a in reachable)]
            ranges = (_Range * (len(there) + 1))()
            for ((name, a), place), into in zip(there, ranges, strict=False):
                into.low, into.high, into.name, into.item = place.low, place.high, name.encode(), a.itemsize
                into.poisoned = self.module.checked and a.itemsize == 4 and bool((a.view(np.uint32) == POISON).any())
            pointers = (ctypes.c_void_p * (len(cells) + 1))(*(ctypes.addressof(cell) for cell in cells))
            library.emu_set_arguments(len(there), ranges)
            dims = [(ctypes.c_uint * 3)(*size) for size in sizes]
            if library.emu_launch(self._call, pointers, *dims, shared_mem, order == "reverse", counting):
                raise KernelError(self._located(library.emu_failure().decode(errors="replace")))

    def _understood(
        self, grid: int | Sequence[int], block: int | Sequence[int], args: Sequence[Any], shared_mem: int, order: str
    ) -> tuple[list[tuple[int, ...]], list[Any]]:
        """([grid, block] as triples, the memory that holds each argument), or an error that names what is wrong."""
        sizes = [self._triple("grid", grid), self._triple("block", block)]
        if order not in ("forward", "reverse"):
            raise ValueError(f"{self.name}: order must be 'forward' or 'reverse', got {order!r}")
        if len(args) != len(self._sizes):
            names = ", ".join(self.parameters)
            raise TypeError(f"{self.name} takes {len(self._sizes)} arguments ({names}), got {len(args)}")
        if (threads := int(np.prod(sizes[1], dtype=np.int64))) > 1024:
            raise ValueError(f"{self.name}: a block has at most 1024 threads, got {block} = {threads}")
        if not 0 <= shared_mem <= min(self.max_dynamic_shared_size_bytes, _DYNAMIC):
            raise ValueError(
                f"{self.name}: shared_mem must be 0 to {self.max_dynamic_shared_size_bytes} bytes, got {shared_mem}"
                f" (set max_dynamic_shared_size_bytes to have more, up to {_DYNAMIC})"
            )
        return sizes, [self._cell(i, a) for i, a in enumerate(args)]

    def _triple(self, what: str, size: int | Sequence[int]) -> tuple[int, ...]:
        given = [int(n) for n in np.atleast_1d(size)]
        if not 1 <= len(given) <= 3:
            raise ValueError(f"{self.name}: {what} must be one to three integers, got {size}")
        whole = (*given, 1, 1)[:3]
        for axis, n, limit in zip("xyz", whole, _LIMITS[what], strict=True):
            if not 1 <= n <= limit:
                raise ValueError(f"{self.name}: {what}.{axis} must be 1 to {limit}, got {n}")
        return whole

    def _cell(self, i: int, value: Any) -> Any:
        """The memory that holds argument i, of the size that the kernel reads."""
        size, where = self._sizes[i], f"{self.name}: argument {i} `{self.parameters[i]}`"
        if isinstance(value, np.ndarray) or value is None:
            if size != -1:
                raise TypeError(f"{where} is a number of {size} bytes, got {'None' if value is None else 'an array'}")
            return ctypes.c_void_p(None)
        if size == -1:
            raise TypeError(f"{where} is a pointer, got {type(value).__name__}")
        kind = type(value).__name__
        if type(value) in _PYTHON:
            value = _PYTHON[type(value)](value)
        data = value if isinstance(value, bytes) else np.asarray(value).tobytes()
        if len(data) != size:
            raise TypeError(
                f"{where} has {size} bytes, got {kind} of {len(data)}: pass np.int32(n), np.float32(x) or the like"
            )
        return ctypes.create_string_buffer(data, size)

    def _located(self, text: str) -> str:
        """The message with every {at:...} replaced by file and line."""
        offsets = [int(found) for found in re.findall(r"\{at:(-?\d+)\}", text)]
        for offset, place in zip(offsets, build.lines(self.module.path, offsets) if offsets else (), strict=True):
            text = text.replace(f"{{at:{offset}}}", place)
        return f"{self.name}: {text}"
