"""Every method and operator of Tensor: one expression, read with minigen's tensors and with PyTorch's."""

import numpy as np
import pytest
import torch

import minigen

DIFFERENTIABLE = {
    **{k: [f"x.{k}()"] for k in ("abs", "cos", "exp", "floor", "neg", "relu", "sigmoid", "sign", "sin", "tanh")},
    **{k: [f"x.abs().{k}()"] for k in ("log", "log1p", "sqrt")},
    **{k: [f"x.{k}(y)", f"x.{k}(y[0])"] for k in ("add", "sub", "mul", "div", "maximum", "minimum")},
    "pow": ["x.abs().pow(y)", "x.pow(3)", "x.abs().pow(-0.5)"],
    **{
        k: [f"x.{k}()", f"x.{k}(0)", f"x.{k}(dim=-1, keepdim=True)", f"x.{k}((0, 1))", f"x[None].{k}(dim=(0, 2))"]
        for k in ("sum", "mean", "var", "amax", "amin")
    },
    "softmax": ["x.softmax(0)", "x.softmax(dim=-1)"], "log_softmax": ["x.log_softmax(1)"],
    "matmul": ["x.matmul(y.t())", "x.matmul(y[0])"], "mm": ["x.mm(y.t())"],
    "reshape": ["x.reshape(2, 6)", "x.reshape((4, -1))", "x.reshape(-1)"], "view": ["x.view(2, 6)", "x.view(-1)"],
    "permute": ["x.permute(1, 0)", "x.permute((-1, 0))"], "transpose": ["x.transpose(0, 1)", "x.transpose(-1, -2)"],
    "t": ["x.t()", "x[0].t()"], "T": ["x.T"], "mT": ["x.mT", "x[None].mT"],
    "flatten": ["x.flatten()", "x[None].flatten(1)"], "squeeze": ["x[:, :1].squeeze()", "x[None, :, :1].squeeze(0)"],
    "unsqueeze": ["x.unsqueeze(0)", "x.unsqueeze(-1)"], "expand": ["x[0].expand(5, 4)", "x[:1].expand(2, 3, -1)"],
    "broadcast_to": ["x[0].broadcast_to((5, 4))"], "contiguous": ["x.t().contiguous()"],
    "clone": ["x.clone()"], "gather": ["x.gather(1, (x > 0).long())"], "detach": ["x.detach() * x"],
    "to": ["x.to(x.dtype) * 2", "x.to('cpu')", "(x * 2).to(y)"], "double": ["x.float().double()"],
    "type_as": ["x.type_as(y) * 2"], "float": ["x.float()"], "cpu": ["x.cpu()"], "data": ["x.data * x"],
}  # fmt: skip
OPERATORS = [
    "x + y", "x - y", "x * y", "x / y", "x.abs() ** y", "x @ y.t()", "-x", "abs(x)", "2 + x", "2 - x", "2 * x", "2 / x",
    "2 ** x", "x + 2", "x - 2.5", "x * True", "x / 3", "x ** 2", "x[1]", "sum(x)", "x.abs() ** 0.5", "(x > y) * x",
    "(x > 0) & (y > 0)", "(x > 0) | (y > 0)", "~(x > 0)", "x == y", "x != y", "x < y", "x <= 0", "x > y[0]", "x >= y",
]  # fmt: skip
INTEGERS = {
    **{k: [f"x.{k}(y)", f"x.{k}(0.5)"] for k in ("eq", "ne", "lt", "le", "gt", "ge")},
    **{k: [f"x.{k}()", f"x.{k}(0)", f"x.{k}(dim=-1, keepdim=True)"] for k in ("argmax", "argmin")},
    "long": ["(x * 3).long()"], "int": ["(x * 3).int()"], "bool": ["(x > 0).bool()", "x.bool()"],
    "half": ["x.half().double()"], "bfloat16": ["x.bfloat16().double()"],
    "new": ["x.new(2, 3).zero_()"],
}  # fmt: skip
IN_PLACE = {
    "add_": ["add_(y)", "add_(2, alpha=3)"], "sub_": ["sub_(y)", "sub_(y, alpha=0.5)"], "mul_": ["mul_(y)", "mul_(2)"],
    "div_": ["div_(y)", "div_(3)"], "copy_": ["copy_(y)", "copy_(y[0])"], "fill_": ["fill_(2.5)"], "zero_": ["zero_()"],
    "clamp_": ["clamp_(-0.5, 0.5)", "clamp_(min=0)", "clamp_(max=0.1)"], "addcmul_": ["addcmul_(y, y, value=0.3)"],
    "addcdiv_": ["addcdiv_(y, y + 3, value=0.3)"], "requires_grad_": ["requires_grad_(False)"],
}  # fmt: skip
# a plain value comes out: the same one
VALUES = {
    "shape": "tuple(x.shape)", "size": "(x.size(0), x.size(-1), tuple(x.size()))", "dim": "x.dim()", "ndim": "x.ndim",
    "numel": "x.numel()", "element_size": "x.element_size()", "item": "x[0, 1].item()", "tolist": "x.tolist()",
    "nelement": "x.nelement()", "stride": "(x.stride(), x.t().stride(), x[:, ::2].stride(-1))",
    "__contains__": "(x[0, 0].item() in x, 1e9 in x)",
    "is_contiguous": "(x.is_contiguous(), x.t().is_contiguous())", "is_leaf": "(x.is_leaf, (x * 2).is_leaf)",
    "is_floating_point": "(x.is_floating_point(), (x > 0).is_floating_point())",
    "requires_grad": "(x.requires_grad, (x * 2).requires_grad, (x > 0).requires_grad)",
    "numpy": "x.detach().numpy().tolist()", "grad": "x.grad is None",
    "grad_fn": "(x.grad_fn is None, (x * 2).grad_fn is None)", "device": "str(x.device.type)",
    "dtype": "str(x.dtype).split('.')[-1]", "__len__": "len(x)", "__bool__": "bool(x[0, 0] > 9)",
    "__float__": "float(x[0, 0])", "__int__": "int(x[0, 0] * 9)", "__index__": "'abc'[(x[0, 0] > 9).long()]",
    "__format__": "f'{x[0, 0]:.3f}'", "__iter__": "[row.tolist() for row in x]",
}  # fmt: skip


