"""What every network relies on: the call, modes, initial values by apply, gradients, states, and its printed form."""

import copy

import numpy as np
import pytest

import minigen
from minigen import nn


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(0.2),
        nn.Sequential(nn.Flatten(), nn.Dropout(0.3)),
        nn.Linear(16, 2),
    )


def test_the_printed_form():
    assert repr(network()) == """Sequential(
  (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), bias=False)
  (1): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
  (2): LeakyReLU(negative_slope=0.2)
  (3): Sequential(
    (0): Flatten(start_dim=1, end_dim=-1)
    (1): Dropout(p=0.3, inplace=False)
  )
  (4): Linear(in_features=16, out_features=2, bias=True)
)"""


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty must define forward"):
        Empty()(1)


def test_a_call_hands_everything_to_forward():
    class Echo(nn.Module):
        def forward(self, *args, **kwargs):
            return args, kwargs

    assert Echo()(1, minigen, key=2) == ((1, minigen), {"key": 2})


def test_modes_reach_the_whole_tree():
    net = network()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net[3].train()
    assert [m.training for m in net.modules()] == [False, False, False, False, True, True, True, False]
    net.train(False)
    assert not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())


def test_apply_visits_children_first_and_each_once():
    seen = []
    net = network()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Conv2d", "BatchNorm2d", "LeakyReLU", "Flatten", "Dropout", "Sequential", "Linear", "Sequential"]

    def dcgan(module):
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.5)

    net.apply(dcgan)
    assert (net[0].weight.numpy() == 0.5).all()


def test_freezing_and_forgetting_gradients():
    net = network()
    net(minigen.ones(2, 1, 4, 4)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    kept = net[4].bias.grad
    net.zero_grad(set_to_none=False)
    assert kept.tolist() == [0, 0] and net[4].bias.grad is kept
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.requires_grad_(False) is net
    assert not net(minigen.ones(2, 1, 4, 4)).requires_grad
    net[4].requires_grad_()
    net(minigen.ones(2, 1, 4, 4)).sum().backward()
    assert [k for k, p in net.named_parameters() if p.grad is not None] == ["4.weight", "4.bias"]


def test_a_state_is_live_and_loading_copies_it():
    net, twin = network(), network()
    state = net.state_dict()
    with minigen.no_grad():
        net[4].bias.fill_(7.0)
    assert state["4.bias"].tolist() == [7, 7]
    arrays = {k: p.array for k, p in twin.named_parameters()}
    versions = {k: p.version for k, p in twin.named_parameters()}
    twin.load_state_dict(state)
    for k, p in twin.named_parameters():
        assert p.array is arrays[k] and p.version == versions[k] + 1 and p.requires_grad
        assert not np.shares_memory(p.array, state[k].array)
        np.testing.assert_array_equal(p.numpy(), state[k].numpy())
    x = minigen.randn(5, 1, 4, 4, generator=minigen.Generator(0))
    np.testing.assert_array_equal(net.eval()(x).numpy(), twin.eval()(x).numpy())


def test_loading_converts_to_the_type_that_is_there():
    net = nn.Linear(2, 1)
    net.load_state_dict({"weight": np.array([[1, 2]]), "bias": [0.5]})
    assert (net.weight.dtype, net.weight.tolist(), net.bias.tolist()) == (np.float32, [[1, 2]], [0.5])
    wide = copy.deepcopy(net).double()
    net.load_state_dict(wide.state_dict())
    assert net.weight.dtype == np.float32


def test_a_state_written_during_a_step_is_noticed():
    net = nn.Linear(2, 2)
    loss = (net(minigen.ones(1, 2).requires_grad_()) ** 2).sum()
    net.load_state_dict(nn.Linear(2, 2).state_dict())
    with pytest.raises(RuntimeError, match="linear needs was written in place"):
        loss.backward()


def test_shared_parameters_are_trained_once_and_saved_under_both_names():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
            self.decode.weight = self.encode.weight

        def forward(self, x):
            return self.decode(self.encode(x))

    net = Tied()
    assert [k for k, _ in net.named_parameters()] == ["encode.weight"]
    assert list(net.state_dict()) == ["encode.weight", "decode.weight"]
    x = minigen.randn(4, 3, generator=minigen.Generator(0))
    net(x).sum().backward()
    w, ones = net.encode.weight.numpy().astype(np.float64), np.ones((4, 3))
    expected = (ones @ w).T @ x.numpy() + ones.T @ (x.numpy() @ w.T)  # through encode, and through decode
    np.testing.assert_allclose(net.encode.weight.grad.numpy(), expected, rtol=1e-5, atol=1e-5)
    other = Tied()
    other.load_state_dict(net.state_dict())
    assert other.decode.weight is other.encode.weight


def test_a_parameter_shares_its_tensors_memory():
    t = minigen.zeros(2)
    p = nn.Parameter(t)
    t[0] = 1.0
    assert (p.tolist(), p.requires_grad, p.is_leaf, t.requires_grad) == ([1, 0], True, True, False)
    assert not nn.Parameter(t, requires_grad=False).requires_grad
    history = nn.Parameter(minigen.ones(2, requires_grad=True) * 2)
    assert history.is_leaf and history.grad_fn is None
    assert isinstance(p * 2, minigen.Tensor) and not isinstance(p * 2, nn.Parameter)
    with pytest.raises(TypeError, match="data must be a Tensor, got ndarray"):
        nn.Parameter(np.ones(2))
    with pytest.raises(TypeError, match="only floating tensors have gradients"):
        nn.Parameter(minigen.arange(2))
