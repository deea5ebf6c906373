"""``python -m minigen.kernels.emulator FILE.cu``: runs a kernel on this CPU and says what is wrong with it.

The launch is described by comments in the file, ``//! grid 4, block 256`` and so on (see ``job.py``), or by options.
Exit status: 0 if nothing is wrong, 1 if the kernel is, 2 if the call is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import job, report
from .build import CompileError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m minigen.kernels.emulator",
        description="Run a CUDA kernel on this CPU, look at every access that it makes, and count.",
        epilog=(job.__doc__ or "").partition("\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--kernel", help="its name, if the file has several")
    parser.add_argument("--grid", type=sizes, help="blocks, as 4 or 2,2")
    parser.add_argument("--block", type=sizes, help="threads of a block, as 256 or 16,16")
    parser.add_argument("--shared", type=int, help="bytes of dynamic shared memory")
    parser.add_argument(
        "--arg", action="append", default=[], metavar="NAME=VALUE", help='as "x=float[1000]" or "n=1000"'
    )
    parser.add_argument("--expect", action="append", default=[], metavar="NAME=EXPRESSION", help='as "y=a*x"')
    parser.add_argument(
        "--sanitizer", choices=report.SANITIZERS, default="",
        help="let g++'s own AddressSanitizer or ThreadSanitizer look, with a real thread for each of CUDA's",
    )  # fmt: skip
    wanted = parser.parse_args(arguments)
    try:
        text = wanted.file.read_text(encoding="utf-8")
        described = job.described(text)
        for name in ("kernel", "grid", "block", "shared"):
            if getattr(wanted, name) is not None:
                setattr(described, name, getattr(wanted, name))
        for line in (*wanted.arg, *(f"expect {line}" for line in wanted.expect)):
            described.read(line)
        return report.run(wanted.file, described, print, wanted.sanitizer)
    except (OSError, job.JobError, CompileError) as error:
        print(error, file=sys.stderr)
        return 2


def sizes(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
