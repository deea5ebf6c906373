"""Recurrent networks: one step of each kind, and the steps in a row.

The input's part of every step, W_ih x_t + b_ih, does not depend on the step before: it is one product for all times at
once. What remains is the part that has to wait for h_{t-1}.
"""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor
from .activation import relu
from .linear import linear


def _part(gates: Tensor, k: int, size: int) -> Tensor:
    return gates[..., k * size : (k + 1) * size]


def _order(input: Tensor, reverse: bool) -> range:
    T = len(input)
    return range(T - 1, -1, -1) if reverse else range(T)


def lstm_cell(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """c' = s(f) c + s(i) tanh(g);  h' = s(o) tanh(c'): gates (..., 4H) hold i, f, g, o, cell (..., H) -> h', c'.

    i, f, g, o are the parts of W_ih x + b_ih + W_hh h + b_hh, s the sigmoid (Hochreiter & Schmidhuber 1997, with the
    forget gate of Gers 2000).
    """
    H = cell.shape[-1]
    i, f, g, o = (_part(gates, k, H) for k in range(4))
    c = ops.sigmoid(f) * cell + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


def gru_cell(input: Tensor, hidden: Tensor, h: Tensor) -> Tensor:
    """r = s(x_r + g_r);  z = s(x_z + g_z);  n = tanh(x_n + r g_n);  h' = (1 - z) n + z h.

    input (..., 3H) holds x_r, x_z, x_n, the parts of W_ih x + b_ih, hidden (..., 3H) holds g_r, g_z, g_n, those of
    W_hh h + b_hh. The reset gate multiplies W_hn h + b_hn, after the matrix (Cho 2014 has it before, r * h).
    """
    H = h.shape[-1]
    r, z = (ops.sigmoid(_part(input, k, H) + _part(hidden, k, H)) for k in range(2))
    n = ops.tanh(_part(input, 2, H) + r * _part(hidden, 2, H))
    return (1 - z) * n + z * h


def rnn(
    input: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None, *, nonlinearity: str, reverse: bool
) -> Tensor:
    """h_t = f(W_ih x_t + b + W_hh h_{t-1}), f tanh or relu: input (T, N, I), h (N, H), w_ih (H, I), w_hh (H, H), bias
    (H) -> all h_t (T, N, H).

    Elman 1990. ``reverse`` runs from the last time to the first.
    """
    f = ops.tanh if nonlinearity == "tanh" else relu
    x = linear(input, w_ih, bias)
    hs: list[Tensor] = []
    for t in (times := _order(input, reverse)):
        h = f(x[t] + linear(h, w_hh, None))
        hs.append(h)
    return ops.stack([hs[i] for i in times])


def lstm(
    input: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None, *, reverse: bool
) -> tuple[Tensor, Tensor]:
    """h_t, c_t = lstm_cell(W_ih x_t + b + W_hh h_{t-1}, c_{t-1}): input (T, N, I), h and c (N, H), w_ih (4H, I), w_hh
    (4H, H), bias (4H) -> all h_t (T, N, H), and the last c (N, H)."""
    x = linear(input, w_ih, bias)
    hs: list[Tensor] = []
    for t in (times := _order(input, reverse)):
        h, c = lstm_cell(x[t] + linear(h, w_hh, None), c)
        hs.append(h)
    return ops.stack([hs[i] for i in times]), c


def gru(
    input: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None, *, reverse: bool
) -> Tensor:
    """h_t = gru_cell(W_ih x_t + b_ih, W_hh h_{t-1} + b_hh, h_{t-1}): input (T, N, I), h (N, H), w_ih (3H, I), w_hh (3H,
    H), biases (3H) -> all h_t (T, N, H)."""
    x = linear(input, w_ih, b_ih)
    hs: list[Tensor] = []
    for t in (times := _order(input, reverse)):
        h = gru_cell(x[t], linear(h, w_hh, b_hh), h)
        hs.append(h)
    return ops.stack([hs[i] for i in times])
