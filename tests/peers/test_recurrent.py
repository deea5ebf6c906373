"""Recurrent layers, cells and multi-head attention, their weights copied by key: outputs and gradients in float64."""

import numpy as np
import pytest
import torch

import minigen
from minigen import nn

T, N, IN, H = 4, 3, 5, 6


def twins(name, *args, **options):
    """The same module in both libraries with the same weights, carried over by state_dict in float64."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, **options).double()
    mine = getattr(nn, name)(*args, **options).double()
    with torch.no_grad():
        for p in theirs.parameters():
            torch.nn.init.uniform_(p, -0.7, 0.7)
    assert [(k, v.shape) for k, v in mine.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()
    ]
    mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return mine, theirs


def flat(found):
    """All tensors of nested results, in order; None is left out."""
    if isinstance(found, (tuple, list)):
        return [t for part in found for t in flat(part)]
    return [] if found is None else [found]


def agree(near, mine, theirs, run, *arrays):
    """Outputs and the gradients of <output, u>, u random, for every input and parameter."""
    rng = np.random.default_rng(5)
    a = [minigen.tensor(x).requires_grad_() for x in arrays]
    b = [torch.tensor(x, requires_grad=True) for x in arrays]
    outs = list(zip(flat(run(mine, *a)), flat(run(theirs, *b)), strict=True))
    total_a, total_b = 0.0, 0.0
    for i, (x, y) in enumerate(outs):
        near(f"output {i}", x, y)
        u = rng.normal(size=x.shape)
        total_a, total_b = total_a + (x * minigen.tensor(u)).sum(), total_b + (y * torch.tensor(u)).sum()
    total_a.backward()
    total_b.backward()
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        near(f"gradient of input {i}", x.grad, y.grad)
    for (name, p), q in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        near(f"gradient of {name}", p.grad, q.grad)


KINDS = {"RNN": {}, "relu": {"nonlinearity": "relu"}, "LSTM": {}, "GRU": {}}
CELLS = {"RNN": "RNNCell", "relu": "RNNCell", "LSTM": "LSTMCell", "GRU": "GRUCell"}
OPTIONS = [
    {},
    {"num_layers": 2, "bias": False},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "bidirectional": True, "batch_first": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("form", ["batch", "batch and states", "no batch", "no batch and states"])
@pytest.mark.parametrize("kind", KINDS)
def test_layers(near, numbers, kind, form, options):
    name = "RNN" if kind == "relu" else kind
    mine, theirs = twins(name, IN, H, **KINDS[kind], **options)
    assert repr(mine) == repr(theirs)
    batch = () if "no batch" in form else (N,)
    x = numbers(*batch, T, IN) if options.get("batch_first") else numbers(T, *batch, IN)
    rows = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    states = [numbers(rows, *batch, H) for _ in range(2 if name == "LSTM" else 1)] if "states" in form else []
    pack = (lambda s: tuple(s)) if name == "LSTM" else (lambda s: s[0])
    agree(near, mine, theirs, lambda m, x, *s: m(x, pack(s)) if s else m(x), x, *states)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(N,), ()])
def test_cells(near, numbers, kind, bias, batch):
    name = "RNN" if kind == "relu" else kind
    mine, theirs = twins(CELLS[kind], IN, H, bias=bias, **KINDS[kind])
    assert repr(mine) == repr(theirs)
    states = [numbers(*batch, H) for _ in range(2 if name == "LSTM" else 1)]
    pack = (lambda s: tuple(s)) if name == "LSTM" else (lambda s: s[0])
    agree(near, mine, theirs, lambda m, x, *s: m(x, pack(s)), numbers(*batch, IN), *states)
    agree(near, *twins(CELLS[kind], IN, H, bias=bias, **KINDS[kind]), lambda m, x: m(x), numbers(*batch, IN))


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_second_gradients(numbers, name):
    mine, theirs = twins(name, 3, 2, 2, bidirectional=True)
    x, v = numbers(3, 2, 3), numbers(3, 2, 3)
    a, b = minigen.tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    (g,) = minigen.grad((mine(a)[0] ** 2).sum(), [a], create_graph=True)
    (k,) = torch.autograd.grad((theirs(b)[0] ** 2).sum(), [b], create_graph=True)
    (g * minigen.tensor(v)).sum().backward()
    (k * torch.tensor(v)).sum().backward()
    for (key, p), q in zip([("x", a), *mine.named_parameters()], [b, *theirs.parameters()], strict=True):
        scale = abs(q.grad.numpy()).max()
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-7, atol=1e-7 * scale, err_msg=key)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_gradients_of_frozen_weights_and_of_one_result(near, numbers, name):
    mine, theirs = twins(name, IN, H)
    for m in (mine, theirs):
        m.weight_ih_l0.requires_grad_(False)
        m.bias_hh_l0.requires_grad_(False)
    x = numbers(T, N, IN)
    a, b = minigen.tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    for m, p in ((mine, a), (theirs, b)):
        last = m(p)[1]
        (last[1] if isinstance(last, tuple) else last).sum().backward()
    near("gradient of x", a.grad, b.grad)
    near("gradient of weight_hh", mine.weight_hh_l0.grad, theirs.weight_hh_l0.grad)
    assert mine.weight_ih_l0.grad is None and theirs.weight_ih_l0.grad is None


L, S, E, HEADS = 4, 5, 6, 3
BLIND = np.random.default_rng(0).random((N, S)) < 0.3
LATER = np.triu(np.ones((L, S), bool), 1)
ATTENTION = {
    "plain": {},
    "causal": {"attn_mask": LATER},
    "padding": {"key_padding_mask": BLIND},
    "both": {"attn_mask": LATER, "key_padding_mask": BLIND},
    "added": {"attn_mask": np.random.default_rng(1).normal(size=(L, S))},
    "per head": {"attn_mask": np.random.default_rng(2).normal(size=(N * HEADS, L, S))},
    "no weights": {"need_weights": False, "attn_mask": LATER},
    "every head": {"average_attn_weights": False},
}


@pytest.mark.parametrize("case", ATTENTION)
@pytest.mark.parametrize("options", [{}, {"batch_first": True}, {"kdim": 4, "vdim": 7}, {"bias": False}], ids=str)
def test_attention(near, numbers, case, options):
    mine, theirs = twins("MultiheadAttention", E, HEADS, **options)
    shapes = [(L, E), (S, options.get("kdim", E)), (S, options.get("vdim", E))]
    first = options.get("batch_first")
    arrays = [numbers(*((N, n, e) if first else (n, N, e))) for n, e in shapes]

    def run(m, *xs):
        make = minigen.tensor if m is mine else torch.tensor
        return m(*xs, **{k: make(v) if isinstance(v, np.ndarray) else v for k, v in ATTENTION[case].items()})

    agree(near, mine, theirs, run, *arrays)


def test_attention_to_itself_and_without_a_batch(near, numbers):
    mine, theirs = twins("MultiheadAttention", E, HEADS)
    agree(near, mine, theirs, lambda m, x: m(x, x, x), numbers(L, N, E))
    mine, theirs = twins("MultiheadAttention", E, HEADS)
    agree(near, mine, theirs, lambda m, x: m(x, x, x, average_attn_weights=False), numbers(L, E))


def test_a_row_that_may_look_nowhere(numbers):
    mine, theirs = twins("MultiheadAttention", E, HEADS)
    x, nowhere = numbers(L, 1, E), np.ones((1, L), bool)
    got = mine(*[minigen.tensor(x)] * 3, minigen.tensor(nowhere))[0].numpy()
    want = theirs(*[torch.tensor(x)] * 3, torch.tensor(nowhere))[0].detach().numpy()
    assert np.isnan(got).all() and np.isnan(want).all()
    got = mine(*[minigen.tensor(x)] * 3, minigen.tensor(nowhere), need_weights=False)[0].numpy()
    want = theirs(*[torch.tensor(x)] * 3, torch.tensor(nowhere), need_weights=False)[0].detach().numpy()
    np.testing.assert_allclose(got, want, rtol=1e-12)
