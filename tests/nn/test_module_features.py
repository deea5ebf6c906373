"""What a Module lets its user do: hooks, paths, buffers, attributes, types, states, copies."""

import copy
import pickle

import numpy as np
import pytest

import minigen
from minigen import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", minigen.zeros(2))
        self.body = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.scale = nn.Parameter(minigen.ones(3))
        self.register_buffer("scratch", minigen.zeros(1), persistent=False)
        self.register_parameter("bias", None)

    def forward(self, x, shift=0.0):
        return self.body(x) * self.scale + shift


# paths ----------------------------------------------------------------------------------------------
def test_states_list_parameters_then_buffers_then_children():
    assert list(Net().state_dict()) == [
        "scale", "seen", "body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias",
        "body.1.running_mean", "body.1.running_var", "body.1.num_batches_tracked",
    ]  # fmt: skip
    assert "net.body.0.weight" in Net().state_dict(prefix="net.")


def test_the_tree_by_names():
    net = Net()
    assert [k for k, _ in net.named_modules()] == ["", "body", "body.0", "body.1"]
    assert [k for k, _ in net.named_modules(prefix="g")][:2] == ["g", "g.body"]
    assert [k for k, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert [k for k, _ in net.named_buffers(recurse=False)] == ["seen", "scratch"]
    assert "g.scale" in dict(net.named_parameters("g"))
    assert net.get_submodule("body.0") is net.body[0] and net.get_submodule("") is net
    assert net.get_parameter("body.0.weight") is net.body[0].weight and net.get_buffer("seen") is net.seen


@pytest.mark.parametrize(
    ("get", "target", "words"),
    [
        ("get_submodule", "body.7", "Net has no 'body.7': nothing is called '7' in body"),
        ("get_submodule", "scale", "'scale' is a Parameter, no Module"),
        ("get_parameter", "body.0", "'body.0' is a Linear, no Parameter"),
        ("get_parameter", "nope.weight", "nothing is called 'nope' in it"),
        ("get_buffer", "scale", "Net has no buffer 'scale'"),
    ],
)
def test_a_path_that_leads_nowhere(get, target, words):
    with pytest.raises(AttributeError, match=words):
        getattr(Net(), get)(target)


# attributes -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda n: setattr(n, "scale", n.scale * 2), TypeError, "Net.scale is a parameter.*copy_ values into it"),
        (lambda n: setattr(n, "body", 3), TypeError, "Net.body is a module, which a int cannot replace"),
        (lambda n: setattr(n, "seen", 3.0), TypeError, "Net.seen is a buffer: assign a Tensor or None, not float"),
        (lambda n: n.register_buffer("scale", minigen.ones(1)), KeyError, "Net.scale exists already"),
        (lambda n: n.register_buffer("forward", minigen.ones(1)), KeyError, "Net.forward exists already"),
        (lambda n: n.register_buffer("a.b", minigen.ones(1)), KeyError, "dots lead to submodules"),
        (lambda n: n.register_buffer("x", 3), TypeError, "x must be a Tensor or None, got int"),
        (lambda n: n.register_parameter("x", minigen.ones(1)), TypeError, "use nn.Parameter"),
        (lambda n: n.register_parameter("", None), KeyError, "must not be empty"),
        (lambda n: n.add_module("scale", nn.ReLU()), KeyError, "Net.scale exists already"),
        (lambda n: n.register_forward_hook(3), TypeError, "register_forward_hook: hook must be a function, got int"),
        (lambda n: n.train(2), ValueError, "train: mode must be True or False, got 2"),
        (lambda n: n.to(minigen.int64), TypeError, "Net.to: dtype must be floating, got int64"),
    ],
)
def test_what_an_attribute_refuses(wrong, error, words):
    net = Net()
    before = list(net.state_dict())
    with pytest.raises(error, match=words):
        wrong(net)
    assert list(net.state_dict()) == before


def test_attributes_without_init():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"Forgetful: call super\(\)\.__init__\(\) before assigning 'layer'"):
        Forgetful()


