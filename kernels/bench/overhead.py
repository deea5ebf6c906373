"""`overhead`: what an operation costs beside its arithmetic, and what a process costs; in fresh processes.

- scalar: y = a * 2 + 1; y.backward(), microseconds
- chain: 10,000 additions forward and backward, milliseconds
- import: the time to import the library, less that of an empty Python, milliseconds
- memory: the largest resident size of a process that imports the library and runs 20 steps of N1, MB
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from . import machine, options, timing
from .verify import Disagreement

PEERS = ("torch",)
UNITS = {"scalar": "us", "chain": "ms", "import": "ms", "memory": "MB"}
STEPS = 20  # of N1
LINKS = 10_000

SCALAR = """
a = lib.ones(()).requires_grad_()
def once():
    y = a * 2 + 1
    y.backward()
for _ in range(200):
    once()
samples = []
for _ in range(30):
    start = perf_counter()
    for _ in range(200):
        once()
    samples.append((perf_counter() - start) / 200 * 1e6)
a.grad = None
once()
print(statistics.median(samples), float(a.grad))
"""
CHAIN = """
a = lib.ones(()).requires_grad_()
samples = []
for _ in range(7):
    a.grad = None
    start = perf_counter()
    y = a
    for _ in range(LINKS):
        y = y + 1
    y.backward()
    samples.append((perf_counter() - start) * 1e3)
print(statistics.median(samples), float(a.grad) + y.item() - LINKS - 1)
"""
HEAD = """
import statistics
from time import perf_counter
import LIBRARY as lib
lib.set_num_threads(THREADS)
LINKS = {links}
"""
MEMORY = """
import resource
from minigen.kernels.bench import sides, workloads
side = sides.alone({side!r}, workloads.WORKLOADS["N1"], {threads})
for _ in range({steps}):
    loss = side.step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1.0)
"""
RIGHT = {"scalar": 2.0, "chain": 1.0, "memory": 1.0}


def add_options(commands: Any) -> None:
    parser = commands.add_parser("overhead", help="the cost of an operation, of the import, and of memory")
    options.shared(parser, PEERS, PEERS, plot=False)
    parser.add_argument("--only", type=options.names("measurement", tuple(UNITS)), default=list(UNITS), help="which")
    parser.add_argument("--rounds", type=options.at_least_one, default=5, help="processes of each side (default 5)")


def run(code: str) -> list[float]:
    """The numbers that a fresh process prints."""
    keeps = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # as users have it
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=keeps)
    if done.returncode:
        raise RuntimeError(f"a measured process failed: {done.stderr.strip()[-2000:]}")
    return [float(word) for word in done.stdout.split()]


def seconds(code: str) -> float:
    start = perf_counter()
    run(code)
    return perf_counter() - start


def measurement(what: str, side: str, threads: int) -> Callable[[], float]:
    """A function that runs one fresh process and returns what it measured."""
    library = "torch" if side == "torch" else "minigen"
    if what == "import":
        return lambda: 1e3 * (seconds(f"import {library}") - seconds("pass"))
    head = HEAD.replace("LIBRARY", library).replace("THREADS", str(threads)).format(links=LINKS)
    if library == "minigen":
        head += f"lib.use_backend({side.split()[-1]!r})\n"
    code = {"scalar": head + SCALAR, "chain": head + CHAIN}.get(
        what, MEMORY.format(side=side, threads=threads, steps=STEPS)
    )

    def once() -> float:
        value, answer = run(code)
        if answer != RIGHT[what]:
            raise Disagreement(f"{what}: {side} computes {answer}, expected {RIGHT[what]}")
        return value

    return once


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The result of `overhead` as it is saved."""
    description = machine.describe()
    names = [f"minigen {be}" for be in wanted.backends] + wanted.peers
    found: dict[str, Any] = {}
    for what in wanted.only:
        samples: dict[str, list[float]] = {name: [] for name in names}
        runs = {name: measurement(what, name, wanted.threads) for name in names}
        if what == "import":
            for once in runs.values():
                once()  # Python compiles a source file that is new here; an installed library's are compiled
        for i in range(wanted.rounds):
            for name in names[i % len(names) :] + names[: i % len(names)]:
                samples[name].append(runs[name]())
        found[what] = {
            "unit": UNITS[what],
            "sides": {name: timing.spread(values) | {"samples": values} for name, values in samples.items()},
            "ratios": {
                f"{ours} / {peer}": statistics.median(samples[ours]) / statistics.median(samples[peer])
                for ours in names if ours not in wanted.peers for peer in wanted.peers
            },
        }  # fmt: skip
    return json.loads(json.dumps({
        "schema": 1, "command": "overhead", "machine": description,
        "settings": {"threads": wanted.threads, "rounds": wanted.rounds}, "measurements": found,
    }))  # fmt: skip
