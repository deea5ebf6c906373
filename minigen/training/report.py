"""What a run leaves behind at its end: curves, a film and result.json."""

from __future__ import annotations

import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import minigen

from .. import plot
from ..files import write_json
from .experiment import Experiment
from .health import Finding
from .run import Run


def conclude(experiment: Experiment, run: Run, findings: list[Finding]) -> None:
    """The pictures and the figures that a run ends with."""
    rows = run.rows()
    if experiment.curves:
        plot.save_curves(timed(rows), experiment.curves, run.folder / "curves.png", experiment.curves_over)
    sheets = sorted((run.folder / "samples").glob("step_*.png"))
    if sheets:
        plot.save_gif(sheets, run.folder / "training.gif")
    figures = experiment.conclude(run)
    result = {
        "name": experiment.name, **about(run.folder), "seed": run.config["seed"],
        "steps": rows[-1]["step"], "minutes": sum(r.get("seconds", 0.0) for r in rows) / 60,
        "health": {f.range.column: {"value": f.value, "good runs": [f.range.low, f.range.high]} for f in findings},
        **experiment.place(run.config), **figures,
        "config": {name: value for name, value in run.config.items() if not isinstance(value, dict)},
    }  # fmt: skip
    write_json(run.folder / "result.json", result)
    for finding in findings:
        print(finding)
    print(f"Pictures, curves and checkpoint: {run.folder}")


def timed(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Rows of metrics.jsonl with the "minutes" of training after each."""
    minutes = np.cumsum([row.get("seconds", 0.0) for row in rows]) / 60
    return [{**row, "minutes": float(after)} for row, after in zip(rows, minutes, strict=True)]


def about(folder: Path) -> dict[str, Any]:
    """How a run was made: its commands, and what it ran on."""
    commands = folder / "commands.txt"
    return {
        "command": " && ".join(commands.read_text().splitlines() if commands.exists() else []),
        "date": time.strftime("%Y-%m-%d"),
        "minigen": metadata.version("minigen"),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": {"cpu": processor()},
        "backend": minigen.current_backend(),
        "threads": minigen.get_num_threads(),
    }


def processor() -> str:
    """The processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
