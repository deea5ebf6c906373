"""Every function of minigen.functional, and those of the package itself: one expression, read in both libraries."""

import numpy as np
import pytest
import torch

import minigen
import minigen.functional as F

BOTH = {"minigen": {"t": minigen, "F": F}, "torch": {"t": torch, "F": torch.nn.functional}}
NEAR = {"low": -2.0, "high": 2.0}
WIDE = {"low": -9.0, "high": 9.0}
POSITIVE, PROBABLE = {"low": 0.2, "high": 3.0}, {"low": 0.05, "high": 0.95}


def read(expression: str, library: str):
    """The expression as a function of x, y, z in one of the libraries."""
    names = dict(BOTH[library])
    return lambda *xs: eval(expression, {**names, **dict(zip("xyz", xs, strict=False))})


# name: (expressions, shapes of x, y, z, where their values lie)
TABLE = {
    **{k: ([f"t.{k}(x)"], [[(3, 4)], [()], [(0, 2)]], NEAR) for k in ("abs", "cos", "exp", "sin", "sign", "floor")},
    **{k: ([f"t.{k}(x)"], [[(3, 4)], [()]], POSITIVE) for k in ("log", "log1p", "sqrt")},
    **{k: ([f"t.{k}(x)"], [[(3, 4)], [()], [(0, 2)]], {"low": -6, "high": 6}) for k in ("sigmoid", "tanh", "relu")},
    **{
        k: ([f"t.{k}(x, y)", f"t.{k}(y, x)"], [[(3, 4), (3, 4)], [(2, 1, 4), (3, 1)], [(3,), ()], [(0, 3), (3,)]], NEAR)
        for k in ("add", "sub", "mul", "maximum", "minimum")
    },
    **{k: ([f"t.{k}(x, y)"], [[(3, 4), (3, 4)], [(2, 1, 4), (3, 1)], [(3,), ()]], POSITIVE) for k in ("div", "pow")},
    "neg": (["t.neg(x)"], [[(3, 4)]], NEAR),
    "where": (["t.where(x > y, x, y)", "t.where(x > 0, x, 0.5)", "t.where(x > 0, 2.0, x * y)"], [[(3, 4), (4,)]], NEAR),
    **{k: ([f"t.{k}(x, y)"], [[(3, 4), (4,)]], NEAR) for k in ("eq", "ge", "gt", "le", "lt", "ne")},
    **{
        k: (
            [f"t.{k}(x{arguments})" for arguments in ("", ", dim=1", ", dim=(0, -1)", ", dim=-2, keepdim=True")],
            [[(2, 3, 4)], [(1, 2, 1)]],
            NEAR,
        )
        for k in ("sum", "mean", "var", "amax", "amin")
    },
    **{
        k: ([f"t.{k}(x)", f"t.{k}(x, dim=1)", f"t.{k}(x, dim=-1, keepdim=True)"], [[(2, 3, 4)]], NEAR)
        for k in ("argmax", "argmin")
    },
    "matmul": (
        ["t.matmul(x, y)"],
        [[(3, 4), (4, 5)], [(4,), (4,)], [(4,), (4, 5)], [(3, 4), (4,)], [(2, 3, 4), (4, 5)], [(2, 1, 3, 4), (5, 4, 2)],
         [(2, 3, 4), (4,)], [(4,), (2, 4, 3)], [(0, 4), (4, 5)], [(3, 0), (0, 5)]],
        NEAR,
    ),
    "linear": (
        ["F.linear(x, y)", "F.linear(x, y, y[:, 0])"], [[(3, 4), (5, 4)], [(2, 3, 4), (5, 4)], [(4,), (5, 4)]], NEAR
    ),
    "reshape": (["t.reshape(x, (4, -1))", "t.reshape(x, (2, 3, 4))", "t.reshape(x, (-1,))"], [[(6, 4)]], NEAR),
    "permute": (["t.permute(x, (2, 0, 1))", "t.permute(x, (-1, 0, -2))"], [[(2, 3, 4)]], NEAR),
    "transpose": (["t.transpose(x, 0, -1)", "t.transpose(x, 1, 1)"], [[(2, 3, 4)]], NEAR),
    "flatten": (["t.flatten(x)", "t.flatten(x, 1)", "t.flatten(x, 0, 1)"], [[(2, 3, 4)]], NEAR),
    "squeeze": (["t.squeeze(x)", "t.squeeze(x, 1)", "t.squeeze(x, (0, -1))"], [[(2, 1, 3, 1)]], NEAR),
    "unsqueeze": (["t.unsqueeze(x, 0)", "t.unsqueeze(x, -1)", "t.unsqueeze(x, 1)"], [[(2, 3)]], NEAR),
    "broadcast_to": (["t.broadcast_to(x, (2, 3, 4))"], [[(3, 1)], [(4,)], [()]], NEAR),
    "cat": (["t.cat([x, y])", "t.cat((y, x, y), dim=-2)"], [[(2, 3), (4, 3)], [(0, 3), (2, 3)]], NEAR),
    "stack": (["t.stack([x, y])", "t.stack([x, y, x], dim=1)", "t.stack((x, y), -1)"], [[(2, 3), (2, 3)]], NEAR),
    "pad": (
        ["F.pad(x, (1, 2))", "F.pad(x, (0, 1, 2, 0), value=0.7)", "F.pad(x, (-1, 2, 1, -1))", "F.pad(x, (1, 1) * 3)"],
        [[(2, 3, 4)]],
        NEAR,
    ),
    "clone": (["t.clone(x)"], [[(3, 4)]], NEAR),
    "gather": (
        ["t.gather(x, 1, t.tensor([[0, 2, 2, 1], [1, 1, 0, 0]]))", "t.gather(x, 0, t.tensor([[1, 0]]))"],
        [[(2, 3)]],
        NEAR,
    ),
    "one_hot": (["F.one_hot(t.tensor([2, 0, 1]), 4)", "F.one_hot(t.tensor([[2, 0], [1, 1]]))"], [[()]], NEAR),
    "leaky_relu": (["F.leaky_relu(x)", "F.leaky_relu(x, 0.2)", "F.leaky_relu(x, negative_slope=2)"], [[(3, 4)]], NEAR),
    "softmax": (["F.softmax(x, 0)", "F.softmax(x, dim=-1)"], [[(3, 4)], [(2, 3, 4)], [(0, 3)]], WIDE),
    "log_softmax": (["F.log_softmax(x, 0)", "F.log_softmax(x, dim=-1)"], [[(3, 4)], [(2, 3, 4)], [(0, 3)]], WIDE),
    "dropout": (["F.dropout(x, 0.3, training=False)", "F.dropout(x, 0.0)", "F.dropout(x, 1.0)"], [[(3, 4)]], NEAR),
    "mse_loss": (
        [f"F.mse_loss(x, y, reduction='{r}')" for r in ("mean", "sum", "none")] + ["F.mse_loss(x, y)"],
        [[(3, 4), (3, 4)]],
        NEAR,
    ),
    "binary_cross_entropy": (
        [f"F.binary_cross_entropy(x, y, reduction='{r}')" for r in ("mean", "sum", "none")]
        + ["F.binary_cross_entropy(x, y.detach(), weight=y.detach())"],
        [[(3, 4), (3, 4)]],
        PROBABLE,
    ),
    "binary_cross_entropy_with_logits": (
        [f"F.binary_cross_entropy_with_logits(x * 5, y, reduction='{r}')" for r in ("mean", "sum", "none")]
        + ["F.binary_cross_entropy_with_logits(x * 5, y, weight=y.detach(), pos_weight=y[0].detach() * 3)"],
        [[(3, 4), (3, 4)]],
        PROBABLE,
    ),
    "cross_entropy": (
        [f"F.cross_entropy(x, t.tensor([1, 3, 0]), reduction='{r}')" for r in ("mean", "sum", "none")],
        [[(3, 4)]],
        WIDE,
    ),
}  # fmt: skip
CASES = [(e, shapes, where) for expressions, drawn, where in TABLE.values() for shapes in drawn for e in expressions]


