"""What the graph keeps, and when it lets go of it."""

import weakref

import pytest

import minigen
import minigen.functional as F
from minigen.node import Node
from minigen.op import op


# what is kept -------------------------------------------------------------------------------------
@pytest.fixture
def hidden(leaf):
    """A result of an operation, whose array nobody else holds."""
    return lambda *shape: leaf(*shape) * 2


def test_only_what_a_rule_names_is_kept(hidden, no_collector):
    for function, expected in [
        (lambda x, y: x + y, [False, False]),
        (lambda x, y: x * y, [True, True]),
        (lambda x, y: x * y.detach(), [False, True]),
        (lambda x, y: x / y, [False, True]),
        (lambda x, y: x.exp() + y.sqrt(), [False, False]),
        (lambda x, y: x.sum() + y.amax(), [False, True]),
    ]:
        x, y = hidden(3), hidden(3)
        arrays = weakref.ref(x.array), weakref.ref(y.array)
        out = function(x, y)
        del x, y
        assert [a() is not None for a in arrays] == expected
        assert out.requires_grad


def test_nothing_is_kept_without_gradients(leaf, no_collector):
    x = leaf(3)
    a = x * 2
    array = weakref.ref(a.array)
    with minigen.no_grad():
        b = a * a
    del a
    assert array() is None
    assert not b.requires_grad


# when it is freed ---------------------------------------------------------------------------------
def test_backward_frees_activations_at_once(leaf, no_collector):
    x = leaf(100)
    a = x * 2
    b = a * a
    array, node = weakref.ref(a.array), b
    del a
    assert array() is not None
    node.sum().backward()
    assert array() is None  # though b still lives


def test_a_dropped_graph_dies_by_reference_count(leaf, no_collector):
    x = leaf(100)
    a = x * 2
    array = weakref.ref(a.array)
    loss = F.relu(F.linear(a.reshape(10, 10) * a.reshape(10, 10), leaf(5, 10))).sum()
    del a
    assert array() is not None
    del loss
    assert array() is None


def test_grad_with_create_graph_leaves_no_cycle(leaf, no_collector):
    x = leaf(100)
    a = x * 2
    array = weakref.ref(a.array)
    (g,) = minigen.grad(F.tanh(a * a).sum(), x, create_graph=True)
    (h,) = minigen.grad(g.sum(), x)
    del a, g, h
    assert array() is None


def test_a_long_chain_runs_without_recursion(leaf):
    x = leaf()
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1


def test_each_node_of_a_chain_is_visited_once(leaf):
    visits = []

    @op
    def step(be, x):
        return x * 1

    def rule(delta, _z, _x):
        visits.append(1)
        return delta

    step.vjps(rule)
    for n in (100, 1000):
        visits.clear()
        y = leaf()
        for _ in range(n):
            y = step(step(y) + step(y))  # 2^n paths, 3n nodes
        y.backward()
        assert len(visits) == 3 * n


def test_dropping_a_chain_of_a_million_does_not_overflow_the_stack(leaf, no_collector):
    x = leaf()
    first = y = x * 1
    array = weakref.ref(first.array)
    for _ in range(1_000_000):  # what y = y * y records, without its arithmetic
        y = minigen.Tensor(y.array, Node(minigen.mul, [y.node, y.node], [y, y]))
    assert y.array is array()
    del first, y
    assert array() is None
