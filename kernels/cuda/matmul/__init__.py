"""How each rung of the matmul ladder is launched: its tile of the result and its block of threads."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent


class Rung(NamedTuple):
    """A kernel ``matmul_<name><suffix>`` in ``<name>.cu`` whose blocks compute ``rows`` x ``columns`` each."""

    name: str
    rows: int
    columns: int
    block: tuple[int, ...]
    tf32: bool = False  # does it round its operands to 10 bits of fraction?
    shared: int = 0  # bytes of dynamic shared memory
    suffix: str = ""

    @property
    def path(self) -> Path:
        return HERE / f"{self.name}.cu"

    @property
    def kernel(self) -> str:
        return f"matmul_{self.name}{self.suffix}"

    def launch(self, M: int, N: int, batches: int = 1) -> tuple[tuple[int, int, int], tuple[int, ...], int]:
        """(grid, block, bytes of dynamic shared memory) for ``batches`` products of M x N numbers; none may be 0."""
        if not (M > 0 and 0 < N <= 65535 * self.columns and 0 < batches <= 65535):
            raise ValueError(
                f"{self.kernel}: one launch takes 1 <= M, 1 <= N <= {65535 * self.columns} and 1 <= batches <= 65535,"
                f" got M = {M}, N = {N}, batches = {batches}"
            )
        return (-(-M // self.rows), -(-N // self.columns), batches), self.block, self.shared


RUNGS = {
    rung.name: rung
    for rung in (
        Rung("v1_naive", 32, 8, (32, 8)),
        Rung("v2_coalesced", 8, 32, (32, 8)),
        Rung("v3_shared", 32, 32, (1024,)),
        Rung("v4_register_1d", 64, 64, (512,)),
        Rung("v5_register_2d", 128, 128, (256,)),
        Rung("v6_vector", 128, 128, (256,)),
        Rung("v7_warp", 128, 128, (256,)),
        Rung("v8_tf32", 128, 128, (128,), tf32=True, shared=110592),
    )
}
WIDE = {
    "v8_tf32": Rung("v8_tf32", 128, 256, (256,), tf32=True, shared=165888, suffix="_wide"),
}


def fitting(name: str, M: int, N: int, batches: int, multiprocessors: int) -> Rung:
    """The rung ``name``, with its wide tiles where there is one for each multiprocessor."""
    wide = WIDE.get(name)
    if wide and -(-M // wide.rows) * -(-N // wide.columns) * batches >= multiprocessors:
        return wide
    return RUNGS[name]
