"""Recurrent layers over whole sequences. Parameters have PyTorch's names, shapes and initial values."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

from .. import functional as F
from .. import fused
from ..creation import zeros
from ..tensor import Tensor
from . import init
from .linear import parameter, placed
from .module import Module


class _Gated(Module):
    """What recurrent layers and cells share: sizes, initial values, and how their arguments are checked."""

    gates: ClassVar[int] = 1  # rows of the weights per hidden unit
    input_size: int
    hidden_size: int

    def _sizes(self, input_size: int, hidden_size: int, bias: bool) -> None:
        for name, n in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(n, int) or isinstance(n, bool) or n < 1:
                raise ValueError(f"{type(self).__name__}: {name} must be an integer of at least 1, got {n!r}")
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias

    def _weights(self, inputs: int, suffix: str) -> None:
        rows = self.gates * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.hidden_size)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if self.bias else {}
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            self.register_parameter(name + suffix, parameter(*shapes[name]) if name in shapes else None)

    def _named_weights(self, suffix: str = "") -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        w_ih, w_hh, b_ih, b_hh = (getattr(self, n + suffix) for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        return w_ih, w_hh, b_ih, b_hh

    def reset_parameters(self) -> None:
        """Every weight and bias uniform in ±1/sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters(recurse=False):
            init.uniform_(p, -bound, bound)

    def _input(self, input: Any, ndims: tuple[int, int], meaning: str) -> None:
        name = type(self).__name__
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}: input must be a Tensor, got {type(input).__name__}; use minigen.tensor")
        if input.ndim not in ndims or input.shape[-1] != self.input_size:
            raise ValueError(f"{name}: input must be {meaning}, got shape {input.shape}")

    def _same_types(self, weight: Tensor, **tensors: Tensor) -> None:
        for k, t in tensors.items():
            if t.dtype != weight.dtype:
                raise TypeError(
                    f"{type(self).__name__}: {k} is {t.dtype} and the weights are {weight.dtype}; convert one with "
                    ".to(dtype)"
                )

    def _states(self, hx: Any, names: tuple[str, ...], shape: tuple[int, ...], like: Tensor) -> list[Tensor]:
        """The initial states, zeros by default, each of ``shape``."""
        if hx is None:
            return [zeros(*shape, dtype=like.dtype) for _ in names]
        name, given = type(self).__name__, list(hx) if isinstance(hx, (tuple, list)) else [hx]
        if isinstance(hx, (tuple, list)) != (len(names) > 1) or len(given) != len(names):
            wanted = f"the pair ({', '.join(names)})" if len(names) > 1 else f"one Tensor, {names[0]}"
            raise TypeError(f"{name}: hx must be {wanted}, got {type(hx).__name__} of {len(given)}")
        for k, t in zip(names, given, strict=True):
            if not isinstance(t, Tensor):
                raise TypeError(f"{name}: {k} must be a Tensor, got {type(t).__name__}; use minigen.tensor")
            if t.shape != shape:
                raise ValueError(f"{name}: {k} has shape {t.shape}, expected {shape} for this input and these sizes")
        self._same_types(like, **dict(zip(names, given, strict=True)))
        return given


