"""`threads`: two threads against one while another process keeps one of the two processors busy.

A kernel that waits for both its threads would then take twice as long. Here work lies in small tiles that whoever is
free takes, so that a second thread may help little, but must not harm. One thread and two take turns; their results
must be the same, bit by bit.
"""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

import minigen

from . import conv, fused, gemm, machine, options, timing
from .verify import Disagreement

LIMIT = 1.05  # what the median of two threads' time over one's should not exceed
SAMPLE = 1e-3  # seconds that a sample lasts at least
PRODUCTS = [(128, 128, 128), (512, 512, 512), (32, 784, 256), (2048, 256, 1024)]
LAYERS = (conv.LAYERS[1], conv.LAYERS[9])  # the GAN's common layer, and the U-Net's
FUSED = tuple(name for name in fused.NAMES if name not in ("rnn", "gru", "linear"))
KINDS = ("gemm", "conv", *FUSED)
BUSY = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])}) if len(sys.argv) > 1 else 0\nwhile True: pass"


def add_options(commands: Any) -> None:
    parser = commands.add_parser("threads", help="two threads against one, while another process keeps a core busy")
    options.shared(parser, (), (), plot=False)
    parser.set_defaults(threads=2)
    parser.add_argument("--only", type=options.names("kernel", KINDS), default=list(KINDS), help=f"from {KINDS}")
    parser.add_argument("--rounds", type=options.at_least_one, default=200, help="interleaved pairs (default 200)")


@contextmanager
def busy_neighbour() -> Iterator[None]:
    """A process that computes without end on the last of the processors that this one may use."""
    where = [str(max(os.sched_getaffinity(0)))] if hasattr(os, "sched_getaffinity") else []
    neighbour = subprocess.Popen([sys.executable, "-c", BUSY, *where])
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def kernels(only: list[str]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, a call that computes once and returns the result)."""
    rng, be = np.random.default_rng(0), minigen.backend.get(minigen.current_backend())
    for M, K, N in PRODUCTS if "gemm" in only else []:
        x, y, _ = gemm.matrices(M, K, N, "nn", rng)
        yield f"matmul {M} x {K} x {N}", functools.partial(be.matmul, x, y)
    for layer in LAYERS if "conv" in only else []:
        parts = conv.arrays(layer._replace(N=16), rng)
        for kind in conv.KINDS:
            pair = (parts[name] for name in conv.PARTS[kind][:2])
            yield f"conv2d {kind}, {layer.name}", functools.partial(conv.compute, be, kind, layer, *pair)
    seen = set()
    for problem in fused.PROBLEMS:
        if problem.twin in only and problem.twin not in seen:
            seen.add(problem.twin)  # each twin once, as it is first listed
            short = problem._replace(shapes=tuple((8, *s[1:]) if len(s) == 3 else s for s in problem.shapes))
            inputs = fused.tensors(minigen, fused.inputs(short, rng))
            with minigen.no_grad():
                shape = problem.call(minigen, *inputs).shape
            delta = minigen.from_numpy(rng.standard_normal(shape).astype(np.float32))
            run = functools.partial(fused.backward, minigen, problem.call, delta, *inputs)
            yield f"{problem.twin}, forward and backward", run


def seconds(call: Callable[[], Any], threads: int, calls: int) -> float:
    minigen.set_num_threads(threads)
    start = perf_counter()
    for _ in range(calls):
        call()
    return (perf_counter() - start) / calls


def same(name: str, call: Callable[[], Any]) -> None:
    """Disagreement where two threads compute anything else than one does."""
    results = []
    for n in (1, 2):
        minigen.set_num_threads(n)
        results.append(fused.flat(call()) if name.endswith("backward") else np.array(call()))
    if not np.array_equal(results[0], results[1]):
        raise Disagreement(f"{name}: one thread and two compute different results")


def pairs(name: str, call: Callable[[], Any], rounds: int) -> dict[str, Any]:
    same(name, call)
    calls = max(1, round(SAMPLE / max(seconds(call, 1, 1), 1e-9)))
    took: dict[int, list[float]] = {1: [], 2: []}
    for i in range(rounds):
        for n in (1, 2) if i % 2 else (2, 1):
            took[n].append(1e6 * seconds(call, n, calls))
    same(name, call)
    return {
        "one": timing.spread(took[1]), "two": timing.spread(took[2]),
        "ratio": timing.spread([two / one for one, two in zip(took[1], took[2], strict=True)]),
    }  # fmt: skip


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The result of `threads` as it is saved."""
    description, found = machine.describe(), {}
    with busy_neighbour():
        for name, call in kernels(wanted.only):
            print(f"\r{name:<60}", end="", file=sys.stderr, flush=True)
            found[name] = pairs(name, call, wanted.rounds)
    print("\r" + " " * 60, end="\r", file=sys.stderr)
    return {
        "schema": 1, "command": "threads", "machine": description,
        "settings": {"threads": 2, "rounds": wanted.rounds, "limit": LIMIT}, "pairs": found,
    }  # fmt: skip


def columns(result: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for name, pair in result["pairs"].items():
        r = pair["ratio"]
        quartiles = f"{r['lower_quartile']:.2f} to {r['upper_quartile']:.2f}"
        rows.append([name, *(f"{pair[n]['median']:.4g} us" for n in ("one", "two")), f"{r['median']:.3f}", quartiles])
    return ["kernel", "one thread", "two threads", "median ratio", "quartiles"], rows


def verdict(result: dict[str, Any]) -> str:
    limit, ratios = result["settings"]["limit"], {name: p["ratio"]["median"] for name, p in result["pairs"].items()}
    above = [name for name, ratio in ratios.items() if ratio > limit]
    count = f"{len(ratios) - len(above)} of {len(ratios)}"
    words = f"the median of two threads' time over one's is at most {limit} for {count}"
    return words + (f" kernels, not for {'; '.join(above)}" if above else " kernels")
