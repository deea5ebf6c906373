"""`all` measures what docs/benchmarks shows, draws it and writes its pages; `table` writes the pages again."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import options, report, walk
from .gpu_summary import markdown

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "benchmarks"
PLOTTED = ("gemm", "conv", "ladder")
# The most important first; two threads without what takes minutes to compile.
RUNS = [
    ("train", 1), ("gemm", 1), ("conv", 1), ("fused", 1), ("ladder", 1), ("overhead", 1), ("threads", 2), ("train", 2),
    ("ladder", 2),
]  # fmt: skip
MORE = {("train", 1): ["--steps", "9"], ("train", 2): ["--steps", "7"]}


def add_options(commands: Any) -> None:
    parser = commands.add_parser("all", help="measure everything and write the pages of docs/benchmarks; takes a while")
    parser.add_argument("--folder", type=Path, default=PAGES, help="for all it writes (default docs/benchmarks)")
    parser.add_argument("--only", nargs="*", choices=sorted({name for name, _ in RUNS}), help="some commands only")
    parser.set_defaults(threads=1)


def everything(wanted: argparse.Namespace) -> int:
    """Each command in a process of its own; 1 if one of them failed."""
    wanted.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name, threads in RUNS:
        if wanted.only and name not in wanted.only:
            continue
        label = f"{name}-{threads}"
        words = [name, "--threads", str(threads), "--json", str(wanted.folder / f"{label}.json")]
        words += MORE.get((name, threads), [])
        if (name, threads) == ("train", 2):
            words += ["--peers", ",".join(filter(options.installed, ("torch", "torch-tuned"))) or "none"]
        if name in PLOTTED:
            words += ["--plot", str(wanted.folder / f"{label}.png")]
        print(f"== {' '.join(words)}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", "minigen.kernels.bench", *words]).returncode != 0
    return pages(wanted.folder) or int(failed)


def pages(folder: Path) -> int:
    """Write README.md (every table) and ladder.md (the walk) from the results in ``folder``."""
    results = saved(folder)
    if not results:
        print(f"No results in {folder}; measure them first: python -m minigen.kernels.bench all", file=sys.stderr)
        return 1
    for name, text in texts(results).items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"wrote {folder / name}")
    return 0


def saved(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text(encoding="utf-8")) | {"file": path.stem} for path in sorted(folder.glob("*.json"))
    ]


def texts(results: list[dict[str, Any]]) -> dict[str, str]:
    """{file name: content} of all pages."""
    gpus = {f"{r['file']}.md": r for r in results if r.get("kind") == "gpu"}
    results = [r for r in results if r.get("kind") != "gpu"]
    found = {"README.md": report.markdown(results)}
    if gpus:
        links = [f"- [{r['machine']['gpu']}]({name})" for name, r in gpus.items()]
        found["README.md"] += "\n".join(["", "## On GPUs", "", *links, ""])
    found |= {name: markdown({k: v for k, v in r.items() if k != "file"}) for name, r in gpus.items()}
    ladders = [result for result in results if result["command"] == "ladder"]
    if ladders:
        found["ladder.md"] = walk.page(ladders, ROOT / "csrc")
    return found
