"""What minigen finds on this machine: versions, backends that compute rightly, data; and why something is missing."""

import contextlib
import importlib.metadata
import io
import os
import platform
import shutil
from collections.abc import Iterator

import numpy as np

from . import backend
from .tensor import on_host, placed


def doctor() -> int:
    """Print the findings. Returns 0 if at least one backend computes rightly, else 1."""
    for title, lines in (("minigen", versions()), ("packages", packages()), ("gpu", gpu()), ("data", data())):
        print(title, *lines, sep="\n  ")
    print("backends")
    usable = 0
    for name in (*backend.available(), "emulator"):
        reason = backend.reason(name)
        verdict = f"NOT AVAILABLE: {reason}" if reason else check(name)
        usable += verdict.startswith("ok") and name != "emulator"
        print(f"  {name:<8} {verdict}")
    if not usable:
        print("No backend computes rightly here. Reinstall minigen and its dependencies.")
    return 0 if usable else 1


def versions() -> Iterator[str]:
    yield f"version {version('minigen') or 'unknown (not installed)'}, in {os.path.dirname(__file__)}"
    yield f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.platform()}"
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield f"{platform.machine()}, {cpus} CPUs for this process, minigen uses {backend.get_num_threads()} threads"


def packages() -> Iterator[str]:
    """The ones that only pictures need."""
    for name in ("matplotlib", "Pillow"):
        yield f"{name} {version(name) or 'is missing: no pictures. Remedy: pip install matplotlib Pillow'}"


def gpu() -> Iterator[str]:
    """What device="cuda" stands on, and which of our own kernels compute there."""
    from .backend.cuda.loading import VERIFIED, verified

    found = [f"{name} {version(name)}" for name in _GPU_PACKAGES if version(name)]
    yield ", ".join(found) or "no CuPy, no NVRTC, no Numba. For device=\"cuda\": pip install 'minigen[cuda]'"
    try:
        import cupy
    except ImportError as error:
        yield f"CuPy cannot be imported: {error}"
    else:
        runtime = cupy.cuda.runtime
        driver = runtime.driverGetVersion()
        built = number(runtime.runtimeGetVersion())
        yield f"driver {'for CUDA ' + number(driver) if driver else 'NOT FOUND'}, CuPy for CUDA {built}"
        with contextlib.suppress(RuntimeError):
            yield "NVRTC {}.{}".format(*cupy.cuda.nvrtc.getVersion())
        with contextlib.suppress(RuntimeError):
            seen = runtime.getDeviceProperties(0)
            memory = seen["totalGlobalMem"] / 2**30
            yield f"{seen['name'].decode()}, compute capability {seen['major']}.{seen['minor']}, {memory:.0f} GiB"
    compiler = shutil.which(os.environ.get("CXX", "g++").split()[-1])
    yield f"C++ compiler {compiler or 'is missing: the emulator needs one'}"
    proved = verified()
    yield (
        f"our kernels verified on a GPU: {', '.join(f'{op} {rung}' for op, rung in proved.items())}, see {VERIFIED}"
        if proved
        else "our kernels were not run on hardware yet: CuPy's functions compute on a GPU until a report of `python -m "
        "minigen.kernels.bench gpu-report` is committed; use_kernel chooses ours"
    )


_GPU_PACKAGES = ("cupy-cuda13x", "cupy-cuda12x", "nvidia-cuda-nvrtc", "numba", "numba-cuda")


def number(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def data() -> Iterator[str]:
    """The places that are searched, and where MNIST would come from now (without downloading)."""
    from .data import MNIST
    from .data.mnist import cache_folder

    named = os.environ.get("MINIGEN_DATA")
    yield f"MINIGEN_DATA {existing(named) if named else 'is not set'}"
    yield f"cache {existing(str(cache_folder()))}"
    for train in (True, False):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                digits = MNIST(train=train, download=False)
            yield f"MNIST: {len(digits):,} {'training' if train else 'test'} digits from {digits.source}"
        except (OSError, ValueError) as error:
            yield f"MNIST: {error}"


def existing(folder: str) -> str:
    return folder if os.path.isdir(folder) else f"{folder} (no such folder yet)"


def check(name: str) -> str:
    """Run two small kernels of a backend and compare them with sums in float64: "ok ..." or "WRONG ..."."""
    be = backend.get(name)
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(shape).astype(np.float32) for shape in ((37, 53), (53, 41)))
    image, kernel = (rng.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 9, 8), (4, 3, 4, 4)))
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float64), (4, 4), axis=(2, 3))
    a, b, c, d = (placed(array, be.device) for array in (x, y, image, kernel))
    product, convolved = be.matmul(a, b), be.conv2d(c, d, (1, 1), (0, 0), (1, 1), 1)
    pairs = {
        "matmul": (on_host(product), x.astype(np.float64) @ y),
        "conv2d": (on_host(convolved), np.einsum("nchwij,ocij->nohw", windows, kernel.astype(np.float64))),
    }
    errors = {op: float(abs(got - true).max() / abs(true).max()) for op, (got, true) in pairs.items()}
    verdict = "ok" if max(errors.values()) < 1e-5 else "WRONG"  # NaN is wrong, too
    return f"{verdict}: " + ", ".join(f"{op} within {error:.0e}" for op, error in errors.items()) + details(name)


def details(name: str) -> str:
    if name != "cpp":
        return ""
    from . import _cpu

    return f"; {_cpu.variant()} kernels of {', '.join(_cpu.variants())}, {_cpu.get_num_threads()} threads"
