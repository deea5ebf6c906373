"""The warp shuffle that Numba's simulator lacks: its threads are Python's, so the 32 of a warp meet at a barrier."""

from __future__ import annotations

import importlib
import threading
from typing import Any


class Warp:
    """Where 32 threads leave a number for each other: two sets of places, used by turns."""

    def __init__(self) -> None:
        self.slots = [[None] * 32, [None] * 32]
        self.barrier = threading.Barrier(32, timeout=60)  # a lane that never comes is an error, not an endless wait


_lock = threading.Lock()


def shfl_xor_sync(self: Any, mask: int, value: Any, flip: int) -> Any:
    """The value that the lane with number ``lane ^ flip`` gave; all 32 lanes must call."""
    me: Any = threading.current_thread()
    if not hasattr(me, "warp"):
        with _lock:
            warps = me._manager.__dict__.setdefault("warps", {})
            me.warp, me.turn = warps.setdefault(me.thread_id // 32, Warp()), 0
    slots = me.warp.slots[me.turn]
    me.turn ^= 1  # who comes first to the next shuffle must not overwrite what others have yet to read
    slots[me.thread_id % 32] = value
    me.warp.barrier.wait()
    return slots[me.thread_id % 32 ^ flip]


def add_shuffles() -> None:
    """Teach the simulator ``cuda.shfl_xor_sync``."""
    module = importlib.import_module("numba.cuda.simulator.kernelapi").FakeCUDAModule
    if not hasattr(module, "shfl_xor_sync"):
        module.shfl_xor_sync = shfl_xor_sync
