"""On what, and with what, a measurement was made; and how the process is kept on few processors."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import minigen
from minigen import backend

FLAGS = (
    "sse4_2",
    "avx",
    "f16c",
    "fma",
    "avx2",
    "avx512f",
    "avx512dq",
    "avx512bw",
    "avx512vl",
    "avx512_bf16",
    "neon",
    "asimd",
    "sve",
)


def pin(n: int) -> None:
    """Keep this thread, and those that it starts, on ``n`` of the processors it may use, where the system lets us."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-n:])


def describe() -> dict[str, Any]:
    """Processor, versions, commit, and how busy the machine is."""
    found: dict[str, Any] = {
        "cpu": cpu_field("model name") or platform.processor() or platform.machine(),
        "flags": [flag for flag in FLAGS if flag in (cpu_field("flags") or cpu_field("Features")).split()],
        "cpus": os.cpu_count(),
        "pinned_to": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "minigen": minigen.__version__,
        "commit": commit(),
    }
    for package in ("numpy", "torch", "jax"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    if not backend.available()["cpp"]:
        from minigen import _cpu

        found["cpp_variant"] = _cpu.variant()
    return found


def cpu_field(name: str) -> str:
    """The first value of that name in /proc/cpuinfo, or ""."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), "")


def commit() -> str | None:
    """The checked-out commit, "+" after it if sources differ from it; None outside a repository."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        top = git("rev-parse", "--show-toplevel")
        changed = git(
            "status", "--porcelain", "--untracked-files=no", "--", f"{top}/minigen", f"{top}/csrc", f"{top}/kernels"
        )
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def page_faults() -> int | None:
    """Minor page faults of this process so far: memory that the system had to hand out."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
