"""What a launch needs beside the kernel, read from comments at the top of its file or from the command line.

//! grid 4, block 256            how many blocks, of how many threads; up to three numbers each: grid 2 2, block 16 16
//! a = 2.0                      a number, of the parameter's own type; any expression in NumPy's terms: np.sqrt(2)
//! x = float[1000]              random numbers; int[1000] are from 0 to 9
//! y = out[1000]                an output: nobody has written it, and it is wrong to read it
//! n = 1000
//! expect y = a * x             checked when the kernel has run; the names are what they were before
//! kernel saxpy                 needed only if the file has several;  //! shared 1024: bytes of dynamic shared memory
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import module

_TYPES = {
    "float": np.float32, "float2": np.float32, "float4": np.float32, "double": np.float64, "bool": np.bool_,
    "int": np.int32, "int32_t": np.int32, "int2": np.int32, "int4": np.int32, "unsigned": np.uint32,
    "unsigned int": np.uint32, "uint32_t": np.uint32, "short": np.int16, "char": np.int8, "unsigned char": np.uint8,
    "uint8_t": np.uint8, "long long": np.int64, "int64_t": np.int64, "unsigned long long": np.uint64,
    "uint64_t": np.uint64, "size_t": np.uint64,
}  # fmt: skip


class JobError(ValueError):
    """The launch is not described, or not so that it can be understood."""


@dataclass
class Job:
    """A launch, as it was described."""

    kernel: str = ""
    grid: tuple[int, ...] = ()
    block: tuple[int, ...] = ()
    shared: int = 0
    values: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)

    def read(self, line: str) -> None:
        """One line of the description, without its ``//!``."""
        if found := re.fullmatch(r"expect\s+(\w+)\s*=\s*(.+)", line):
            self.expected[found[1]] = found[2]
        elif found := re.fullmatch(r"(\w+)\s*=\s*(.+)", line):
            self.values[found[1]] = found[2]
        else:
            for part in line.split(","):
                words = part.split()
                if len(words) == 2 and words[0] == "kernel":
                    self.kernel = words[1]
                elif (
                    words
                    and words[0] in ("grid", "block", "shared")
                    and all(w.isdecimal() for w in words[1:])
                    and words[1:]
                ):
                    numbers = tuple(map(int, words[1:]))
                    setattr(self, words[0], numbers[0] if words[0] == "shared" else numbers)
                else:
                    raise JobError(f"//! {line}: not understood; {HELP}")


HELP = (
    "write for instance\n    //! grid 4, block 256\n    //! x = float[1000]\n    //! n = 1000\n    //! expect y = 2 * x"
)


def described(text: str) -> Job:
    """The job that a source's ``//!`` comments describe."""
    job = Job()
    for line in re.findall(r"^[ \t]*//![ \t]*(.*?)[ \t]*(?://.*)?$", text, re.MULTILINE):
        job.read(line)
    return job


def arguments(job: Job, declared: Sequence[tuple[str, str]]) -> tuple[list[Any], dict[str, Any]]:
    """(the kernel's arguments, {name: value} for expressions) for parameters (type, name)."""
    rng = np.random.default_rng(0)
    names: dict[str, Any] = {"np": np}
    given: list[Any] = []
    if unknown := set(job.values) - {name for _, name in declared}:
        raise JobError(f"`{unknown.pop()}` is no parameter of the kernel; it has: {', '.join(n for _, n in declared)}")
    for kind, name in declared:
        if name not in job.values:
            raise JobError(f"nothing is said about the parameter `{name}` ({kind}); {HELP}")
        base = re.sub(r"\b(const|volatile|__restrict__|restrict)\b|[*&]", "", kind)
        dtype = _TYPES.get(" ".join(base.split()))
        if dtype is None:
            raise JobError(f"`{name}`: values of type {kind} can't be made here; launch the kernel from Python")
        value = _value(job.values[name], name, dtype, names, rng)
        if "*" in kind:
            array = np.ascontiguousarray(
                value, None if isinstance(value, np.ndarray) and value.dtype == dtype else dtype
            )
            if array is value:
                array = value.copy()
            given.append(array)
            with np.errstate(invalid="ignore"):  # an output is NaN, of a kind that NumPy remarks on
                names[name] = array.astype(np.float64) if array.dtype.kind == "f" else array.copy()
        else:
            given.append(dtype(value))
            names[name] = given[-1].item()
    return given, names


def _value(text: str, name: str, dtype: Any, names: dict[str, Any], rng: np.random.Generator) -> Any:
    if found := re.fullmatch(r"(float|int|out)\s*\[(.+)\]", text):
        shape = tuple(int(n) for n in np.atleast_1d(evaluate(found[2], name, names)))
        if found[1] == "out" and dtype == np.float32:
            return module.empty(shape)
        if found[1] == "out":
            return np.full(shape, 0x5A if np.dtype(dtype).kind in "iub" else np.nan).astype(dtype)
        return (rng.integers(0, 10, shape) if found[1] == "int" else rng.standard_normal(shape)).astype(dtype)
    return evaluate(text, name, names)


def evaluate(text: str, what: str, names: dict[str, Any]) -> Any:
    """A NumPy expression of the kernel's author."""
    try:
        with np.errstate(all="ignore"):
            return eval(text, dict(names))
    except Exception as error:  # whatever an expression can raise is the author's to read
        raise JobError(f"{what} = {text}: {type(error).__name__}: {error}") from error
