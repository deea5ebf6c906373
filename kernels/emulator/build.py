"""From a kernel's text to a library that can be called: g++, the runtime, and a cache keyed on all that matters."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import platformdirs

from ..source import kernels

HERE = Path(__file__).parent
INCLUDE = HERE / "include"
RUNTIME = ("runtime.cc", "tensor_core.cc", "copies.cc")
HOOKS = {False: ("unchecked.cc",), True: ("checks.cc", "hooks.cc", "counts.cc")}
# A GPU joins a product and a sum into one fma, rounded once; so do we, where the processor can. A fiber's stack is
# small: a function with larger local arrays touches every page on its way down (-fstack-clash-protection), or it would
# jump over the guard below the stack and write into whatever lies there, Python's own memory for instance.
COMMON = [
    "-std=c++17", "-fPIC", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno", "-fno-strict-aliasing", "-w",
    "-fstack-clash-protection",
]  # fmt: skip
FAST = ["-O2", "-g1", "-gdwarf-4"]
# The compiler calls a function at every access to memory (-fsanitize=thread) and for every index (bounds), and the
# functions are ours: no sanitizer's library is linked. Without -fno-tree-sra a float4 might be loaded in four pieces.
CHECKED = [
    "-O1", "-g", "-gdwarf-4", "-fno-tree-sra", "-fsanitize=thread", "-fsanitize=bounds,integer-divide-by-zero",
    "-fsanitize-coverage=trace-pc",
]  # fmt: skip
# The compiler's own sanitizers, in a program with real threads. -fno-tree-loop-distribute-patterns: no hidden memcpy,
# which ThreadSanitizer would see, in the parts of the runtime that it must not.
SANITIZED = {
    "address": ["-O1", "-g", "-fsanitize=address,bounds", "-fno-sanitize-recover=bounds", "-DEMU_THREADS"],
    "thread": ["-O1", "-g", "-fsanitize=thread", "-DEMU_THREADS"],
}
_REAL = ("-DEMU_THREADS", "-fno-tree-loop-distribute-patterns")
MOST = 1 << 30  # bytes of compiled kernels that are kept


class CompileError(RuntimeError):
    """The compiler refused a kernel; the text is what it said, with the kernel's lines."""


@functools.cache
def compiler() -> str:
    """The path of g++ (or what CXX names); a RuntimeError says how to get one."""
    wanted = (os.environ.get("CXX") or "g++").split()[-1]
    if found := shutil.which(wanted):
        return found
    raise RuntimeError(f"the emulator compiles kernels with {wanted}, which was not found: apt install g++")


@functools.cache
def _machine() -> tuple[str, list[str]]:
    """(what a library's key must contain of this machine, the flags for it)."""
    version = subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout.splitlines()[:1]
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    flags = ["-mfma", "-mavx2"] if re.search(r"\bfma\b", text) and re.search(r"\bavx2\b", text) else []
    return f"{version} {os.uname().machine if hasattr(os, 'uname') else ''}", flags


@functools.cache
def _own_text() -> str:
    """Everything of the emulator that goes into a library."""
    files = sorted((*HERE.glob("*.cc"), *HERE.glob("*.h"), *INCLUDE.glob("*"), Path(__file__)))
    return "".join(f"{path.name}\n{path.read_text()}" for path in files)


def cache_folder() -> Path:
    """Where libraries are kept: MINIGEN_CACHE or the user's cache folder."""
    root = os.environ.get("MINIGEN_CACHE") or platformdirs.user_cache_dir("minigen")
    return Path(root) / "emulator"


def build(text: str, options: Sequence[str], checked: bool) -> tuple[Path, dict[str, list[tuple[str, str]]]]:
    """(the library's path, {kernel: its parameters as (type, name)}) of a kernel's text, compiled if it is new."""
    names = kernels(text)
    machine, machine_flags = _machine()
    flags = [*COMMON, *machine_flags, *_switching(), *(CHECKED if checked else FAST), *options]
    library = cache_folder() / f"{_key(machine, *flags, text)}.so"
    if not library.exists():
        whole = _whole(text, names)
        with _new_files() as folder:
            made = Path(folder) / "kernel.so"
            runtime = [str(part) for part in _runtime(checked)]
            source = Path(folder) / "kernel.cc"
            source.write_text(whole, encoding="utf-8")
            object_file = Path(folder) / "kernel.o"
            _run([compiler(), *flags, f"-I{INCLUDE}", "-c", str(source), "-o", str(object_file)])
            _run([compiler(), "-shared", str(object_file), *runtime, "-o", str(made), "-lm"])
            (variables := Path(folder) / "variables.json").write_text(json.dumps(_variables(object_file, made)))
            os.replace(variables, library.with_suffix(".json"))
            os.replace(made, library)  # last, in one step: whoever compiles the same at the same time does no harm
    return library, names


