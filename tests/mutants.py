"""Plants mistakes into a kernel's text: one barrier, one wait or one bounds check less, chosen when the kernel runs.

All mutants of a file are one library, so that they cost one compilation: each barrier becomes
``if (mutant != 7) __syncthreads();``, each comparison with a size ``(mutant == 8 || i < n)``, and a test sets
``mutant``.
"""

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

TERM = r"(?:\([\w ]+\))?\w+(?:\.\w+)*"
SKIPPED = r'(?P<skipped>//[^\n]*|/\*.*?\*/|^[ \t]*#[^\n]*|\bfor\s*\((?:[^()]|\([^()]*\))*\))'
BARRIER = r"(?P<barrier>(?:__sync(?:threads|warp)|wait_copies<[^<>]*>|commit_copies)\([^()]*\));"
CHECK = (
    rf"(?:(?<=[(&|?=:])|(?<=return))(?P<space>\s*)(?P<left>{TERM}(?:\s*[-+*/%]\s*{TERM})*)\s*(?P<sign><|>=)"
    r"\s*(?P<right>[A-Za-z_]\w*(?:\.\w+)*)(?=\s*(?:\)|&&|\|\||\?|;|:))"
)
PLACE = re.compile(f"{SKIPPED}|{BARRIER}|{CHECK}", re.DOTALL | re.MULTILINE)
SWITCH = 'extern "C" __attribute__((visibility("default"))) int mutant = -1;\n'


class Mutant(NamedTuple):
    number: int
    file: str
    line: int
    missing: str  # "i < n"

    def __str__(self) -> str:
        return f"{self.file}:{self.line} without {self.missing}"


def planted(inlined: str, files: set[str]) -> tuple[str, list[Mutant]]:
    """A kernel's text with switches in those of its ``files``, and what each switch leaves out.

    Comments, macros and the headers of loops stay as they are.
    """
    mutants: list[Mutant] = []
    file, line, since = "", 0, 0

    def switch(found: re.Match) -> str:
        nonlocal file, line, since
        if found["skipped"] is not None:
            if told := re.match(r'#line (\d+) "(.*)"', found[0]):
                file, line, since = told[2], int(told[1]) - 1, found.start()
            return found[0]
        if file not in files:
            return found[0]
        missing = found["barrier"] or f"{found['left']} {found['sign']} {found['right']}"
        n = len(mutants)
        mutants.append(Mutant(n, file, line + inlined.count("\n", since, found.start()), missing))
        if found["barrier"]:
            return f"if (mutant != {n}) {missing};"
        if found["sign"] == "<":
            return f"{found['space']}(mutant == {n} || {missing})"
        return f"{found['space']}(mutant != {n} && {missing})"

    return SWITCH + PLACE.sub(switch, inlined), mutants


def files_of(inlined: str) -> list[str]:
    """The names of the files that a text was pasted together from."""
    return list(dict.fromkeys(re.findall(r'^#line \d+ "(.*)"', inlined, re.MULTILINE)))


@contextmanager
def switched_on(module, mutant: Mutant) -> Iterator[None]:
    """Inside, the module's kernels have this one mistake."""
    chosen = ctypes.c_int.in_dll(module.compiled, "mutant")
    chosen.value = mutant.number
    try:
        yield
    finally:
        chosen.value = -1
