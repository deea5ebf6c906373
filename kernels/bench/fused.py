"""`fused`: the backend's kernels beside the products, forward, as a program calls them, against PyTorch's."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minigen import backend

from . import contest, machine, options, peak
from .contest import Case, Contender

PEERS = ("torch",)


class Problem(NamedTuple):
    """A kernel by its name and method, with the shapes that a training step calls it with."""

    name: str
    shapes: tuple[tuple[int, ...], ...]  # of its float32 inputs
    ours: Callable[..., Any]  # (backend, *arrays) -> result
    torch: Callable[..., Any]  # (torch, *tensors) -> result
    classes: int = 0  # one more input: so many labels' classes


TOKENS = ((2048, 256), (256,), (256,))
PROBLEMS = [
    Problem("softmax 2048 x 128", ((2048, 128),), lambda be, x: be.softmax(x, -1)[0], lambda t, x: t.softmax(x, -1)),
    Problem("log_softmax 2048 x 100", ((2048, 100),), lambda be, x: be.log_softmax(x, -1)[0],
            lambda t, x: t.log_softmax(x, -1)),
    Problem("cross_entropy 2048 x 100", ((2048, 100),), lambda be, x, k: be.cross_entropy(x, k)[0],
            lambda t, x, k: t.nn.functional.cross_entropy(x, k, reduction="none"), 100),
    Problem("layer_norm 2048 x 256", TOKENS, lambda be, x, w, b: be.layer_norm(x, w, b, 1, 1e-5)[0],
            lambda t, x, w, b: t.nn.functional.layer_norm(x, (256,), w, b)),
    Problem("batch_norm 64 x 128 x 8 x 8", ((64, 128, 8, 8), (128,), (128,)),
            lambda be, x, w, b: be.batch_norm(x, w, b, 1e-5)[0][0],
            lambda t, x, w, b: t.nn.functional.batch_norm(x, None, None, w, b, True)),
    Problem("gelu 2048 x 1024", ((2048, 1024),), lambda be, x: be.gelu(x, "none")[0],
            lambda t, x: t.nn.functional.gelu(x)),
    Problem("silu 64 x 32 x 28 x 28", ((64, 32, 28, 28),), lambda be, x: be.silu(x)[0],
            lambda t, x: t.nn.functional.silu(x)),
    Problem("tanh 2048 x 512", ((2048, 512),), lambda be, x: be.tanh(x)[0], lambda t, x: t.tanh(x)),
    Problem("sigmoid 2048 x 512", ((2048, 512),), lambda be, x: be.sigmoid(x)[0], lambda t, x: t.sigmoid(x)),
]  # fmt: skip


def add_options(commands: Any) -> None:
    parser = commands.add_parser("fused", help="softmax, cross-entropy, norms and activations, forward")
    options.shared(parser, PEERS, PEERS, plot=False)
    names = tuple(dict.fromkeys(problem.name.split()[0] for problem in PROBLEMS))
    kinds = options.names("kernel", names)
    parser.add_argument("--only", type=kinds, default=list(names), help=f"from {','.join(names)}")
    parser.add_argument("--rounds", type=options.at_least_one, default=15, help="samples of each side (default 15)")


def inputs(problem: Problem, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    arrays: list[np.ndarray] = [rng.standard_normal(shape, np.float32) for shape in problem.shapes]
    return (*arrays, rng.integers(0, problem.classes, len(arrays[0]))) if problem.classes else tuple(arrays)


def cases(wanted: argparse.Namespace) -> Iterator[Case]:
    specification = backend.get("numpy")
    for problem in PROBLEMS:
        if problem.name.split()[0] not in wanted.only:
            continue
        rng = np.random.default_rng(0)
        nbytes = 2 * sum(a.nbytes for a in inputs(problem, rng)[:1])
        sets: list[tuple] = [inputs(problem, rng) for _ in range(min(8, contest.sets_of(nbytes)))]
        sides = [
            Contender(f"minigen {name}", functools.partial(problem.ours, backend.get(name)), sets)
            for name in wanted.backends
        ]
        if "torch" in wanted.peers:
            import torch

            torch.set_num_threads(wanted.threads)
            tensors = [tuple(map(torch.from_numpy, arrays)) for arrays in sets]
            sides.append(Contender("torch", functools.partial(problem.torch, torch), tensors))
        wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in sets[0]]
        expected = problem.ours(specification, *wide)
        yield Case(problem.name, 0.0, nbytes, sides, expected, np.maximum(np.abs(expected), 1.0))


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The result of `fused` as it is saved."""
    description, roof = machine.describe(), peak.Peak()
    found = contest.hold(cases(wanted), roof, wanted.rounds)
    ours = f"minigen {wanted.backends[0]}"
    return contest.result("fused", wanted, description, roof, found, contest.ratios(found, ours, wanted.peers))
