"""`ladder`: every rung of matmul and of conv2d, beside the machine's peak and the peers."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigen import backend

from . import blas, contest, conv, gemm, machine, options, peak
from .contest import Case, Contender

PEERS = ("mkl", "numpy", "torch")
SIZES = [(n, n, n) for n in (64, 256, 512, 1024, 2048)]
LAYERS = [conv.LAYERS[0], conv.LAYERS[1], conv.LAYERS[9]]  # one channel, the GAN's common layer, the U-Net's
SLOWEST = 0.5  # GFLOP: a rung so slow that it would take seconds is left out of larger problems
SLOW = ("v1_naive", "v1_direct")


def add_options(commands: Any) -> None:
    parser = commands.add_parser("ladder", help="every rung of matmul and conv2d, as a share of the machine's peak")
    options.shared(parser, PEERS, PEERS)
    parser.set_defaults(backends=["cpp"])
    parser.add_argument("--sizes", type=options.sizes, default=SIZES, help="of matmul (default 64,256,512,1024,2048)")
    parser.add_argument("--batch-size", type=options.at_least_one, default=16, help="images for conv2d (default 16)")
    parser.add_argument("--rounds", type=options.at_least_one, default=9, help="samples of each rung (default 9)")


def rungs(op: str, flop: float) -> list[str]:
    return [rung for rung in backend.get("cpp").kernels[op] if flop < SLOWEST * 1e9 or rung not in SLOW]


def matmul_cases(wanted: argparse.Namespace) -> Iterator[Case]:
    from minigen import _cpu

    def on(rung: str) -> contest.Sample:
        def call(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> np.ndarray:
            _cpu.matmul(x, y, out, rung)
            return out

        return call

    for M, K, N in wanted.sizes:
        sets = [gemm.matrices(M, K, N, "nn", np.random.default_rng(0))]
        x, y = (a.astype(np.float64) for a in sets[0][:2])
        flop = 2.0 * M * K * N
        sides = [Contender(rung, on(rung), sets, inside=True) for rung in rungs("matmul", flop)]
        if "mkl" in wanted.peers and (found := blas.sgemm("mkl")):
            sides.append(Contender("mkl", gemm.called_by_address(*found), sets, inside=True))
        if "numpy" in wanted.peers:
            sides.append(Contender("numpy", lambda x, y, out: np.matmul(x, y, out=out), sets))
        if "torch" in wanted.peers:
            import torch

            torch.set_num_threads(wanted.threads)
            tensors = [tuple(map(torch.from_numpy, arrays)) for arrays in sets]
            sides.append(Contender("torch", functools.partial(product, torch), tensors))
        nbytes = 4 * (M * K + K * N + M * N)
        yield Case(f"matmul {M} x {K} x {N}", flop, nbytes, sides, x @ y, abs(x) @ abs(y), "matmul")


def product(torch: Any, x: Any, y: Any, out: Any) -> Any:
    return torch.mm(x, y, out=out)


def conv2d_cases(wanted: argparse.Namespace) -> Iterator[Case]:
    from minigen import _cpu

    def on(rung: str, layer: conv.Layer) -> contest.Sample:
        def call(x: np.ndarray, w: np.ndarray, out: np.ndarray) -> np.ndarray:
            _cpu.conv2d(x, w, out, *conv.attributes(layer), rung)
            return out

        return call

    for layer in (layer._replace(N=wanted.batch_size) for layer in LAYERS):
        parts = conv.arrays(layer, np.random.default_rng(0))
        sets = [(parts["x"], parts["w"], np.full(parts["g"].shape, np.nan, np.float32))]
        wide = [parts[name].astype(np.float64) for name in "xw"]
        numpy = backend.get("numpy")
        expected, scale = (conv.compute(numpy, "forward", layer, *pair) for pair in (wide, map(abs, wide)))
        names = rungs("conv2d", layer.flop)
        sides = [Contender(rung, on(rung, layer), sets, inside=True, faster=conv.FASTER) for rung in names]
        if "torch" in wanted.peers:
            tensors = conv.torch_sets(sets, False, wanted.threads)
            sides.append(Contender("torch", conv.torch_call("forward", layer), tensors, faster=conv.FASTER))
        nbytes = sum(a.nbytes for a in parts.values())
        yield Case(f"conv2d {layer.name}, {layer.N} images", layer.flop, nbytes, sides, expected, scale, "conv2d")


def all_cases(wanted: argparse.Namespace) -> Iterator[Case]:
    yield from matmul_cases(wanted)
    yield from conv2d_cases(wanted)


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The result of `ladder` as it is saved."""
    description, roof = machine.describe(), peak.Peak()
    found = contest.hold(all_cases(wanted), roof, wanted.rounds)
    return contest.result("ladder", wanted, description, roof, found, {})
