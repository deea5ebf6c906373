"""The Fréchet distance against closed forms of Gaussians, and where covariances are singular."""

import numpy as np
import pytest

from minigen.metrics.frechet import frechet_distance, gaussian_distance, moments, square_root


def with_moments(mean, covariance, n=200, seed=0):
    """n points whose sample mean and covariance are these, exactly but for rounding."""
    x = np.random.default_rng(seed).standard_normal((n, len(mean)))
    m, S = moments(x)
    return (x - m) @ np.linalg.inv(np.linalg.cholesky(S)).T @ np.linalg.cholesky(covariance).T + mean


def test_one_dimension_by_hand():
    """(m1 - m2)^2 + (s1 - s2)^2."""
    (m1, S1), (m2, S2) = ([3.0], [[4.0]]), ([1.0], [[25.0]])
    assert gaussian_distance(*map(np.array, (m1, S1, m2, S2))) == pytest.approx(2**2 + (2 - 5) ** 2)
    x, y = np.array([[0.0], [2.0]]), np.array([[10.0], [16.0]])  # variances 2 and 18
    assert frechet_distance(x, y) == pytest.approx((1 - 13) ** 2 + (np.sqrt(2) - np.sqrt(18)) ** 2)


def test_commuting_covariances_compare_their_square_roots():
    """tr(S1 + S2 - 2 (S1 S2)^(1/2)) = |S1^(1/2) - S2^(1/2)|^2 where both have the same eigenvectors."""
    rng = np.random.default_rng(1)
    V, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    a, b, m = rng.uniform(0.1, 4, 5), rng.uniform(0.1, 4, 5), rng.standard_normal(5)
    x, y = with_moments(np.zeros(5), V * a @ V.T), with_moments(m, V * b @ V.T, seed=2)
    assert frechet_distance(x, y) == pytest.approx(m @ m + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=1e-9)


def test_covariances_that_do_not_commute():
    """In two dimensions tr (S1 S2)^(1/2) = (tr S1 S2 + 2 (det S1 S2)^(1/2))^(1/2)."""
    S1, S2 = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, -0.7], [-0.7, 3.0]])
    cross = np.sqrt(np.trace(S1 @ S2) + 2 * np.sqrt(np.linalg.det(S1 @ S2)))
    expected = np.trace(S1) + np.trace(S2) - 2 * cross
    assert gaussian_distance(np.zeros(2), S1, np.zeros(2), S2) == pytest.approx(expected, rel=1e-12)


def test_same_clouds_are_at_zero_and_the_order_does_not_matter():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((300, 8)), rng.standard_normal((200, 8)) * 2 + 1
    assert frechet_distance(x, x[::-1]) < 1e-10
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(rng.permutation(x), rng.permutation(y)), rel=1e-10)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-10)


def test_fewer_points_than_dimensions():
    """Singular covariances: the distance stays real and right. All of it here is the shift."""
    x = np.random.default_rng(4).standard_normal((5, 30)).astype(np.float32)
    assert frechet_distance(x, x + 2) == pytest.approx(30 * 4, rel=1e-5)
    assert frechet_distance(np.zeros((4, 3)), np.ones((4, 3))) == pytest.approx(3)


def test_moments_are_numpys():
    x = np.random.default_rng(5).standard_normal((40, 6)).astype(np.float32)
    mean, covariance = moments(x)
    assert covariance.dtype == np.float64
    np.testing.assert_allclose(mean, np.mean(x.astype(np.float64), 0), rtol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(x.astype(np.float64), rowvar=False), rtol=1e-10)
    root = square_root(covariance)
    np.testing.assert_allclose(root @ root, covariance, atol=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), r"\(1, 3\).*N >= 2"),
        (np.zeros(7), np.zeros((5, 3)), r"\(7,\)"),
        (np.full((4, 3), np.nan), np.zeros((5, 3)), "NaN"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "3 and of 4 dimensions"),
    ],
)
def test_bad_features_are_explained(x, y, words):
    with pytest.raises(ValueError, match=words):
        frechet_distance(x, y)
