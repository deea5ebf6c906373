"""ruff and mypy find nothing. Their settings stand in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str, cwd: Path = ROOT) -> str:
    """The tool's complaints, or "" if it ends well."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_ruff_finds_nothing():
    complaints = run("ruff", "check", "--output-format=concise", ".")
    assert not complaints, complaints


def test_ruff_finds_what_is_planted(tmp_path):
    (tmp_path / "planted.py").write_text("import os\n")
    assert "F401" in run("ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(tmp_path))


@pytest.fixture
def installed_layout(tmp_path: Path) -> Path:
    """minigen as installing arranges it, out of links: mypy finds minigen.kernels inside minigen only so."""
    package = tmp_path / "minigen"
    package.mkdir()
    for entry in (ROOT / "minigen").iterdir():
        (package / entry.name).symlink_to(entry)
    (package / "kernels").symlink_to(ROOT / "kernels")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def mypy(folder: Path) -> str:
    return run("mypy", "--config-file", str(ROOT / "pyproject.toml"), "-p", "minigen", "-p", "examples", cwd=folder)


@pytest.mark.slow
def test_mypy_finds_nothing(installed_layout):
    complaints = mypy(installed_layout)
    assert not complaints, complaints


@pytest.mark.slow
def test_mypy_sees_the_kernels_package(installed_layout):
    planted = installed_layout / "minigen" / "planted.py"
    planted.write_text("import minigen.kernels\nx: int = minigen.kernels.__name__\n")
    assert "planted.py:2: error: Incompatible types" in mypy(installed_layout)
