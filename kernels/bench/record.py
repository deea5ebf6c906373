"""Counts and times what a training step asks of a backend: a backend whose every method is wrapped."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from minigen import backend
from minigen.backend.numpy import NumpyBackend

UNTOUCHED = {"with_kernel", "set_num_threads", "get_num_threads"}


def flop_linear_vjp(args: tuple, out: Any) -> int:
    (_, w), mask, delta = args
    return 2 * delta.size * w.shape[1] * (bool(mask[0]) + bool(mask[1]))


def flop_conv_vjp(args: tuple, out: Any) -> int:
    (_, w, _), mask, delta = args
    return 2 * delta.size * w[0].size * (bool(mask[0]) + bool(mask[1]))


def flop_conv_transpose_vjp(args: tuple, out: Any) -> int:
    (x, w, _), mask, _ = args
    return 2 * x.size * w[0].size * (bool(mask[0]) + bool(mask[1]))


def recurrent(weights: int) -> tuple[Callable[[tuple, Any], int], Callable[[tuple, Any], int]]:
    """Argument number ``weights`` is w_ih, then comes w_hh: each multiplies the rows of every step once forward.

    Backward, each gives the gradient of what it multiplied and its own; x's is left out where nobody asks for it.
    """

    def forward(args: tuple, out: Any) -> int:
        rows = args[0].size // args[0].shape[-1]
        return 2 * rows * (args[weights].size + args[weights + 1].size)

    def backward(args: tuple, out: Any) -> int:
        dhs, (dw_ih, dw_hh) = args[2], out[weights : weights + 2]
        return 2 * dhs.size // dhs.shape[-1] * (dw_ih.size * (1 + (out[0] is not None)) + 2 * dw_hh.size)

    return forward, backward


def flop_gated(args: tuple, out: Any) -> int:
    x, (w, w_out, w_skip) = args[0], (args[i] for i in (2, 4, 6))
    return 2 * x.size // x.shape[2] * sum(a.size for a in (w, w_out, w_skip) if a is not None)


def flop_gated_vjp(args: tuple, out: Any) -> int:
    return 4 * out[0].size // out[0].shape[2] * sum(dw.size for dw in (out[i] for i in (2, 4, 6)) if dw is not None)


RNN, LSTM, GRU = map(recurrent, (2, 3, 2))

# A product of M x K and K x N is M N K multiplications and additions. A convolution is one, too; padding counts.
# A kernel with products inside wants its line here: tests/bench compares every step's sum with its definition.
FLOP: dict[str, Callable[[tuple, Any], int]] = {
    "matmul": lambda args, out: 2 * out.size * args[0].shape[-1],
    "linear": lambda args, out: 2 * args[0].size * args[1].shape[0],
    "linear_vjp": flop_linear_vjp,
    "conv2d": lambda args, out: 2 * out.size * args[1][0].size,  # w[0]: all taps of one output channel
    "conv2d_input": lambda args, out: 2 * args[0].size * args[1][0].size,
    "conv2d_weight": lambda args, out: 2 * args[0].size * out[0].size,
    "biased_conv2d": lambda args, out: 2 * out[0].size * args[1][0].size,
    "biased_conv_transpose2d": lambda args, out: 2 * args[0].size * args[1][0].size,
    "biased_conv2d_vjp": flop_conv_vjp,
    "biased_conv_transpose2d_vjp": flop_conv_transpose_vjp,
    "gated_residual": flop_gated,
    "gated_residual_vjp": flop_gated_vjp,
    "rnn": RNN[0],
    "lstm": LSTM[0],
    "gru": GRU[0],
    "rnn_vjp": RNN[1],
    "lstm_vjp": LSTM[1],
    "gru_vjp": GRU[1],
    # q k^T and its product with v, and backward twice as many; at half, since the steps here let no query look ahead
    "attention": lambda args, out: (args[0].size + out[0].size) * args[1].shape[-2],
    "attention_vjp": lambda args, out: 2 * (out[0].size + args[-1].size) * out[1].shape[-2],
}


@dataclass
class Entry:
    calls: int = 0
    seconds: float = 0.0
    flop: int = 0


def shapes(values: Any) -> str:
    """The arrays among arguments, and inside what a forward pass saved, as "64x1x32x32, 64x1x4x4"."""
    found = []
    for value in values:
        if isinstance(value, np.ndarray):
            found.append("x".join(map(str, value.shape)) or "scalar")
        elif isinstance(value, tuple) and any(isinstance(v, np.ndarray) for v in value):
            found.append(shapes(value))
    return ", ".join(found)


class Recorder:
    """Inside ``with``, this thread's operations run on ``be`` and are entered in ``entries`` by method and shapes.

    Only the outermost call counts: what a method of the backend calls by itself is part of it.
    """

    def __init__(self, be: NumpyBackend) -> None:
        self.entries: dict[tuple[str, str], Entry] = defaultdict(Entry)
        self.backend = copy.copy(be)
        for name in dir(be):
            if not name.startswith("_") and name not in UNTOUCHED and callable(method := getattr(be, name)):
                setattr(self.backend, name, self._timed(name, method))

    @property
    def gflop(self) -> float:
        return sum(entry.flop for entry in self.entries.values()) / 1e9

    def _timed(self, name: str, method: Callable) -> Callable:
        def wrapped(*args: Any, **attrs: Any) -> Any:
            start = perf_counter()
            out = method(*args, **attrs)
            seconds = perf_counter() - start
            entry = self.entries[name, shapes(args)]
            entry.calls += 1
            entry.seconds += seconds
            entry.flop += FLOP[name](args, out) if name in FLOP else 0
            return out

        return wrapped

    def __enter__(self) -> Recorder:
        self._before = backend.state.backend
        backend.state.backend = self.backend
        return self

    def __exit__(self, *error: object) -> None:
        backend.state.backend = self._before
