"""Installed any way, everything imports: editable, from a wheel, and beside the source folder that shadows the wheel.

Each way gets a copy of the source tree and a fresh virtual environment; only minigen is installed there, its
dependencies are borrowed from the environment that runs the tests.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

LOOK = """
import importlib, json, pkgutil
import minigen, minigen.kernels, minigen._cpu
from minigen.data import MNIST

packages = (minigen, minigen.kernels)
names = {m.name for p in packages for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")}
for name in names:
    if not name.startswith(("minigen.__main__", "minigen.kernels.bench.")):  # applications, which may want PyTorch
        importlib.import_module(name)
x = minigen.tensor([[1.0, 2.0]]).requires_grad_()
with minigen.use_backend("cpp"):
    (x @ x.T).sum().backward()
print(json.dumps({
    "minigen": minigen.__file__, "kernels": minigen.kernels.__file__, "_cpu": minigen._cpu.__file__,
    "names": sorted(names), "digits": len(MNIST(root="embedded", train=False)), "grad": x.grad.numpy().tolist(),
}))
"""


def run(*command, cwd, **environment):
    """Standard output and error together; a failure shows them."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MINIGEN", "PIP_"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**env, **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def copy_sources(folder: Path) -> Path:
    """The files that git knows or would know: nothing that was built here."""
    listing = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def fresh_environment(folder: Path) -> Path:
    """A virtual environment's Python, to which the packages of this one are lent by a .pth file, minigen excepted."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    # Python does not follow the .pth files of a folder lent like this, so an editable minigen stays behind
    Path(site, "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def pip(python: Path, *arguments, cwd: Path, **environment) -> str:
    options = ("--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation", "-v")
    command, *rest = arguments
    return run(sys.executable, "-m", "pip", "--python", python, command, *options, *rest, cwd=cwd, **environment)


def look(python: Path, cwd: Path) -> dict:
    return json.loads(run(python, "-c", LOOK, cwd=cwd).splitlines()[-1])


def is_whole(found: dict) -> None:
    assert found["digits"] == 2000 and found["grad"] == [[2.0, 4.0]]
    assert {"minigen.nn", "minigen.optim", "minigen.data", "minigen.backprop"} <= set(found["names"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    tree = copy_sources(folder / "tree")
    pip(sys.executable, "wheel", "-w", folder, tree, cwd=folder)
    return next(folder.glob("minigen-*.whl"))


@pytest.fixture(scope="module")
def wheel_python(wheel, tmp_path_factory) -> Path:
    python = fresh_environment(tmp_path_factory.mktemp("env") / "venv")
    pip(python, "install", "--ignore-installed", wheel, cwd=wheel.parent)
    return python


def test_from_a_wheel(wheel_python, tmp_path):
    found = look(wheel_python, tmp_path)
    is_whole(found)
    for part in ("minigen", "kernels", "_cpu"):
        assert Path(found[part]).is_relative_to(wheel_python.parents[1])
    assert "ok" in run(wheel_python.with_name("minigen"), "doctor", cwd=tmp_path)


def test_from_the_source_folder_after_a_wheel(wheel_python, tmp_path):
    tree = copy_sources(tmp_path / "tree")
    found = look(wheel_python, tree)  # python -c looks into the current folder first
    is_whole(found)
    assert Path(found["minigen"]).is_relative_to(tree), "the source folder should shadow the installed package"
    assert Path(found["_cpu"]).is_relative_to(wheel_python.parents[1])


def test_editable(tmp_path):
    tree, python = copy_sources(tmp_path / "tree"), fresh_environment(tmp_path / "venv")
    pip(python, "install", "--ignore-installed", "-e", tree, cwd=tmp_path)
    found = look(python, tmp_path)
    is_whole(found)
    for part in ("minigen", "kernels", "_cpu"):
        assert Path(found[part]).is_relative_to(tree)
    is_whole(look(python, tree))
    assert "ok" in run(python.with_name("minigen"), "doctor", cwd=tmp_path)


def test_without_a_compiler(tmp_path):
    tree, python = copy_sources(tmp_path / "tree"), fresh_environment(tmp_path / "venv")
    said = pip(python, "install", "--ignore-installed", tree, cwd=tmp_path, CC="/bin/false", CXX="/bin/false")
    assert said.count("C++ backend was NOT built") == 1 and said.count("C++17 compiler") == 1, said
    train = "import minigen; x = minigen.tensor([3.0]).requires_grad_(); (x * x).sum().backward(); print(x.grad.item())"
    assert run(python, "-W", "error", "-c", train, cwd=tmp_path) == "6.0\n"
    report = run(python, "-m", "minigen", "doctor", cwd=tmp_path)
    assert re.search(r"numpy +ok", report) and re.search(r"cpp +NOT AVAILABLE", report) and "compiler" in report
