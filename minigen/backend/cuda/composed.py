"""What the specification does in ways that a GPU cannot, or not repeatably: composed from what it can."""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar

import numpy as np

from ..conv import output_size
from ..numpy import NumpyBackend
from .capture import Capture
from .device import explained

Array = Any
Pair = tuple[int, int]


# op -> the rungs of its ladder, the best last; a single kernel is called "cuda"
LADDERS: dict[str, tuple[str, ...]] = {
    "matmul": (
        "v1_naive", "v2_coalesced", "v3_shared", "v4_register_1d", "v5_register_2d", "v6_vector", "v7_warp", "v8_tf32",
    ),
    "conv2d": ("v1_direct", "v2_shared", "v3_gemm", "v4_warp", "v5_tf32"),
    "conv2d_input": ("v1_direct", "v3_gemm", "v4_warp", "v5_tf32"),
    "conv2d_weight": ("v1_direct", "v3_gemm", "v4_warp", "v5_tf32"),
    "sum": ("v1_tree", "v2_warp", "v3_vector"),
    "softmax": ("v1_tree", "v2_warp", "v3_vector"),
    "layer_norm": ("v1_tree", "v2_warp", "v3_vector"),
    "batch_norm": ("cuda",),
    "group_norm": ("cuda",),
    "cross_entropy": ("cuda",),
    "embedding": ("cuda",),
    "dropout": ("cuda",),
    "adam": ("cuda",),
    "pointwise": ("cuda",),
}  # fmt: skip
# the best one that keeps float32's digits: TF32 is asked for by name
OURS = {op: [rung for rung in ladder if not rung.endswith("tf32")][-1] for op, ladder in LADDERS.items()}


