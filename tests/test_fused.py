"""Every fused operation equals its textbook: value, gradient and second gradient, on every backend.

The judge is the reference in float64 on the NumPy backend, at the very numbers that the fused operation gets.
"""

import itertools

import numpy as np
import pytest
from fused_cases import CASES, LAYOUTS, SEEDS, laid_out
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen import fused, ops
from minigen.backend import state
from minigen.twin import Fused
from minigen.twin import fused as make_fused


def derivatives(function, arrays, attrs, needs, cotangents, directions):
    """The values, the gradients of <u, value>, the same recorded, and the gradients of <v, gradient> for inputs and u.

    ``cotangents`` (u) has one array per output, ``directions`` (v) one per input; u is differentiated, too.
    """
    inputs = [
        None if a is None else minigen.from_numpy(a).requires_grad_(needed)
        for a, needed in zip(arrays, needs, strict=True)
    ]
    outs = function(*inputs, **attrs)
    outs = outs if isinstance(outs, tuple) else (outs,)
    silent = getattr(function, "nondiff", ())
    carriers = [o for i, o in enumerate(outs) if i not in silent]
    pairs = [(o, minigen.from_numpy(u).requires_grad_()) for o, u in zip(carriers, cotangents, strict=False)]
    live, us = zip(*[(o, u) for o, u in pairs if o.requires_grad], strict=True)  # some may not depend on what is wanted
    wanted = [x for x, needed in zip(inputs, needs, strict=True) if needed]
    vs = [minigen.from_numpy(v) for v, needed in zip(directions, needs, strict=True) if needed]
    first = minigen.grad(live, wanted, [u.detach() for u in us], retain_graph=True)
    recorded = minigen.grad(live, wanted, us, create_graph=True)
    second = minigen.grad(recorded, [*wanted, *[u for _, u in pairs]], vs, allow_unused=True)
    return outs, first, recorded, second


def subsets(differentiable):
    """Which inputs need a gradient: of up to three every choice, of more each alone, all but each, and all."""
    every, n = itertools.product(*[(False, True) if d else (False,) for d in differentiable]), sum(differentiable)
    return [needs for needs in every if any(needs) and (n <= 3 or sum(needs) in (1, n - 1, n))]


def compare(what, got, want, dtype):
    """Equal up to rounding, relative to the largest element; no gradient is the same as zeros."""
    if want is None and got is None:
        return
    shape = (got if want is None else want).shape
    want = np.zeros(shape) if want is None else want.numpy()
    got = np.zeros(shape, dtype) if got is None else got.numpy()
    assert (got.shape, got.dtype) == (want.shape, dtype), what
    scale = max(1.0, abs(want).max(initial=0))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def test_every_fused_operation_has_a_case():
    assert {o.name for o in fused.ALL} == {o.name for o in vars(fused).values() if isinstance(o, Fused)}
    assert {o.name for o in fused.ALL} == CASES.keys()


@pytest.fixture(params=["numpy", "cpp"])
def backend(request):
    reason = minigen.backend.available()[request.param]
    if reason:
        pytest.skip(reason)
    return request.param


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("operation", fused.ALL, ids=lambda o: o.name)
def test_equals_its_textbook(operation, dtype, backend):
    @settings(max_examples=40)
    @given(CASES[operation.name], st.data())
    def check(case, data):
        arrays, attrs, layouts = case
        choose, rng = st.sampled_from(layouts), np.random.default_rng(data.draw(SEEDS))
        mine = [
            a if a is None else laid_out(a if a.dtype == np.int64 else a.astype(dtype), data.draw(choose))
            for a in arrays
        ]
        truth = [a if a is None or a.dtype == np.int64 else a.astype(np.float64) for a in mine]

        def like(a):
            return laid_out(rng.uniform(-1, 1, a.shape).astype(dtype), data.draw(st.sampled_from(LAYOUTS)))

        with minigen.no_grad(), minigen.use_backend("numpy"):
            values = operation.reference(*[None if a is None else minigen.from_numpy(a) for a in truth], **attrs)
        cotangents = [like(v) for v in (values if isinstance(values, tuple) else (values,))]
        directions = [None if a is None else like(a) for a in arrays]
        exact = [[None if a is None else a.astype(np.float64) for a in some] for some in (cotangents, directions)]
        carriers = [i for i in range(len(cotangents)) if i not in operation.nondiff]

        def textbook(*inputs, **attrs):
            outs = operation.reference(*inputs, **attrs)
            return tuple(outs[i] for i in carriers) if isinstance(outs, tuple) else outs

        differentiable = [a is not None and a.dtype != np.int64 for a in arrays]
        for needs in subsets(differentiable):
            with minigen.use_backend("numpy"):
                want = derivatives(textbook, truth, attrs, needs, *exact)
            with minigen.use_backend(backend):
                got = derivatives(operation, mine, attrs, needs, cotangents, directions)
            assert [o.requires_grad for o in got[0]] == [i in carriers for i in range(len(got[0]))]
            for i, w in zip(carriers, want[0], strict=True):
                compare(f"output {i}", got[0][i], w, dtype)
            for order, g, w in (("gradient", 1, 1), ("recorded gradient", 2, 1), ("second gradient", 3, 3)):
                for i, (mine_, theirs) in enumerate(zip(got[g], want[w], strict=True)):
                    compare(f"{order} {i} for {needs}", mine_, theirs, dtype)

    check()


