"""Bad uses of the graph, of writing in place, of backends and of threads."""

import pytest

import minigen

GRAPH = [
    ("x.sum().backward()", RuntimeError, "backward .. does not require a gradient .. requires_grad=True"),
    ("leaf.exp().backward()", RuntimeError, "backward .. scalar .. (3,) .. .sum() .. gradient="),
    ("y = leaf.exp().sum()\ny.backward()\ny.backward()", RuntimeError, "backward .. freed .. retain_graph=True"),
    ("leaf.exp().backward(x)", ValueError, "gradient .. (3,) .. (2, 3)"),
    ("minigen.backward(leaf.exp(), [[1.0] * 3])", TypeError, "gradient .. Tensor .. list .. minigen.tensor"),
    ("minigen.backward([leaf.sum()], [number, number])", ValueError, "2 .. 1 outputs"),
    ("minigen.backward(3.0)", TypeError, "backward .. tensors .. float"),
    ("leaf.sum().backward(inputs=[3])", TypeError, "backward .. inputs .. int"),
    ("minigen.grad(leaf.sum(), x)", RuntimeError, "grad .. input 0 .. (2, 3) .. .requires_grad_()"),
    ("minigen.grad(leaf.sum(), [leaf, other])", RuntimeError, "grad .. input 1 .. allow_unused=True"),
    ("minigen.grad(3.0, leaf)", TypeError, "grad .. outputs .. float"),
    ("minigen.grad(leaf.sum(), 3.0)", TypeError, "grad .. inputs .. float"),
    ("minigen.grad(leaf.sum(), [[1.0]])", TypeError, "grad .. inputs .. list"),
    ("minigen.grad(x.sum(), leaf)", RuntimeError, "does not require a gradient"),
    ("with minigen.no_grad():\n    y = leaf.sum()\ny.backward()", RuntimeError, "backward .. no_grad()"),
    ("ints.requires_grad_()", TypeError, "requires_grad .. int64 .. .float()"),
    ("leaf.exp().requires_grad_(False)", RuntimeError, "requires_grad .. leaf .. .detach()"),
    ("x.retain_grad()", RuntimeError, "retain_grad .. does not require"),
    ("x.register_hook(print)", RuntimeError, "register_hook .. does not require .. .requires_grad_()"),
    ("leaf.register_hook(lambda g: 3)\nleaf.sum().backward()", TypeError, "hook .. None or a Tensor .. (3,)"),
    ("x.grad = x", RuntimeError, "grad .. does not require .. .requires_grad_()"),
    ("leaf.grad = x", ValueError, "grad .. (3,) .. float32"),
    ("leaf.grad = 3", ValueError, "grad .. Tensor of shape (3,) .. 3"),
    ("x.data = 3", TypeError, "data .. Tensor .. int"),
    ("minigen.no_grad()(lambda: (yield))", TypeError, "no_grad .. generator .. with"),
    (
        "y = leaf * leaf\nwith minigen.no_grad():\n    leaf.zero_()\ny.sum().backward()",
        RuntimeError,
        "mul .. in place .. .clone()",
    ),
    ("with minigen.detect_anomaly():\n    (x - x).log()", FloatingPointError, "log .. (2, 3)"),
]

