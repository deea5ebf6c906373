"""`python -m minigen.kernels.bench`."""

import os
import sys

from . import command, machine

BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Start again where needed, because BLAS libraries read their thread count once, while they load; then run."""
    options = command.parse(sys.argv[1:])
    wanted = {name: str(options.threads) for name in BLAS_THREADS}
    if any(os.environ.get(name) != n for name, n in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, "-m", "minigen.kernels.bench", *sys.argv[1:]])
    machine.pin(options.threads)
    return command.run(options)


sys.exit(main())