@pytest.fixture
def xy(numbers):
    return numbers(3, 4), numbers(3, 4, low=0.3)


def read(expression):
    return lambda x, y: eval(expression, {"x": x, "y": y})


def all_of(*tables) -> list:
    return [entry for table in tables for entries in table.values() for entry in entries]


@pytest.mark.parametrize("expression", [*all_of(DIFFERENTIABLE, INTEGERS), *OPERATORS])
def test_an_expression(agree, xy, expression):
    agree(read(expression), read(expression), *xy, twice="float()" not in expression)


@pytest.mark.parametrize("call", all_of(IN_PLACE))
def test_writing_in_place(near, xy, call):
    found = []
    for make in (minigen.tensor, torch.tensor):
        x, y = (make(a) for a in xy)
        assert eval(f"x.{call}", {"x": x, "y": y}) is x
        found.append(x)
    near(call, *found)


@pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/="])
def test_augmented_assignment_of_a_result(agree, xy, operator):
    def augmented(x, y):
        names = {"a": x * 2, "y": y}
        exec(f"a {operator} y", names)
        return names["a"]

    agree(augmented, augmented, *xy)


@pytest.mark.parametrize("name", VALUES)
def test_a_value(xy, name):
    found = []
    for make in (minigen.tensor, torch.tensor):
        found.append(eval(VALUES[name], {"x": make(xy[0]).requires_grad_()}))
    assert found[0] == found[1]


def test_backward(near, xy):
    seen = []
    for make in (minigen.tensor, torch.tensor):
        x, y = (make(a).requires_grad_() for a in xy)
        middle = x * y
        middle.retain_grad()
        handle = x.register_hook(lambda g: g * 2)
        (middle * middle).sum().backward()
        handle.remove()
        (x * x).backward(make(xy[1]))
        seen.append([x.grad, y.grad, middle.grad])
    for what, mine, theirs in zip(("x", "y", "the middle"), *seen, strict=True):
        near(what, mine, theirs)


def test_an_array_times_a_tensor(xy):
    for make in (minigen.tensor, torch.tensor):
        assert np.asarray(make(xy[0])).tolist() == xy[0].tolist()
