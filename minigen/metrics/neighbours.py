"""Whether two clouds of points fill the same places, by nearest neighbours.

Around every point lies a ball that reaches to its k-th nearest neighbour in its own set. With real points x and
generated points g (a point on a ball's edge is in it):

    recall     share of the x that lie in the ball of some g          can the model draw everything there is?
    precision  share of the g that lie in the ball of some x          is what it draws real?
    density    of the g, in how many balls of x they lie, / k         the same; an outlier's large ball counts once
    coverage   share of the x whose ball has some g in it             is everything there is drawn?

Sources: precision and recall, Kynkäänniemi et al. 2019; density and coverage, Naeem et al. 2020. Distances come from
products, |a - b|^2 = |a|^2 + |b|^2 - 2 a·b, a block of rows at a time: memory stays at some 40 MB for 10,000 points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

BLOCK = 5_000_000  # distances at a time: 20 MB in float32


@dataclass(frozen=True)
class Filling:
    """Shares in [0, 1], except density, which is about 1 for a perfect model and may exceed it."""

    precision: float
    recall: float
    density: float
    coverage: float


def filling(real: Any, generated: Any, k: int = 5) -> Filling:
    """All four of real points (N, d) and generated points (M, d).

    Raises: ValueError for other shapes, for sets of k points or fewer, and for what is not finite.
    """
    x, g = points("real", real), points("generated", generated)
    if x.shape[1] != g.shape[1]:
        raise ValueError(f"real and generated points have {x.shape[1]} and {g.shape[1]} dimensions; use one network")
    reach_x, reach_g = (reach(of, k, name) for of, name in ((x, "real"), (g, "generated")))
    in_a_real_ball = np.zeros(len(g), bool)
    recalled = covered = balls = 0
    for rows, squares in blocks(x, g):
        in_x = squares <= reach_x[rows, None]
        recalled += int((squares <= reach_g).any(axis=1).sum())
        covered += int(in_x.any(axis=1).sum())
        balls += int(in_x.sum())
        in_a_real_ball |= in_x.any(axis=0)
    return Filling(precision=float(in_a_real_ball.mean()), recall=recalled / len(x),
                   density=balls / (k * len(g)), coverage=covered / len(x))  # fmt: skip


def reach(x: np.ndarray, k: int, name: str = "points") -> np.ndarray:
    """The squared distance of each point to its k-th nearest neighbour in its own set, itself left out: (N,)."""
    if not 1 <= k < len(x):
        raise ValueError(f"{name}: {len(x)} points have no {k}-th neighbours; k must lie in 1 to {len(x) - 1}")
    found = np.empty(len(x), x.dtype)
    for rows, squares in blocks(x, x):
        squares[np.arange(len(squares)), np.arange(rows.start, rows.stop)] = np.inf  # no neighbour of itself
        found[rows] = np.partition(squares, k - 1, axis=1)[:, k - 1]
    return found


def nearest(x: Any, others: Any) -> tuple[np.ndarray, np.ndarray]:
    """For each row of x the distance to the nearest of the others, float64 (N,), and which that is, int64 (N,).

    Products find it; its distance is then computed from the differences, so that a copy is at 0 exactly.
    """
    x, others = points("x", x), points("others", others)
    which, lengths = np.empty(len(x), np.int64), norms(others)
    for rows in ranges(len(x), len(others)):
        products = x[rows] @ others.T
        products *= -2
        products += lengths  # |a|^2 is missing: it changes no order
        which[rows] = products.argmin(axis=1)
    return np.sqrt(((x.astype(np.float64) - others[which]) ** 2).sum(axis=1)), which


def blocks(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared distances of some rows of x to all of y, with these rows."""
    length_x, length_y = norms(x), norms(y)
    for rows in ranges(len(x), len(y)):
        squares = x[rows] @ y.T
        squares *= -2
        squares += length_x[rows, None]
        squares += length_y
        yield rows, np.maximum(squares, 0, out=squares)


def ranges(n: int, columns: int) -> Iterator[slice]:
    """Slices of n rows that have at most BLOCK numbers each."""
    rows = max(1, BLOCK // columns)
    return (slice(i, min(i + rows, n)) for i in range(0, n, rows))


def norms(x: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", x, x)


def points(name: str, x: Any) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim != 2 or not len(x):
        raise ValueError(f"{name}: shape {x.shape} is not (N, d), N >= 1. Pictures become points by reshape(N, -1).")
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float32)
    if not np.isfinite(x).all():
        raise ValueError(f"{name}: some of the values are NaN or infinite")
    return x
