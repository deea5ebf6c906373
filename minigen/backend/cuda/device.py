"""The GPU of this machine through CuPy; and what is said where there is none, or where it fails.

CuPy's errors are codes. Each one that a user can do something about is named here with its remedy.
"""

from __future__ import annotations

import importlib
from typing import Any

from .launch import Launcher, OnDevice

_INSTALL = "pip install 'minigen[cuda]' (Linux on x86-64)"


class GpuError(RuntimeError):
    """The GPU, its driver or its compiler failed; the text says which and what to do."""


def cupy(import_module: Any = importlib.import_module) -> tuple[Any, Launcher]:
    """(the module CuPy, the launcher); a RuntimeError names what is missing and the remedy."""
    try:
        xp = import_module("cupy")
    except ImportError as error:
        raise RuntimeError(f"CuPy cannot be imported ({error}); {_INSTALL}") from None
    runtime = xp.cuda.runtime
    driver, toolkit = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    if not driver:
        raise RuntimeError(
            "no CUDA driver was found: install NVIDIA's driver for this GPU (nvidia-smi must work); in a container, "
            "start it with --gpus all"
        )
    if driver // 1000 < toolkit // 1000:
        raise RuntimeError(
            f"the driver supports CUDA {_number(driver)}, CuPy was built for {_number(toolkit)}; update the driver, or "
            f"install the CuPy of its version: pip install cupy-cuda{driver // 1000}x"
        )
    try:
        count = runtime.getDeviceCount()
    except RuntimeError as error:
        raise RuntimeError(f"the driver finds no usable GPU ({error}); is CUDA_VISIBLE_DEVICES empty?") from None
    if not count:
        raise RuntimeError("the driver finds no GPU; is CUDA_VISIBLE_DEVICES empty?")
    try:
        xp.cuda.nvrtc.getVersion()
    except Exception as error:
        raise RuntimeError(
            f"NVRTC, CUDA's compiler, cannot be loaded ({error}); pip install 'nvidia-cuda-nvrtc>={toolkit // 1000}' "
            f"nvidia-cuda-runtime, or {_INSTALL}"
        ) from None
    try:
        _ = xp.cuda.cublas
    except ImportError as error:
        missing = str(error).split(":")[0]
        raise RuntimeError(f"cuBLAS cannot be loaded ({missing}); pip install nvidia-cublas, or {_INSTALL}") from None
    return xp, OnDevice(xp)


def _number(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def explained(name: str, error: Exception, launcher: Launcher) -> Exception:
    """The error of op ``name`` in words with a remedy; one that is not the GPU's comes back as it is."""
    kind, text = type(error).__name__, str(error)
    if isinstance(error, MemoryError) or "cudaErrorMemoryAllocation" in text or "CUDA_ERROR_OUT_OF_MEMORY" in text:
        launcher.empty_cache()  # so that a smaller step finds all that is not in use
        return MemoryError(
            f"{name}: the GPU's memory is full ({text}); use a smaller batch or model, or free tensors that are no "
            "longer needed. What is free has been given back: the next step can run"
        )
    if kind in ("CUDARuntimeError", "CUDADriverError", "CUBLASError"):
        if any(word in text.lower() for word in ("illegal", "launchfail", "launch_fail", "assert", "misaligned")):
            return GpuError(
                f"{name}: a kernel that was launched earlier has failed ({text}): launches do not wait, so the fault "
                "shows at a later call. Run again with CUDA_LAUNCH_BLOCKING=1 to see which one it was, or on "
                'use_backend("emulator"), which names its line. This process must be started anew to use the GPU'
            )
        if "InsufficientDriver" in text:
            return GpuError(f"{name}: the driver is older than CuPy's CUDA ({text}); update it, see `minigen doctor`")
        return GpuError(f"{name}: {text}; `minigen doctor` says what is installed")
    return error
