"""Writing in place to a value that the backward pass needs is noticed; writing elsewhere is free."""

import pytest

import minigen
import minigen.functional as F


def written(x):
    with minigen.no_grad():
        x += 1


def test_writing_to_a_kept_value_is_noticed_and_names_the_op(leaf):
    cases = {
        "mul": lambda x: x * x,
        "exp": lambda x: x.exp(),
        "matmul": lambda x: x @ x,
        "pow": lambda x: x**2,
        "linear": lambda x: F.linear(x, leaf(3, 3)),
    }
    for name, function in cases.items():
        a = leaf(3, 3) * 1
        y = function(a)
        written(y if name == "exp" else a)
        with pytest.raises(RuntimeError, match=f"{name} needs was written in place"):
            y.sum().backward()


def test_a_parameter_written_by_an_optimiser_is_noticed(leaf):
    w = minigen.nn.Parameter(minigen.ones(3, 3))
    x = leaf(3, 3).float()
    y = x @ w
    y.retain_grad()
    w.grad = minigen.ones(3, 3)
    minigen.optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="matmul needs was written"):
        y.sum().backward()


def test_writing_to_what_is_not_kept_is_free(leaf):
    a = leaf(3) * 1
    y = a + 1
    written(a)
    y.sum().backward()


@pytest.mark.parametrize("backend", ["numpy", "cpp"])
def test_writing_to_the_saved_output_of_a_fused_op_is_noticed(leaf, backend):
    if minigen.backend.available()[backend]:
        pytest.skip(minigen.backend.available()[backend])
    with minigen.use_backend(backend):
        for function in (F.relu, F.tanh, F.sigmoid):
            y = function(leaf(3).float() * 1)
            written(y)
            with pytest.raises(RuntimeError, match=f"{function.__name__} needs was written"):
                y.sum().backward()


def test_views_share_their_version(leaf):
    a = leaf(4, 3) * 1
    views = [a.reshape(12), a.permute(1, 0), a[1:], a[:, 0], a[1, 2], a.expand(2, 4, 3), a.detach(), a.data, a.t()]
    before = a.version
    written(a)
    assert a.version == before + 1
    assert {v.version for v in views} == {before + 1}
    y = a * a
    written(views[4])  # one element of a
    with pytest.raises(RuntimeError, match="mul needs was written"):
        y.sum().backward()


def test_copies_have_their_own_version():
    a = minigen.ones(4, 3)
    copies = [a.clone(), a[[0, 1]], a[a > 0], a + 0, a.t().reshape(12), minigen.tensor(a)]
    written(a)
    assert {c.version for c in copies} == {0}
