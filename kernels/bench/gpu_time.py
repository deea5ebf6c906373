"""Times on a GPU: ceilings, products, convolutions, kernels that memory bounds, training steps, starts and launches.

A time is the median of launches between two events, after a warm-up, with the second-level cache overwritten before
each and fresh random inputs; a result is held against CuPy's before and after. A rate above the ceilings is refused.
The overwriting takes the GPU longer than Python needs to launch what is timed, so no launch is waited for.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.composed import LADDERS

F32 = np.float32
CONVOLUTIONS = {  # N, C, H, W, O, kernel, stride, padding: the layers of N1, of N2 and of a diffusion U-Net
    "N1 D1": (64, 1, 32, 32, 64, 4, 2, 1), "N1 D2": (64, 64, 16, 16, 128, 4, 2, 1),
    "N1 D3": (64, 128, 8, 8, 256, 4, 2, 1), "N2 D2": (64, 64, 14, 14, 128, 5, 2, 2),
    "U-Net": (64, 64, 32, 32, 64, 3, 1, 1), "U-Net deep": (64, 128, 16, 16, 128, 3, 1, 1),
}  # fmt: skip


class Impossible(RuntimeError):
    """A rate beyond what the machine can do: the measurement is wrong."""


REPEATS = 15  # of each time
FLUSHES = 6  # each 256 MB, more than any second-level cache; together about half a millisecond


def seconds(be: CudaBackend, function: Callable[[], Any], tiny: bool) -> dict[str, float]:
    """The median and the spread of ``function``'s time on CuPy's stream."""
    if tiny:
        return once(function)
    cuda, flush = be.xp.cuda, be.xp.empty(64 << 20, F32)
    return between(lambda: cuda.Event(), cuda.get_elapsed_time, flush.fill, function)


def torch_seconds(function: Callable[[], Any], tiny: bool) -> dict[str, float]:
    """The same on PyTorch's stream."""
    if tiny:
        return once(function)
    import torch

    flush = torch.empty(64 << 20, device="cuda")
    return between(lambda: torch.cuda.Event(enable_timing=True), lambda a, b: a.elapsed_time(b), flush.fill_, function)


def once(function: Callable[[], Any]) -> dict[str, float]:
    """Does it run? Its time means nothing."""
    function()
    began = time.perf_counter()
    function()
    return {"s": time.perf_counter() - began, "spread": 0.0}


def between(event: Callable[[], Any], elapsed: Callable, flush: Callable, function: Callable) -> dict[str, float]:
    """Median and spread of the time between two events."""
    times = list[float]()
    for _ in range(3):
        function()
    for i in range(REPEATS):
        for k in range(FLUSHES):
            flush(i + k)
        start, end = event(), event()
        start.record()
        function()
        end.record()
        end.synchronize()
        times.append(elapsed(start, end) / 1e3)
    middle = statistics.median(times)
    return {"s": middle, "spread": (max(times) - min(times)) / middle}


def fresh(be: CudaBackend, *shape: int) -> Any:
    return be.xp.asarray(np.random.default_rng().standard_normal(shape).astype(F32))


def four_times(be: CudaBackend, *shape: int) -> Any:
    """``fresh``, repeated: random numbers take the CPU longer than all that is done with them."""
    part = fresh(be, *shape)
    return be.xp.concatenate([part, part, part, part])


def agree(be: CudaBackend, got: Any, want: Any, tolerance: float) -> float:
    """The distance relative to the largest element; a RuntimeError beyond ``tolerance``."""
    error = float(abs(got - want).max() / abs(want).max())
    if not error < tolerance:
        raise RuntimeError(f"differs by {error:.1e}, more than {tolerance:.0e}: no time is reported")
    return error


