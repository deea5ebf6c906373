"""Convolution and its two gradients as products of matrices that are never stored; see ``conv.cuh``.

    rows   columns                  k               a           b
    o      places of y (n, i, j)    (c, p, q)       w           x, 0 beyond its edges        FORWARD
    c      places of x (n, h, v)    (tap, o)        w           g                            INPUT
    o      (c, p, q)                (n, i, j)       g           x, 0 beyond its edges        WEIGHT

A struct with methods in C++ is here a tuple of numbers, ``Share``, and four functions that take it, ``Problem``.
"""

from typing import Any, NamedTuple

from ..shim import at, cuda, device, float32, split


class Conv(NamedTuple):
    """The sizes, in the kernels' order."""

    N: int
    C: int
    H: int
    W: int
    O: int  # noqa: E741 - the equations' name
    KH: int
    KW: int
    OH: int
    OW: int
    sh: int
    sw: int
    ph: int
    pw: int
    dh: int
    dw: int
    groups: int


class Taps(NamedTuple):
    """The elements of one class modulo the stride, along one axis, and the taps that they meet."""

    first: int
    step: int
    number: int
    origin: int
    size: int
    base: int
    back: int


class Share(NamedTuple):
    """What a block computes: k from ``begin`` to ``end`` of a product with so many rows and columns, in one group, of
    so many planes of what is gathered."""

    group: int
    planes: int
    rows: int
    columns: int
    begin: int
    end: int
    down: Taps
    across: Taps


class Problem(NamedTuple):
    """One of the three products: its share, elements of a and b, and where a result goes."""

    share: Any
    a: Any
    b: Any
    store: Any
    along_k: bool  # do neighbouring k lie side by side in b, not neighbouring columns?


@device
def forward_share(c, splits):
    none = Taps(0, 0, 0, 0, 0, 0, 0)
    planes = c.C // c.groups
    return Share(cuda.blockIdx.z, planes, c.O // c.groups, c.N * c.OH * c.OW, 0, planes * c.KH * c.KW, none, none)


@device
def forward_a(c, s, w, o, k):
    return w[at((s.group * s.rows + o) * s.end + k)]


@device
def forward_b(c, s, x, m, k):
    n, place = split(m, c.OH * c.OW)
    i, j = split(place, c.OW)
    plane, tap = split(k, c.KH * c.KW)
    p, q = split(tap, c.KW)
    h, v = i * c.sh - c.ph + p * c.dh, j * c.sw - c.pw + q * c.dw
    if h < 0 or h >= c.H or v < 0 or v >= c.W:
        return float32(0)
    return x[at(((n * c.C + s.group * s.planes + plane) * c.H + h) * c.W + v)]


@device
def forward_store(c, s, y, o, m, value):
    n, place = split(m, c.OH * c.OW)
    y[at((n * c.O + s.group * s.rows + o) * (c.OH * c.OW) + place)] = value


@device
def taps(remainder, length, kernel, stride, padding, dilation):
    origin = (remainder - padding % stride + stride) % stride
    size = (length - origin + stride - 1) // stride if length > origin else 0
    first = 0
    while first < stride and (first * dilation) % stride != remainder:
        first += 1
    step = 1
    while step * dilation % stride != 0:
        step += 1
    number = (kernel - first + step - 1) // step if first < stride and first < kernel else 0
    base = (origin + padding - first * dilation) // stride  # exact
    return Taps(first, step, number, origin, size, base, step * dilation // stride)


@device
def input_share(c, splits):
    z = cuda.blockIdx.z // c.groups
    down = taps(z // c.sw, c.H, c.KH, c.sh, c.ph, c.dh)
    across = taps(z % c.sw, c.W, c.KW, c.sw, c.pw, c.dw)
    planes, columns = c.O // c.groups, c.N * down.size * across.size
    end = down.number * across.number * planes
    return Share(cuda.blockIdx.z % c.groups, planes, c.C // c.groups, columns, 0, end, down, across)


@device
def input_a(c, s, w, channel, k):
    t, o = split(k, s.planes)
    p, q = split(t, s.across.number)
    tap = (s.down.first + p * s.down.step) * c.KW + s.across.first + q * s.across.step
    return w[at(((s.group * s.planes + o) * s.rows + channel) * (c.KH * c.KW) + tap)]


@device
def input_b(c, s, g, m, k):
    t, o = split(k, s.planes)
    p, q = split(t, s.across.number)
    n, place = split(m, s.down.size * s.across.size)
    h, v = split(place, s.across.size)
    i, j = s.down.base + h - p * s.down.back, s.across.base + v - q * s.across.back
    if i < 0 or i >= c.OH or j < 0 or j >= c.OW:
        return float32(0)
    return g[at(((n * c.O + s.group * s.planes + o) * c.OH + i) * c.OW + j)]


@device
def input_store(c, s, dx, channel, m, value):
    n, place = split(m, s.down.size * s.across.size)
    i, j = split(place, s.across.size)
    h, v = s.down.origin + i * c.sh, s.across.origin + j * c.sw
    dx[at(((n * c.C + s.group * s.rows + channel) * c.H + h) * c.W + v)] = value


@device
def weight_share(c, splits):
    none, every = Taps(0, 0, 0, 0, 0, 0, 0), c.N * c.OH * c.OW
    each = ((every + splits - 1) // splits + 3) // 4 * 4  # begins at a 4th place
    begin = min(cuda.blockIdx.z // c.groups * each, every)
    planes, end = c.C // c.groups, min(begin + each, every)
    columns = planes * c.KH * c.KW
    return Share(cuda.blockIdx.z % c.groups, planes, c.O // c.groups, columns, begin, end, none, none)


@device
def weight_a(c, s, g, o, k):
    n, place = split(k, c.OH * c.OW)
    return g[at((n * c.O + s.group * s.rows + o) * (c.OH * c.OW) + place)]


@device
def weight_b(c, s, x, m, k):
    return forward_b(c, s, x, k, m)  # rows and columns of the same patches


@device
def weight_store(c, s, parts, o, m, value):
    parts[at((cuda.blockIdx.z // c.groups * c.O + s.group * s.rows + o) * s.columns + m)] = value


FORWARD = Problem(forward_share, forward_a, forward_b, forward_store, False)
INPUT = Problem(input_share, input_a, input_b, input_store, False)
WEIGHT = Problem(weight_share, weight_a, weight_b, weight_store, True)
