"""Draws from Bernoulli, multinomial, normal, exponential and integer distributions, and seeds that are kept.

Every test has a fixed seed, and a bound that a right generator passes at all but about one seed in ten thousand.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import minigen
from minigen import Generator

T = minigen.tensor
N = 100_000
FLOATS = [minigen.float16, minigen.bfloat16, minigen.float32, minigen.float64]


def chi_squared(counts, expected):
    """Far from ``expected`` if above its degrees of freedom by four standard deviations."""
    counts, expected = np.asarray(counts, float).ravel(), np.asarray(expected, float).ravel()
    assert (counts[expected == 0] == 0).all()
    keep = expected > 0
    freedom = keep.sum() - 1
    found = ((counts[keep] - expected[keep]) ** 2 / expected[keep]).sum()
    assert found <= freedom + 4 * math.sqrt(2 * max(freedom, 1)), (found, freedom)


# bernoulli ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.0, 0.001, 0.25, 0.5, 0.9, 1.0])
def test_bernoulli(p, dtype):
    given_p = minigen.full((N,), p, dtype=dtype)
    exact = float(given_p.array[0])
    x = minigen.bernoulli(given_p, generator=Generator(1))
    assert x.dtype == dtype and x.shape == (N,) and not x.requires_grad
    ones = int((x.array == 1).sum())
    assert ones + int((x.array == 0).sum()) == N
    chi_squared([ones, N - ones], [N * exact, N * (1 - exact)])
    same = minigen.zeros(N, dtype=dtype).bernoulli_(given_p, generator=Generator(1))
    np.testing.assert_array_equal(same.array, x.array)


def test_bernoulli_of_every_element_its_own_and_of_one_number():
    p = minigen.linspace(0, 1, 11) if hasattr(minigen, "linspace") else T(np.linspace(0, 1, 11, dtype=np.float32))
    x = minigen.zeros(20_000, 11, dtype=minigen.int64).bernoulli_(p, generator=Generator(2))
    assert x.dtype == minigen.int64
    for mean, want in zip(x.numpy().mean(axis=0), p.tolist(), strict=True):
        assert abs(mean - want) <= 4 * math.sqrt(want * (1 - want) / 20_000)
    for y in (minigen.bernoulli(minigen.zeros(N), 0.3, generator=Generator(3)),
              minigen.zeros(N).bernoulli(0.3, generator=Generator(3))):  # fmt: skip
        assert abs(y.mean().item() - 0.3) < 4 * math.sqrt(0.21 / N)
    flags = (minigen.zeros(1000) > 0).bernoulli_(generator=Generator(4))
    assert flags.dtype == minigen.bool_ and 400 < int(flags.array.sum()) < 600


# multinomial ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", FLOATS)
def test_multinomial_with_replacement(dtype):
    weights = np.array([[0.0, 1.0, 2.0, 0.0, 5.0, 0.0], [3.0, 0.0, 0.0, 0.0, 0.0, 1.0]])
    x = minigen.multinomial(T(weights).to(dtype), N, True, generator=Generator(5))
    assert x.dtype == minigen.int64 and x.shape == (2, N)
    for row, w in zip(x.numpy(), weights, strict=True):
        chi_squared(np.bincount(row, minlength=6), N * w / w.sum())
    one = T(weights[0]).multinomial(4, replacement=True, generator=Generator(6))
    assert one.shape == (4,)
    with pytest.raises(AssertionError):  # the bound sees a wrong distribution
        chi_squared(np.bincount(x.numpy()[0], minlength=6), N * np.array([0, 1, 2.1, 0, 4.9, 0]) / 8)


def test_multinomial_without_replacement_draws_one_after_the_other():
    w = np.array([1.0, 2.0, 0.0, 4.0])
    x = minigen.multinomial(T(np.tile(w, (N, 1))), 2, generator=Generator(7)).numpy()
    assert x.shape == (N, 2) and (x[:, 0] != x[:, 1]).all()
    want = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            if i != j:
                want[i, j] = w[i] / w.sum() * w[j] / (w.sum() - w[i])
    counts = np.zeros((4, 4))
    np.add.at(counts, (x[:, 0], x[:, 1]), 1)
    chi_squared(counts, N * want)
    every = minigen.multinomial(T(w), 3, generator=Generator(8))
    assert sorted(every.tolist()) == [0, 1, 3]


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(0, 3), st.integers(1, 7)), elements=st.sampled_from([0, 1e-300, 1, 1e300])
    ),
    st.integers(1, 7), st.booleans(), st.integers(0, 2**63),
)  # fmt: skip
def test_multinomial_of_any_weights(weights, n, replacement, seed):
    positive = (weights > 0).sum(axis=1)
    call = lambda w: minigen.multinomial(T(w), n, replacement, generator=Generator(seed))  # noqa: E731
    if (len(weights) and positive.min() < (1 if replacement else n)) or (not replacement and n > weights.shape[1]):
        with pytest.raises(ValueError, match="positive weights"):
            call(weights)
        return
    x = call(weights).numpy()
    assert x.shape == (len(weights), n)
    for row, w in zip(x, weights, strict=True):
        assert (w[row] > 0).all()
        assert replacement or len(set(row)) == n
    np.testing.assert_array_equal(x, call(weights[:, ::-1][:, ::-1]).numpy())  # strides say nothing


class Fixed(Generator):
    """Gives the uniforms that it was made with: the edges, which chance seldom meets."""

    def __init__(self, *values):
        super().__init__(0)
        self.values = values

    def uniform(self, n, dtype):
        assert n == len(self.values)
        return np.array(self.values, dtype)


LAST = 1 - 2.0**-53  # the largest uniform


def test_edges():
    p = T([0.0, 0.5, 0.5, 1.0], dtype=np.float64)
    assert minigen.bernoulli(p, generator=Fixed(0.0, 0.5, 0.4999, LAST)).tolist() == [0, 0, 1, 1]
    weights = T([0.0, 1.0, 0.0, 1.0, 0.0])
    drawn = minigen.multinomial(weights, 5, True, generator=Fixed(0.0, 0.25, 0.5, 0.75, LAST))
    assert drawn.tolist() == [1, 1, 3, 3, 3]  # u = 0 takes no weightless index, u = 1/2 begins the second half
    every = minigen.multinomial(weights, 2, generator=Fixed(0.5, LAST, 0.5, 0.0, 0.5))
    assert every.tolist() == [3, 1]  # -log(1 - 0) = 0 comes first, however small the weight
    assert minigen.zeros(2).exponential_(generator=Fixed(0.0, 0.5)).tolist() == pytest.approx([0, math.log(2)])


def test_weights_whose_sum_overflows():
    x = minigen.multinomial(T([1e308, 0.0, 1e308, 1e308], dtype=np.float64), 3000, True, generator=Generator(16))
    chi_squared(np.bincount(x.numpy(), minlength=4), [1000, 0, 1000, 1000])


# normal and the fillers -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "mean", "std"),
    [
        (lambda g: minigen.normal(T([1.0] * N), T([2.0] * N), generator=g), 1, 2),
        (lambda g: minigen.normal(T([1.0] * N), 0.5, generator=g), 1, 0.5),
        (lambda g: minigen.normal(T([-1.0] * N), generator=g), -1, 1),
        (lambda g: minigen.normal(3, T([0.25] * N), generator=g), 3, 0.25),
        (lambda g: minigen.normal(-2, 3, (N,), generator=g), -2, 3),
        (lambda g: minigen.zeros(N).normal_(5, 0.1, generator=g), 5, 0.1),
    ],
)
def test_normal(make, mean, std):
    x = make(Generator(9))
    assert x.shape == (N,) and x.dtype == minigen.float32
    z = (x.numpy().astype(np.float64) - mean) / std
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - moment) < 4 * math.sqrt(variance / N)
    np.testing.assert_allclose(z, minigen.randn(N, generator=Generator(9)).numpy(), rtol=1e-3, atol=1e-4)


def test_shapes_and_types_of_normal():
    column, row = minigen.zeros(3, 1, dtype=minigen.float64), minigen.ones(4)
    assert minigen.normal(column, row).shape == (3, 4)
    assert minigen.normal(column, row).dtype == minigen.float64
    assert minigen.normal(0.0, 1.0, (2, 0)).shape == (2, 0)
    assert minigen.normal(0, 1, 5).shape == (5,)
    assert minigen.normal(0, 1, (), dtype=minigen.float64, requires_grad=True).requires_grad
    assert minigen.normal(row, 0.0).tolist() == [1.0] * 4


@pytest.mark.parametrize("dtype", FLOATS)
def test_exponential(dtype):
    x = minigen.zeros(N, dtype=dtype).exponential_(2.0, generator=Generator(10))
    assert x.dtype == dtype
    values = np.asarray(x.array, np.float64)
    assert values.min() >= 0 and np.isfinite(values).all()
    tolerance = 0.01 if dtype in FLOATS[:2] else 0
    assert abs(values.mean() - 0.5) < 4 * 0.5 / math.sqrt(N) + tolerance
    edges = -np.log1p(-np.arange(20) / 20) / 2  # twenty intervals of equal probability
    if not tolerance:
        chi_squared(np.bincount(np.searchsorted(edges, values, side="right") - 1, minlength=20), [N / 20] * 20)


@pytest.mark.parametrize("dtype", [minigen.uint8, minigen.int16, minigen.int64, minigen.float32])
def test_random_with_bounds(dtype):
    x = minigen.zeros(N, dtype=dtype).random_(2, 9, generator=Generator(11))
    chi_squared(np.bincount(np.asarray(x.array, int), minlength=9), [0, 0] + [N / 7] * 7)
    y = minigen.zeros(N, dtype=dtype).random_(3, generator=Generator(11))
    chi_squared(np.bincount(np.asarray(y.array, int), minlength=3), [N / 3] * 3)


@pytest.mark.parametrize(
    ("dtype", "most"),
    [(minigen.bool_, 1), (minigen.uint8, 255), (minigen.int8, 127), (minigen.int32, 2**31 - 1),
     (minigen.int64, 2**63 - 1), (minigen.float16, 2**11), (minigen.float32, 2**24), (minigen.float64, 2**53)],
)  # fmt: skip
def test_random_fills_its_type(dtype, most):
    x = minigen.zeros(20_000, dtype=dtype).random_(generator=Generator(12))
    assert x.dtype == dtype
    values = [int(v) for v in x.tolist()]
    assert min(values) >= 0 and max(values) <= most
    assert max(values) > 0.99 * most and min(values) < 0.01 * most + 1
    counts = np.bincount([min(v * 2 // (most + 1), 1) for v in values], minlength=2)
    chi_squared(counts, [10_000, 10_000])


def test_fillers_write_in_place_and_return_the_tensor():
    for fill in ("bernoulli_", "exponential_", "random_"):
        base = minigen.zeros(4, 6)
        view = base[:, ::2]
        array = view.array
        assert getattr(view, fill)(generator=Generator(13)) is view
        assert view.array is array and base.version == 1
        assert base.numpy()[:, 1::2].max() == 0 != abs(base.numpy()[:, ::2]).max()
        assert getattr(minigen.zeros(0, 3), fill)().shape == (0, 3)
        assert getattr(minigen.zeros(()), fill)().shape == ()


# seeds ----------------------------------------------------------------------------------------------
DRAWS = {
    "bernoulli": lambda **g: minigen.bernoulli(minigen.full((40,), 0.5), **g),
    "multinomial": lambda **g: minigen.multinomial(minigen.ones(9), 30, True, **g),
    "multinomial without": lambda **g: minigen.multinomial(minigen.ones(20), 20, **g),
    "normal": lambda **g: minigen.normal(minigen.zeros(5), 2.0, **g),
    "bernoulli_": lambda **g: minigen.zeros(40).bernoulli_(**g),
    "exponential_": lambda **g: minigen.zeros(5).exponential_(**g),
    "random_": lambda **g: minigen.zeros(5).random_(**g),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_state_gives_the_same_draws(name):
    draw = DRAWS[name]
    minigen.manual_seed(14)
    state = minigen.get_rng_state()
    assert state == (14, 0)
    first = draw().tolist()
    moved = minigen.get_rng_state()
    assert moved != state
    assert draw().tolist() != first
    minigen.set_rng_state(state)
    assert draw().tolist() == first
    assert minigen.get_rng_state() == moved
    own = Generator(14)
    assert draw(generator=own).tolist() == first and minigen.get_rng_state() == moved  # the default one stood still


def test_any_number_of_threads_draws_the_same():
    before, found = minigen.get_num_threads(), []
    try:
        for threads in (1, 3):
            minigen.set_num_threads(threads)
            minigen.manual_seed(15)
            found.append([draw().array.tobytes() for draw in DRAWS.values()])
    finally:
        minigen.set_num_threads(before)
    assert found[0] == found[1]


def test_a_drawn_seed_can_be_used_again():
    a = minigen.seed()
    assert minigen.initial_seed() == a and minigen.get_rng_state() == (a, 0)
    first = minigen.rand(3).tolist()
    assert minigen.seed() != a
    minigen.manual_seed(a)
    assert minigen.rand(3).tolist() == first
    g = Generator()
    assert g.seed() == g.initial_seed() != Generator().seed()


# errors ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: minigen.bernoulli([0.5]), TypeError, "bernoulli: input must be a Tensor, got list"),
        (lambda: minigen.bernoulli(T([1])), TypeError, r"bernoulli: probabilities must be floating, got int64"),
        (lambda: minigen.bernoulli(T([0.5, 1.5])), ValueError, r"probabilities must lie in \[0, 1\], got 0.5 to 1.5"),
        (lambda: minigen.bernoulli(T([math.nan])), ValueError, r"probabilities must lie in \[0, 1\], got nan"),
        (lambda: minigen.zeros(2).bernoulli_(-0.1), ValueError, r"bernoulli_: probabilities must lie in \[0, 1\]"),
        (lambda: minigen.zeros(2).bernoulli_(minigen.zeros(3)), ValueError, r"bernoulli_: p of shape \(3,\).*\(2,\)"),
        (lambda: minigen.multinomial(T([1, 2]), 1), TypeError, "multinomial: input must be floating, got int64"),
        (lambda: minigen.multinomial(T(1.0), 1), ValueError, r"input must be \(K\) or \(N, K\) with K > 0, got.*\(\)"),
        (lambda: minigen.multinomial(minigen.ones(2, 0), 1), ValueError, r"K > 0, got shape \(2, 0\)"),
        (lambda: minigen.multinomial(minigen.ones(2), 0), ValueError, "num_samples must be an integer of at least 1"),
        (lambda: minigen.multinomial(minigen.ones(2), 1.5), ValueError, "num_samples must be an integer.*got 1.5"),
        (lambda: minigen.multinomial(T([1.0, -1.0]), 1), ValueError, "must be finite and at least 0; use softmax"),
        (lambda: minigen.multinomial(T([math.inf, 1.0]), 1), ValueError, "must be finite and at least 0"),
        (lambda: minigen.multinomial(minigen.zeros(3), 1, True), ValueError, "0 positive weights, too few for 1"),
        (lambda: minigen.multinomial(T([1.0, 0.0]), 2), ValueError, "1 positive weights.*2 samples without"),
        (lambda: minigen.normal(0.0, 1.0), TypeError, "normal: mean and std are two numbers; give a size"),
        (lambda: minigen.normal(T([0.0]), 1.0, (2,)), TypeError, "normal: size is for two numbers"),
        (lambda: minigen.normal(T([0]), 1.0), TypeError, "normal: mean must be floating, got int64"),
        (lambda: minigen.normal([0.0], 1.0), TypeError, r"normal: mean must be a Tensor or a number, got \[0.0\]"),
        (lambda: minigen.normal(0.0, T([1.0, -2.0])), ValueError, "normal: std must be at least 0, got -2.0"),
        (lambda: minigen.normal(0.0, -1, (2,)), ValueError, "normal: std must be at least 0, got -1"),
        (lambda: minigen.normal(minigen.zeros(2), minigen.ones(3)), ValueError, r"mean \(2,\) and std \(3,\) do not"),
        (lambda: minigen.normal(0, 1, (-2,)), ValueError, "normal: sizes must be integers of at least 0"),
        (lambda: minigen.normal(0, 1, (2,), dtype=minigen.int64), TypeError, "normal: dtype must be floating"),
        (lambda: minigen.zeros(2, dtype=minigen.int64).exponential_(), TypeError, r"exponential_: the tensor must be"),
        (lambda: minigen.zeros(2).exponential_(0), ValueError, "exponential_: lambd must be above 0, got 0"),
        (lambda: minigen.zeros(2).random_(0.5), TypeError, "random_: the bounds must be integers, got 0 and 0.5"),
        (lambda: minigen.zeros(2).random_(5, 5), ValueError, "random_: the lower bound 5 must be below the upper 5"),
        (lambda: minigen.zeros(2, dtype=minigen.uint8).random_(257), ValueError, "upper 257, within uint8's 0 to 255"),
        (lambda: minigen.zeros(2).random_(2**24 + 2), ValueError, "within float32's -16777216 to 16777216"),
        (lambda: minigen.set_rng_state(3), TypeError, r"set_state: state must be \(seed, offset\)"),
    ],
)  # fmt: skip
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
