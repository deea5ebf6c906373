"""The scripts as a user runs them: as processes, in a folder of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(tmp_path: Path):
    """Runs ``examples/NAME.py ARGS`` in an empty folder and returns the finished process."""

    def run(name: str, *args: object, status: int = 0) -> subprocess.CompletedProcess:
        environment = {**os.environ, "MPLBACKEND": "agg", "MINIGEN_NUM_THREADS": "1"}
        command = [sys.executable, str(ROOT / "examples" / f"{name}.py"), *map(str, args)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run
