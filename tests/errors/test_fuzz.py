"""Thousands of random calls on every backend, in a process of its own: a crash is then a failure that can be read."""

import subprocess
import sys
from pathlib import Path

import pytest

from minigen import backend

FUZZ = Path(__file__).with_name("fuzz.py")
USABLE = [name for name, reason in backend.available().items() if not reason]


def fuzz(*arguments, script=FUZZ) -> tuple[int, str]:
    """The exit status of fuzz.py, and what it said."""
    command = [sys.executable, "-X", "faulthandler", "-W", "ignore", str(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=arguments[-1].parent)
    return done.returncode, done.stdout[-6000:] + done.stderr[-3000:]


@pytest.mark.parametrize("name", USABLE)
def test_random_calls_are_right_or_refused(name, tmp_path):
    status, words = fuzz(name, 60, tmp_path / "call")
    assert status == 0, f"{words}\nthe last call was {(tmp_path / 'call').read_text()}"
    assert "50 functions: " in words and words.rstrip().endswith("wrong: []")
    good, refused = (int(words.split(word)[0].split()[-1]) for word in (" good calls", " refused"))
    assert good > 1000 and refused > 500, words


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("import ctypes; minigen.exp = F.exp = lambda x: ctypes.string_at(0)", "Segmentation fault"),
        ("F.exp = lambda x: minigen.exp(x) * 1.001", "Not equal to tolerance"),
        ("F.exp = lambda x: minigen.exp(x.double())", "not float32"),
        ("F.exp = lambda x: minigen.exp(x.reshape(-1))", "exp"),
    ],
    ids=["a crash", "a value", "a type", "a shape"],
)
def test_the_fuzz_finds_a_planted_fault(fault, words, tmp_path):
    source = FUZZ.read_text().replace("CALLS = {", f"{fault}\nCALLS = {{", 1)
    planted = tmp_path / "planted.py"
    planted.write_text(f"import sys; sys.path.insert(0, {str(FUZZ.parent)!r})\n" + source.split('"""', 2)[2])
    status, said = fuzz("numpy", 10, tmp_path / "call", script=planted)
    assert status != 0
    assert words in said
    assert (tmp_path / "call").read_text()
