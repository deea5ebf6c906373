"""The mean and the deviation of a block's numbers, without losing digits where the mean is large; see ``norm.cuh``."""

import math

from .shim import device, float32


@device
def statistics(sum_d, sum_d2, n, eps):
    """(low, rstd) from the distances d to the mean's rounded value, its ``high``: low is what the rounding has lost."""
    low = sum_d / float32(n)
    var = max(sum_d2 / float32(n) - low * low, float32(0))
    return low, float32(1) / math.sqrt(var + eps)
