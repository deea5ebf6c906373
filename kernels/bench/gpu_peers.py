"""The same kernels in other languages on a GPU: our rungs in Numba beside the same rungs in CUDA C++, and Triton's.

What is not installed is named. Without a GPU, Numba's rungs run in its simulator (NUMBA_ENABLE_CUDASIM=1 before the
start) and Triton's in its interpreter (TRITON_INTERPRET=1), on tiny sizes: times mean nothing then, results do.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.in_numba import InNumba, rungs

from .gpu_time import F32, agree, fresh, seconds, torch_seconds

OPS = {"reduce": ("sum",), "conv2d": ("conv2d", "conv2d_input", "conv2d_weight")}  # of a folder, if not its name


def calls(be: CudaBackend, tiny: bool) -> dict[str, Callable[[CudaBackend], Any]]:
    """{op: what a backend is asked}"""
    side, rows, n = (9, 1, 33) if tiny else (2048, 16384, 1024)
    N, C, H, OC, K = (1, 2, 4, 3, 3) if tiny else (64, 64, 32, 64, 3)
    a, b, x, weight = fresh(be, side, side), fresh(be, side, side), fresh(be, rows, n), fresh(be, n)
    image, w, g = fresh(be, N, C, H, H), fresh(be, OC, C, K, K), fresh(be, N, OC, H, H)
    how = ((1, 1), (1, 1), (1, 1), 1)
    return {
        "matmul": lambda one: one.matmul(a, b),
        "sum": lambda one: one.sum(x, (1,), False, np.dtype(F32)),
        "softmax": lambda one: one.softmax(x, -1)[0],
        "layer_norm": lambda one: one.layer_norm(x, weight, weight, 1, 1e-5)[0],
        "conv2d": lambda one: one.conv2d(image, w, *how),
        "conv2d_input": lambda one: one.conv2d_input(g, w, (H, H), *how),
        "conv2d_weight": lambda one: one.conv2d_weight(g, image, (K, K), *how),
    }


def numba(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """Each rung that stands in Numba, too: its time beside the CUDA C++ file's, and what a launch costs."""
    if importlib.util.find_spec("numba") is None:
        return {"NOT RUN": "Numba is not installed (pip install 'minigen[numba]')"}
    simulated = importlib.import_module("numba").config.ENABLE_CUDASIM
    if tiny != bool(simulated):
        return {"NOT RUN": "NUMBA_ENABLE_CUDASIM=1 must be set before the start" if tiny else "Numba simulates here"}
    launcher = InNumba(be.xp, be.launcher)
    other = type(be)(be.xp, launcher, be.name, be.device, be.defaults)
    asked, found = calls(be, tiny), dict[str, Any]()
    for file in rungs():
        folder, rung = file.split("/")
        for op in OPS.get(folder, (folder,)):
            if rung in be.kernels[op]:
                backends: Any = (be, other)
                ours, theirs = (partial(asked[op], one.with_kernel(op, rung)) for one in backends)
                agree(be, theirs(), ours(), 1e-4)
                taken = [seconds(be, call, tiny)["s"] for call in (ours, theirs)]
                found[f"{op} {rung}"] = {
                    "CUDA C++, ms": 1e3 * taken[0], "Numba, ms": 1e3 * taken[1], "C++ / Numba": taken[0] / taken[1],
                }  # fmt: skip
    x, y = fresh(be, 1, 32), be.xp.empty(1, F32)
    for name, one in (("CuPy", be.launcher), ("Numba", launcher)):
        launch = partial(one, "reduce/v2_warp", "reduce_v2_warp", (1,), (256,), [x, y, 1, 32])
        found[f"a launch by {name}"] = {f"{name}, us": launches(be, launch, 2 if tiny else 1000)}
    return found


def launches(be: CudaBackend, launch: Callable[[], Any], count: int) -> float:
    """Microseconds of the CPU's time for one launch."""
    launch()
    be.launcher.synchronize()
    began = time.perf_counter()
    for _ in range(count):
        launch()
    taken = time.perf_counter() - began
    be.launcher.synchronize()
    return taken / count * 1e6


def triton(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """Triton's softmax, layer norm and products beside our best rungs at the same sizes."""
    missing = [name for name in ("torch", "triton") if importlib.util.find_spec(name) is None]
    if missing:
        return {"NOT RUN": f"not installed: {', '.join(missing)}"}
    if tiny and os.environ.get("TRITON_INTERPRET") != "1":
        return {"NOT RUN": "TRITON_INTERPRET=1 must be set before the start"}
    return {name: row for name, row in _triton_rows(be, tiny)}


def _triton_rows(be: CudaBackend, tiny: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    torch, side = importlib.import_module("torch"), importlib.import_module("minigen.kernels.bench.triton_side")
    size, rows, n = (70, 2, 33) if tiny else (4096, 16384, 1024)
    a, b, x, weight = fresh(be, size, size), fresh(be, size, size), fresh(be, rows, n), fresh(be, n)
    there = partial(torch.as_tensor, device="cpu" if tiny else "cuda")
    ta, tb, tx, tw = (there(v.get() if hasattr(v, "get") else v) for v in (a, b, x, weight))
    ours = be.ours()
    pairs = {
        "softmax": (lambda: ours.softmax(x, -1)[0], lambda: side.softmax(tx), 1e-4),
        "layer_norm": (
            lambda: ours.layer_norm(x, weight, weight, 1, 1e-5)[0], lambda: side.layer_norm(tx, tw, tw), 1e-4,
        ),
        "matmul": (lambda: ours.matmul(a, b), lambda: side.matmul(ta, tb), 1e-4),
        "matmul, TF32": (
            lambda: ours.with_kernel("matmul", "v8_tf32").matmul(a, b), lambda: side.matmul(ta, tb, "tf32"), 1e-2,
        ),
    }  # fmt: skip
    for name, (own, theirs, close) in pairs.items():
        agree(be, be.xp.asarray(theirs().cpu().numpy()), own(), close)
        taken = [seconds(be, own, tiny)["s"], torch_seconds(theirs, tiny)["s"]]
        yield name, {"ours, ms": 1e3 * taken[0], "Triton, ms": 1e3 * taken[1], "Triton / ours": taken[1] / taken[0]}


PARTS = {"numba": numba, "triton": triton}