def test_parameters_may_be_replaced_removed_and_set_to_none():
    net = Net()
    net.scale = nn.Parameter(minigen.zeros(3))
    assert (net.state_dict()["scale"].numpy() == 0).all()
    net.scale = None
    assert "scale" not in net.state_dict()
    del net.seen
    del net.body
    assert list(net.state_dict()) == [] and not hasattr(net, "seen")
    net.seen = nn.Parameter(minigen.ones(1))  # the name is free again
    assert list(net.state_dict()) == ["seen"] and list(dict(net.named_buffers())) == ["scratch"]


def test_a_buffer_keeps_its_place_when_it_is_assigned():
    net = Net()
    net.seen = minigen.ones(2)
    assert net.state_dict()["seen"].tolist() == [1, 1]
    net.seen = None
    assert "seen" not in net.state_dict() and "seen" not in dict(net.named_buffers())


def test_dir_lists_what_can_be_typed():
    found = dir(nn.Sequential(nn.ReLU()))
    assert "append" in found and "training" in found and "0" not in found


# hooks ----------------------------------------------------------------------------------------------
def test_hooks_see_and_change_what_passes():
    net, seen = Net(), []
    net.body.register_forward_hook(lambda m, args, out: seen.append((type(m), args[0].shape, out.shape)))
    x = minigen.tensor(np.random.default_rng(0).normal(size=(4, 2))).float()
    plain = net(x).numpy()
    assert seen == [(nn.Sequential, (4, 2), (4, 3))]
    first = net.register_forward_pre_hook(lambda m, args: args[0] * 0)  # one value stands for (value,)
    second = net.register_forward_hook(lambda m, args, out: out + 1)
    last = net.register_forward_hook(lambda m, args, kwargs, out: out * kwargs["shift"], with_kwargs=True)
    zero = Net.forward(net, x * 0, shift=3.0).numpy()
    assert np.allclose(net(x, shift=3.0).numpy(), (zero + 1) * 3)
    for handle in (first, second, last):
        handle.remove()
        handle.remove()
    assert np.allclose(net(x).numpy(), plain)


def test_hooks_run_in_order_and_prepend_comes_first():
    net, order = nn.Identity(), []
    net.register_forward_pre_hook(lambda *_: order.append("b"))
    net.register_forward_pre_hook(lambda *_: order.append("c"))
    net.register_forward_pre_hook(lambda m, a, kw: (order.append("a"), (a, kw))[1], prepend=True, with_kwargs=True)
    net.register_forward_hook(lambda *_: order.append("e"))
    net.register_forward_hook(lambda *_: order.append("d"), prepend=True)
    net(3)
    assert order == list("abcde")
    net.register_forward_pre_hook(lambda m, a, kw: 3, with_kwargs=True)
    with pytest.raises(TypeError, match="must return None or \\(args, kwargs\\), got 3"):
        net(3)


def test_hooks_belong_to_one_module():
    a, b = nn.Identity(), nn.Identity()
    a.register_forward_hook(lambda m, args, out: out + 1)
    assert a(1) == 2 and b(1) == 1 and copy.deepcopy(a)(1) == 2


# types and states -----------------------------------------------------------------------------------
def test_converting_takes_gradients_and_floating_buffers_along():
    net = Net()
    net(minigen.ones(3, 2)).sum().backward()
    held, grad = net.scale, net.scale.grad.numpy().copy()
    assert net.double() is net and net.scale is held
    assert {t.dtype.name for t in net.parameters()} == {"float64"} and net.body[1].running_mean.dtype == np.float64
    assert net.scale.grad.dtype == np.float64 and np.array_equal(net.scale.grad.numpy(), grad)
    assert net.body[1].num_batches_tracked.dtype == np.int64
    assert net.half().scale.dtype == np.float16 and net.bfloat16().scale.dtype == minigen.bfloat16
    assert net.to("cpu", minigen.float32).scale.dtype == np.float32 and net.type(minigen.float64).scale.dtype == "f8"


