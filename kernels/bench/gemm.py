"""`gemm`: matrix products, squares and the shapes of the training steps, against NumPy, PyTorch and their BLAS.

"minigen" and the BLAS (MKL inside PyTorch, OpenBLAS inside NumPy) are timed by a loop in C++: kernel against kernel.
"minigen, called" and NumPy's and PyTorch's functions are timed by a loop in Python, as a program calls them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigen import backend

from . import blas, contest, machine, options, peak
from .contest import Case, Contender

PEERS = ("mkl", "openblas", "torch", "numpy")
SQUARES = [(n, n, n) for n in (64, 128, 256, 512, 1024, 2048)]

# (rows, inner, columns, layouts): "nn" both as they lie, "nt" the right one transposed, as in x w^T; "tn" the left one,
# as in the weight gradient delta^T x. Convolutions have a command of their own.
SHAPES = [
    ("MLP", 32, 784, 256, "nt"), ("MLP", 32, 256, 128, "nt"), ("MLP", 32, 128, 10, "nt"), ("MLP", 256, 32, 784, "tn"),
    ("VAE", 128, 784, 400, "nt"), ("VAE", 128, 400, 20, "nt"), ("VAE", 128, 20, 400, "nt"),
    ("VAE", 128, 400, 784, "nt"), ("VAE", 400, 128, 784, "tn"), ("LSTM", 2048, 512, 2048, "nt"),
    ("LSTM", 32, 512, 2048, "nt"), ("LSTM", 32, 2048, 512, "nn"), ("LSTM", 2048, 2048, 512, "tn"),
    ("Transformer", 2048, 256, 768, "nt"), ("Transformer", 2048, 256, 1024, "nt"),
    ("Transformer", 2048, 1024, 256, "nt"), ("Transformer", 1024, 2048, 256, "tn"),
    ("Transformer", 128, 64, 128, "nt"), ("Transformer", 128, 128, 64, "nn"), ("WaveNet", 64, 64, 16384, "nn"),
    ("matrix-vector", 1, 512, 512, "nt"), ("matrix-vector", 2048, 512, 1, "nn"), ("skinny", 128, 512, 512, "nt"),
]  # fmt: skip


def add_options(commands: Any) -> None:
    parser = commands.add_parser("gemm", help="matrix products, squares and the shapes of the training steps")
    options.shared(parser, PEERS, PEERS)
    parser.add_argument("--sizes", type=options.sizes, help="64,512 or 32x784x256 (rows x inner x columns), not all")
    parser.add_argument("--rounds", type=options.at_least_one, default=15, help="samples of each side (default 15)")


def matrices(M: int, K: int, N: int, layout: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    x = rng.standard_normal((K, M), np.float32).T if layout[0] == "t" else rng.standard_normal((M, K), np.float32)
    y = rng.standard_normal((N, K), np.float32).T if layout[1] == "t" else rng.standard_normal((K, N), np.float32)
    return x, y, np.full((M, N), np.nan, np.float32)


def contenders(sets: list[tuple], wanted: argparse.Namespace) -> Iterator[Contender]:
    if "cpp" in wanted.backends:
        from minigen import _cpu

        def kernel(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> np.ndarray:
            _cpu.matmul(x, y, out)
            return out

        yield Contender("minigen", kernel, sets, inside=True)
        yield Contender("minigen, called", kernel, sets)
        for peer in ("mkl", "openblas"):
            if peer in wanted.peers and (found := blas.sgemm(peer)):
                yield Contender(peer, called_by_address(*found), sets, inside=True)
    if "numpy" in wanted.backends:
        be = backend.get("numpy")
        yield Contender("minigen numpy", lambda x, y, out: be.matmul(x, y), sets)
    if "numpy" in wanted.peers:
        yield Contender("numpy", lambda x, y, out: np.matmul(x, y, out=out), sets)
    if "torch" in wanted.peers:
        import torch

        torch.set_num_threads(wanted.threads)
        tensors = [tuple(map(torch.from_numpy, arrays)) for arrays in sets]
        yield Contender("torch", lambda x, y, out: torch.mm(x, y, out=out), tensors)


def called_by_address(address: int, wide: bool) -> contest.Sample:
    from minigen import _cpu

    def call(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> np.ndarray:
        _cpu.peer_matmul(address, wide, x, y, out)
        return out

    return call


def cases(wanted: argparse.Namespace) -> Iterator[Case]:
    chosen: list[tuple] = [("squares", *size, "nn") for size in wanted.sizes or SQUARES]
    for group, M, K, N, layout in chosen if wanted.sizes else chosen + SHAPES:
        rng = np.random.default_rng(0)
        nbytes = 4 * (M * K + K * N + M * N)
        sets = [matrices(M, K, N, layout, rng) for _ in range(contest.sets_of(nbytes))]
        x, y = (a.astype(np.float64) for a in sets[0][:2])
        name = f"{M} x {K} x {N}" + ("" if layout == "nn" else f" {layout}")
        yield Case(name, 2.0 * M * K * N, nbytes, list(contenders(sets, wanted)), x @ y, np.abs(x) @ np.abs(y), group)


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The result of `gemm` as it is saved."""
    description, roof = machine.describe(), peak.Peak()
    found = contest.hold(cases(wanted), roof, wanted.rounds)
    return contest.result("gemm", wanted, description, roof, found, kernel_ratios(found))


def kernel_ratios(found: dict[str, Any]) -> dict[str, Any]:
    """Kernel against kernel, and call against call."""
    return contest.ratios(found, "minigen", ["mkl", "openblas"]) | contest.ratios(
        found, "minigen, called", ["torch", "numpy"]
    )
