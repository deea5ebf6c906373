"""Kernels side by side: each result is verified before and after, sides take turns, arrays rotate through memory."""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from . import timing
from .peak import Peak, repeated
from .verify import Disagreement

SAMPLE = 2e-3  # a sample lasts so many seconds at least: a short kernel runs many times in it
ROTATION = 96 << 20  # bytes of arrays that samples rotate through: more than caches hold
TOLERANCE = 1e-5  # of the sum of a result's terms without their signs: what float32 sums may lose

Sample = Callable[..., Any]


@dataclass
class Contender:
    """One side: ``call(*arrays)`` computes once and returns the result. ``inside``: C++ loops and takes the time.

    ``flop_done``: what it really multiplies and adds, where that isn't what the problem's definition counts.
    ``faster``: how far above the peak its rate by the definition may lie, where it may choose an algorithm that
    multiplies less.
    """

    name: str
    call: Sample
    sets: Sequence[tuple]
    inside: bool = False
    flop_done: float | None = None
    faster: float = 1.0
    turn: int = 0
    calls: int = 1

    def run(self) -> float:
        """Seconds for one execution: the mean of ``calls`` on the next set of arrays."""
        arrays = self.sets[self.turn % len(self.sets)]
        self.turn += 1
        if self.inside:
            from minigen import _cpu

            with repeated(self.calls):
                self.call(*arrays)
            return _cpu.seconds() / self.calls
        start = perf_counter()
        for _ in range(self.calls):
            self.call(*arrays)
        return (perf_counter() - start) / self.calls

    def warm_up(self) -> None:
        """Run at least twice and choose how often a sample runs it."""
        self.run()
        self.calls = max(1, min(1_000_000, round(SAMPLE / max(self.run(), 1e-9))))
        self.run()


@dataclass
class Case:
    """One problem: who solves it, what the right answer is, and how far from it a float32 sum may lie."""

    name: str
    flop: float
    nbytes: int  # that must be read and written at least
    contenders: list[Contender]
    expected: np.ndarray
    scale: np.ndarray
    group: str = ""
    words: dict[str, Any] = field(default_factory=dict)

    def verify(self) -> dict[str, float]:
        """Each side's largest error relative to its tolerance's scale, or Disagreement."""
        found = {}
        for side in self.contenders:
            result = side.call(*side.sets[0])
            parts = result if isinstance(result, list) else [result]
            got = np.concatenate([np.ravel(np.asarray(part, dtype=np.float64)) for part in map(detached, parts)])
            got = got.reshape(self.expected.shape)
            error = float((np.abs(got - self.expected) / (self.scale + 1e-30)).max(initial=0.0))
            if not error <= TOLERANCE:  # written so that NaN is wrong
                raise Disagreement(f"{self.name}: {side.name} is off by {error:.1e}, {TOLERANCE:.0e} is allowed")
            found[side.name] = error
        return found


def detached(part: Any) -> Any:
    """A tensor without its graph."""
    return part.detach() if hasattr(part, "detach") else part


def sets_of(nbytes: int) -> int:
    """How many sets of arrays of this size make a rotation."""
    return max(1, min(32, math.ceil(ROTATION / max(nbytes, 1))))


def hold(cases: Iterator[Case], peak: Peak, rounds: int) -> dict[str, dict[str, Any]]:
    """Verify, time and verify every case; Impossible where a rate lies above the machine's peak."""
    results = {}
    for case in cases:
        print(f"\r{case.name:<60}", end="", file=sys.stderr, flush=True)
        errors = case.verify()
        for side in case.contenders:
            side.warm_up()
        samples: dict[str, list[float]] = {side.name: [] for side in case.contenders}
        for i in range(rounds):
            turn = i % len(case.contenders)
            for side in case.contenders[turn:] + case.contenders[:turn]:
                samples[side.name].append(1e6 * side.run())
        case.verify()
        results[case.name] = {"flop": case.flop, "bytes": case.nbytes, "group": case.group, **case.words, "sides": {}}
        for side in case.contenders:
            found: dict[str, Any] = timing.spread(samples[side.name])
            rate = case.flop / found["median"] / 1e3
            if case.flop:
                done = rate if side.flop_done is None else side.flop_done / found["median"] / 1e3
                peak.allow(done, f"{case.name}: {side.name}", side.faster)
                found.update({"flop_done": side.flop_done, "faster": side.faster})
            found.update(gflop_per_s=rate, share=peak.share(rate), error=errors[side.name], calls=side.calls)
            results[case.name]["sides"][side.name] = found
    print("\r" + " " * 60, end="\r", file=sys.stderr)
    return results


def ratios(cases: dict[str, dict[str, Any]], ours: str, peers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How many times as fast as each peer, and as the best of them, we are: the geometric mean, and the worst case."""
    found: dict[str, dict[str, Any]] = {}
    columns = {peer: [peer] for peer in peers} | ({"the best peer": list(peers)} if len(peers) > 1 else {})
    for label, among in columns.items():
        values = {
            name: min(case["sides"][p]["median"] for p in among if p in case["sides"]) / case["sides"][ours]["median"]
            for name, case in cases.items()
            if ours in case["sides"] and any(p in case["sides"] for p in among)
        }
        if values:
            worst = min(values, key=lambda name: values[name])
            mean = math.exp(statistics.fmean(map(math.log, values.values())))
            found[f"{ours} against {label}"] = {"geometric_mean": mean, "worst": values[worst], "worst_case": worst}
    return found


def result(
    command: str, wanted: argparse.Namespace, description: dict, roof: Peak, cases: dict, ratios: dict
) -> dict[str, Any]:
    """What every command that compares kernels saves."""
    return {
        "schema": 1, "command": command, "machine": description,
        "settings": {"threads": wanted.threads, "rounds": wanted.rounds, "sample_seconds": SAMPLE},
        "peak": {"gflop_per_s": roof.gflop_per_s, "gbyte_per_s": roof.gbyte_per_s},
        "cases": cases, "ratios": ratios,
    }  # fmt: skip
