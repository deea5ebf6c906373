"""Starting a kernel: ``launch(file, name, grid, block, args, shared)``, on a GPU through CuPy or in the emulator.

Each argument is held against the parameter that the source declares: arrays must have the pointer's type and lie in
memory without gaps, numbers are converted. A wrong call is a TypeError with the parameter's name, where a GPU would
read garbage. A source is compiled once, from one string with its includes pasted in: CuPy keeps what it compiled by
that string alone and would not see that an included file has changed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from minigen.kernels.source import CUDA, inlined

from . import pretend
from .capture import CapturedStream, PretendedStream

OPTIONS = ("-std=c++17",)  # CuPy adds -ftz=true and the architecture; no fast math, no TF32: float32 means float32
_TYPES = {
    "float": np.float32, "double": np.float64, "int": np.int32, "unsigned": np.uint32, "long long": np.int64,
    "unsigned long long": np.uint64,
}  # fmt: skip
_KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(([^)]*)\)")
_NULL = np.uintp(0)
Shape = tuple[int, ...]


@cache
def text_of(file: str) -> str:
    """The whole text of ``kernels/cuda/<file>.cu``."""
    return inlined(CUDA / f"{file}.cu")


@cache
def parameters(file: str) -> dict[str, list[tuple[str, type, bool]]]:
    """{kernel: [(parameter, NumPy's type, is it a pointer), ...]} of a file."""
    code = re.sub(r"//[^\n]*", "", text_of(file))
    found: dict[str, list[tuple[str, type, bool]]] = {}
    for name, declared in _KERNEL.findall(code):
        rows: list[tuple[str, type, bool]] = []
        for parameter in declared.split(","):
            *kind_words, word = re.findall(r"\w+|\*", parameter)
            base = " ".join(w for w in kind_words if w not in ("const", "__restrict__", "*"))
            rows.append((word, _TYPES[base], "*" in kind_words))
        found[name] = rows
    return found


def checked(file: str, name: str, args: Sequence[Any], views: bool = False) -> list[Any]:
    """The arguments as the kernel reads them, or a TypeError that names the parameter. ``views`` have strides."""
    declared = parameters(file)[name]
    if len(args) != len(declared):
        raise TypeError(f"{name}: takes {len(declared)} arguments, got {len(args)}")
    ready = []
    for value, (word, kind, pointer) in zip(args, declared, strict=True):
        if not pointer:
            ready.append(kind(value))
            continue
        if value is not None:
            if value.dtype != kind:
                raise TypeError(f"{name}: {word} must be {np.dtype(kind)}, got an array of {value.dtype}")
            if not views and not value.flags.c_contiguous:
                raise TypeError(f"{name}: {word} of shape {value.shape} must lie in row-major order without gaps")
        ready.append(value)
    return ready


class Launcher:
    """Compiles a file when one of its kernels is first launched, and checks every launch."""

    @property
    def multiprocessors(self) -> int:
        """Among how many blocks can be dealt out: an H100's number where no GPU can be asked."""
        return 132

    def __init__(self) -> None:
        self.functions: dict[tuple[str, str], Any] = {}

    def compile(self, file: str) -> Any:
        """A module with ``get_function(name)``."""
        raise NotImplementedError

    def address(self, array: Any) -> int:
        """Where the array's first element lies, for tables of arrays."""
        raise NotImplementedError

    def synchronize(self) -> None:
        """Wait until all launches have ended."""

    def empty_cache(self) -> None:
        """Give free memory back."""

    def stream(self, xp: Any) -> Any:
        """What a step is captured with."""
        raise RuntimeError('graph: only a GPU\'s stream can be captured; move the model with .to("cuda")')

    def __call__(
        self, file: str, name: str, grid: Shape, block: Shape, args: Sequence[Any], shared: int = 0,
        *, views: bool = False, reachable: Sequence[Any] = (),
    ) -> None:  # fmt: skip
        """Launch kernel ``name`` of ``kernels/cuda/<file>.cu`` (an empty grid does nothing).

        ``views``: arrays may have strides. ``reachable``: arrays whose addresses stand in a table among the arguments.
        """
        function = self.functions.get((file, name))
        if function is None:
            function = self.functions[file, name] = self.compile(file).get_function(name)
        ready = checked(file, name, args, views)
        if shared > 48 << 10:  # more has to be asked for
            function.max_dynamic_shared_size_bytes = shared
        if 0 not in grid:
            self.run(function, grid, block, ready, shared, reachable)

    def run(
        self, function: Any, grid: Shape, block: Shape, args: list[Any], shared: int, reachable: Sequence[Any]
    ) -> None:
        function(grid, block, tuple(args), shared_mem=shared)


class Emulated(Launcher):
    """The emulator: threads of a GPU as fibers of the CPU."""

    modules: dict[tuple[str, bool, str], Any] = {}  # noqa: RUF012 - compiled once for all

    def __init__(self, looks: bool = False, order: str = "forward", sanitizer: str = "") -> None:
        super().__init__()
        # look at every access; in which order threads and blocks run; "address" or "thread": the compiler's sanitizers
        self.looks, self.order, self.sanitizer = looks, order, sanitizer

    def compile(self, file: str) -> Any:
        from minigen.kernels import emulator

        key = file, self.looks, self.sanitizer
        if key not in self.modules:
            self.modules[key] = emulator.load(
                CUDA / f"{file}.cu", options=OPTIONS, checked=self.looks, sanitizer=self.sanitizer
            )
        return self.modules[key]

    def address(self, array: Any) -> int:
        return getattr(array, "host", array).ctypes.data

    def run(
        self, function: Any, grid: Shape, block: Shape, args: list[Any], shared: int, reachable: Sequence[Any]
    ) -> None:
        hosts = tuple([getattr(a, "host", a) for a in args])
        options: dict[str, Any] = {"shared_mem": shared, "order": self.order}
        if (self.looks or self.sanitizer) and reachable:
            options["reachable"] = [getattr(a, "host", a) for a in reachable]
        function(grid, block, hosts, **options)
        pretend.note(lambda: function(grid, block, hosts, **options))

    def stream(self, xp: Any) -> Any:
        return PretendedStream(xp) if xp is pretend.xp else super().stream(xp)


class OnDevice(Launcher):
    """CuPy: NVRTC compiles, the driver launches, on CuPy's current stream."""

    def __init__(self, cupy: Any) -> None:
        super().__init__()
        self.cupy = cupy

    @functools.cached_property
    def multiprocessors(self) -> int:
        return self.cupy.cuda.runtime.getDeviceProperties(self.cupy.cuda.Device().id)["multiProcessorCount"]

    def compile(self, file: str) -> Any:
        try:
            module = self.cupy.RawModule(code=text_of(file), options=OPTIONS, backend="nvrtc")
            module.compile()
        except Exception as error:  # CuPy's own classes, among them CompileException
            raise RuntimeError(
                f"NVRTC refuses kernels/cuda/{file}.cu: {error}; do the versions of NVRTC and CuPy belong together? "
                "See `minigen doctor`"
            ) from error
        return module

    def address(self, array: Any) -> int:
        return array.data.ptr

    def synchronize(self) -> None:
        self.cupy.cuda.runtime.deviceSynchronize()

    def stream(self, xp: Any) -> Any:
        return CapturedStream(self.cupy)

    def empty_cache(self) -> None:
        self.cupy.get_default_memory_pool().free_all_blocks()

    def run(
        self, function: Any, grid: Shape, block: Shape, args: list[Any], shared: int, reachable: Sequence[Any]
    ) -> None:
        # CuPy hands None over as the address -1
        function(grid, block, tuple([_NULL if a is None else a for a in args]), shared_mem=shared)
