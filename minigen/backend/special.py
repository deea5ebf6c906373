"""The error function. NumPy has none.

Rational approximations for three ranges of y = |x|, with the coefficients of W. J. Cody, "Rational Chebyshev
approximations for the error function", Mathematics of Computation 23 (1969), 631-637, tables II to IV:

    erf x  = x P(x^2) / Q(x^2)                             y <= 0.46875
    erfc y = e^(-y^2) P(y) / Q(y)                          y <= 4
    erfc y = e^(-y^2) / y (1/sqrt(pi) + R(1/y^2) / y^2)    y > 4

Each is accurate to about 1e-16; so erf is 1 - erfc where erfc is small, and erfc is 1 - erf where erf is.

For float32 one polynomial does: -log(erfc y) = y q(y) is smooth, so erf y = -expm1(-y q(y)) is accurate to three units
in the last place from 0 on, without a case. q is the minimax fit of degree 8 on [0, 4], weighted by its effect on erf.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray

# the highest power first; the denominators begin with 1
_P1 = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
       3.20937758913846947e3)  # fmt: skip
_Q1 = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_P2 = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
       2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
       1.23033935479799725e3)  # fmt: skip
_Q2 = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
       3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip
_P3 = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
       1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_Q3 = (1.0, 2.56852019228982242e0, 1.87295284992346047e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
       2.33520497626869185e-3)  # fmt: skip

_Q32 = (-9.259822036256082e-06, 0.00011767433170462027, -0.0006329601164907217, 0.0016672647325322032,
        -0.0001606489095138386, -0.019152915105223656, 0.10277778655290604, 0.6366193890571594,
        1.128379225730896)  # fmt: skip

_SPLIT, _FAR, _ZERO = 0.46875, 4.0, 27.3  # beyond the last, erfc is 0 in float64
_BLOCK = 8192  # elements at a time: the dozens of passes over a block stay in the cache


def _polynomial(coefficients: tuple[float, ...], t: Array) -> Array:
    """Horner's rule in one buffer."""
    out = coefficients[0] * t
    for c in coefficients[1:-1]:
        out += c
        out *= t
    out += coefficients[-1]
    return out


def _small(x: Array) -> Array:
    """erf x for |x| <= 0.46875."""
    t = x * x
    return x * (_polynomial(_P1, t) / _polynomial(_Q1, t))


def _tail(y: Array) -> Array:
    """erfc y for y > 0.46875."""
    near = np.minimum(y, _FAR)
    out = _polynomial(_P2, near) / _polynomial(_Q2, near)
    if (far := np.flatnonzero(y > _FAR)).size:
        z = y[far]
        t = 1 / (z * z)
        out[far] = (1 / np.sqrt(np.pi) - t * (_polynomial(_P3, t) / _polynomial(_Q3, t))) / z
    coarse = np.trunc(y * 16) / 16  # y^2 rounds, and e^(-y^2) would magnify that; coarse^2 is exact
    out *= np.exp(-coarse * coarse) * np.exp((coarse - y) * (coarse + y))
    return out


def _block(x: Array, complement: bool) -> Array:
    y = np.abs(x)
    inner = y <= _SPLIT
    if inner.all():
        return 1 - _small(x) if complement else _small(x)
    tail = _tail(np.clip(y, _SPLIT, _ZERO))  # NaN passes through
    out = np.where(x < 0, 2 - tail, tail) if complement else np.copysign(1 - tail, x)
    if (few := np.flatnonzero(inner)).size:
        small = _small(x[few])
        out[few] = 1 - small if complement else small
    return out


def _single(x: Array) -> Array:
    """erf x in float32."""
    y = np.minimum(np.abs(x), np.float32(_FAR))  # erf 4 is 1 in float32
    t = _polynomial(_Q32, y)
    t *= y
    np.negative(t, out=t)
    np.expm1(t, out=t)
    return np.copysign(t, x, out=t)


def erf(x: Array, complement: bool = False) -> Array:
    """erf x = 2/sqrt(pi) int_0^x e^(-t^2) dt, or with ``complement`` erfc x = 1 - erf x, which keeps its accuracy where
    erf x is nearly 1. Half types are computed in float32, erfc always in float64; both are rounded once at the end."""
    inner = np.float64 if complement or x.dtype == np.float64 else np.float32
    flat = x.reshape(-1)
    out = np.empty_like(flat)
    block = _BLOCK if isinstance(flat, np.ndarray) else max(flat.size, 1)  # a GPU takes it whole
    for i in range(0, flat.size, block):
        part = flat[i : i + block].astype(inner, copy=False)
        out[i : i + block] = _single(part) if inner is np.float32 else _block(part, complement)
    return out.reshape(x.shape)
