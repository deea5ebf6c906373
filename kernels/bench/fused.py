"""`fused`: fast twins beside PyTorch's functions, as a program calls them: forward, and forward with backward.

minigen has PyTorch's names, so one function of ``lib`` serves both. To measure another kernel, add a line to PROBLEMS.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import minigen
from minigen import fused

from . import contest, machine, options, peak
from .contest import Case, Contender

PEERS = ("torch",)


class Problem(NamedTuple):
    """A function of tensors, with the shapes that a training step calls it with."""

    name: str  # of the twin, then the sizes
    shapes: tuple[tuple[int, ...], ...]  # of its float32 inputs
    call: Callable[..., Any]  # (lib, *tensors) -> tensor
    indices: tuple[tuple[int, ...], int] | None = None  # one more input: shape and number of classes

    @property
    def twin(self) -> str:
        return self.name.split()[0]


@functools.cache
def layer(lib: Any, dtype: str, name: str, *sizes: int) -> Any:
    """A layer of ``lib.nn`` whose weights are the same in both libraries."""
    made, rng = getattr(lib.nn, name)(*sizes), np.random.default_rng(0)
    state = {key: rng.uniform(-0.1, 0.1, tuple(p.shape)).astype(np.float32) for key, p in made.state_dict().items()}
    made.load_state_dict({key: lib.from_numpy(value) for key, value in state.items()})
    return made.double() if "64" in dtype else made


def recurrent(name: str) -> Callable[..., Any]:
    return lambda lib, x: layer(lib, str(x.dtype), name, 512, 512)(x)[0]


IMAGES = ((64, 32, 28, 28), (32,), (32,))
PROBLEMS = [
    Problem("linear 2048 x 256 to 1024", ((2048, 256), (1024, 256), (1024,)),
            lambda lib, x, w, b: lib.nn.functional.linear(x, w, b)),
    Problem("linear 32 x 784 to 256", ((32, 784), (256, 784), (256,)),
            lambda lib, x, w, b: lib.nn.functional.linear(x, w, b)),
    Problem("relu 2048 x 512", ((2048, 512),), lambda lib, x: lib.relu(x)),
    Problem("leaky_relu 64 x 64 x 16 x 16", ((64, 64, 16, 16),), lambda lib, x: lib.nn.functional.leaky_relu(x, 0.2)),
    Problem("tanh 2048 x 512", ((2048, 512),), lambda lib, x: lib.tanh(x)),
    Problem("sigmoid 2048 x 512", ((2048, 512),), lambda lib, x: lib.sigmoid(x)),
    Problem("silu 64 x 32 x 28 x 28", ((64, 32, 28, 28),), lambda lib, x: lib.nn.functional.silu(x)),
    Problem("gelu 2048 x 1024", ((2048, 1024),), lambda lib, x: lib.nn.functional.gelu(x)),
    Problem("softplus 2048 x 512", ((2048, 512),), lambda lib, x: lib.nn.functional.softplus(x)),
    Problem("softmax 2048 x 128", ((2048, 128),), lambda lib, x: lib.softmax(x, -1)),
    Problem("log_softmax 2048 x 100", ((2048, 100),), lambda lib, x: lib.log_softmax(x, -1)),
    Problem("cross_entropy 2048 x 100", ((2048, 100),), lambda lib, x, k: lib.nn.functional.cross_entropy(x, k),
            ((2048,), 100)),
    Problem("cross_entropy 4 x 256 x 4096", ((4, 256, 4096),), lambda lib, x, k: lib.nn.functional.cross_entropy(x, k),
            ((4, 4096), 256)),
    Problem("bce_with_logits 128 x 784", ((128, 784),),
            lambda lib, x: lib.nn.functional.binary_cross_entropy_with_logits(x, lib.ones_like(x), reduction="sum")),
    Problem("batch_norm 64 x 128 x 8 x 8", ((64, 128, 8, 8), (128,), (128,)),
            lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, True)),
    Problem("layer_norm 2048 x 256", ((2048, 256), (256,), (256,)),
            lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (256,), w, b)),
    Problem("group_norm 64 x 32 x 28 x 28", IMAGES, lambda lib, x, w, b: lib.nn.functional.group_norm(x, 8, w, b)),
    Problem("group_norm_silu 64 x 32 x 28 x 28", IMAGES,
            lambda lib, x, w, b: lib.nn.functional.silu(lib.nn.functional.group_norm(x, 8, w, b))),
    Problem("embedding 2048 of 100 x 256", ((100, 256),), lambda lib, w, i: lib.nn.functional.embedding(i, w),
            ((2048,), 100)),
    Problem("attention 16 x 4 x 128 x 64, causal", ((16, 4, 128, 64),) * 3,
            lambda lib, q, k, v: lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)),
    Problem("rnn T 64, batch 32, 512 to 512", ((64, 32, 512),), recurrent("RNN")),
    Problem("lstm T 64, batch 32, 512 to 512", ((64, 32, 512),), recurrent("LSTM")),
    Problem("gru T 64, batch 32, 512 to 512", ((64, 32, 512),), recurrent("GRU")),
]  # fmt: skip
NAMES = tuple(dict.fromkeys(problem.twin for problem in PROBLEMS))


def add_options(commands: Any) -> None:
    parser = commands.add_parser("fused", help="norms, activations, losses, attention, recurrence: forward and back")
    options.shared(parser, PEERS, PEERS, plot=False)
    kinds = options.names("kernel", NAMES)
    parser.add_argument("--only", type=kinds, default=list(NAMES), help=f"from {','.join(NAMES)}")
    parser.add_argument("--rounds", type=options.at_least_one, default=9, help="samples of each side (default 9)")


def inputs(problem: Problem, rng: np.random.Generator) -> list[np.ndarray]:
    arrays: list[np.ndarray] = [rng.standard_normal(shape, np.float32) for shape in problem.shapes]
    return arrays + ([rng.integers(0, problem.indices[1], problem.indices[0])] if problem.indices else [])


def tensors(lib: Any, arrays: list[np.ndarray]) -> tuple:
    return tuple(lib.from_numpy(a).requires_grad_() if a.dtype.kind == "f" else lib.from_numpy(a) for a in arrays)


def forward(lib: Any, call: Callable, delta: Any, *xs: Any) -> Any:
    with lib.no_grad():
        return call(lib, *xs)


def backward(lib: Any, call: Callable, delta: Any, *xs: Any) -> list[Any]:
    """Forward, and the gradients of all floating inputs."""
    leaves = [x for x in xs if x.requires_grad]
    for x in leaves:
        x.grad = None
    call(lib, *xs).backward(delta)
    return [x.grad for x in leaves]


def cases(wanted: argparse.Namespace) -> Iterator[Case]:
    libs: dict[str, Any] = {f"minigen {be}": minigen for be in wanted.backends}
    if "torch" in wanted.peers:
        import torch

        torch.set_num_threads(wanted.threads)
        libs["torch"] = torch
    for problem in (p for p in PROBLEMS if p.twin in wanted.only):
        rng = np.random.default_rng(0)
        nbytes = 2 * max(a.nbytes for a in inputs(problem, rng))
        sets = [inputs(problem, rng) for _ in range(min(4, contest.sets_of(nbytes)))]
        wide = tensors(minigen, [a.astype(np.float64) if a.dtype == np.float32 else a for a in sets[0]])
        with minigen.use_backend("numpy"):
            value = problem.call(minigen, *wide)
            delta = np.asarray(rng.standard_normal(value.shape))
            gradients = backward(minigen, problem.call, minigen.from_numpy(delta), *wide)
        for how, run, right in (("forward", forward, value), ("forward and backward", backward, gradients)):
            expected, scale = flat(right), flat(right, scale=True)
            sides = []
            for name, lib in libs.items():
                small = lib.from_numpy(delta.astype(np.float32))
                call = on(name, functools.partial(run, lib, problem.call))
                sides.append(Contender(name, call, [(small, *tensors(lib, arrays)) for arrays in sets]))
            yield Case(f"{problem.name}: {how}", 0.0, nbytes, sides, expected, scale, how)


def flat(result: Any, scale: bool = False) -> np.ndarray:
    """Results one after the other; or for each its largest absolute value, at least 1."""
    parts = [np.ravel(part.detach()) for part in (result if isinstance(result, list) else [result])]
    return np.concatenate([np.full(a.shape, max(1.0, np.abs(a).max(initial=0.0))) if scale else a for a in parts])


def on(name: str, call: Callable) -> Callable:
    """``call``, on the backend that the side's name ends with where it isn't the current one."""
    be = name.rpartition(" ")[2]
    if name == "torch" or be == minigen.current_backend():
        return call

    def there(*arrays: Any) -> Any:
        with minigen.use_backend(be):
            return call(*arrays)

    return there


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The result of `fused` as it is saved."""
    description, roof = machine.describe(), peak.Peak()
    found = contest.hold(cases(wanted), roof, wanted.rounds)
    ours = f"minigen {wanted.backends[0]}"
    ratios: dict[str, Any] = {}
    for how in ("forward", "forward and backward"):
        some = {name: case for name, case in found.items() if case["group"] == how}
        ratios |= {f"{how}, {words}": r for words, r in contest.ratios(some, ours, wanted.peers).items()}
    result = contest.result("fused", wanted, description, roof, found, ratios)
    return result | {"not_installed": options.absent(PEERS), "without_a_case": without_a_case()}


def without_a_case() -> list[str]:
    """Twins that no problem measures."""
    return sorted({op.name for op in fused.ALL} - set(NAMES))
