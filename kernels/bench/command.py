"""The command line: names checked with words, progress on stderr, the result on stdout and in files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import minigen
from minigen.files import write_json

from . import (
    conv,
    denoise,
    fused,
    gemm,
    gpu,
    ladder,
    listing,
    nanogpt,
    overhead,
    peak,
    profile,
    publish,
    report,
    results,
    threads,
    train,
    verify,
)
from .workloads import WORKLOADS

COMMANDS: dict[str, Any] = {"train": train, "gemm": gemm, "conv": conv, "fused": fused,
                             "ladder": ladder, "overhead": overhead, "threads": threads}  # fmt: skip
OTHERS: dict[str, Any] = {"listing": listing, "denoise": denoise, "nanogpt": nanogpt,
                           "results": results}  # they write files of their own


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Options of one subcommand. Exits with words and code 2 for what is unknown."""
    parser = argparse.ArgumentParser(
        prog="python -m minigen.kernels.bench", description="Verified, interleaved timings."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for module in COMMANDS.values():
        module.add_options(commands)
    publish.add_options(commands)
    for module in OTHERS.values():
        module.add_options(commands)
    gpu.add_options(commands)
    table = commands.add_parser("table", help="Markdown from results that were saved with --json")
    table.add_argument(
        "files", type=Path, nargs="*", metavar="FILE", help="printed; without any, docs/benchmarks is written again"
    )
    table.set_defaults(threads=1)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Do what the options say; the exit code."""
    if options.command == "all":
        return publish.everything(options)
    if options.command in ("gpu-report", "cuda"):
        return gpu.run(options)
    if options.command in OTHERS:
        return OTHERS[options.command].run(options)
    if options.command == "table":
        if not options.files:
            return publish.pages(publish.PAGES)
        print(report.markdown([json.loads(path.read_text(encoding="utf-8")) for path in options.files]), end="")
        return 0
    minigen.set_num_threads(options.threads)
    if getattr(options, "profile", False):
        for name in options.only:
            for be in options.backends:
                print(profile.step(WORKLOADS[name], be, options.batch_size, options.steps))
        return 0
    try:
        result = COMMANDS[options.command].measure(options)
    except (verify.Disagreement, peak.Impossible) as error:
        print(f"No time is reported: {error}", file=sys.stderr)
        return 1
    print(report.text(result))
    if options.json:
        write_json(options.json, result, indent=1)
    if getattr(options, "plot", None):
        from . import plot

        plot.save(result, options.plot)
    return int(bool(result.get("failed")))
