"""A finished run beside the others: its figures, curves and samples, where the page of results finds them.

    python examples/NAME.py --publish docs/results/NAME/RUN          RUN.json, RUN_curves.png, RUN.txt or RUN_*.png
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..files import write_json

KEPT = ("judged", "tried")  # what others added to a result that is published again


def publish(
    run: Path, to: Path, files: Iterable[str] = ("curves.png",), more: Mapping[str, Any] | None = None
) -> Path:
    """Write TO.json from the result.json in the folder ``run``, with ``more`` on top, and copy its ``files``.

    A picture a/b.png becomes TO_b.png, a text TO.txt; of a pattern such as samples/*.png the last, as TO_samples.png.
    Raises FileNotFoundError for a run that did not come to its end.
    """
    path = run / "result.json"
    if not path.is_file():
        raise FileNotFoundError(f"--publish: there is no {path}: the run has not come to its end")
    result = json.loads(path.read_text(encoding="utf-8"))
    target = to.with_name(f"{to.name}.json")
    before = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    kept = {key: before[key] for key in KEPT if key in before}
    found = {**result, **kept, **{key: value for key, value in (more or {}).items() if value is not None}}
    write_json(target, found)
    for wanted in files:
        matching = sorted(run.glob(wanted))
        if not matching:
            raise FileNotFoundError(f"--publish: there is no {run / wanted}")
        source = matching[-1]
        part = source.parent.name if "*" in wanted else source.stem
        name = f"{to.name}.txt" if source.suffix == ".txt" else f"{to.name}_{part}{source.suffix}"
        shutil.copyfile(source, to.with_name(name))
    return target