class Composed(NumpyBackend):
    """NumpyBackend on the arrays of ``xp``, without a kernel of our own."""

    def __init__(self, xp: Any, launcher: Any, name: str, device: str, defaults: dict[str, str]) -> None:
        super().__init__()
        self.xp, self.launcher, self.name, self.device, self.defaults = xp, launcher, name, device, defaults
        self.tables: dict[Any, Any] = {}  # what updates.py keeps of Adam's

    # our own kernels ----------------------------------------------------------------------------------------------
    kernels: ClassVar[dict[str, tuple[str, ...]]] = LADDERS
    capture: Capture | None = None  # while a step is captured

    def rung(self, op: str) -> str | None:
        """The rung of our own that computes ``op``: the one that was chosen, else the default; None: none of ours."""
        return self.chosen.get(op, self.defaults.get(op))

    def launch(
        self, file: str, name: str, grid: tuple[int, ...], block: tuple[int, ...], args: list[Any], shared: int = 0
    ) -> None:
        self.launcher(file, name, grid, block, args, shared)

    def ready(self, a: Array) -> Array:
        """``a``, or a copy of it that lies in memory as the kernels want it."""
        return a if a.flags.c_contiguous else a.copy()

    def ready_or_none(self, a: Array | None) -> Array | None:
        return None if a is None else self.ready(a)

    def here(self, index: tuple) -> tuple:
        """Positions that come from the CPU are copied to the GPU."""
        if self.device == "cpu":
            return index
        return tuple([self.upload(i) if isinstance(i, np.ndarray) else i for i in index])

    def upload(self, host: np.ndarray) -> Array:
        """A copy of ``host`` in the GPU's memory."""
        return self.xp.asarray(host) if self.capture is None else self.capture.upload(host)

    def sum(self, x: Array, axes: tuple[int, ...], keepdims: bool, dtype: np.dtype) -> Array:
        """float32 and half types are added in float64: no chain of additions loses digits."""
        if not axes:
            return x.astype(dtype)
        inner = np.dtype(np.float64) if dtype.kind in "fV" else dtype
        return x.sum(axis=axes, dtype=inner, keepdims=keepdims).astype(dtype)

    # adding at positions, of which some may repeat: without atomics, so that it is the same in every run --------------
    def index_add(self, x: Array, index: tuple, shape: tuple[int, ...]) -> Array:
        arrays = [i for i in index if hasattr(i, "dtype")]
        if not arrays:
            out = self.xp.zeros(shape, x.dtype)
            out[index] = x
            return out
        places = self.xp.arange(math.prod(shape)).reshape(shape)[index]  # where each element of x goes
        return self._added(x, places, shape)

    def scatter_add(self, x: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
        steps = [math.prod(shape[a + 1 :]) for a in range(len(shape))]
        places = index * steps[axis]
        for k, n in enumerate(x.shape):
            if k != axis:
                places = places + (self.xp.arange(n) * steps[k]).reshape(-1, *[1] * (x.ndim - 1 - k))
        return self._added(x, places, shape)

    def _added(self, x: Array, places: Array, shape: tuple[int, ...]) -> Array:
        """Zeros of ``shape`` with each element of x added at its flat place.

        Sorted by place, equal places are neighbours, and a running sum within them is made by doubling (Hillis & Steele
        1986): after k rounds each element holds the sum of the 2^k before it that have its place. The last one of
        each place holds all; the others write to a place beyond the end, which nobody reads.
        """
        xp, size = self.xp, math.prod(shape)
        out = xp.zeros(size + 1, x.dtype)
        if x.size:
            flat = xp.broadcast_to(places, x.shape).reshape(-1)
            order = xp.argsort(flat) if self.device != "cpu" else xp.argsort(flat, kind="stable")
            flat, total = flat[order], x.reshape(-1)[order]
            step = 1
            while step < x.size:
                same = flat[step:] == flat[:-step]
                total = xp.concatenate([total[:step], total[step:] + xp.where(same, total[:-step], x.dtype.type(0))])
                step *= 2
            last = xp.concatenate([flat[1:] != flat[:-1], xp.ones(1, np.bool_)])
            out[xp.where(last, flat, size)] = total
        return out[:size].reshape(shape)

    # convolution: im2col, and one product -------------------------------------------------------------------------
    def conv2d(self, x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
        out = output_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
        columns = self._columns(x, w.shape[2:], stride, padding, dilation, groups)
        y = self.matmul(w.reshape(groups, w.shape[0] // groups, columns.shape[2]), columns)
        return y.reshape(len(x), w.shape[0], *out)

    def conv2d_input(
        self, g: Array, w: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        N, OC, OH, OW = g.shape
        wt = w.reshape(groups, OC // groups, math.prod(w.shape[1:])).swapaxes(1, 2)
        columns = self.matmul(wt, g.reshape(N, groups, OC // groups, OH * OW))
        flat = columns.reshape(N, groups * wt.shape[1], OH * OW)
        return self.fold(flat, size, w.shape[2:], stride, padding, dilation)

    def conv2d_weight(
        self, g: Array, x: Array, size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
    ) -> Array:
        N, OC, OH, OW = g.shape
        columns = self._columns(x, size, stride, padding, dilation, groups)  # (N, G, K, L)
        K = columns.shape[2]
        left = g.reshape(N, groups, OC // groups, OH * OW).transpose(1, 2, 0, 3)
        left = left.reshape(groups, OC // groups, N * OH * OW)
        right = columns.transpose(1, 0, 3, 2).reshape(groups, N * OH * OW, K)
        return self.matmul(left, right).reshape(OC, x.shape[1] // groups, *size)

    def _columns(self, x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int) -> Array:
        flat = self.unfold(x, kernel, stride, padding, dilation)
        return flat.reshape(len(x), groups, x.shape[1] // groups * kernel[0] * kernel[1], flat.shape[2])

    # errors, memory and time --------------------------------------------------------------------------------------
    def explained(self, name: str, error: Exception) -> Exception:
        """The GPU's errors with their remedies."""
        return explained(name, error, self.launcher)

    def fetch(self, array: Array) -> np.ndarray:
        """A copy in the CPU's memory. It waits for what was launched: a fault of an earlier kernel may show here."""
        try:
            return array.get()
        except (MemoryError, RuntimeError) as error:
            raise self.explained("copying to the CPU", error) from error

    def works_on(self, optimizer: Any, group: dict[str, Any]) -> None:
        """A captured step remembers whose settings it used."""
        if self.capture is not None:
            self.capture.works_on(optimizer, group)

    def ours(self, capture: Capture | None = None) -> Composed:
        """This backend on our own kernels alone, verified or not; ``capture`` notes what a captured step uses."""
        other = copy.copy(self)
        other.defaults, other.capture = {**OURS, **self.defaults}, capture
        return other

    def composed(self) -> Composed:
        """This backend without our own kernels."""
        other = copy.copy(self)
        other.defaults, other.chosen = {}, {}
        return other

    def stream(self) -> Any:
        """What a step can be captured with."""
        return self.launcher.stream(self.xp)

    def synchronize(self) -> None:
        """Wait for the GPU; the emulator has always finished."""
        self.launcher.synchronize()

    def empty_cache(self) -> None:
        """Give free blocks back to the driver."""
        self.launcher.empty_cache()
