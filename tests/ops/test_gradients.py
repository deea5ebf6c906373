"""First and second gradients of every public operation against finite differences. test_table.py notes a missing one.

A case is a function of Tensors and a Hypothesis strategy (of strategies.py) for its inputs: float64 arrays. Each file
cases_*.py adds two tables of the same names, CASES and NOT_DIFFERENTIABLE, for functions of one kind.
"""

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import arrays, distinct, fixed, one, shaped, two

import minigen
import minigen.functional as F
from minigen import fused, ops
from minigen.testing import gradcheck, gradgradcheck

LABELS = minigen.tensor([2, 0, 2, 1, 4])
BITS = minigen.tensor(np.arange(15).reshape(3, 5) % 2 == 0)
MASK = minigen.tensor((np.arange(15).reshape(3, 5) % 3 != 0).astype(float))
ROWS = minigen.tensor([[0, 2, 1], [1, 1, 2]])
POSITIVE = {"low": 0.3, "high": 2.0}


def seeded_dropout(x):
    minigen.manual_seed(5)
    return F.dropout(x, 0.4)


CASES = {
    # elementwise
    "abs": (F.abs, one(away=(0,))),
    "add": (ops.add, two()),
    "cos": (F.cos, one()),
    "div": (ops.div, two(low2=0.3)),
    "exp": (F.exp, one()),
    "floor": (F.floor, one(away=(-2, -1, 0, 1, 2))),
    "log": (F.log, one(**POSITIVE)),
    "log1p": (F.log1p, one(low=-0.6)),
    "maximum": (F.maximum, two(away=(0,))),
    "minimum": (F.minimum, two(away=(0,))),
    "mul": (ops.mul, two()),
    "neg": (ops.neg, one()),
    "pow": (F.pow, two(low=0.3, low2=-2.0)),
    "sigmoid": (ops.sigmoid, one()),
    "sign": (F.sign, one(away=(0,))),
    "sin": (F.sin, one()),
    "sqrt": (F.sqrt, one(**POSITIVE)),
    "sub": (ops.sub, two()),
    "tanh": (ops.tanh, one()),
    "where": (lambda x, y: F.where(BITS, x, y), fixed((3, 1), (5,))),
    # reductions
    "amax": (lambda x: F.amax(x, dim=-1), distinct(1)),
    "amin": (lambda x: F.amin(x, dim=0, keepdim=True), distinct(1)),
    "mean": (lambda x: F.mean(x, dim=(0, -1)), fixed((3, 2, 5))),
    "sum": (lambda x: F.sum(x, dim=-1, keepdim=True), arrays().filter(lambda x: x.ndim).map(lambda x: [x])),
    "var": (lambda x: F.var(x, dim=1), fixed((3, 5))),
    # shape
    "broadcast_to": (lambda x: ops.broadcast_to(x, (2, 3, 5)), st.one_of(fixed((3, 1)), fixed((5,)), fixed(()))),
    "cast": (lambda x: ops.cast(x, dtype=minigen.float64), one()),
    "cat": (lambda x, y: F.cat([x, y, x], dim=-1), shaped("ab", "ac")),
    "clone": (ops.clone, one()),
    "flatten": (F.flatten, one()),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 3), value=0.7), shaped("abc")),
    "permute": (lambda x: F.permute(x, (2, 0, 1)), shaped("abc")),
    "reshape": (lambda x: F.reshape(x, (x.numel(),)), one()),
    "squeeze": (lambda x: F.squeeze(x, 1), shaped("ab").map(lambda xs: [xs[0][:, None]])),
    "stack": (lambda x, y: F.stack([x, y], dim=1), shaped("ab", "ab")),
    "sum_to": (lambda x: ops.sum_to(x, shape=(3, 1)), fixed((2, 3, 5))),
    "transpose": (lambda x: F.transpose(x, 0, -1), shaped("abc")),
    "unsqueeze": (lambda x: F.unsqueeze(x, 1), shaped("ab")),
    # index
    "gather": (lambda x: F.gather(x, 1, ROWS), fixed((2, 3))),
    "getitem": (lambda x: x[..., None, 1:, LABELS], fixed((3, 4, 5))),
    "index_add": (lambda x: ops.index_add(x, index=(LABELS.array, slice(1, 3)), shape=(5, 4)), fixed((5, 2))),
    "scatter_add": (lambda x: ops.scatter_add(x, ROWS, dim=1, shape=(2, 3)), fixed((2, 3))),
    # products
    "matmul": (F.matmul, st.one_of(shaped("mk", "kn"), shaped("k", "k"), shaped("bmk", "kn"), shaped("mk", "k"))),
    "conv2d": (
        lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
        fixed((2, 4, 5, 7), (6, 2, 3, 2), (6,)),
    ),
    "conv2d_input": (
        lambda g, w: ops.conv2d_input(g, w, size=(6, 5), stride=(2, 1), padding=(1, 0)),
        fixed((2, 3, 3, 3), (3, 2, 3, 3)),
    ),
    "conv2d_weight": (
        lambda g, x: ops.conv2d_weight(g, x, size=(3, 3), stride=(2, 1), padding=(1, 0)),
        fixed((2, 3, 3, 3), (2, 2, 6, 5)),
    ),
    # functional
    "bce": (ops.bce, fixed((3, 5), (3, 5), low=0.2, high=0.8)),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        fixed((3, 2, 5), (2,), (2,), low=-3.0, high=3.0),
    ),
    "bce_with_logits": (lambda x: F.binary_cross_entropy_with_logits(x, MASK, reduction="none"), fixed((3, 5))),
    "binary_cross_entropy": (
        lambda x, y: F.binary_cross_entropy(x, y, weight=MASK),
        fixed((3, 5), (3, 5), low=0.2, high=0.8),
    ),
    "binary_cross_entropy_with_logits": (
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=minigen.tensor(np.arange(1.0, 6.0))),
        fixed((3, 5), (3, 5), low=-4.0, high=4.0),
    ),
    "conv_transpose2d": (
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=(1, 0), output_padding=(0, 1), groups=2),
        fixed((2, 4, 3, 2), (4, 3, 3, 2), (6,)),
    ),
    "cross_entropy": (lambda x: F.cross_entropy(x, LABELS), fixed((5, 5), low=-4.0, high=4.0)),
    "dropout": (seeded_dropout, one()),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), one(away=(0,))),
    "linear": (F.linear, shaped("nk", "mk", "m")),
    "log_softmax": (lambda x: F.log_softmax(x, 0), fixed((3, 5), low=-4.0, high=4.0)),
    "mse_loss": (F.mse_loss, shaped("ab", "ab").filter(lambda xs: xs[0].size)),
    "relu": (F.relu, one(away=(0,))),
    "sigmoid, fused": (F.sigmoid, one()),
    "softmax": (lambda x: F.softmax(x, -1), fixed((3, 5), low=-4.0, high=4.0)),
    "tanh, fused": (F.tanh, one()),
    # recurrent
    "lstm_cell": (lambda x, c: F.cat(fused.lstm_cell(x, c), -1), fixed((3, 8), (3, 2), low=-2.0)),
    "gru_cell": (fused.gru_cell, fixed((3, 6), (3, 6), (3, 2), low=-2.0)),
    "rnn": (lambda *xs: fused.rnn(*xs, nonlinearity="tanh", reverse=False),
            fixed((3, 2, 3), (2, 2), (2, 3), (2, 2), (2,))),
    "lstm": (lambda *xs: sum(fused.lstm(*xs, reverse=False)), fixed((3, 2, 3), (2, 2), (2, 2), (8, 3), (8, 2), (8,))),
    "gru": (lambda *xs: fused.gru(*xs, reverse=True), fixed((3, 2, 3), (2, 2), (6, 3), (6, 2), (6,), (6,))),
}
# Integers or bools come out: nothing flows.
NOT_DIFFERENTIABLE = {
    "argmax": lambda x: F.argmax(x, dim=0),
    "argmin": lambda x: F.argmin(x, dim=0),
    "eq": lambda x: ops.eq(x, 1.0),
    "ge": lambda x: ops.ge(x, 1.0),
    "gt": lambda x: ops.gt(x, 1.0),
    "le": lambda x: ops.le(x, 1.0),
    "lt": lambda x: ops.lt(x, 1.0),
    "ne": lambda x: ops.ne(x, 1.0),
    "one_hot": lambda x: F.one_hot(F.argmax(x, dim=0), 3),
}


for _file in sorted(Path(__file__).parent.glob("cases_*.py")):
    _more = importlib.import_module(_file.stem)
    assert not (CASES.keys() | NOT_DIFFERENTIABLE.keys()) & (_more.CASES.keys() | _more.NOT_DIFFERENTIABLE.keys())
    CASES |= _more.CASES
    NOT_DIFFERENTIABLE |= _more.NOT_DIFFERENTIABLE


def inputs_of(found) -> list:
    return [minigen.from_numpy(np.asarray(x)).requires_grad_() for x in found]


@pytest.mark.parametrize("name", sorted(CASES))
def test_gradients(name):
    function, strategy = CASES[name]

    @settings(max_examples=12)
    @given(strategy)
    def check(found):
        assert gradcheck(function, inputs_of(found))
        assert gradgradcheck(function, inputs_of(found), rtol=1e-6)

    check()


@pytest.mark.parametrize("name", sorted(NOT_DIFFERENTIABLE))
def test_no_gradient_flows_through_integers(name):
    out = NOT_DIFFERENTIABLE[name](minigen.ones(3, 2, requires_grad=True))
    assert not out.requires_grad
    assert out.dtype.kind in "ib"
