"""`train`: verify, time, verify again."""

from __future__ import annotations

import argparse
import statistics
import sys
from typing import Any

from minigen.files import write_json

from . import machine, options, peak, profile, sides, timing, verify
from .workloads import WORKLOADS, Workload

PEERS = ("torch", "torch-tuned", "torch-compile", "jax")


def add_options(commands: Any) -> None:
    parser = commands.add_parser("train", help="whole training steps, beside PyTorch's where it is installed")
    options.shared(parser, PEERS, PEERS, plot=False)
    parser.add_argument(
        "--only", type=options.names("workload", list(WORKLOADS)), default=list(WORKLOADS),
        help=f"from {','.join(WORKLOADS)}",
    )  # fmt: skip
    parser.add_argument("--steps", type=options.at_least_one, default=20, help="timed steps of each side (default 20)")
    parser.add_argument(
        "--batch-size", type=options.at_least_one, help="instead of the usual: for trying out, not for comparing"
    )
    parser.add_argument("--profile", action="store_true", help="show instead where minigen's steps spend their time")


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The result of `train` as it is saved."""
    description, roof = machine.describe(), peak.Peak()
    result: dict[str, Any] = {
        "schema": 1,
        "command": "train",
        "machine": description,
        "not_installed": options.absent(PEERS),
        "settings": {"threads": wanted.threads, "rounds": wanted.steps, "warm_up": timing.WARM_UP},
        "peak": {"gflop_per_s": roof.gflop_per_s, "gbyte_per_s": roof.gbyte_per_s},
        "workloads": {},
        "failed": {},
    }
    for name in wanted.only:
        try:
            result["workloads"][name] = one(WORKLOADS[name], wanted, roof)
        except verify.Disagreement as error:
            result["failed"][name] = str(error)
            print(f"No time is reported: {error}", file=sys.stderr)
        if wanted.json:  # what is measured is kept, whatever happens to the next
            write_json(wanted.json, result, indent=1)
    return result


def one(workload: Workload, wanted: argparse.Namespace, roof: peak.Peak) -> dict[str, Any]:
    """One workload on all sides."""
    missing: dict[str, str] = {}
    competitors = sides.build(workload, wanted.batch_size, wanted.backends, wanted.peers, wanted.threads, missing)
    reference = reference_for(competitors, workload, wanted)
    before = verify.agree(competitors, reference) if reference else None
    steps = {side.name: side.step for side in competitors}
    samples = timing.interleaved(steps, wanted.steps, workload.name, wanted.threads)
    if reference:
        verify.agree(competitors, reference)
    gflop = workload.gflop * (wanted.batch_size or workload.batch_size) / workload.batch_size
    found = {side.name: summary(samples[side.name], gflop, roof) for side in competitors}
    return {
        "definition": workload.words,
        "batch_size": wanted.batch_size or workload.batch_size,
        "usual_batch_size": workload.batch_size,
        "gflop": gflop,
        "verified": before,
        "sides": found,
        "missing": missing,
        "profile": profile.rows(competitors[0], 2)[:8] if competitors[0].lib is sides.minigen else [],
        "notes": {side.name: side.note for side in competitors if side.note},
        "ratios": ratios(samples, [side.name for side in competitors if side.lib is sides.minigen]),
    }


def ratios(samples: dict[str, dict[str, list]], ours: list[str]) -> dict[str, dict[str, Any]]:
    """Time over time: ours over each peer's, and over the best peer's."""
    ms = {name: each["ms"] for name, each in samples.items()}
    peers = sorted((name for name in ms if name not in ours), key=lambda name: statistics.median(ms[name]))
    found: dict[str, dict[str, Any]] = {}
    for mine in ours:
        for peer in peers:
            found[f"{mine} / {peer}"] = dict(timing.ratio(ms[mine], ms[peer]))
        if peers:
            found[f"{mine} / the best peer"] = {**found[f"{mine} / {peers[0]}"], "peer": peers[0]}
    return found


def reference_for(competitors: list[sides.Side], workload: Workload, wanted: argparse.Namespace) -> sides.Side | None:
    """PyTorch, else minigen's executable specification; None if that is all there is."""
    peers = [side for side in competitors if side.lib is not sides.minigen]
    if peers:
        return peers[0]
    specification = [side for side in competitors if side.name == "minigen numpy"]
    if specification and len(competitors) == 1:
        return None
    return specification[0] if specification else sides.build(workload, wanted.batch_size, ["numpy"], [], 1)[0]


def summary(samples: dict[str, list], gflop: float, roof: peak.Peak) -> dict[str, Any]:
    found: dict[str, Any] = timing.spread(samples["ms"])
    found["gflop_per_s"] = 1e3 * gflop / found["median"]
    found["share"] = roof.share(found["gflop_per_s"])
    faults = [n for n in samples["page_faults"] if n is not None]
    found["page_faults"] = statistics.median(faults) if faults else None
    found["ms"] = samples["ms"]
    return found
