"""Do all sides compute the same? First gradients and the losses of a few steps are compared around every timing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .side import Side

STEPS = 3
LOSS_TOLERANCE = 5e-3  # relative; Adam begins with lr times the gradient's sign: a rounding error near 0 counts in full


class Disagreement(Exception):
    """Two sides do not compute the same: their times mean nothing."""


def trial(side: Side) -> tuple[list[np.ndarray], list[float]]:
    """What is compared. Leaves the side as new."""
    side.dropout(False)
    with side.context():
        found = side.gradients(), side.losses(STEPS)
    side.dropout(True)
    side.reset()
    return found


def agree(sides: list[Side], reference: Side) -> dict[str, Any]:
    """The largest difference of each side from ``reference``; Disagreement where it exceeds its tolerance or is NaN."""
    expected = trial(reference)
    # the gradient's is of |g - g'| / |g'| over all parameters that a phase updates
    tolerance = {"gradient": reference.workload.gradient_tolerance, "loss": LOSS_TOLERANCE}
    found: dict[str, Any] = {"reference": reference.name, "steps": STEPS, "tolerance": tolerance, "largest": {}}
    for side in sides:
        if side is reference:
            continue
        got = trial(side)
        largest = {
            "gradient": largest_of(distance(a, b) for a, b in zip(got[0], expected[0], strict=True)),
            "loss": largest_of(abs(a - b) / max(abs(b), 1e-6) for a, b in zip(got[1], expected[1], strict=True)),
        }
        for what, value in largest.items():
            if not value <= tolerance[what]:
                raise Disagreement(
                    f"{reference.workload.name}: {what} of {side.name} differs from {reference.name} by {value:.1e}, "
                    f"relative, more than {tolerance[what]:.0e} allows (losses {got[1]}, expected {expected[1]})"
                )
        found["largest"][side.name] = largest
    return found


def largest_of(values: Any) -> float:
    """The maximum; NaN if one of them is NaN."""
    found = list(values)
    return math.nan if any(math.isnan(v) for v in found) else float(max(found))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a.astype(np.float64) - b) / np.linalg.norm(b.astype(np.float64)))
