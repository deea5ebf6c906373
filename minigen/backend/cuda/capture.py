"""A stream of launches, captured once and replayed: what stands behind ``minigen.cuda.graph``.

While a stream is captured, nothing runs: the driver notes every launch with its arguments, and a replay starts them all
with one call. So numbers that Python hands to a kernel stay what they were. Whatever changes from step to step must lie
in the GPU's memory: the inputs, Adam's step number and learning rate (``hyper``) and the place in the stream of random
numbers (``later``). CuPy refuses its matrix products there, so a captured step computes with our own kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import pretend


class Capture:
    """What one captured step needs beside its launches."""

    def __init__(self, be: Any, stream: Any) -> None:
        self.stream = stream
        self.later = be.xp.zeros((), np.int64)  # added to the offset of the step's random numbers
        self.generator: Any = None  # whose random numbers the step draws on the GPU
        self.begin = self.blocks = 0  # its offset when the capture began; what one replay uses up
        self.hypers: list[tuple[Any, dict[str, Any]]] = []  # (lr, step) on the GPU, and whose group of parameters it is
        self.optimizers: dict[Any, list[dict[str, Any]]] = {}  # each with the groups that it worked on

    def upload(self, host: np.ndarray) -> Any:
        """An array of the GPU that holds ``host``, a constant of the step."""
        return self.stream.upload(host)

    def draws(self, generator: Any, offset: int, blocks: int) -> None:
        """The step has drawn from ``generator``, whose offset was ``offset``."""
        if self.generator is None:
            self.generator, self.begin = generator, offset
        if self.generator is not generator:
            raise RuntimeError("graph: a captured step may draw from one generator only")
        self.blocks += blocks

    def works_on(self, optimizer: Any, group: dict[str, Any]) -> None:
        """``optimizer`` is about to update ``group``."""
        self.optimizers.setdefault(optimizer, []).append(group)

    def group(self) -> dict[str, Any]:
        """The group that an optimiser works on just now."""
        return next(reversed(self.optimizers.values()))[-1]


class PretendedStream:
    """Capturing over the emulator: each array function and launch is noted, and done again by a replay."""

    runs = True  # the step runs while it is captured, which on a GPU it does not

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self.tape: list[Callable[[], Any]] = []

    def run(self, step: Callable[[], Any]) -> Any:
        """The step itself, a first time."""
        return step()

    def upload(self, host: np.ndarray) -> Any:
        return pretend.DeviceArray(host.copy())

    def capture(self, step: Callable[[], Any]) -> Any:
        """Note what ``step`` launches."""
        pretend.tape = self.tape = []
        try:
            return step()
        finally:
            pretend.tape = None

    def replay(self) -> None:
        with np.errstate(all="ignore"):
            for launch in self.tape:
                launch()


class CapturedStream:
    """Capturing with CuPy, on a stream and from a pool of memory that belong to this step alone."""

    runs = False

    def __init__(self, cupy: Any) -> None:
        self.cupy, self.stream, self.pool = cupy, cupy.cuda.Stream(non_blocking=True), cupy.cuda.MemoryPool()
        self.constants = cupy.cuda.MemoryPool()
        self.graph: Any = None
        self.uploads: list[tuple[Any, np.ndarray]] = []

    def upload(self, host: np.ndarray) -> Any:
        """Nothing can be copied from the CPU now; the array is filled when the capture has ended.

        It has a pool of its own: what the step has freed before would be its memory otherwise, and each replay writes
        there once more before it reads the array.
        """
        with self.cupy.cuda.using_allocator(self.constants.malloc):
            array = self.cupy.empty(host.shape, host.dtype)
        self.uploads.append((array, host.copy()))
        return array

    def run(self, step: Callable[[], Any]) -> Any:
        """The step itself, a first time: kernels are compiled, and the pool gets its blocks."""
        return self._apart(step)

    def capture(self, step: Callable[[], Any]) -> Any:
        """Note what ``step`` launches; nothing runs."""

        def captured() -> Any:
            self.stream.begin_capture(self.cupy.cuda.runtime.streamCaptureModeRelaxed)
            try:
                return step()
            finally:
                self.graph = self.stream.end_capture()

        result = self._apart(captured)
        for array, host in self.uploads:
            array.set(host)
        self.cupy.cuda.runtime.deviceSynchronize()
        return result

    def _apart(self, step: Callable[[], Any]) -> Any:
        self.cupy.cuda.runtime.deviceSynchronize()  # what others have launched on their streams
        with self.stream, self.cupy.cuda.using_allocator(self.pool.malloc):
            result = step()
        self.stream.synchronize()
        return result

    def replay(self) -> None:
        self.cupy.cuda.runtime.deviceSynchronize()
        self.graph.launch(self.stream)
        self.stream.synchronize()
