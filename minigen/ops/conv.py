"""Two-dimensional convolution, closed under differentiation.

S(x, w, g) = <g, x * w> is linear in each of its three arguments. Its partial derivatives are the convolution (for g),
its input gradient (for x) and its weight gradient (for w), so the gradient of each of the three ops is given by the
other two, to any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import op

Array = np.ndarray
Pair = tuple[int, int]


def _rest(stride: Pair, padding: Pair, dilation: Pair, groups: int) -> dict[str, Any]:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@op
def conv2d(
    be: Any, x: Array, w: Array,
    *, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """y[n,o] = sum_c w[o,c] * x[n,c]: x (N, C, H, W), w (O, C/groups, KH, KW) -> (N, O, OH, OW)."""
    return be.conv2d(x, w, stride, padding, dilation, groups)


@op
def conv2d_input(
    be: Any, g: Array, w: Array,
    *, size: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """dS/dx for x of ``size`` (H, W): what a transposed convolution computes."""
    return be.conv2d_input(g, w, size, stride, padding, dilation, groups)


@op
def conv2d_weight(
    be: Any, g: Array, x: Array,
    *, size: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1), groups: int = 1,
) -> Array:  # fmt: skip
    """dS/dw for a kernel of ``size`` (KH, KW)."""
    return be.conv2d_weight(g, x, size, stride, padding, dilation, groups)


conv2d.vjps(
    lambda g, _y, _x, w, *, stride, padding, dilation, groups: conv2d_input(
        g, w, size=_x.shape[2:], **_rest(stride, padding, dilation, groups)
    ),
    lambda g, _y, x, _w, *, stride, padding, dilation, groups: conv2d_weight(
        g, x, size=_w.shape[2:], **_rest(stride, padding, dilation, groups)
    ),
)
conv2d_input.vjps(  # the incoming gradient takes x's place
    lambda x, _z, _g, w, *, stride, padding, dilation, groups: conv2d(x, w, **_rest(stride, padding, dilation, groups)),
    lambda x, _z, g, _w, *, stride, padding, dilation, groups: conv2d_weight(
        g, x, size=_w.shape[2:], **_rest(stride, padding, dilation, groups)
    ),
)
conv2d_weight.vjps(  # the incoming gradient takes w's place
    lambda w, _z, _g, x, *, stride, padding, dilation, groups: conv2d(x, w, **_rest(stride, padding, dilation, groups)),
    lambda w, _z, g, _x, *, stride, padding, dilation, groups: conv2d_input(
        g, w, size=_x.shape[2:], **_rest(stride, padding, dilation, groups)
    ),
)
