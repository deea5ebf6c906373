"""What both rungs write: y = e^(x - top) / sum, or for the logarithm x - top - log(sum); see ``softmax.cuh``."""

import math

from ..shim import device


@device
def softmax_of(x, top, total, logarithm):
    if logarithm:
        return x - top - math.log(total)
    return math.exp(x - top) / total