class _Recurrent(_Gated):
    """Layers in a stack, one or two directions each. A subclass says what one of them computes."""

    states: ClassVar[tuple[str, ...]] = ("h_0",)

    @placed
    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        name = type(self).__name__
        self._sizes(input_size, hidden_size, bias)
        if not isinstance(num_layers, int) or num_layers < 1:
            raise ValueError(f"{name}: num_layers must be an integer of at least 1, got {num_layers!r}")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout must be a number in [0, 1], got {dropout!r}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(f"{name}: dropout={dropout} acts between layers, and num_layers is 1", stacklevel=3)
        self.num_layers, self.batch_first, self.dropout, self.bidirectional = (
            num_layers, batch_first, float(dropout), bidirectional,
        )  # fmt: skip
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[:directions]:
                self._weights(input_size if layer == 0 else hidden_size * directions, f"_l{layer}{suffix}")
        self.reset_parameters()

    def _run(self, x: Tensor, weights: tuple, states: list[Tensor], reverse: bool) -> tuple[Tensor, list[Tensor]]:
        """One layer in one direction: x (T, N, in) -> all h_t (T, N, H), and the states after the last step."""
        raise NotImplementedError

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        name, batch = type(self).__name__, "(N, T, {})" if self.batch_first else "(T, N, {})"
        self._input(input, (2, 3), f"{batch} or (T, {{}})".replace("{}", str(self.input_size)))
        weight = self._named_weights("_l0")[0]
        self._same_types(weight, input=input)
        batched, D = input.ndim == 3, 2 if self.bidirectional else 1
        x = input.unsqueeze(1) if not batched else input.transpose(0, 1) if self.batch_first else input  # (T, N, in)
        if not len(x):
            raise ValueError(f"{name}: input of shape {input.shape} has no time steps; at least one is needed")
        N, n = x.shape[1], self.num_layers * D
        given = self._states(hx, self.states, (n, N, self.hidden_size) if batched else (n, self.hidden_size), weight)
        start = [s if batched else s.unsqueeze(1) for s in given]  # (layers directions, N, H)
        last: list[list[Tensor]] = [[] for _ in self.states]
        for layer in range(self.num_layers):
            outs = []
            for d in range(D):
                k, suffix = layer * D + d, f"_l{layer}" + "_reverse" * d
                out, finals = self._run(x, self._named_weights(suffix), [s[k] for s in start], reverse=d == 1)
                outs.append(out)
                for found, final in zip(last, finals, strict=True):
                    found.append(final)
            x = outs[0] if D == 1 else F.cat(outs, dim=-1)
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        ends = [F.stack(found) for found in last]
        if not batched:
            x, ends = x.squeeze(1), [s.squeeze(1) for s in ends]
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, tuple(ends) if len(ends) > 1 else ends[0]

    def flatten_parameters(self) -> None:
        """Nothing to do here; accepted, because listings call it."""

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        return text + "".join(f", {k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v)


def _sum(b_ih: Tensor | None, b_hh: Tensor | None) -> Tensor | None:
    return None if b_ih is None or b_hh is None else b_ih + b_hh


def _end(hs: Tensor, reverse: bool) -> Tensor:
    return hs[0 if reverse else -1]


class RNN(_Recurrent):
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), f tanh or relu (Elman 1990).

    input (T, N, input_size), (N, T, input_size) with ``batch_first``, or (T, input_size); h_0 (layers directions, N,
    H), zeros by default -> all h_t of the last layer (T, N, directions H), and every layer's last h. A stack feeds
    each layer's h_t to the next, through dropout in training; ``bidirectional`` runs a second set of weights from the
    end.
    """

    @placed
    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True,
        batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
    ) -> None:  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional)
        self.nonlinearity = nonlinearity

    def _run(self, x: Tensor, weights: tuple, states: list[Tensor], reverse: bool) -> tuple[Tensor, list[Tensor]]:
        w_ih, w_hh, b_ih, b_hh = weights
        bias = _sum(b_ih, b_hh)
        hs = fused.rnn(x, *states, w_ih, w_hh, bias, nonlinearity=self.nonlinearity, reverse=reverse)
        return hs, [_end(hs, reverse)]


class LSTM(_Recurrent):
    """c_t = s(f) c_{t-1} + s(i) tanh(g);  h_t = s(o) tanh(c_t), with i, f, g, o the four parts of
    W_ih x_t + b_ih + W_hh h_{t-1} + b_hh (Hochreiter & Schmidhuber 1997; Gers 2000).

    Shapes as in ``RNN``; hx is the pair (h_0, c_0), and the second result the pair of the last h and c.
    """

    gates = 4
    states = ("h_0", "c_0")

    def _run(self, x: Tensor, weights: tuple, states: list[Tensor], reverse: bool) -> tuple[Tensor, list[Tensor]]:
        w_ih, w_hh, b_ih, b_hh = weights
        hs, c = fused.lstm(x, *states, w_ih, w_hh, _sum(b_ih, b_hh), reverse=reverse)
        return hs, [_end(hs, reverse), c]


class GRU(_Recurrent):
    """r = s(W_ir x + b_ir + W_hr h + b_hr);  z = s(W_iz x + b_iz + W_hz h + b_hz);
    n = tanh(W_in x + b_in + r (W_hn h + b_hn));  h' = (1 - z) n + z h (Cho 2014).

    Shapes as in ``RNN``. r multiplies after the matrix W_hn, as in PyTorch and cuDNN.
    """

    gates = 3

    def _run(self, x: Tensor, weights: tuple, states: list[Tensor], reverse: bool) -> tuple[Tensor, list[Tensor]]:
        w_ih, w_hh, b_ih, b_hh = weights
        hs = fused.gru(x, *states, w_ih, w_hh, b_ih, b_hh, reverse=reverse)
        return hs, [_end(hs, reverse)]


class _Cell(_Gated):
    """One step: input (N, input_size) or (input_size), the state of shape (N, H) or (H)."""

    @placed
    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__()
        self._sizes(input_size, hidden_size, bias)
        self._weights(input_size, "")
        self.reset_parameters()

    def _start(self, input: Tensor, hx: Any, names: tuple[str, ...]) -> list[Tensor]:
        self._input(input, (1, 2), f"(N, {self.input_size}) or ({self.input_size},)")
        self._same_types(weight := self._named_weights()[0], input=input)
        return self._states(hx, names, (*input.shape[:-1], self.hidden_size), weight)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")
        relu = getattr(self, "nonlinearity", "tanh") != "tanh"
        return text + (", nonlinearity=relu" if relu else "")


class RNNCell(_Cell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or relu (Elman 1990)."""

    @placed
    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh") -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity must be 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(input_size, hidden_size, bias)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        (h,) = self._start(input, hx, ("hx",))
        w_ih, w_hh, b_ih, b_hh = self._named_weights()
        f = F.tanh if self.nonlinearity == "tanh" else F.relu
        return f(F.linear(input, w_ih, b_ih) + F.linear(h, w_hh, b_hh))


class LSTMCell(_Cell):
    """One step of ``LSTM``: x and the pair (h, c) -> the pair (h', c')."""

    gates = 4

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        h, c = self._start(input, hx, ("h", "c"))
        w_ih, w_hh, b_ih, b_hh = self._named_weights()
        return fused.lstm_cell(F.linear(input, w_ih, b_ih) + F.linear(h, w_hh, b_hh), c)


class GRUCell(_Cell):
    """One step of ``GRU``: x and h -> h'."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        (h,) = self._start(input, hx, ("hx",))
        w_ih, w_hh, b_ih, b_hh = self._named_weights()
        return fused.gru_cell(F.linear(input, w_ih, b_ih), F.linear(h, w_hh, b_hh), h)