def test_a_graph_that_kept_the_old_values_says_so():
    layer = nn.Linear(2, 1)
    loss = layer(minigen.ones(1, 2).requires_grad_()).sum()
    layer.double()
    with pytest.raises(RuntimeError, match="written in place"):
        loss.backward()


def test_load_tells_what_is_missing_and_unexpected():
    net = Net()
    state = {k: v.numpy() for k, v in net.state_dict().items()}
    assert repr(net.load_state_dict(state)) == "<All keys matched successfully>"
    del state["scale"]
    state["extra"] = np.zeros(1)
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert missing == ["scale"] and unexpected == ["extra"]
    with pytest.raises(ValueError, match="missing \\['scale'\\], unexpected \\['extra'\\]"):
        net.load_state_dict(state)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (np.zeros(4), ValueError, "scale has shape \\(4,\\) in the state and \\(3,\\) in Net"),
        (np.array(["a"] * 3), TypeError, "scale holds no real numbers"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(value, error, words):
    net = Net()
    state = {k: np.full(v.shape, 7.0) for k, v in net.state_dict().items()} | {"scale": value}
    with pytest.raises(error, match=words):
        net.load_state_dict(state)
    assert not any((v.numpy() == 7).any() for v in net.state_dict().values())


def test_keep_vars_gives_the_parameters_themselves():
    net = Net()
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert net.state_dict()["scale"].requires_grad is False


def test_copies_are_independent():
    net = Net()
    net.body[0].weight.requires_grad_(False)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in net.parameters()]
        assert all(isinstance(p, nn.Parameter) for p in twin.parameters())
        with minigen.no_grad():
            twin.scale.fill_(5.0)
        assert (net.scale.numpy() == 1).all() and list(twin.state_dict()) == list(net.state_dict())


def test_words_stand_inside_with_children():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.ReLU()

        def extra_repr(self):
            return "size=3"

    assert repr(Wrapped()) == "Wrapped(\n  size=3\n  (inner): ReLU()\n)"


# where and as what a layer is made --------------------------------------------------------------------
MADE = {
    "Linear": (2, 3), "Embedding": (5, 2), "PReLU": (), "MultiheadAttention": (4, 2),
    "Conv1d": (2, 3, 2), "Conv2d": (2, 3, 2), "ConvTranspose1d": (2, 3, 2), "ConvTranspose2d": (2, 3, 2),
    "BatchNorm1d": (2,), "BatchNorm2d": (2,), "LayerNorm": (2,), "RMSNorm": (2,), "GroupNorm": (1, 2),
    "RNN": (2, 3), "LSTM": (2, 3), "GRU": (2, 3), "RNNCell": (2, 3), "LSTMCell": (2, 3), "GRUCell": (2, 3),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_a_layer_takes_device_and_dtype(name):
    """As listings pass them on: ``factory = {"device": device, "dtype": dtype}``."""
    layer = getattr(nn, name)(*MADE[name], device=minigen.device("cpu"), dtype=minigen.float64)
    numbers = [t for t in [*layer.parameters(), *layer.buffers()] if t.is_floating_point()]
    assert numbers and {str(t.dtype) for t in numbers} == {"float64"}
    plain = getattr(nn, name)(*MADE[name], device=None, dtype=None)
    assert {str(p.dtype) for p in plain.parameters()} == {"float32"}


def test_statistics_are_made_as_what_is_asked_for_and_batches_stay_counted_in_integers():
    norm = nn.InstanceNorm2d(3, affine=True, track_running_stats=True, dtype=minigen.float64)
    assert {str(t.dtype) for t in (norm.weight, norm.running_mean, norm.running_var)} == {"float64"}
    assert norm.num_batches_tracked.dtype == minigen.int64
    with pytest.raises(TypeError, match=r"Linear\.to: dtype must be floating, got int64"):
        nn.Linear(2, 3, dtype=minigen.int64)
    with pytest.raises(TypeError, match="dtyp"):
        nn.Linear(2, 3, dtyp=minigen.float64)
