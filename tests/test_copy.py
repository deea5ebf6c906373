"""Copies of tensors: what copy.deepcopy, copy.copy and pickle share, keep and refuse."""

import copy
import pickle

import numpy as np
import pytest

import minigen
from minigen import nn


def leaf(*values):
    return minigen.tensor(list(values), requires_grad=True)


def test_deepcopy_is_a_leaf_of_its_own():
    for x in (leaf(1.0, 2.0), nn.Parameter(minigen.tensor([1.0, 2.0])), minigen.tensor([1.0, 2.0])):
        if x.requires_grad:
            (x * 3).sum().backward()
        twin = copy.deepcopy(x)
        assert type(twin) is type(x)
        assert (twin.tolist(), twin.requires_grad, twin.is_leaf) == ([1, 2], x.requires_grad, True)
        twin.data.add_(1)
        assert x.tolist() == [1, 2]
        if x.requires_grad:
            assert twin.grad.tolist() == [3, 3]
            (twin * 2).sum().backward()
            assert (twin.grad.tolist(), x.grad.tolist()) == ([5, 5], [3, 3])


def test_deepcopy_of_a_frozen_leaf_keeps_its_gradient():
    x = leaf(1.0)
    x.sum().backward()
    twin = copy.deepcopy(x.requires_grad_(False))
    assert (twin.requires_grad, twin.grad.tolist()) == (False, [1])


def test_deepcopy_of_a_network_keeps_what_is_shared():
    minigen.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    getattr(net, "2").weight = getattr(net, "0").weight
    twin = copy.deepcopy(net)
    assert len(list(twin.parameters())) == len(list(net.parameters())) == 5
    assert getattr(twin, "2").weight is getattr(twin, "0").weight
    x = minigen.randn(4, 3, generator=minigen.Generator(1))
    before = [p.tolist() for p in net.parameters()]
    np.testing.assert_array_equal(twin(x).numpy(), net(x).numpy())
    twin(x).sum().backward()
    minigen.optim.SGD(twin.parameters(), lr=1.0).step()
    assert [p.tolist() for p in net.parameters()] == before != [p.tolist() for p in twin.parameters()]
    assert all(p.grad is None for p in net.parameters())


def test_copy_shares_storage_version_and_gradient():
    x = leaf(1.0, 2.0)
    twin = copy.copy(x)
    with minigen.no_grad():
        twin.add_(1)
    assert (x.tolist(), x.version) == ([2, 3], 1)
    (twin * 2).sum().backward()
    assert x.grad.tolist() == [2, 2]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_values_type_and_kind(protocol):
    for x in (leaf(1.0, 2.0), nn.Parameter(minigen.ones(2, dtype=np.float64)), minigen.arange(3)[::-1],
              minigen.ones(2, dtype=minigen.bfloat16), minigen.zeros(0, 3)):  # fmt: skip
        twin = pickle.loads(pickle.dumps(x, protocol))
        assert (type(twin), twin.dtype, twin.shape) == (type(x), x.dtype, x.shape)
        assert (twin.tolist(), twin.requires_grad) == (x.tolist(), x.requires_grad)


@pytest.mark.parametrize("copier", [copy.deepcopy, pickle.dumps])
def test_results_of_operations_are_not_copied_out_of_their_graph(copier):
    with pytest.raises(RuntimeError, match=r"only leaves can be deep-copied or pickled.*\.detach\(\)\.clone\(\)"):
        copier(leaf(1.0) * 2)
