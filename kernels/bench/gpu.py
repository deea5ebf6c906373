"""`python -m minigen.kernels.bench gpu-report`: all that a GPU is asked, in one command of under ten minutes.

Every kernel and rung of our own is held against float64 and run twice for the same bits; then times: ceilings first
(copy bandwidth, CuPy's products), kernels as a share of them, training steps, starts and launches. What is not
installed is named. Writes gpu-<name>.json and .md into docs/benchmarks, and kernels/cuda/verified.json, which makes the
rungs that passed the defaults of the CUDA backend. ``--emulator`` runs all of it on tiny sizes without a GPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import minigen
from minigen import backend
from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.composed import LADDERS, OURS
from minigen.backend.cuda.loading import VERIFIED, pretend
from minigen.files import write_json

from . import gpu_peers, gpu_time
from .gpu_summary import markdown, summary
from .kernel_cases import CASES, exact
from .publish import PAGES

ROOT = Path(__file__).parents[2]
PATIENCE = 75  # seconds for compute-sanitizer
TOLERANCE = {"v8_tf32": 4e-3, "v5_tf32": 4e-3}  # TF32 keeps ten bits; float32 gets 2e-5


def add_options(commands: Any) -> None:
    parser = commands.add_parser("gpu-report", help="all that a GPU is asked, written to docs/benchmarks")
    parser.add_argument("--emulator", action="store_true", help="tiny sizes without a GPU: does the report itself run?")
    parser.add_argument("--out", type=Path, default=PAGES, metavar="FOLDER", help="where the two files go")
    parser.add_argument("--only", default="", metavar="A,B", help="some parts, by name: " + ",".join(PARTS))
    parser.set_defaults(threads=1)
    short = commands.add_parser("cuda", help="times of CUDA kernels and rungs on this machine's GPU")
    short.add_argument("--emulator", action="store_true", help="tiny sizes without a GPU: no times that mean anything")
    short.set_defaults(threads=1, out=None, only="ceilings,products,convolutions,memory")


def run(options: argparse.Namespace) -> int:
    """Measure, print, write; 1 if a kernel is wrong."""
    try:
        be: Any = pretend() if options.emulator else backend.get("cuda")
    except RuntimeError as error:
        print(f"GPU: NOT RUN: {error}", file=sys.stderr)
        return 1
    before, backend.state.cuda = backend.state.cuda, be
    parts = [name for name in options.only.split(",") if name] or list(PARTS)
    try:
        for result in measured(be, parts, options.emulator, earlier(be, options)):
            if options.out is not None:  # after each part: what is measured is not lost
                save(result, options.out)
    finally:
        backend.state.cuda = before
    print(markdown(result))
    rows = result["kernels"] if "kernels" in parts else {}  # those of an earlier report were judged then
    if rows and "NOT RUN" not in rows and options.out == PAGES and not options.emulator:
        write_json(VERIFIED, verdict(result), indent=1)
    wrong = ["kernels"] if "NOT RUN" in rows else [k for k, v in rows.items() if not v["right"]]
    if wrong:
        print(f"WRONG: {', '.join(wrong)}", file=sys.stderr)
    return int(bool(wrong))


def stem_of(about: dict[str, Any], folder: Path) -> Path:
    return folder / f"gpu-{about['gpu'].lower().replace(' ', '-')}"


def earlier(be: CudaBackend, options: argparse.Namespace) -> dict[str, Any]:
    """What has been reported of this GPU before, where only some parts are measured now: the others are kept."""
    if not (options.only and options.out):
        return {}
    file = stem_of(machine(be, options.emulator), options.out).with_suffix(".json")
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def save(result: dict[str, Any], folder: Path) -> None:
    """gpu-<name>.json and .md."""
    stem = stem_of(result["machine"], folder)
    write_json(stem.with_suffix(".json"), result, indent=1)
    stem.with_suffix(".md").write_text(markdown(result), encoding="utf-8")


def measured(
    be: CudaBackend, parts: list[str], tiny: bool, before: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """The report after each of its parts; one that fails is named with its error and does not stop the others."""
    about, before = machine(be, tiny), before or {}
    result = {name: rows for name, rows in before.items() if name in PARTS}
    commits = dict(before.get("commits", {}))
    for name in parts:
        began = time.perf_counter()
        try:
            result[name] = PARTS[name](be, tiny, result)
        except Exception as error:  # a report that stops half-way tells nothing
            traceback.print_exc()
            result[name] = {"NOT RUN": f"{type(error).__name__}: {error}"}
        commits[name] = about["commit"]
        print(f"{name}: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        yield {"kind": "gpu", "machine": about, "commits": commits, "summary": summary(result), **result}


def machine(be: CudaBackend, tiny: bool) -> dict[str, Any]:
    """What the numbers belong to."""
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    commit = os.environ.get("MINIGEN_COMMIT") or git.stdout or "unknown"  # a copy of the files may have no history
    about = {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "commit": commit.strip(),
             "minigen": minigen.__version__, "python": platform.python_version(), "numpy": np.__version__}  # fmt: skip
    if tiny:
        return {"gpu": "emulator", **about}
    runtime = be.xp.cuda.runtime
    properties = runtime.getDeviceProperties(0)
    return {
        "gpu": properties["name"].decode(), "capability": f"{properties['major']}.{properties['minor']}",
        "memory": properties["totalGlobalMem"], "multiprocessors": properties["multiProcessorCount"],
        "driver": runtime.driverGetVersion(), "toolkit": runtime.runtimeGetVersion(), "cupy": be.xp.__version__,
        "nvrtc": list(be.xp.cuda.nvrtc.getVersion()), **about,
        **{name: version(name) for name in ("torch", "triton", "numba") if importlib.util.find_spec(name)},
    }  # fmt: skip


# right or wrong -----------------------------------------------------------------------------------
def kernels(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """Every kernel and rung against the specification in float64, and twice for the same bits."""
    return judged(be, LADDERS, tiny)


def judged(be: CudaBackend, ops: Iterable[str], tiny: bool = False) -> dict[str, Any]:
    """``kernels`` for some of the operations."""
    found = {}
    for op in ops:
        for rung in LADDERS[op]:
            chosen = be.with_kernel(op, rung)
            error, same = 0.0, True
            for case, args, deltas in list(CASES[op]())[:: 4 if tiny else 1]:
                with np.errstate(all="ignore"):
                    want = case(backend.get("numpy"), exact(args), exact(deltas))
                runs = [[None if a is None else host(a) for a in case(chosen, device(be, args), device(be, deltas))]
                        for _ in range(2)]  # fmt: skip
                for a, b, w in zip(*runs, want, strict=True):
                    if w is not None:
                        same = same and np.array_equal(a, b, equal_nan=True)
                        error = max(error, float(abs(a - w).max(initial=0) / max(1.0, abs(w).max(initial=0))))
            right = bool(error < TOLERANCE.get(rung, 2e-5) and same)  # NaN is wrong, too
            found[f"{op} {rung}"] = {"error": error, "same bits twice": same, "right": right}
    return found


def sanitizer(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """compute-sanitizer's memcheck and racecheck over the kernels' cases, where it is installed and works."""
    tool = shutil.which("compute-sanitizer")
    if tiny or tool is None:
        return {"NOT RUN": "the emulator looks by itself" if tiny else "compute-sanitizer is not installed"}
    code = "import sys; from minigen.kernels.bench import gpu; gpu.judged(gpu.backend.get('cuda'), sys.argv[1:])"
    groups = [list(LADDERS)[i::7] for i in range(7)]
    running = {
        check: [subprocess.Popen([tool, "--tool", check, "--error-exitcode", "9", sys.executable, "-c", code, *ops],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for ops in groups]
        for check in ("memcheck", "racecheck")
    }  # fmt: skip - side by side: nothing is timed
    end = time.perf_counter() + PATIENCE
    return {check: "; ".join(sorted({told(p, end) for p in processes})) for check, processes in running.items()}


def told(process: subprocess.Popen[str], end: float) -> str:
    """What a sanitizer's process has come to, if it ends in time."""
    try:
        words, _ = process.communicate(timeout=max(1.0, end - time.perf_counter()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"NOT FINISHED within {PATIENCE} s"
    return "clean" if process.returncode == 0 else words[-400:]


def verdict(result: dict[str, Any]) -> dict[str, Any]:
    """What verified.json holds: every rung whose cases came out right with the commit that they did at, and of each op
    the best of them, the default."""
    rights = {name: result["commits"]["kernels"] for name, row in result["kernels"].items() if row["right"]}
    best = {op: rung for op, rung in OURS.items() if f"{op} {rung}" in rights}
    return {**{k: result["machine"][k] for k in ("gpu", "capability", "date")}, "kernels": best, "rungs": rights}


def device(be: CudaBackend, value: Any) -> Any:
    """The arrays of a nest, on the GPU."""
    if isinstance(value, np.ndarray):
        return be.xp.asarray(value)
    if isinstance(value, (list, tuple)):
        return type(value)(device(be, v) for v in value)
    return value


def host(array: Any) -> np.ndarray:
    return array.get() if hasattr(array, "get") else np.asarray(array)


# training -----------------------------------------------------------------------------------------
def follows(be: CudaBackend, tiny: bool, result: dict[str, Any]) -> dict[str, Any]:
    """Five steps on the GPU beside five on the CPU: the losses of one small network from one seed."""
    losses = {name: steps(name, 5, name == "cuda, graph") for name in ("cpu", "cuda", "cuda, graph")}
    apart = {name: max(abs(a - b) for a, b in zip(losses["cpu"], row, strict=True)) for name, row in losses.items()}
    return {"losses": losses, "apart": apart, "follows": bool(max(apart.values()) < 1e-3)}


def steps(where: str, count: int, captured: bool) -> list[float]:
    from minigen import functional as F
    from minigen import nn
    from minigen.optim import Adam

    minigen.manual_seed(0)
    conv, norm = nn.Conv2d(1, 4, 4, 2, 1), nn.BatchNorm2d(4)
    model = nn.Sequential(conv, norm, nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(4 * 4 * 4, 3)).to(where.split(",")[0])
    optimiser = Adam(model.parameters(), lr=1e-2)
    rng = np.random.default_rng(0)
    x, y = (minigen.from_numpy(a).to(where.split(",")[0])
            for a in (rng.standard_normal((6, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 6)))  # fmt: skip

    def step(x: Any, y: Any) -> Any:
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
        return loss

    call: Callable = minigen.cuda.graph(step) if captured else step
    return [call(x, y).item() for _ in range(count)]


PARTS: dict[str, Callable[[CudaBackend, bool, dict[str, Any]], Any]] = {
    "kernels": kernels, "sanitizer": sanitizer, "follows": follows, **gpu_time.PARTS, **gpu_peers.PARTS,
}  # fmt: skip