def ceilings(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """Copy bandwidth and CuPy's products in float32; TF32 by PyTorch, if it is there."""
    n, size = (1 << 12, 32) if tiny else (64 << 20, 4096)
    x, y, a, b = be.xp.zeros(n, F32), be.xp.zeros(n, F32), fresh(be, size, size), fresh(be, size, size)
    copy = seconds(be, lambda: be.xp.copyto(y, x), tiny)
    product = seconds(be, lambda: be.xp.matmul(a, b), tiny)
    return {
        "copy TB/s": 8 * n / copy["s"] / 1e12, "matmul fp32 TFLOP/s": 2 * size**3 / product["s"] / 1e12,
        "matmul TF32 TFLOP/s": tf32(be, size, tiny),
    }  # fmt: skip


def tf32(be: CudaBackend, size: int, tiny: bool) -> float | str:
    if tiny:
        return "NOT RUN: no GPU"
    try:
        import torch
    except ImportError:
        return "NOT RUN: PyTorch is not installed"
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        a, b = (torch.randn(size, size, device="cuda") for _ in range(2))
        return 2 * size**3 / torch_seconds(lambda: a @ b, tiny)["s"] / 1e12
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def products(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """Every rung of matmul, as a share of CuPy's cuBLAS in float32 at the same size."""
    found = {}
    for n in (33,) if tiny else (1024, 4096):
        a, b = fresh(be, n, n), fresh(be, n, n)
        want = be.xp.matmul(a.astype(np.float64), b.astype(np.float64))
        peer = seconds(be, partial(be.xp.matmul, a, b), tiny)["s"]
        for rung in LADDERS["matmul"]:
            chosen, close = be.with_kernel("matmul", rung), 1e-2 if rung.endswith("tf32") else 1e-4
            agree(be, chosen.matmul(a, b), want, close)
            taken = seconds(be, partial(chosen.matmul, a, b), tiny)
            rate = 2 * n**3 / taken["s"] / 1e12
            if not tiny and rate > 2500:
                raise Impossible(f"{rung} at {n}: {rate:.0f} TFLOP/s")
            agree(be, chosen.matmul(a, b), want, close)
            found[f"{rung}, {n}"] = {"TFLOP/s": rate, "share of CuPy": peer / taken["s"], "spread": taken["spread"]}
    return found


def convolutions(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """Every rung of convolution and its gradients, as a multiple of im2col with CuPy's product, and of cuDNN's time."""
    shapes = {"tiny": (2, 3, 6, 6, 4, 4, 2, 1)} if tiny else CONVOLUTIONS
    found = {}
    for name, (N, C, H, W, OC, K, s, p) in shapes.items():
        x, w = fresh(be, N, C, H, W), fresh(be, OC, C, K, K)
        rest = ((s, s), (p, p), (1, 1), 1)
        plain = be.composed()
        g = fresh(be, *plain.conv2d(x, w, *rest).shape)
        calls = {"conv2d": (x, w, *rest), "conv2d_input": (g, w, (H, W), *rest), "conv2d_weight": (g, x, (K, K), *rest)}
        peers, work = cudnn(N, C, H, W, OC, K, s, p, tiny), 2 * g.size * C * K * K
        for op, args in calls.items():
            want = getattr(plain, op)(*args)
            composed = getattr(plain, op)
            peer = seconds(be, partial(composed, *args), tiny)["s"]
            for rung in LADDERS[op]:
                function = getattr(be.with_kernel(op, rung), op)
                agree(be, function(*args), want, 1e-2 if rung.endswith("tf32") else 1e-4)
                taken = seconds(be, partial(function, *args), tiny)
                found[f"{name}, {op} {rung}"] = {
                    "TFLOP/s": work / taken["s"] / 1e12, "im2col / ours": peer / taken["s"],
                    "cuDNN / ours": peers[op] / taken["s"] if op in peers else "NOT RUN",
                }  # fmt: skip
        bias = fresh(be, OC)
        fused, apart = partial(be.conv2d_bias, x, w, bias, 0.2, *rest), partial(bent, be, x, w, bias, rest)
        agree(be, fused(), apart(), 1e-4)
        one, two = (seconds(be, call, tiny)["s"] for call in (fused, apart))
        found[f"{name}, conv2d_bias v4_warp"] = {"TFLOP/s": work / one / 1e12, "apart / fused": two / one}
    return found


def bent(be: CudaBackend, x: Any, w: Any, bias: Any, rest: tuple) -> Any:
    """What conv2d_bias does in one kernel: a convolution, a bias, a leaky ReLU."""
    v = be.with_kernel("conv2d", "v4_warp").conv2d(x, w, *rest)
    v += bias.reshape(1, -1, 1, 1)
    return be.xp.maximum(v, F32(0.2) * v)


def cudnn(N: int, C: int, H: int, W: int, OC: int, K: int, s: int, p: int, tiny: bool) -> dict[str, float]:
    """Seconds of PyTorch's cuDNN in float32 (TF32 off, the quickest algorithm), if it is installed."""
    if tiny:
        return {}
    try:
        import torch
    except ImportError:
        return {}
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = False, True
    x, w = (torch.randn(shape, device="cuda") for shape in ((N, C, H, W), (OC, C, K, K)))
    y = torch.nn.functional.conv2d(x, w, stride=s, padding=p)
    g = torch.randn_like(y)
    calls = {
        "conv2d": lambda: torch.nn.functional.conv2d(x, w, stride=s, padding=p),
        "conv2d_input": lambda: torch.nn.grad.conv2d_input(x.shape, w, g, stride=s, padding=p),
        "conv2d_weight": lambda: torch.nn.grad.conv2d_weight(x, w.shape, g, stride=s, padding=p),
    }
    return {name: torch_seconds(call, tiny)["s"] for name, call in calls.items()}


def memory(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """Kernels that memory bounds: TB/s of what they must read and write, and as a share of a copy's of that size."""
    n = 64 if tiny else 1024
    x = fresh(be, 3, n) if tiny else four_times(be, 16384, n)
    images = fresh(be, 3, 8, 4) if tiny else four_times(be, 16, 1024, 1024)
    many = images.reshape(-1, 2, 4) if tiny else images.reshape(256, 256, 1024)  # a channel is more than a block keeps
    weight, gain, other = fresh(be, n), fresh(be, images.shape[1]), fresh(be, many.shape[1])
    small = fresh(be, 3, 8, 4) if tiny else fresh(be, 64, 64, 784)  # of a U-Net on 28 x 28 pixels
    few = gain[: small.shape[1]]
    lists = [[x.reshape(-1).copy()] for _ in range(3)] + [[abs(x).reshape(-1)]]
    calls = {
        "sum": (4 * x.size, lambda b: b.sum(x, (1,), False, np.dtype(F32))),
        "softmax": (8 * x.size, lambda b: b.softmax(x, -1)),
        "layer_norm": (8 * x.size, lambda b: b.layer_norm(x, weight, weight, 1, 1e-5)),
        "batch_norm": (8 * images.size, lambda b: b.batch_norm(images, gain, gain, 1e-5)),
        "batch_norm, long channels": (8 * many.size, lambda b: b.batch_norm(many, other, other, 1e-5)),
        "group_norm": (8 * many.size, lambda b: b.group_norm(many, other, other, 4, 1e-5)),
        "group_norm, U-Net": (8 * small.size, lambda b: b.group_norm(small, few, few, 8, 1e-5)),
        "dropout": (4 * x.size, lambda b: b.dropout_mask(1, 0, x.size, 0.5)),
        "adam": (28 * x.size, lambda b: b.adam(*lists, 1e-3, 0.9, 0.999, 1e-8, 0.0, 3)),
    }
    copy = result.get("ceilings", {}).get("copy TB/s")
    found = {}
    for op, (size, call) in calls.items():
        ladder = op.split(",")[0]
        for rung in LADDERS[ladder]:
            taken = seconds(be, partial(call, be.with_kernel(ladder, rung)), tiny)
            rate = size / taken["s"] / 1e12
            if not tiny and copy and rate > 1.5 * copy:
                raise Impossible(f"{op} {rung}: {rate:.2f} TB/s, a copy does {copy:.2f}")
            share = rate / copy if copy else ""
            found[f"{op} {rung}"] = {"TB/s": rate, "share of a copy": share, "spread": taken["spread"]}
    return found


def training(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """A step of N1 and of N2: minigen as it is and captured, PyTorch as it is, compiled, and with graphs."""
    from .gpu_train import sides

    return sides(be, tiny)


def starts(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """How long the first launch of a kernel takes, the next ones, and an array function of CuPy's."""
    launcher = type(be.launcher)() if tiny else type(be.launcher)(be.xp)
    x, y = fresh(be, 1, 32), be.xp.empty(1, F32)
    began = time.perf_counter()
    launcher("reduce/v2_warp", "reduce_v2_warp", (1,), (256,), [x, y, 1, 32])
    launcher.synchronize()
    first = time.perf_counter() - began
    times = {}
    calls = {"our launch": lambda: launcher("reduce/v2_warp", "reduce_v2_warp", (1,), (256,), [x, y, 1, 32]),
             "an array function": lambda: be.xp.add(x, x)}  # fmt: skip
    for name, call in calls.items():
        count = 3 if tiny else 2000
        began = time.perf_counter()
        for _ in range(count):
            call()
        times[f"{name}, us"] = (time.perf_counter() - began) / count * 1e6
        launcher.synchronize()
    return {"first launch, s": first, **times}


PARTS = {"ceilings": ceilings, "products": products, "convolutions": convolutions, "memory": memory,
         "training": training, "starts": starts}  # fmt: skip
