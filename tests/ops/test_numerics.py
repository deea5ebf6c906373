"""Numbers that are easily computed wrong, each with the reason why."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen.backend.special import erf

INF, NAN = math.inf, math.nan
F32, F64 = minigen.float32, minigen.float64


def leaf(values, dtype=F64):
    return minigen.tensor(values, dtype=dtype).requires_grad_()


def slope(function, x):
    """df/dx, summed over the outputs."""
    return minigen.grad(function(x).sum(), x)[0].tolist()


# large and small exponents ------------------------------------------------------------------------
@pytest.mark.parametrize("shift", [1e4, -1e4])
def test_logsumexp_shifts_by_the_largest(shift):  # e^10000 overflows, e^-10000 is 0
    x = leaf([shift, shift + 1.0])
    assert minigen.logsumexp(x, 0).item() == pytest.approx(shift + 1 + math.log1p(math.exp(-1)), rel=1e-15)
    assert slope(lambda x: minigen.logsumexp(x, 0), x) == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)])


def test_logsumexp_of_infinities():  # inf - inf must not make a NaN of them
    rows = minigen.tensor([[-INF, -INF], [INF, 0.0], [-INF, 3.0], [NAN, 0.0]])
    assert minigen.logsumexp(rows, 1).tolist()[:3] == [-INF, INF, 3.0]
    assert math.isnan(minigen.logsumexp(rows, 1)[3].item())
    assert minigen.logsumexp(minigen.zeros(0, 3), 0).tolist() == [-INF] * 3
    assert slope(lambda x: minigen.logsumexp(x, 0), leaf([-INF, 3.0])) == [0.0, 1.0]


def test_logaddexp_keeps_a_small_term_and_its_tie():
    x, y = leaf([0.0, 5.0, 1e4]), leaf([-40.0, 5.0, -1e4])
    z = minigen.logaddexp(x, y)
    assert z.tolist() == pytest.approx([math.exp(-40), 5 + math.log(2), 1e4], rel=1e-15)
    (g,) = minigen.grad(z.sum(), x, create_graph=True)
    assert g.tolist() == pytest.approx([1.0, 0.5, 1.0])
    assert minigen.grad(g.sum(), x)[0].tolist()[1] == pytest.approx(0.25)  # smooth: no kink at the tie
    both = minigen.tensor([INF, -INF])
    assert minigen.logaddexp(both, both).tolist() == [INF, -INF]


def test_log1p_and_expm1_near_0():  # 1 + 1e-10 keeps 6 digits of 1e-10
    x = leaf([1e-10])
    assert minigen.log1p(x).item() == pytest.approx(1e-10 - 5e-21, rel=1e-15, abs=0)
    assert minigen.expm1(x).item() == pytest.approx(1e-10 + 5e-21, rel=1e-15, abs=0)
    assert abs(minigen.log(1 + x).item() / 1e-10 - 1) > 1e-8  # what they are for
    assert slope(minigen.expm1, leaf([0.0, -50.0])) == pytest.approx([1.0, math.exp(-50)], abs=1e-16)


def test_logarithms_to_round_bases_are_exact():  # ln 1000 / ln 10 = 2.9999999999999996
    powers = np.arange(-20.0, 21.0)
    assert minigen.log2(minigen.tensor(2.0**powers)).tolist() == powers.tolist()
    assert minigen.log10(minigen.tensor([10.0**k for k in range(16)], dtype=F64)).tolist() == list(range(16))


@pytest.mark.parametrize("dtype", [F32, F64])
def test_sigmoid_and_tanh_saturate_quietly(dtype):
    x = leaf([-1e4, -100.0, 100.0, 1e4], dtype)
    assert minigen.sigmoid(x).tolist()[0] == 0 and minigen.sigmoid(x).tolist()[2:] == [1, 1]
    assert minigen.tanh(x).tolist() == [-1, -1, 1, 1]
    assert np.isfinite(slope(minigen.sigmoid, x)).all() and slope(minigen.tanh, x) == [0, 0, 0, 0]


def test_cosh_and_sinh_reach_as_far_as_their_values():  # e^710 overflows, cosh 710 does not
    x = leaf([710.0, -710.0, 1e-10])
    assert minigen.cosh(x).tolist() == pytest.approx([math.cosh(710), math.cosh(710), 1.0], rel=1e-13)
    assert slope(minigen.sinh, x)[0] == pytest.approx(math.cosh(710), rel=1e-13)
    x = leaf([709.0, -709.0, 1e-10])  # 2 sinh x still fits
    assert slope(minigen.cosh, x) == pytest.approx([math.sinh(709), -math.sinh(709), 1e-10], rel=1e-12, abs=0)


# the error function -------------------------------------------------------------------------------
@given(st.one_of(st.floats(-6, 6), st.floats(-0.5, 0.5), st.floats(-1e300, 1e300)))
@settings(max_examples=300)
def test_erf_and_erfc_to_the_last_digits(x):
    assert erf(np.array([x]))[0] == pytest.approx(math.erf(x), rel=1e-15, abs=0)
    if math.erfc(x) > 1e-300:  # beyond, in subnormal numbers, no format has the digits
        assert erf(np.array([x]), complement=True)[0] == pytest.approx(math.erfc(x), rel=2e-15, abs=0)


def test_erf_in_float32_and_at_the_ends():
    x = np.concatenate([np.linspace(-5, 5, 20001), np.geomspace(1e-37, 5, 5001)]).astype(np.float32)
    exact = np.array([math.erf(v) for v in x])
    assert (np.abs(erf(x) - exact) <= 3 * np.spacing(np.abs(exact).astype(np.float32))).all()
    np.testing.assert_array_equal(erf(np.array([NAN, INF, -INF, 0.0])), [NAN, 1, -1, 0])
    np.testing.assert_array_equal(erf(np.array([NAN, INF, -INF, 0.0]), complement=True), [NAN, 0, 2, 1])
    assert np.signbit(erf(np.array([-0.0], np.float32)))[0]
    np.testing.assert_array_equal(erf(x.reshape(2, -1)[::-1, ::3]), erf(x).reshape(2, -1)[::-1, ::3])  # any strides


# sums ---------------------------------------------------------------------------------------------
LAYOUTS = {  # how ten million numbers lie in memory, and the dims that are summed
    "contiguous": (lambda x: x, None),
    "strided": (lambda x: np.repeat(x, 2)[::2], None),
    "columns": (lambda x: x.reshape(-1, 10), 0),
    "one column": (lambda x: x.reshape(-1, 1), 0),
    "columns of a transpose": (lambda x: x.reshape(10, -1).T, 0),
    "batch and space": (lambda x: x[: len(x) // 96 * 96].reshape(-1, 3, 32), (0, 2)),
    "part of a row": (lambda x: x.reshape(-1, 10)[:, :7], None),
    "every other row": (lambda x: x.reshape(-1, 10)[::2], 0),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_sum_of_ten_million_float32_numbers(name):  # one after the other, they lose half of their digits
    arranged, dim = LAYOUTS[name]
    x = arranged(np.random.default_rng(0).random(10**7, dtype=np.float32))
    exact = np.sum(x, axis=dim, dtype=np.float64)
    np.testing.assert_allclose(minigen.from_numpy(x).sum(dim).numpy(), exact, rtol=1e-6)
    np.testing.assert_allclose(minigen.from_numpy(x).mean(dim).numpy(), exact / (x.size / exact.size), rtol=1e-6)


def test_the_naive_column_sum_is_what_this_guards_against():
    x = np.random.default_rng(0).random((10**6, 10), dtype=np.float32)
    assert abs(np.add.reduce(x, axis=0) / x.sum(0, dtype=np.float64) - 1).max() > 1e-6


@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 150, 257]), max_size=3), st.sets(st.integers(0, 2)), st.booleans(),
    st.sampled_from(["plain", "transposed", "reversed", "strided"]),
)  # fmt: skip
@settings(max_examples=150)
def test_sums_of_any_shape(shape, dims, keepdim, layout):
    x = np.random.default_rng(len(shape)).random([min(n, 40) if len(shape) > 2 else n for n in shape], dtype=np.float32)
    if x.ndim:
        x = {"plain": x, "transposed": x.T, "reversed": x[::-1], "strided": x[..., ::2]}[layout]
    dims = tuple(d for d in dims if d < x.ndim)
    axes = dims or tuple(range(x.ndim))
    got = minigen.from_numpy(x).sum(dims, keepdim)
    np.testing.assert_allclose(got.numpy(), np.sum(x, axis=axes, keepdims=keepdim, dtype=np.float64), rtol=1e-6)
    assert got.dtype == F32


@pytest.mark.parametrize(
    ("shape", "dims"), [((900, 7), 1), ((7, 900), 0), ((40, 2, 30, 4), (1, 3)), ((2, 3, 999), (0, 1))]
)
@pytest.mark.parametrize("keepdim", [False, True])
def test_sums_of_few_elements_by_slices(shape, dims, keepdim):  # not the way of longer sums
    x = np.random.default_rng(0).normal(size=shape)
    for a in (x, x.astype(np.float32), np.asfortranarray(x), x[::-1]):
        got = minigen.from_numpy(a).sum(dims, keepdim)
        np.testing.assert_allclose(got.numpy(), a.astype(float).sum(dims, keepdims=keepdim), rtol=1e-5, atol=1e-5)
        assert got.dtype == a.dtype and not np.shares_memory(got.array, a)


@pytest.mark.parametrize("dtype", [minigen.float16, minigen.bfloat16])
def test_half_types_are_added_in_float32(dtype):  # 2048 + 1 = 2048 in float16, 256 + 1 = 256 in bfloat16
    ones = minigen.ones(4096, 2, dtype=dtype)
    assert ones.sum(0).tolist() == [4096, 4096] and ones.cumsum(0)[-1].tolist() == [4096, 4096]
    assert ones.sum(0).dtype == dtype
    many = minigen.ones(70_000, dtype=dtype)  # more than float16's largest number
    assert many.mean().item() == 1 and many.std().item() == 0


def test_the_gradient_of_a_bias_is_a_long_sum():
    delta = np.random.default_rng(0).random((10**6, 3), dtype=np.float32)
    exact = delta.sum(0, dtype=np.float64)
    x, w, b = minigen.zeros(10**6, 1), minigen.zeros(3, 1), minigen.zeros(3).requires_grad_()
    for y in (x @ w.t() + b, minigen.nn.functional.linear(x, w, b)):  # by sum_to, and by the fused kernel
        np.testing.assert_allclose(minigen.grad(y, b, minigen.from_numpy(delta))[0].numpy(), exact, rtol=1e-6)


def test_dropout_of_bfloat16_drops_as_many_as_it_should():  # its own uniforms are multiples of 1 / 256
    minigen.manual_seed(0)
    y = minigen.nn.functional.dropout(minigen.ones(10**6, dtype=minigen.bfloat16), 0.1)
    assert abs((y == 0).float().mean().item() - 0.1) < 4 * math.sqrt(0.09 / 10**6)


def test_a_running_sum_is_added_in_float64():
    x = np.random.default_rng(0).random(10**6, dtype=np.float32)
    np.testing.assert_allclose(minigen.from_numpy(x).cumsum(0).numpy(), np.cumsum(x, dtype=np.float64), rtol=1e-7)


# variance -----------------------------------------------------------------------------------------
def test_variance_far_from_0():  # E[x^2] - E[x]^2 would subtract 1e8 from 1e8 with 8 digits
    x = (1e4 + np.random.default_rng(0).standard_normal((1000, 7))).astype(np.float32)
    exact = x.astype(np.float64).var(0, ddof=1)
    np.testing.assert_allclose(minigen.from_numpy(x).var(0).numpy(), exact, rtol=1e-6)
    naive = (x * x).mean(0) - x.mean(0) ** 2
    assert abs(naive / exact - 1).max() > 0.1


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e4 + 0.1])
def test_a_constant_has_deviation_0_and_gradient_0(dtype, value):  # the mean of ten 0.1 is not 0.1
    x = leaf([value] * 10, dtype)
    assert x.std().item() == 0 and x.var().item() == 0
    assert slope(lambda x: x.std(), x) == [0] * 10


def test_deviation_without_enough_values():
    assert math.isnan(minigen.ones(1).std().item()) and minigen.ones(1).std(correction=0).item() == 0
    assert minigen.tensor([1.0, 2.0]).var(correction=5).item() == INF
    assert minigen.tensor([1.0, 3.0]).var(False).item() == 1
    assert minigen.tensor([[1.0, 3.0]]).var(1, False).tolist() == [1]


# kinks and ties -----------------------------------------------------------------------------------
def test_who_gets_the_gradient_of_a_tie():
    x = leaf([2.0, 1.0, 2.0])
    assert slope(minigen.amax, x) == [0.5, 0, 0.5] == slope(minigen.max, x)  # shared
    assert slope(lambda x: minigen.max(x, 0).values, x) == [1, 0, 0]  # the first
    assert slope(lambda x: minigen.maximum(x, leaf([2.0, 2.0, 0.0])), x) == [0.5, 0, 1]  # halved
    assert slope(lambda x: x.clamp(1, 2), x) == [1, 1, 1] and slope(lambda x: x.clamp(1.5, 1.9), x) == [0, 0, 0]


def test_kinks_at_0():
    zero = leaf([0.0, 0.0])
    assert slope(minigen.sqrt, zero) == [INF, INF]
    assert slope(minigen.abs, zero) == [0, 0]
    for p in (1, 2, 3, 2.5, INF, 0.5, "fro"):
        assert minigen.norm(zero, p).item() == 0 and slope(lambda x, p=p: minigen.norm(x, p), zero) == [0, 0], p
    assert minigen.rsqrt(zero).tolist() == [INF, INF] and slope(minigen.rsqrt, zero) == [-INF, -INF]
    assert minigen.reciprocal(leaf([0.0, -0.0])).tolist() == [INF, -INF]
    assert slope(minigen.asin, leaf([1.0, -1.0])) == [INF, INF] and slope(minigen.acos, leaf([1.0])) == [-INF]
    assert slope(lambda y: minigen.atan2(y, leaf([0.0, 0.0])), zero) == [0, 0]


def test_the_second_derivative_of_a_power_at_0():  # y x^(y-1) with y = 0 must be no 0 times inf
    x = leaf([0.0, 2.0])
    for power, expected in ((0, [0, 0]), (1, [0, 0]), (2, [2, 2]), (3, [0, 12])):
        (first,) = minigen.grad((x**power).sum(), x, create_graph=True)
        (second,) = minigen.grad(first.sum(), x, create_graph=True)
        assert second.tolist() == expected
        assert np.isfinite(slope(lambda x, g=second: g, x) if second.requires_grad else 0).all()


def test_powers_at_their_edges():
    x, y = leaf([0.0, 0.0, 0.0, -2.0, -2.0, INF, -8.0]), leaf([0.0, 2.0, -1.0, 3.0, 0.5, 0.0, 1 / 3])
    z = (x**y).tolist()
    assert z[:4] == [1, 0, INF, -8] and math.isnan(z[4]) and z[5] == 1 and math.isnan(z[6])
    assert slope(lambda x: x**y, x)[:4] == [0, 0, -INF, 12]
    assert slope(lambda y: x**y, y)[:3] == [0, 0, -INF]
    assert (2 ** minigen.tensor([0, 3])).tolist() == [1, 8]


def test_products_with_zeros_have_their_gradient():  # prod / x_i would be 0 / 0
    assert slope(minigen.prod, leaf([2.0, 0.0, 5.0])) == [0, 10, 0]
    assert slope(minigen.prod, leaf([0.0, 0.0, 5.0])) == [0, 0, 0]
    x = leaf([0.0, 0.0, 5.0])
    (g,) = minigen.grad(minigen.prod(x), x, create_graph=True)
    assert minigen.grad(g[0], x)[0].tolist() == [0, 5, 0]  # d2/dx dy of x y z is z
    assert slope(lambda x: minigen.cumprod(x, 0), leaf([2.0, 0.0, 5.0])) == [1, 2 + 10, 0]


def test_the_branch_that_was_not_chosen():
    x = leaf([0.0, 4.0])
    assert math.isnan(slope(lambda x: minigen.where(x > 0, x.log(), 0.0), x)[0])  # 0 times inf: as in PyTorch
    assert slope(lambda x: minigen.where(x > 0, minigen.where(x > 0, x, 1.0).log(), 0.0), x) == [0, 0.25]


# rounding and division ----------------------------------------------------------------------------
def test_halves_round_to_even():
    x = minigen.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994], dtype=F64)
    assert minigen.round(x).tolist() == [-2, -2, 0, 0, 2, 2, 0]
    assert minigen.round(minigen.tensor([1234.567, -0.25], dtype=F64), decimals=1).tolist() == [1234.6, -0.2]
    assert minigen.round(minigen.tensor([1250.0, 1350.0]), decimals=-2).tolist() == [1200, 1400]


@given(st.sampled_from([np.int64, np.int32, np.float64, np.uint8]), st.integers(-50, 50), st.integers(-7, 7))
def test_floor_division_and_remainder_are_pythons(dtype, a, b):
    if dtype is np.uint8:
        a, b = abs(a), abs(b)
    x, y = minigen.tensor(np.array([a], dtype)), minigen.tensor(np.array([b], dtype))
    if b == 0 and dtype is not np.float64:
        for call in (lambda: x // y, lambda: x % y):
            with pytest.raises(ValueError, match=r"holds a 0, by which no integer can be divided; .float\(\) gives"):
                call()
    elif b:
        assert ((x // y).item(), (x % y).item()) == (a // b, a % b) and (x // y).dtype == dtype == (x % y).dtype
        if dtype is not np.uint8:
            assert (a // y).item() == a // b and (x % b).item() == a % b


def test_division_of_floats_by_0():
    x = minigen.tensor([1.0, -1.0, 0.0])
    assert (x // 0).tolist()[:2] == [INF, -INF] and math.isnan((x % 0)[0].item())
    assert (minigen.tensor([5.3], dtype=F64) % 0.1).item() == 5.3 % 0.1  # not 5.3 - 0.1 floor(53)


# empty --------------------------------------------------------------------------------------------
def test_nothing_has_a_sum_a_product_and_no_maximum():
    e = minigen.zeros(0, 3)
    assert e.sum().item() == 0 and e.prod(0).tolist() == [1, 1, 1] and math.isnan(e.mean().item())
    assert e.all().item() is True and e.any().item() is False and e.norm().item() == 0
    assert e.max(1).values.shape == e.amax(1).shape == (0,) and e.cumsum(0).shape == e.cumprod(1).shape == (0, 3)
    assert np.isnan(e.var(0).numpy()).all() and math.isnan(e.std().item())
    for call in (e.max, e.amax, e.argmin, lambda: e.min(0), lambda: e.amax(0), lambda: e.norm(INF), lambda: e.norm(-1)):
        with pytest.raises(ValueError, match=r"empty|no elements"):
            call()
    assert (e + minigen.ones(1, 3)).shape == (0, 3)
    for backend in ("numpy", minigen.current_backend()):
        with minigen.use_backend(backend):
            assert (minigen.zeros(2, 0) @ minigen.zeros(0, 3)).tolist() == [[0, 0, 0]] * 2
    assert minigen.einsum("ij,jk->ik", minigen.zeros(2, 0), minigen.zeros(0, 3)).tolist() == [[0, 0, 0]] * 2
