"""Writing in place: what the methods compute, what they return, when they refuse and what to write instead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigen

T = minigen.tensor
METHODS = {  # the name, a call with a tensor of a's shape, the values that NumPy finds
    "copy_": (lambda a, b: a.copy_(b), lambda a, b: b),
    "fill_": (lambda a, b: a.fill_(3), lambda a, b: np.full_like(a, 3)),
    "zero_": (lambda a, b: a.zero_(), lambda a, b: np.zeros_like(a)),
    "add_": (lambda a, b: a.add_(b, alpha=2), lambda a, b: a + 2 * b),
    "sub_": (lambda a, b: a.sub_(b, alpha=2), lambda a, b: a - 2 * b),
    "mul_": (lambda a, b: a.mul_(b), lambda a, b: a * b),
    "div_": (lambda a, b: a.div_(b), lambda a, b: a / b),
    "clamp_": (lambda a, b: a.clamp_(min=-0.5, max=1.5), lambda a, b: np.clip(a, -0.5, 1.5)),
    "clamp_ below": (lambda a, b: a.clamp_(min=0), lambda a, b: np.maximum(a, 0)),
    "clamp_ above": (lambda a, b: a.clamp_(max=0), lambda a, b: np.minimum(a, 0)),
    "addcmul_": (lambda a, b: a.addcmul_(b, b, value=0.5), lambda a, b: a + 0.5 * b * b),
    "addcdiv_": (lambda a, b: a.addcdiv_(b, b, value=0.5), lambda a, b: a + 0.5),
    "add_ a number": (lambda a, b: a.add_(2), lambda a, b: a + 2),
    "+=": (lambda a, b: a.__iadd__(b), lambda a, b: a + b),
    "-=": (lambda a, b: a.__isub__(b), lambda a, b: a - b),
    "*=": (lambda a, b: a.__imul__(b), lambda a, b: a * b),
    "/=": (lambda a, b: a.__itruediv__(b), lambda a, b: a / b),
    "/= a number": (lambda a, b: a.__itruediv__(4), lambda a, b: a / 4),
}
RANDOM = {
    "normal_": lambda a, b: a.normal_(), "uniform_": lambda a, b: a.uniform_(),
    "bernoulli_": lambda a, b: a.bernoulli_(),
    "exponential_": lambda a, b: a.exponential_(), "random_": lambda a, b: a.random_(),
}  # fmt: skip
REMEDY = {  # what the error of each method suggests, as code in which a and b are tensors
    "copy_": "b.clone()", "fill_": "minigen.full_like(a, value)", "zero_": "minigen.zeros_like(a)",
    "add_": "a + alpha * b", "sub_": "a - alpha * b", "mul_": "a * b", "div_": "a / b",
    "clamp_": "minigen.minimum(minigen.maximum(a, lo), hi)", "addcmul_": "a + value * b * c",
    "addcdiv_": "a + value * b / c", "+=": "a + b", "-=": "a - b", "*=": "a * b", "/=": "a / b",
    "normal_": "mean + std * minigen.randn_like(a)", "uniform_": "low + (high - low) * minigen.rand_like(a)",
    "bernoulli_": "minigen.bernoulli(a, p)", "exponential_": "-minigen.log1p(-minigen.rand_like(a)) / lambd",
    "random_": "minigen.randint(low, high, a.shape, dtype=a.dtype)",
}  # fmt: skip
ELSEWHERE = {"index_add_", "index_put_", "masked_fill_", "scatter_", "scatter_add_", "tril_", "triu_"}  # test_positions
VIEWS = [lambda a: a, lambda a: a.T, lambda a: a[..., ::-1], lambda a: a[::2]]


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=25)
@given(
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5), st.sampled_from(VIEWS), st.booleans(),
    st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_values_identity_and_version(name, shape, view, broadcast, dtype):
    call, expected = METHODS[name]
    rng = np.random.default_rng(0)
    whole = rng.uniform(-2, 2, shape).astype(dtype)
    before = whole.copy()
    target = view(whole)
    other = rng.uniform(0.5, 2, target.shape[1:] if broadcast else target.shape).astype(dtype)
    want = np.broadcast_to(expected(target.copy(), other), target.shape)
    t = minigen.from_numpy(target)
    made = call(t, T(other))
    assert made is t
    assert t.array is target
    assert t.version == 1
    np.testing.assert_allclose(target, want, rtol=1e-6)
    outside = np.ones(shape, bool)
    view(outside)[...] = False
    np.testing.assert_array_equal(whole[outside], before[outside])


def test_every_method_that_writes_is_listed():
    writing = {n for n in dir(minigen.Tensor) if n.endswith("_") and not n.startswith("_")}
    listed = {name.split()[0] for name in METHODS | RANDOM if name.split()[0].endswith("_")}
    assert writing - {"requires_grad_"} - ELSEWHERE == listed
    assert REMEDY.keys() == {name.split()[0] for name in METHODS | RANDOM}


@pytest.mark.parametrize("name", [*REMEDY])
def test_leaves_with_gradients_on_refuse_and_show_the_functional_form(name):
    call = {**METHODS, **{k: (v,) for k, v in RANDOM.items()}}[name][0]
    x = T([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError) as caught:
        call(x, T([3.0, 4.0]))
    message = str(caught.value)
    assert f"{name} writes in place" in message and "minigen.no_grad()" in message
    assert f"use a = {REMEDY[name]}," in message
    assert (x.tolist(), x.version) == ([1, 2], 0)
    variables = {"minigen": minigen, "a": x, "b": T([3.0, 4.0]), "c": T([5.0, 6.0]), "value": 2, "alpha": 2, "lo": 0.0,
                 "hi": 1.0, "mean": 0, "std": 1, "low": 0, "high": 1, "p": 0.5, "lambd": 2}  # fmt: skip
    made = eval(REMEDY[name], variables)  # the advice runs
    assert made.shape == (2,)
    with minigen.no_grad():
        assert call(x, T([3.0, 4.0])) is x
    assert (x.requires_grad, x.is_leaf, x.version) == (True, True, 1)


@pytest.mark.parametrize("name", [n for n in REMEDY if n.endswith("_")])
def test_methods_refuse_results_of_operations_too(name):
    call = {**METHODS, **{k: (v,) for k, v in RANDOM.items()}}[name][0]
    y = T([1.0, 2.0], requires_grad=True) * 1
    with pytest.raises(RuntimeError, match=f"{name} writes in place to a tensor that requires a gradient"):
        call(y, T([3.0, 4.0]))
    assert y.tolist() == [1, 2]


@pytest.mark.parametrize("name", ["+=", "-=", "*=", "/="])
def test_operators_on_results_make_new_tensors(name):
    call, expected = METHODS[name]
    x, b = T([1.0, 2.0], requires_grad=True), T([3.0, 4.0], requires_grad=True)
    first = a = x * 1
    a = call(a, b)
    assert a is not first
    assert first.tolist() == [1, 2]
    np.testing.assert_allclose(a.numpy(), expected(first.numpy(), b.numpy()))
    a.sum().backward()
    slopes = {"+=": ([1, 1], [1, 1]), "-=": ([1, 1], [-1, -1]), "*=": ([3, 4], [1, 2]),
              "/=": ([1 / 3, 1 / 4], [-1 / 9, -2 / 16])}[name]  # fmt: skip
    np.testing.assert_allclose(x.grad.numpy(), slopes[0], rtol=1e-6)
    np.testing.assert_allclose(b.grad.numpy(), slopes[1], rtol=1e-6)
    constant = T([1.0, 1.0])
    total = call(constant, b)  # a running total that begins without gradient: loss = tensor(0.); loss += ...
    assert total.requires_grad and total is not constant
    assert constant.tolist() == [1, 1]


def test_a_running_loss_needs_no_other_form():
    x = T([1.0, 2.0], requires_grad=True)
    loss = minigen.tensor(0.0)
    for k in range(3):
        loss += (k * x).sum()
    loss.backward()
    assert (loss.item(), x.grad.tolist()) == (9, [3, 3])


def test_views_share_the_version_and_the_values():
    a = minigen.zeros(4, 3)
    views = [a[1], a.t(), a.reshape(12), a[:, ::-1], a.detach()]
    a[1].add_(1)
    views[1][2].mul_(5)
    views[3].clamp_(max=3)
    assert {v.version for v in [a, *views]} == {3}
    assert a.tolist() == [[0, 0, 0], [1, 1, 3], [0, 0, 0], [0, 0, 0]]


def test_random_values_come_from_the_generator():
    a, g = minigen.zeros(2000, dtype=np.float64), minigen.Generator(4)
    assert a.normal_(3, 2, generator=g) is a
    same = minigen.randn(2000, generator=minigen.Generator(4), dtype=np.float64)
    np.testing.assert_array_equal(a.numpy(), same.numpy() * 2 + 3)
    assert abs(a.mean().item() - 3) < 0.2 and abs(a.var().item() - 4) < 0.5
    a.uniform_(-2, 1, generator=g)
    assert a.numpy().min() >= -2 and a.numpy().max() < 1
    assert abs(a.mean().item() + 0.5) < 0.1
    assert a.version == 2
    with pytest.raises(TypeError, match="dtype must be floating"):
        minigen.zeros(3, dtype=np.int64).normal_()


def test_integers_stay_integers():
    a = T([7, -7])
    a += 2
    a.mul_(3)
    a.clamp_(min=0)
    assert (a.tolist(), a.dtype) == ([27, 0], minigen.int64)
    for call, name in ((lambda: a.__iadd__(1.5), r"\+="), (lambda: a.__itruediv__(2), "/="),
                       (lambda: a.div_(2), "div_"), (lambda: a.add_(T([0.5, 0.5])), "add_")):  # fmt: skip
        with pytest.raises(TypeError, match=f"{name}: float.* cannot be written into a tensor of int64"):
            call()
    assert (a.tolist(), a.version) == ([27, 0], 3)
    a.copy_(T([1.75, 2.0]))  # a copy converts
    assert a.tolist() == [1, 2]


def test_float32_stays_float32():
    a = minigen.ones(2)
    a += T([1.0, 1.0], dtype=np.float64)
    a.mul_(0.5)
    assert (a.dtype, a.tolist()) == (minigen.float32, [1, 1])
    half = minigen.ones(2, dtype=minigen.bfloat16)
    half += 1.0
    half.mul_(T([2.0, 3.0]))
    assert (half.dtype, half.tolist()) == (minigen.bfloat16, [4, 6])


@pytest.mark.parametrize("name", ["copy_", "add_", "mul_", "addcmul_", "+=", "/="])
def test_what_does_not_broadcast_is_refused_and_nothing_is_written(name):
    a = minigen.ones(2, 3)
    for shape in ((2,), (4, 3), (1, 2, 3)):
        with pytest.raises(ValueError) as caught:
            METHODS[name][0](a, minigen.ones(*shape))
        assert f"{name}: shape {shape} does not broadcast to the shape (2, 3) that is written" in str(caught.value)
    assert (a.tolist(), a.version) == ([[1, 1, 1]] * 2, 0)


def test_memory_that_cannot_be_written():
    frozen = np.ones(3)
    frozen.flags.writeable = False
    for t in (minigen.from_numpy(frozen), minigen.ones(1).expand(3)):
        with pytest.raises(RuntimeError, match=r"zero_: this tensor shares memory that cannot be written.*\.clone\(\)"):
            t.zero_()
    assert minigen.from_numpy(frozen).clone().zero_().tolist() == [0, 0, 0]


def test_a_tensor_may_be_written_with_itself():
    a = minigen.arange(4).float()
    a += a
    a.add_(a, alpha=0.5)
    assert a.tolist() == [0, 3, 6, 9]
    a.copy_(a[::-1])
    assert a.tolist() == [9, 6, 3, 0]


def test_clamp_needs_a_limit():
    with pytest.raises(ValueError, match="clamp_: give min, max or both"):
        minigen.ones(2).clamp_()