@pytest.mark.parametrize("operation", [o for o in fused.ALL if o.nondiff], ids=lambda o: o.name)
def test_nondiff_outputs_equal_the_textbooks_and_carry_no_gradient(operation, backend):
    x = minigen.tensor(np.random.default_rng(0).normal(3, 2, (5, 3, 7)))
    with minigen.use_backend("numpy"):
        want = operation.reference(x, None, None, eps=1e-5)
    with minigen.use_backend(backend):
        got = operation(x.requires_grad_(), None, None, eps=1e-5)
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-12)
        assert g.requires_grad == (i not in operation.nondiff)
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        got[1].sum().backward()


# inside a larger graph ------------------------------------------------------------------------------
def leaf(*shape, seed=0):
    return minigen.tensor(np.random.default_rng(seed).uniform(-2, 2, shape)).requires_grad_()


OUTER = {
    "an input made by an op": lambda f, x, w: f.tanh(x * x * w),
    "one tensor as both inputs": lambda f, x, w: f.bce_with_logits(x * w, x * w),
    "an input that depends on the other": lambda f, x, w: f.linear(x, f.sigmoid(x * w)[:3], None),
    "one after the other": lambda f, x, w: f.sigmoid(f.linear(f.leaky_relu(x, slope=0.2), w, w.sum(dim=1))),
    "batch norm of its own weight": lambda f, x, w: f.batch_norm(x * w, x.sum(dim=0), w[0], eps=0.1)[0],
    "cross entropy of a norm": lambda f, x, w: f.cross_entropy(x / (x * w).sum(), minigen.tensor([2, 0, 1, 1])),
}


@pytest.mark.parametrize("outer", OUTER)
def test_the_outer_gradient_survives_create_graph(outer, backend):
    """Detached copies of the inputs would lose it, the inputs themselves would count their history twice."""
    x, w = leaf(4, 5), leaf(4, 5, seed=1)

    def orders(family):
        out = OUTER[outer](family, x, w)
        u = minigen.tensor(np.random.default_rng(2).uniform(-1, 1, out.shape))
        first = minigen.grad((out * u).sum(), [x, w], create_graph=True)
        second = minigen.grad(sum((g * g).sum() for g in first), [x, w], create_graph=True)
        third = minigen.grad(sum((g * g).sum() for g in second), [x, w], allow_unused=True)
        return [out, *first, *second, *third]

    with minigen.use_backend("numpy"):
        want = orders(minigen.reference)
    with minigen.use_backend(backend):
        got = orders(fused)
    for i, (g, v) in enumerate(zip(got, want, strict=True)):
        scale = abs(v.numpy()).max()
        assert scale > 1e-3, f"result {i} is no test: it vanishes"
        np.testing.assert_allclose(g.numpy(), v.numpy(), rtol=1e-9, atol=1e-11 * scale)


def polar(r, angle):
    return r * ops.cos(angle), r * ops.sin(angle)


class Polar(type(minigen.backend.get("numpy"))):
    """A kernel with two differentiable outputs, which notes which deltas it received."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def polar(self, r, angle):
        return (r * np.cos(angle), r * np.sin(angle)), (r, angle)

    def polar_vjp(self, saved, mask, dx, dy):
        self.seen.append((dx is not None, dy is not None))
        r, angle = saved
        dx, dy = (np.zeros_like(r) if d is None else d for d in (dx, dy))
        return (
            dx * np.cos(angle) + dy * np.sin(angle) if mask[0] else None,
            r * (dy * np.cos(angle) - dx * np.sin(angle)) if mask[1] else None,
        )


@pytest.mark.parametrize("use", ["both", "first", "second"])
def test_several_outputs_and_the_delta_of_an_unused_one(use):
    combine = {"both": lambda x, y: x * x * y, "first": lambda x, y: x**3, "second": lambda x, y: y**3}[use]
    r, angle = leaf(7), leaf(7, seed=1)

    def orders(function):
        first = minigen.grad(combine(*function(r, angle)).sum(), [r, angle])
        recorded = minigen.grad(combine(*function(r, angle)).sum(), [r, angle], create_graph=True)
        second = minigen.grad((recorded[0] * recorded[1]).sum(), [r, angle])
        return [*first, *recorded, *second]

    want = orders(polar)
    before, state.backend = state.backend, Polar()
    try:
        got = orders(make_fused(polar, forward="polar", vjp="polar_vjp"))
        assert set(state.backend.seen) == {(use != "second", use != "first")}
    finally:
        state.backend = before
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g.numpy(), w.numpy(), rtol=1e-12, atol=1e-12)
