"""What backward and grad compute: only what is asked, each node once, and gradients that belong to their leaf."""

import numpy as np
import pytest

import minigen
import minigen.functional as F
from minigen.op import op
from minigen.testing import gradcheck


@pytest.fixture
def product():
    """x y with a list of the rules that ran."""
    ran = []

    @op
    def product(be, x, y):
        return x * y

    def for_x(delta, _z, _x, y):
        ran.append("x")
        return delta * y

    def for_y(delta, _z, x, _y):
        ran.append("y")
        return delta * x

    product.vjps(for_x, for_y)
    product.ran = ran
    return product


# what is computed ---------------------------------------------------------------------------------
def test_a_gradient_that_nobody_asks_for_is_never_computed(leaf, product):
    x, y, constant = leaf(3), leaf(3, seed=1), minigen.ones(3, dtype=np.float64)
    product(x, constant).sum().backward()
    assert product.ran == ["x"]
    product.ran.clear()
    minigen.grad(product(x, y).sum(), y)
    assert product.ran == ["y"]
    product.ran.clear()
    product(product(x, x), y).sum().backward(inputs=[y])
    assert product.ran == ["y"]
    assert x.grad is not None  # from the first pass
    product.ran.clear()
    product(x, y.detach()).sum().backward()
    assert product.ran == ["x"]


def test_a_fused_kernel_is_told_which_gradients_are_needed(leaf):
    masks = []
    backend = minigen.backend.get("numpy")

    class Watching(type(backend)):
        def linear_vjp(self, saved, mask, delta):
            masks.append(tuple(mask))
            return super().linear_vjp(saved, mask, delta)

    before = minigen.backend.state.backend
    minigen.backend.state.backend = Watching()
    try:
        x, w = leaf(2, 3), leaf(4, 3)
        F.linear(x, w.detach()).sum().backward()
        F.linear(x.detach(), w, leaf(4)).sum().backward()
        minigen.grad(F.linear(x, w).sum(), w)
    finally:
        minigen.backend.state.backend = before
    assert masks == [(True, False, False), (False, True, True), (False, True, False)]


def test_a_branch_that_leads_to_no_target_is_not_walked(leaf, product):
    x, y = leaf(3), leaf(3, seed=1)
    a, b = product(x, x), product(y, y)
    minigen.grad((a + b).sum(), x)
    assert product.ran == ["x", "y"]


def test_a_shared_input_adds_up(leaf):
    x = leaf(3)
    y = x * x + x * 3 + x
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.numpy() + 4)


def test_a_diamond_is_walked_once(leaf, product):
    x = leaf(3)
    a = product(x, x.detach())
    b = a * 2
    product.ran.clear()
    (a + b + a * b).sum().backward()
    assert product.ran == ["x"]


# backward and grad --------------------------------------------------------------------------------
def test_a_second_backward_says_what_to_do(leaf):
    x = leaf(3)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_retain_graph_allows_another(leaf):
    x = leaf(3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 4 * x.numpy())


def test_backward_inputs_touches_only_those(leaf):
    x, y = leaf(3), leaf(3)
    a = x * y
    a.sum().backward(inputs=[y, a], retain_graph=True)
    assert x.grad is None
    np.testing.assert_array_equal(y.grad.numpy(), x.numpy())
    np.testing.assert_array_equal(a.grad.numpy(), [1, 1, 1])


def test_grad_stores_nothing(leaf):
    x = leaf(3)
    a = x * 2
    a.retain_grad()
    minigen.grad(a.sum(), x)
    assert x.grad is None
    assert a.grad is None


def test_grad_of_unused_inputs(leaf):
    x, y, z = leaf(3), leaf(3), minigen.ones(3)
    loss = (x * 2).sum()
    with pytest.raises(RuntimeError, match="do not depend on input 1; pass allow_unused=True"):
        minigen.grad(loss, [x, y], retain_graph=True)
    assert minigen.grad(loss, [x, y, z], allow_unused=True)[1:] == (None, None)


def test_grad_of_several_outputs_with_cotangents(leaf):
    x = leaf(3)
    u, v = leaf(3, seed=1).detach(), leaf(3, seed=2).detach()
    (g,) = minigen.grad([x * 2, x * x], x, [u, v])
    np.testing.assert_allclose(g.numpy(), 2 * u.numpy() + 2 * x.numpy() * v.numpy())


def test_gradients_to_the_third_order_and_beyond(leaf):
    x = leaf(4)
    y = (x**5).sum()
    for factor, power in [(5, 4), (20, 3), (60, 2), (120, 1), (120, 0)]:
        (y,) = minigen.grad(y.sum(), x, create_graph=True)
        np.testing.assert_allclose(y.numpy(), factor * x.numpy() ** power, rtol=1e-12)


def test_a_gradient_inside_a_function_can_be_checked(leaf):
    def penalty(x, w):
        (g,) = minigen.grad(F.tanh(F.linear(x, w)).sum(), x, create_graph=True)
        return ((g * g).sum(dim=1).sqrt() - 1) ** 2

    assert gradcheck(penalty, [leaf(3, 4), leaf(2, 4, seed=1)])


def test_an_integer_result_carries_no_gradient(leaf):
    x = leaf(3)
    assert not x.long().requires_grad
    assert not (x > 0).requires_grad


def test_mixed_types_give_each_leaf_its_own(leaf):
    x, y = leaf(3).float().detach().requires_grad_(), leaf(3)
    (x * y).sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (minigen.float32, minigen.float64)


# .grad belongs to its leaf ------------------------------------------------------------------------
def test_grads_are_never_shared(leaf):
    x, y, seed = leaf(3), leaf(3), minigen.ones(3, dtype=np.float64)
    a = x + y
    a.retain_grad()
    a.backward(seed)
    z = leaf(3)
    z.backward(seed)
    w = leaf(3, 2)
    w.t().reshape(6).backward(minigen.ones(6, dtype=np.float64))
    grads = [x.grad.array, y.grad.array, a.grad.array, z.grad.array, w.grad.array, seed.array]
    for i, g in enumerate(grads):
        assert g.flags.writeable
        assert g.flags.c_contiguous
        assert not any(np.shares_memory(g, h) for h in grads[:i])


def test_freezing_keeps_the_gradient_and_the_leaf(leaf):
    w = leaf(3)
    y = (w * 2).sum()
    y.backward(retain_graph=True)
    w.requires_grad_(False)
    np.testing.assert_array_equal(w.grad.numpy(), [2, 2, 2])
    assert not (w * 2).requires_grad
    w.requires_grad_(True)
    y.backward()
    np.testing.assert_array_equal(w.grad.numpy(), [4, 4, 4])
