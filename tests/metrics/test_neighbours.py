"""Recall, precision, density and coverage against cases by hand and against the definitions, all pairs in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.metrics import neighbours
from minigen.metrics.neighbours import filling, nearest, reach


def line(*places):
    return np.array(places, np.float32)[:, None]


def by_definition(real, generated, k):
    """The four formulas, without products or blocks."""
    apart = lambda a, b: np.linalg.norm(a[:, None].astype(np.float64) - b[None], axis=2)  # noqa: E731
    r, g = (np.sort(apart(s, s), axis=1)[:, k] for s in (real, generated))  # place 0 is the point itself
    d = apart(real, generated)
    in_real, in_generated = d <= r[:, None], d <= g[None]
    return (in_real.any(0).mean(), in_generated.any(1).mean(), in_real.sum() / (k * len(generated)),
            in_real.any(1).mean())  # fmt: skip


def test_a_line_by_hand():
    """k = 1. Balls of x: [-1, 1] around 0, [0, 2] around 1, [1, 9] around 5; those of g: [1, 1.5]... as written."""
    x = line(0, 1, 5)  # distances to the nearest other: 1, 1, 4
    g = line(1.5, 2, 20)  # 0.5, 0.5, 18
    found = filling(x, g, k=1)
    assert found.precision == pytest.approx(2 / 3)  # 1.5 and 2 lie in [0, 2]; 20 in none
    assert found.density == pytest.approx(4 / 3)  # each of the two lies in [0, 2] and in [1, 9]
    assert found.coverage == pytest.approx(2 / 3)  # [-1, 1] has no g
    assert found.recall == pytest.approx(2 / 3)  # [1, 2] of 1.5 has 1; [2, 38] of 20 has 5; nothing has 0


def test_a_collapsed_model_is_precise_and_recalls_nothing():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 3)).astype(np.float32)
    found = filling(x, np.repeat(x[:1] + np.float32(0.01), 50, 0), k=5)
    assert found.precision == 1 and found.recall == 0 and found.coverage < 0.2


def test_an_outlier_makes_recall_large_and_coverage_stays():
    """One far real point has a huge ball: precision accepts all in it, density hardly (Naeem et al., figure 1)."""
    rng = np.random.default_rng(1)
    x, far = rng.standard_normal((200, 2)).astype(np.float32), line(40, 40).T
    g = rng.uniform(10, 20, (200, 2)).astype(np.float32)
    found = filling(np.concatenate([x, far]), g, k=5)
    assert found.precision > 0.9 and found.density < 0.3 and found.coverage < 0.05


def test_two_halves_of_one_cloud():
    x = np.random.default_rng(2).standard_normal((1200, 4)).astype(np.float32)
    found = filling(x[:600], x[600:], k=5)
    assert min(found.precision, found.recall, found.coverage) > 0.9 and found.density == pytest.approx(1, abs=0.15)
    half = filling(x[:600], x[600:][x[600:, 0] > 0], k=5)  # a model without the left half
    assert half.precision > 0.9 and half.recall < 0.7 and half.coverage < 0.7


@given(n=st.integers(3, 30), m=st.integers(3, 30), d=st.integers(1, 6), k=st.integers(1, 2), seed=st.integers(0, 99))
def test_they_equal_their_definitions(n, m, d, k, seed):
    rng = np.random.default_rng(seed)
    x, g = rng.integers(-4, 5, (n, d)), rng.integers(-4, 5, (m, d))  # whole numbers: ties occur, and products are exact
    found = filling(x.astype(np.float32), g.astype(np.float32), k)
    expected = by_definition(x, g, k)
    assert (found.precision, found.recall, found.density, found.coverage) == pytest.approx(expected)


def test_neither_order_nor_blocks_matter(monkeypatch):
    rng = np.random.default_rng(3)
    x, g = (rng.integers(0, 30, (90, 5)).astype(np.float32) for _ in range(2))
    whole, near = filling(x, g), nearest(g, x)
    assert filling(rng.permutation(x), rng.permutation(g)) == whole
    for block in (1, 100, 1000):
        monkeypatch.setattr(neighbours, "BLOCK", block)
        assert filling(x, g) == whole
        assert np.array_equal(nearest(g, x)[0], near[0])


def test_reach_leaves_the_point_itself_out_and_not_its_copies():
    assert reach(line(0, 0, 3, 7), 1).tolist() == [0, 0, 9, 16]
    assert reach(line(0, 0, 3, 7), 2).tolist() == [9, 9, 9, 49]


def test_nearest_by_hand_and_copies_are_at_zero():
    distance, which = nearest(np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([[10.0, 10.0], [0.0, 0.0], [0.0, 1.0]]))
    assert distance.tolist() == [pytest.approx(np.hypot(3, 3)), 0] and which.tolist() == [2, 2]
    x = np.random.default_rng(4).random((50, 784), np.float32)
    distance, which = nearest(x[10:20], x)
    assert distance.tolist() == [0] * 10 and which.tolist() == list(range(10, 20))


@pytest.mark.parametrize(
    ("x", "g", "k", "words"),
    [
        (np.zeros((4, 2)), np.zeros((4, 3)), 1, "2 and 3 dimensions"),
        (np.zeros((4, 2)), np.zeros((5, 2)), 4, "real: 4 points have no 4-th neighbours"),
        (np.zeros((9, 2)), np.zeros((5, 2)), 5, "generated: 5 points"),
        (np.zeros((0, 2)), np.zeros((5, 2)), 1, r"real: shape \(0, 2\)"),
        (np.zeros((4, 28, 28)), np.zeros((5, 2)), 1, r"reshape\(N, -1\)"),
        (np.zeros((4, 2)), np.full((5, 2), np.inf), 1, "generated: some of the values are NaN or infinite"),
    ],
)
def test_bad_points_are_explained(x, g, k, words):
    with pytest.raises(ValueError, match=words):
        filling(x, g, k)
