"""Recurrent layers and cells: against the equations written in NumPy, and against each other."""

import math

import numpy as np
import pytest

import minigen
from minigen import nn
from minigen.testing import gradcheck, gradgradcheck

T, N, IN, H = 5, 3, 4, 2


def draw(*shape, seed=0):
    return minigen.tensor(np.random.default_rng(seed).uniform(-1, 1, shape))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gates(m, x, h, suffix):
    """W_ih x + b_ih and W_hh h + b_hh."""
    w_ih, w_hh, b_ih, b_hh = (getattr(m, n + suffix).numpy() for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    return x @ w_ih.T + b_ih, h @ w_hh.T + b_hh


def rnn_step(m, x, state, suffix):
    a, b = gates(m, x, state[0], suffix)
    f = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[m.nonlinearity]
    return (f(a + b),)


def lstm_step(m, x, state, suffix):
    a, b = gates(m, x, state[0], suffix)
    i, f, g, o = np.split(a + b, 4, axis=-1)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(m, x, state, suffix):
    a, b = gates(m, x, state[0], suffix)
    (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(a, 3, axis=-1), np.split(b, 3, axis=-1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    return ((1 - z) * np.tanh(x_n + r * h_n) + z * state[0],)


KINDS = {  # layer, cell, step, states
    "rnn": (nn.RNN, nn.RNNCell, rnn_step, 1),
    "relu": (lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
             lambda *a, **k: nn.RNNCell(*a, nonlinearity="relu", **k), rnn_step, 1),
    "lstm": (nn.LSTM, nn.LSTMCell, lstm_step, 2),
    "gru": (nn.GRU, nn.GRUCell, gru_step, 1),
}  # fmt: skip


def by_hand(m, step, x, starts):
    """All layers and directions, one step after the other: outputs (T, N, directions H) and last states."""
    ends, D = [], 2 if m.bidirectional else 1
    for layer in range(m.num_layers):
        found = []
        for d in range(D):
            state, hs = tuple(s[layer * D + d] for s in starts), {}
            for t in range(len(x))[:: -1 if d else 1]:
                state = step(m, x[t], state, f"_l{layer}" + "_reverse" * d)
                hs[t] = state[0]
            found.append(np.stack([hs[t] for t in range(len(x))]))
            ends.append(state)
        x = np.concatenate(found, axis=-1)
    return x, [np.stack([e[k] for e in ends]) for k in range(len(starts))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_step_is_the_equation(kind, layers, bidirectional):
    make, _, step, states = KINDS[kind]
    m = make(IN, H, num_layers=layers, bidirectional=bidirectional).double()
    x, rows = draw(T, N, IN), layers * (1 + bidirectional)
    starts = [draw(rows, N, H, seed=1 + k) for k in range(states)]
    out, ends = m(x, starts[0] if states == 1 else tuple(starts))
    want, want_ends = by_hand(m, step, x.numpy(), [s.numpy() for s in starts])
    assert np.allclose(out.numpy(), want, rtol=1e-12, atol=1e-13)
    for got, end in zip([ends] if states == 1 else ends, want_ends, strict=True):
        assert got.shape == (rows, N, H) and np.allclose(got.numpy(), end, rtol=1e-12, atol=1e-13)


def tensors(result):
    """The output and the states as one list."""
    return [result[0], *(result[1] if isinstance(result[1], tuple) else [result[1]])]


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_zero_unless_given(kind):
    make, _, _, states = KINDS[kind]
    m, x, zero = make(IN, H, 2, bidirectional=True).double(), draw(T, N, IN), minigen.zeros(4, N, H).double()
    for a, b in zip(tensors(m(x)), tensors(m(x, zero if states == 1 else (zero, zero))), strict=True):
        assert np.array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_batch_first_and_unbatched_are_the_same_numbers(kind):
    make = KINDS[kind][0]
    m, x = make(IN, H, 2, bidirectional=True).double(), draw(T, N, IN)
    out, *ends = tensors(m(x))
    m.batch_first = True
    out_b, *ends_b = tensors(m(x.transpose(0, 1)))
    assert out_b.shape == (N, T, 2 * H) and np.allclose(out_b.numpy(), out.transpose(0, 1).numpy(), rtol=1e-12)
    for a, b in zip(ends_b, ends, strict=True):  # states never have the batch first
        assert np.allclose(a.numpy(), b.numpy(), rtol=1e-12)
    one, *ends_1 = tensors(m(x[:, 1]))  # without a batch, (T, IN) whatever batch_first says
    assert one.shape == (T, 2 * H) and np.allclose(one.numpy(), out[:, 1].numpy(), rtol=1e-12)
    assert ends_1[0].shape == (4, H) and np.allclose(ends_1[0].numpy(), ends[0][:, 1].numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [(), (0,), (1,), (3,)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_cell_in_a_loop_is_a_layer(kind, batch, bias):
    make, make_cell, _, states = KINDS[kind]
    layer, cell = make(IN, H, bias=bias).double(), make_cell(IN, H, bias=bias).double()
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = draw(T, *batch, IN)
    out, *ends = tensors(layer(x))
    state = None
    for t in range(T):
        state = cell(x[t], state)
        h = state[0] if states == 2 else state
        assert h.shape == (*batch, H) and np.allclose(h.numpy(), out[t].numpy(), rtol=1e-12, atol=1e-14)
    assert np.allclose((state[-1] if states == 2 else state).numpy(), ends[-1][0].numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("used", ["output", "last states", "both"])
def test_backpropagation_through_time_is_right(kind, used):
    """Against finite differences, for the input, the states and every weight, whichever results are used."""
    make, _, _, states = KINDS[kind]
    m = make(2, 2, 2, bidirectional=True).double()
    names = list(m.state_dict())

    def run(x, *rest):
        starts, weights = rest[:states], rest[states:]
        for name, w in zip(names, weights, strict=True):
            object.__setattr__(m, name, w)
        found = tensors(m(x, starts[0] if states == 1 else tuple(starts)))
        return found[:1] if used == "output" else found[1:] if used == "last states" else found

    values = [draw(3, 2, 2), *[draw(4, 2, 2, seed=1 + k) for k in range(states)], *m.state_dict().values()]
    assert gradcheck(run, [v.clone().requires_grad_() for v in values])
    if used == "both":  # and its derivative: gradients of gradients, once more against finite differences
        assert gradgradcheck(run, [v.clone().requires_grad_() for v in values])


@pytest.mark.parametrize("kind", KINDS)
def test_the_parameters_by_name_and_their_first_values(kind):
    make, make_cell, _, _ = KINDS[kind]
    g = {"lstm": 4, "gru": 3}.get(kind, 1)
    shapes = {k: v.shape for k, v in make(3, 400, 2, bidirectional=True).state_dict().items()}
    one = {"weight_ih": (g * 400, 3), "weight_hh": (g * 400, 400), "bias_ih": (g * 400,), "bias_hh": (g * 400,)}
    want = {
        k + f"_l{layer}" + end: (g * 400, 800) if layer and k == "weight_ih" else s
        for layer in range(2) for end in ("", "_reverse") for k, s in one.items()
    }  # fmt: skip
    assert shapes == want and list(shapes) == list(want)
    assert {k: v.shape for k, v in make_cell(3, 400).state_dict().items()} == one
    assert list(make(3, 2, bias=False).state_dict()) == ["weight_ih_l0", "weight_hh_l0"]
    minigen.manual_seed(0)
    for p in make(3, 400).parameters():  # U(-1/20, 1/20)
        assert 0.049 < abs(p.numpy()).max() <= 0.05 and abs(p.numpy().mean()) < 5 * 0.05 / math.sqrt(3 * p.numel())


def test_dropout_acts_between_layers_in_training_only():
    minigen.manual_seed(0)
    m = nn.GRU(IN, 50, 2, dropout=0.5)
    x = draw(T, 20, IN).float()
    a, b = m(x)[0].numpy(), m(x)[0].numpy()
    assert not np.array_equal(a, b)
    m.eval()
    assert np.array_equal(m(x)[0].numpy(), m(x)[0].numpy())
    first = m(x)[1][0].numpy()
    assert np.array_equal(m.train()(x)[1][0].numpy(), first)  # the first layer's states pass before the dropout
    m.dropout = 1.0  # nothing reaches the second layer: its results no longer depend on x
    assert np.array_equal(m(x)[1][1].numpy(), m(x * 0)[1][1].numpy())
    with pytest.warns(UserWarning, match="LSTM: dropout=0.5 acts between layers, and num_layers is 1"):
        nn.LSTM(IN, H, dropout=0.5)


def test_a_long_sequence_costs_one_node_per_layer():
    """A thousand steps are one op: no graph of a thousand nodes, and a gradient that reaches the first step."""
    m = nn.LSTM(2, 3, 2)
    x = draw(1000, 1, 2).float().requires_grad_()
    out, _ = m(x)
    seen, stack = set(), [out.node]
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack.extend(node.parents)
    assert len(seen) < 50
    out.sum().backward()
    assert x.grad.shape == x.shape and abs(x.grad.numpy()[0]).max() > 0


def test_words():
    assert repr(nn.LSTM(10, 20)) == "LSTM(10, 20)"
    assert repr(nn.GRU(10, 20, 2, batch_first=True, dropout=0.5, bidirectional=True, bias=False)) == (
        "GRU(10, 20, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)"
    )
    assert repr(nn.RNNCell(10, 20, bias=False, nonlinearity="relu")) == "RNNCell(10, 20, bias=False, nonlinearity=relu)"
    assert nn.LSTM(1, 1).flatten_parameters() is None


F32 = minigen.zeros(T, N, IN)
WRONG = [
    (lambda: nn.LSTM(0, 2), ValueError, "LSTM: input_size must be an integer of at least 1, got 0"),
    (lambda: nn.GRU(2, 2.5), ValueError, "GRU: hidden_size must be an integer of at least 1, got 2.5"),
    (lambda: nn.RNN(2, 2, 0), ValueError, "RNN: num_layers must be an integer of at least 1, got 0"),
    (lambda: nn.RNN(2, 2, 1, "sin"), ValueError, "RNN: nonlinearity must be 'tanh' or 'relu', got 'sin'"),
    (lambda: nn.RNNCell(2, 2, nonlinearity="sin"), ValueError, "RNNCell: nonlinearity must be 'tanh' or 'relu'"),
    (lambda: nn.GRU(2, 2, 2, dropout=1.5), ValueError, r"GRU: dropout must be a number in \[0, 1\], got 1.5"),
    (lambda: nn.LSTM(IN, H)([1.0]), TypeError, "LSTM: input must be a Tensor, got list; use minigen.tensor"),
    (lambda: nn.LSTM(IN, H)(F32[..., :3]), ValueError,
     r"LSTM: input must be \(T, N, 4\) or \(T, 4\), got shape \(5, 3, 3\)"),
    (lambda: nn.LSTM(IN, H, batch_first=True)(F32[0, 0]), ValueError, r"must be \(N, T, 4\) or \(T, 4\), got shape"),
    (lambda: nn.LSTM(IN, H)(F32[:0]), ValueError, r"input of shape \(0, 3, 4\) has no time steps"),
    (lambda: nn.GRU(IN, H)(F32.double()), TypeError, "GRU: input is float64 and the weights are float32; convert one"),
    (lambda: nn.GRU(IN, H)(F32, minigen.zeros(1, N, H).double()), TypeError, "GRU: h_0 is float64 and the weights are"),
    (lambda: nn.GRU(IN, H, 2)(F32, minigen.zeros(1, N, H)), ValueError,
     r"GRU: h_0 has shape \(1, 3, 2\), expected \(2, 3, 2\) for this input"),
    (lambda: nn.GRU(IN, H)(F32[:, 0], minigen.zeros(1, 1, H)), ValueError, r"expected \(1, 2\) for this input"),
    (lambda: nn.GRU(IN, H)(F32, (minigen.zeros(1, N, H),) * 2), TypeError,
     "GRU: hx must be one Tensor, h_0, got tuple of 2"),
    (lambda: nn.LSTM(IN, H)(F32, minigen.zeros(1, N, H)), TypeError,
     r"LSTM: hx must be the pair \(h_0, c_0\), got Tensor of 1"),
    (lambda: nn.LSTM(IN, H)(F32, (minigen.zeros(1, N, H), 0)), TypeError, "LSTM: c_0 must be a Tensor, got int"),
    (lambda: nn.LSTMCell(IN, H)(F32), ValueError, r"LSTMCell: input must be \(N, 4\) or \(4,\), got shape \(5, 3, 4\)"),
    (lambda: nn.LSTMCell(IN, H)(F32[0], (minigen.zeros(1, H),) * 2), ValueError,
     r"LSTMCell: h has shape \(1, 2\), expected \(3, 2\)"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "error", "words"), WRONG)
def test_what_they_refuse(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong()
