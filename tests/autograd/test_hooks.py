"""Hooks on tensors: their order, what they see, change and must return; retain_grad."""

import numpy as np
import pytest


def test_hooks_run_in_order_and_replace(leaf):
    x = leaf(3)
    seen = []
    x.register_hook(lambda g: seen.append(("first", g.numpy().copy())))
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: seen.append(("third", g.numpy().copy())))
    (x * 2).sum().backward()
    assert [name for name, _ in seen] == ["first", "third"]
    np.testing.assert_array_equal(seen[0][1], [2, 2, 2])
    np.testing.assert_array_equal(seen[1][1], [20, 20, 20])
    np.testing.assert_array_equal(x.grad.numpy(), [20, 20, 20])


def test_a_hook_sees_the_complete_gradient_once_and_can_be_removed(leaf):
    x = leaf(3)
    a = x * 1
    seen = []
    handle = a.register_hook(seen.append)
    (a * 2 + a * 3).sum().backward()
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0].numpy(), [5, 5, 5])
    handle.remove()
    handle.remove()
    b = x * 1
    handle = b.register_hook(seen.append)
    handle.remove()
    b.sum().backward()
    assert len(seen) == 1


def test_a_hook_on_a_result_changes_what_flows_on(leaf):
    x = leaf(3)
    a = x * 1
    a.register_hook(lambda g: g * 0)
    a.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 0])


def test_what_a_hook_holds_is_not_the_grad(leaf):
    x = leaf(3)
    seen = []
    x.register_hook(seen.append)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    np.testing.assert_array_equal(seen[0].numpy(), [2, 2, 2])
    np.testing.assert_array_equal(x.grad.numpy(), [4, 4, 4])


def test_a_hook_must_return_a_gradient(leaf):
    x = leaf(3)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(TypeError, match=r"hook must return None or a Tensor.*shape \(3,\)"):
        (x * 2).sum().backward()


def test_retain_grad_stores_and_adds(leaf):
    x = leaf(3)
    a = x * 2
    a.retain_grad()
    y = (a * 3).sum()
    y.backward(retain_graph=True)
    np.testing.assert_array_equal(a.grad.numpy(), [3, 3, 3])
    y.backward()
    np.testing.assert_array_equal(a.grad.numpy(), [6, 6, 6])
