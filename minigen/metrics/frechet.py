"""The Fréchet distance of two clouds of features, each seen as a Gaussian.

    d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^(1/2) S2 S1^(1/2))^(1/2))

It is the squared 2-Wasserstein distance of N(m1, S1) and N(m2, S2) (Dowson & Landau 1982). In the features of a
classifier it became the FID (Heusel et al. 2017). The number belongs to the features: it means nothing across networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def moments(features: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) of features (N, d), in float64, the covariance with 1 / (N - 1).

    Raises: ValueError for another shape, fewer than two rows, or what is not finite.
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"features: shape {x.shape} is not (N, d) with N >= 2: a covariance wants two rows at least")
    if not np.isfinite(x).all():
        raise ValueError("features: some are NaN or infinite; look for the pictures that they come from")
    mean = x.mean(axis=0)
    centred = x - mean
    return mean, centred.T @ centred / (len(x) - 1)


def frechet_distance(features: Any, others: Any) -> float:
    """d^2 of two sets of features (N, d) and (M, d).

    The trace of the square root is taken from eigenvalues of a symmetric matrix, in float64: no complex numbers arise,
    also where N < d makes S singular.
    Raises: as `moments`, and ValueError when the sets differ in d.
    """
    (m1, S1), (m2, S2) = moments(features), moments(others)
    if m1.shape != m2.shape:
        raise ValueError(f"features of {len(m1)} and of {len(m2)} dimensions can't be compared: use one network")
    return gaussian_distance(m1, S1, m2, S2)


def gaussian_distance(m1: np.ndarray, S1: np.ndarray, m2: np.ndarray, S2: np.ndarray) -> float:
    """d^2 of N(m1, S1) and N(m2, S2)."""
    root = square_root(S1)
    inner = np.linalg.eigvalsh(root @ S2 @ root)  # rounding may leave a zero at -1e-15
    overlap = np.sqrt(np.maximum(inner, 0)).sum()
    return max(0.0, float(((m1 - m2) ** 2).sum() + np.trace(S1) + np.trace(S2) - 2 * overlap))


def square_root(S: np.ndarray) -> np.ndarray:
    """S^(1/2) = V diag(sqrt(w)) V^T of a symmetric S = V diag(w) V^T without negative eigenvalues."""
    w, V = np.linalg.eigh(S)
    return (V * np.sqrt(np.maximum(w, 0))) @ V.T