IN_PLACE = [
    ("leaf += 1", RuntimeError, "+= .. in place .. a = a + b .. no_grad()"),
    ("leaf -= 1", RuntimeError, "-= .. a = a - b .. no_grad()"),
    ("leaf *= 2", RuntimeError, "*= .. a = a * b .. no_grad()"),
    ("leaf /= 2", RuntimeError, "/= .. a = a / b .. no_grad()"),
    ("leaf.add_(1)", RuntimeError, "add_ .. a = a + alpha * b .. no_grad()"),
    ("leaf.sub_(1)", RuntimeError, "sub_ .. a = a - alpha * b .. no_grad()"),
    ("leaf.mul_(2)", RuntimeError, "mul_ .. a = a * b .. no_grad()"),
    ("leaf.div_(2)", RuntimeError, "div_ .. a = a / b .. no_grad()"),
    ("leaf.copy_(vector)", RuntimeError, "copy_ .. a = b.clone() .. no_grad()"),
    ("leaf.fill_(1)", RuntimeError, "fill_ .. full_like .. no_grad()"),
    ("leaf.zero_()", RuntimeError, "zero_ .. zeros_like .. no_grad()"),
    ("leaf.clamp_(0, 1)", RuntimeError, "clamp_ .. minimum .. no_grad()"),
    ("leaf.addcmul_(vector, vector)", RuntimeError, "addcmul_ .. a + value * b * c .. no_grad()"),
    ("leaf.addcdiv_(vector, vector)", RuntimeError, "addcdiv_ .. a + value * b / c .. no_grad()"),
    ("leaf[0] = 1.0", RuntimeError, "a[...] = b .. minigen.where .. no_grad()"),
    ("leaf.exp().mul_(2)", RuntimeError, "mul_ .. a = a * b"),
    ("x[0] = leaf", RuntimeError, "a[...] = b .. gradient .. minigen.where"),
    ("x += wide", ValueError, "+= .. (4, 5) .. (2, 3)"),
    ("x += cube", ValueError, "+= .. (2, 3, 4) .. (2, 3)"),
    ("x.add_(wide)", ValueError, "add_ .. (4, 5) .. (2, 3)"),
    ("vector.mul_(x)", ValueError, "mul_ .. (2, 3) .. (3,)"),
    ("x.add_([1.0])", TypeError, "add_ .. list .. minigen.tensor"),
    ("x.copy_([1.0])", TypeError, "copy_ .. list .. minigen.tensor"),
    ("x.copy_(wide)", ValueError, "copy_ .. (4, 5) .. (2, 3)"),
    ("ints.add_(1.5)", TypeError, "add_ .. float64 .. int64 .. a = a + alpha * b"),
    ("ints /= 2", TypeError, "/= .. float64 .. int64 .. a = a / b"),
    ("x.fill_('a')", TypeError, "fill_ .. str"),
    ("x.fill_(vector)", ValueError, "fill_ .. one number .. (3,) .. copy_"),
    ("x.clamp_()", ValueError, "clamp_ .. min, max or both"),
    ("x.clamp_('low')", TypeError, "clamp_ .. min .. 'low'"),
    ("x.addcmul_(wide, x)", ValueError, "addcmul_ .. (4, 5) .. (2, 3)"),
    ("x.addcdiv_(x, [1.0])", TypeError, "addcdiv_ .. list"),
    ("x.expand(4, 2, 3).add_(1)", RuntimeError, "add_ .. expanded .. .clone()"),
    ("minigen.from_numpy(x.numpy()).zero_()", RuntimeError, "zero_ .. read-only .. .clone()"),
]

VALUES_OUT = [
    ("x.item()", ValueError, "item .. (2, 3) .. index or reduce"),
    ("float(x)", ValueError, "(2, 3) .. index or reduce"),
    ("bool(x)", ValueError, "(2, 3) .. ambiguous .. reduce"),
    ("len(number)", TypeError, "0-d .. .item()"),
    ("iter(number)", TypeError, "0-d .. .item()"),
    ("[1, 2][number]", TypeError, "index .. float32 .. .long()"),
    ("x.size(4)", IndexError, "size .. dim 4 .. (2, 3) .. -2 to 1"),
    ("x.size('a')", TypeError, "size .. dim .. str"),
    ("x.numpy()[0] = 1", ValueError, "read-only"),
]

BACKENDS = [
    ("minigen.use_backend('nope')", ValueError, "backend .. 'nope' .. numpy"),
    ("minigen.use_kernel('nope', 'v1_naive')", ValueError, "use_kernel .. 'nope' .. has"),
    ("minigen.set_num_threads(0)", ValueError, "set_num_threads .. at least 1 .. 0"),
    ("minigen.set_num_threads(2.0)", ValueError, "set_num_threads .. integer .. 2.0"),
]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    GRAPH + IN_PLACE + VALUES_OUT + BACKENDS,
    ids=lambda value: value if isinstance(value, str) and " .. " not in value else "",
)
def test_the_error_teaches(refused, call, error, words):
    refused(call, error, words)


@pytest.mark.parametrize("op", ["matmul", "conv2d"])
def test_an_unknown_rung_names_those_that_exist(op):
    ladder = minigen.backend.state.backend.kernels.get(op)
    if ladder is None:
        pytest.skip("C++ kernels: NOT RUN (minigen._cpu is not built)")
    with pytest.raises(ValueError, match=f"use_kernel: '{op}' has no rung 'v99'; choose one of {', '.join(ladder)}"):
        minigen.use_kernel(op, "v99")
    assert minigen.backend.state.backend.chosen == {}


def test_a_refused_write_changes_nothing():
    x, leaf = minigen.ones(2, 3), minigen.ones(3, requires_grad=True)
    for write in (lambda: x.add_(minigen.ones(4)), lambda: x.long().add_(0.5), lambda: leaf.zero_()):
        with pytest.raises((ValueError, TypeError, RuntimeError)):
            write()
    assert x.version == leaf.version == 0
    assert x.numpy().all() and leaf.numpy().all()


def test_a_refused_state_changes_nothing():
    net = minigen.nn.Linear(3, 2)
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    with pytest.raises(ValueError, match="weight has shape"):
        net.load_state_dict({"bias": minigen.zeros(2), "weight": minigen.zeros(5, 5)})
    assert all((net.state_dict()[k].numpy() == v).all() for k, v in before.items())
