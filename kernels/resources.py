"""What the compiler makes of the kernels in CUDA C++: registers, shared memory, spills, and machine code.

Compiled by NVRTC with CuPy's options, without a GPU. ``python -m minigen.kernels.resources`` prints the table that the
tests compare with; ``--write`` stores it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .source import CUDA, inlined

ARCHITECTURES = ("sm_80", "sm_90")
OPTIONS = ("-std=c++17", "-ftz=true")  # those of the CUDA backend, and the one that CuPy adds
TABLE = CUDA / "resources.json"


class Compiled(NamedTuple):
    """A file's kernels for one architecture."""

    cubin: bytes
    log: str

    def resources(self) -> dict[str, dict[str, int]]:
        """{kernel: {"registers", "shared" (bytes, static), "spills" (bytes)}}."""
        found = {}
        for part in self.log.split("Compiling entry function ")[1:]:
            name, registers = re.match(r"'(\w+)'", part), re.search(r"Used (\d+) registers", part)
            assert name and registers, part
            shared = re.search(r"(\d+) bytes smem", part)
            spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part)
            found[name[1]] = {
                "registers": int(registers[1]),
                "shared": int(shared[1]) if shared else 0,
                "spills": sum(map(int, spills.groups())) if spills else 0,
            }
        return found


def files() -> list[str]:
    """Every file of kernels, as "folder/name"."""
    return sorted(str(p.relative_to(CUDA).with_suffix("")) for p in CUDA.rglob("*.cu"))


def compiler() -> tuple[int, int]:
    """NVRTC's version; ImportError or RuntimeError without CuPy or NVRTC."""
    from cupy.cuda import nvrtc

    return nvrtc.getVersion()


def compiled(file: str, architecture: str) -> Compiled:
    """``kernels/cuda/<file>.cu`` for ``architecture``; a RuntimeError with NVRTC's words where it refuses."""
    from cupy.cuda import nvrtc

    program = nvrtc.createProgram(inlined(CUDA / f"{file}.cu"), f"{file}.cu", [], [])
    try:
        nvrtc.compileProgram(program, (f"-arch={architecture}", *OPTIONS, "--ptxas-options=-v"))
    except Exception as error:
        raise RuntimeError(f"{file}.cu for {architecture}: {nvrtc.getProgramLog(program)}") from error
    done = Compiled(nvrtc.getCUBIN(program), nvrtc.getProgramLog(program))
    nvrtc.destroyProgram(program)
    return done


def everything() -> dict[tuple[str, str], Compiled]:
    """All files for all architectures."""
    jobs = [(file, architecture) for file in files() for architecture in ARCHITECTURES]
    with ThreadPoolExecutor() as pool:
        return dict(zip(jobs, pool.map(lambda job: compiled(*job), jobs), strict=True))


def disassembler() -> str | None:
    """The path of nvdisasm: of pip's wheel, or of a toolkit; None without."""
    wheel = Path(sysconfig.get_paths()["purelib"]) / "nvidia" / "cu13" / "bin" / "nvdisasm"
    return str(wheel) if wheel.exists() else shutil.which("nvdisasm")


def instructions(cubin: bytes) -> dict[str, str]:
    """{kernel: its machine code as text}."""
    tool = disassembler()
    assert tool is not None
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin + b"\0")  # CuPy's getCUBIN leaves the last byte out
        file.flush()
        text = subprocess.run([tool, "-c", file.name], capture_output=True, text=True, check=True).stdout
    parts = re.split(r"^\s*\.section\s+\.text\.(\w+),.*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table(all_of: dict[tuple[str, str], Compiled]) -> dict:
    """What resources.json holds."""
    rows: dict[str, dict[str, dict[str, int]]] = {}
    for (_, architecture), done in all_of.items():
        for kernel, used in done.resources().items():
            rows.setdefault(kernel, {})[architecture] = used
    return {"nvrtc": list(compiler()), "kernels": rows}


def main(arguments: list[str]) -> int:
    text = json.dumps(table(everything())).replace('"kernels": {', '"kernels": {\n ').replace('}}, "', '}},\n "')
    print(text)
    if "--write" in arguments:
        TABLE.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
