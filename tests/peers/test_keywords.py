"""Arguments by PyTorch's names: one expression, read with minigen and with PyTorch."""

import numpy as np
import pytest
import torch

import minigen

CALLS = [
    *[f"m.{name}(input=x)" for name in (
        "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "exp", "expm1", "floor", "log", "log10", "log1p",
        "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "tan",
        "tanh", "relu", "isfinite", "isnan", "isinf", "nan_to_num", "clone", "flatten", "squeeze", "t", "tril", "triu",
        "sum", "mean", "var", "std", "prod", "amax", "amin", "max", "min", "argmax", "argmin", "norm", "all", "any",
        "numel", "diagonal", "argsort", "unique", "nonzero", "is_floating_point", "logical_not", "unbind",
    )],
    *[f"m.{name}(input=x, other=y)" for name in (
        "add", "sub", "mul", "div", "atan2", "maximum", "minimum", "max", "min", "logaddexp", "eq", "ne", "lt", "le",
        "gt", "ge", "remainder", "floor_divide", "isclose", "allclose", "equal", "logical_and", "logical_or",
        "logical_xor",
    )],
    *[f"x.{name}(other=y)" for name in ("add", "sub", "mul", "div", "atan2", "maximum", "max", "eq", "lt")],
    "m.maximum(x, other=y)", "m.pow(input=x, exponent=2)", "x.pow(exponent=y)", "m.pow(2.0, exponent=x)",
    "m.clamp(input=x, min=0.4, max=0.6)", "m.clip(x, max=0.5)", "m.where(condition=b, input=x, other=y)",
    "m.lerp(input=x, end=y, weight=0.3)", "m.round(x, decimals=1)",
    *[f"m.{name}(input=x, dim=1, keepdim=True)" for name in (
        "sum", "mean", "var", "std", "prod", "amax", "amin", "argmax", "argmin", "logsumexp", "all", "any", "norm",
    )],
    "m.max(input=x, dim=1).values", "m.min(x, dim=0, keepdim=True).indices", "m.norm(input=x, p=1, dim=0)",
    "m.var(x, dim=(0, 1), correction=0)", "m.std(input=x, dim=1, unbiased=False)", "m.cumsum(input=x, dim=0)",
    "m.cumprod(input=x, dim=1)", "m.reshape(input=x, shape=(2, -1))", "m.permute(input=x, dims=(1, 0))",
    "m.transpose(input=x, dim0=0, dim1=1)", "m.movedim(input=x, source=0, destination=1)",
    "m.flatten(input=x[None], start_dim=1, end_dim=-1)", "m.unsqueeze(input=x, dim=1)", "m.squeeze(x[None], dim=0)",
    "m.cat(tensors=(x, y), dim=1)", "m.stack(tensors=(x, y), dim=-1)", "m.split(x, split_size_or_sections=2, dim=1)[0]",
    "m.chunk(input=x, chunks=2, dim=1)[1]", "m.unbind(input=x, dim=1)[2]", "m.flip(input=x, dims=(0,))",
    "m.roll(input=x, shifts=1, dims=0)", "m.tile(input=x, dims=(2, 1))", "m.broadcast_to(x, (2, 3, 4))",
    "x.expand(size=(2, 3, 4))", "m.diagonal(input=x, offset=1, dim1=0, dim2=1)", "m.tril(input=x, diagonal=-1)",
    "m.gather(input=x, dim=0, index=i)", "m.scatter(input=x, dim=0, index=i, src=y)", "m.scatter(x, 0, i, value=2.0)",
    "m.scatter_add(input=x, dim=0, index=i, src=y)", "m.index_select(input=x, dim=0, index=i[0])",
    "m.take_along_dim(input=x, indices=i, dim=0)", "m.masked_fill(input=x, mask=b, value=0.0)",
    "m.sort(input=x, dim=0, descending=True).values", "m.topk(input=x, k=2, dim=1, largest=False).indices",
    "m.matmul(input=x, other=y.t())", "m.mm(input=x, mat2=y.t())", "m.bmm(input=x[None], mat2=y.t()[None])",
    "m.mv(input=x, vec=y[0])", "m.dot(input=x[0], tensor=y[0])", "m.outer(input=x[0], vec2=y[0])",
    "m.zeros(size=(2, 3))", "m.ones(size=(2,), dtype=m.int)", "m.arange(end=4)", "m.arange(start=1, end=7, step=2)",
    "m.full(size=(2,), fill_value=m.pi)", "m.linspace(start=0, end=1, steps=5)", "m.empty(size=(2, 3)).shape",
    "m.rand(size=(2, 3)).shape", "m.randn(size=(2,)).shape", "m.randint(low=0, high=9, size=(3,)).shape",
    "x.to(m.half).to(m.double)", "x.to(m.short)", "x.to(m.bool)", "x.to(m.long)", "(m.e, m.inf, -m.inf)",
    "m.nn.functional.one_hot(input=i, num_classes=4)", "m.nn.functional.one_hot(input=i)",
    "m.Generator(device='cpu').manual_seed(3).initial_seed()",
]  # fmt: skip


def plain(value):
    """What can be compared: arrays, their types by name, numbers, shapes."""
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return [plain(member) for member in value]
    if hasattr(value, "numpy"):
        array = value.numpy()
        return str(array.dtype), array
    return tuple(value) if isinstance(value, torch.Size) else value


@pytest.mark.parametrize("call", CALLS)
def test_a_call_by_names(numbers, call):
    a, b, found = numbers(3, 4, low=0.1) % 1, numbers(3, 4, low=0.1) % 1, []
    for m in (minigen, torch):
        index, chosen = m.tensor([[0, 1, 2, 0], [2, 1, 0, 1]]), m.tensor(a > 0.5)
        found.append(plain(eval(call, {"m": m, "x": m.tensor(a), "y": m.tensor(b), "i": index, "b": chosen})))
    mine, theirs = found
    if isinstance(theirs, tuple) and isinstance(theirs[0], str):
        assert mine[0] == theirs[0]
        np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-10, atol=1e-12)
    elif isinstance(theirs, list):
        np.testing.assert_equal([np.asarray(m[1] if isinstance(m, tuple) else m).round(10) for m in mine],
                                [np.asarray(t[1] if isinstance(t, tuple) else t).round(10) for t in theirs])
    else:
        assert (tuple(mine) if isinstance(mine, list) else mine) == theirs


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("m.maximum(x)", "takes 2 tensors (input, other), got 1"),
        ("m.maximum(x, othr=x)", "takes 2 tensors (input, other), got 1"),
        ("m.maximum(x, x, other=x)", "'other'"),
        ("m.zeros(2, size=(3,))", "zeros: takes size once"),
        ("m.arange()", "arange: start, end and step must be numbers"),
    ],
)
def test_a_wrong_name_is_named(call, words):
    with pytest.raises(TypeError) as error:
        eval(call, {"m": minigen, "x": minigen.ones(2)})
    assert words in str(error.value)