@pytest.mark.parametrize(("expression", "shapes", "where"), CASES, ids=[f"{e} {s}" for e, s, _ in CASES])
def test_a_function(agree, numbers, expression, shapes, where):
    arrays = [numbers(*s, **where) for s in shapes]
    agree(read(expression, "minigen"), read(expression, "torch"), *arrays)


SPECIAL = np.array([-np.inf, -1e300, -1.0, -0.0, 0.0, 1.0, 1e300, np.inf, np.nan])


@pytest.mark.parametrize(
    "name", ["abs", "cos", "exp", "floor", "log", "log1p", "neg", "relu", "sigmoid", "sin", "sqrt", "tanh"]
)
def test_values_at_the_edges(near, name, backend):
    expression = f"t.{name}(x)"
    for dtype in (np.float64, np.float32):
        with np.errstate(over="ignore"):
            x = SPECIAL.astype(dtype)
        mine, theirs = read(expression, "minigen")(minigen.tensor(x)), read(expression, "torch")(torch.from_numpy(x))
        near(name, mine, theirs, 1e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize(
    "expression",
    [
        "t.abs(x)", "t.relu(x)", "F.leaky_relu(x, 0.1)", "t.sqrt(t.abs(x))", "t.maximum(x, y)", "t.minimum(x, y)",
        "t.amax(x)", "t.amin(x)", "t.sign(x)", "x ** 2", "x ** 0", "(x + 2) ** y",
        "F.binary_cross_entropy(x * x, (y * y).detach())",
    ],
)  # fmt: skip
def test_the_conventions_at_kinks(agree, expression):
    """Ties, kinks, 0 and 1: where a derivative is a matter of convention."""
    x, y = np.array([0.0, 0.0, 1.0, -1.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0, -1.0])
    agree(read(expression, "minigen"), read(expression, "torch"), x, y, twice=False)