def program(text: str, options: Sequence[str], sanitizer: str) -> Path:
    """A program that runs one launch of the text's kernels with real threads under "address" or "thread"."""
    machine, machine_flags = _machine()
    flags = [*(f for f in COMMON if f != "-fvisibility=hidden"), *machine_flags, *SANITIZED[sanitizer], *options]
    made = cache_folder() / f"{_key(machine, *flags, text)}.run"
    if not made.exists():
        whole = _whole(text, kernels(text))
        with _new_files() as folder:
            (source := folder / "kernel.cc").write_text(whole, encoding="utf-8")
            runtime = ("threads.cc", *RUNTIME[1:])
            objects = [folder / "kernel.o", *(_plain(name, *_REAL) for name in runtime)]
            _run([compiler(), *flags, f"-I{INCLUDE}", "-c", str(source), "-o", str(objects[0])])
            _run([compiler(), *SANITIZED[sanitizer], *map(str, objects), "-o", str(folder / "run"), "-pthread", "-lm"])
            os.replace(folder / "run", made)
    return made


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join([_own_text(), *parts]).encode()).hexdigest()[:32]


def _whole(text: str, names: Iterable[str]) -> str:
    """The text as C++, with the table of its kernels behind it."""
    # __shared__ becomes static, and the one form that this does not fit is rewritten, on its line
    text = re.sub(
        r"extern\s+__shared__\s+((?:__align__|alignas)\s*\(\d+\)\s+)?([\w:]+(?:\s+[\w:]+)*?)\s+((?:__align__|alignas)"
        r"\s*\(\d+\)\s+)?(\w+)\s*\[\s*\]\s*;",
        r"EMU_DYNAMIC_SHARED(\2, \4);",
        text,
    )
    table = "".join(f'emu::Kernel<&{name}>::entry("{name}"), ' for name in names)
    return (
        f'#include "cuda_emulator.h"\n{text}\n#line 1 "emulator"\n'
        f'extern "C" __attribute__((visibility("default"))) const emu::Entry emu_kernels[] = {{{table}{{}}}};\n'
    )


@contextlib.contextmanager
def _new_files() -> Iterator[Path]:
    """A folder beside the kept libraries, for files on their way to them."""
    kept = cache_folder()
    kept.mkdir(parents=True, exist_ok=True)
    prune(kept)
    with tempfile.TemporaryDirectory(dir=kept) as folder:
        yield Path(folder)


def prune(kept: Path, most: int = MOST) -> None:
    """Delete what has not been used for longest until at most ``most`` bytes are kept."""
    used: dict[str, tuple[float, int, list[Path]]] = {}  # a library and its table of variables go together
    for path in kept.iterdir():
        with contextlib.suppress(OSError):  # another process prunes, too
            if path.is_file():
                about = path.stat()
                last, size, paths = used.get(path.stem, (0.0, 0, []))
                last = max(last, about.st_atime, about.st_mtime)
                used[path.stem] = last, size + about.st_size, [*paths, path]
    total = sum(size for _, size, _ in used.values())
    for _, size, paths in sorted(used.values()):
        if total <= most:
            break
        for path in paths:
            path.unlink(missing_ok=True)
        total -= size


def _runtime(checked: bool) -> list[Path]:
    """The runtime's objects, compiled once."""
    return [_plain(name, "-fPIC", "-fvisibility=hidden", *_switching()) for name in (*RUNTIME, *HOOKS[checked])]


def _plain(name: str, *flags: str) -> Path:
    """One of the runtime's files, compiled without looking at its accesses."""
    done = cache_folder() / f"{_key(_machine()[0], *flags)}-{name}.o"
    if not done.exists():
        part = done.with_suffix(f".{os.getpid()}")
        _run([compiler(), "-std=c++17", "-O2", "-g1", "-w", *flags, "-c", str(HERE / name), "-o", str(part)])
        os.replace(part, done)
    return done


def _switching() -> list[str]:
    """How fibers are switched: our own instructions on x86-64, the C library's elsewhere or on demand."""
    return ["-DEMU_UCONTEXT"] if os.environ.get("MINIGEN_UCONTEXT") else []


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CompileError(f"{done.stderr.strip()}\n({' '.join(command[:1])} refused the kernel)")


def _variables(kernel: Path, library: Path) -> dict[str, list[tuple[str, int, int]]]:
    """(name, offset, size in bytes) of each ``__shared__`` array, static in a function, and of the others."""
    own = {line.split()[-1] for line in _symbols(kernel)}
    found: dict[str, list[tuple[str, int, int]]] = {"shared": [], "constant": []}
    for line in _symbols(library):
        address, size, kind, symbol = line.split()
        if symbol in own and kind in "bBdDuV":
            local = re.fullmatch(r"_ZZ.*E\d+(\D\w*?)(_\d+)?", symbol)  # of function f: _ZZ1fE4tile, _ZZ1fE4tile_0
            name = local[1] if local else symbol
            found["shared" if local else "constant"].append((name, int(address, 16), int(size, 16)))
    return {kind: sorted(arrays, key=lambda array: array[1]) for kind, arrays in found.items()}


def _symbols(binary: Path) -> list[str]:
    """nm's lines "address size kind name"."""
    listing = subprocess.run(["nm", "-S", str(binary)], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if len(line.split()) == 4]


def lines(library: Path, offsets: Sequence[int]) -> list[str]:
    """Each instruction's place in the source, "x.cu:17", of the instruction just before an offset."""
    command = ["addr2line", "-e", str(library), *(hex(offset - 1) for offset in offsets)]
    done = subprocess.run(command, capture_output=True, text=True)
    places = [re.sub(r" \(discriminator.*", "", line) for line in done.stdout.splitlines()]
    return [Path(place).name for place in places] if len(places) == len(offsets) else ["?"] * len(offsets)
