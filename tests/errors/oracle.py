"""What the fuzzed calls should give, in NumPy and from PyTorch's rules; ``Refuse`` where a call should be refused."""

import math

import numpy as np

FLOAT = np.dtype(np.float32)


class Refuse(Exception):
    """The call is wrong."""


def need(condition) -> None:
    if not condition:
        raise Refuse


def is_float(x) -> bool:
    return x.dtype.kind == "f"


def category(x) -> int:
    return "bif".index(x.dtype.kind)


def common(*arrays) -> np.dtype:
    """The highest category decides; among its members those with dimensions come before those without."""
    top = max(map(category, arrays))
    members = [a for a in arrays if category(a) == top]
    return np.result_type(*{a.dtype for a in ([a for a in members if a.ndim] or members)})


def broadcast(*arrays) -> tuple:
    try:
        return np.broadcast_shapes(*[a.shape for a in arrays])
    except ValueError:
        raise Refuse from None


def axis(dim, ndim) -> int:
    need(isinstance(dim, int) and -max(ndim, 1) <= dim < max(ndim, 1))
    return dim % max(ndim, 1)


def axes(dim, ndim) -> tuple:
    if dim is None or dim == ():
        return tuple(range(ndim))
    found = [axis(d, ndim) for d in (dim if isinstance(dim, tuple) else (dim,))]
    need(len(set(found)) == len(found))
    return tuple(found) if ndim else ()


# elementwise ----------------------------------------------------------------------------------------
def unary(function, floats=False, bools=True):
    def compute(x):
        need(bools or x.dtype != bool)
        x = x.astype(FLOAT) if floats and not is_float(x) else x
        return function(x).astype(x.dtype)

    return compute


def binary(function, floats=False, bools=True, result=None):
    def compute(x, y):
        kind = common(x, y)
        need(bools or kind.kind != "b")
        broadcast(x, y)
        kind = FLOAT if floats and kind.kind != "f" else kind
        return np.asarray(function(x.astype(kind), y.astype(kind)), result or kind)

    return compute


def power(x, y):
    kind = common(x, y)
    need(kind.kind == "f" or (kind.kind != "b" and (y >= 0).all()))
    broadcast(x, y)
    return np.asarray(np.power(x.astype(kind), y.astype(kind)), kind)


def where(c, pair):
    x, y = pair
    need(c.dtype == bool)
    broadcast(c, x, y)
    return np.where(c, x.astype(common(x, y)), y.astype(common(x, y)))


# reductions -----------------------------------------------------------------------------------------
def total(x, dim, keepdim):
    return np.sum(x, axis=axes(dim, x.ndim), keepdims=keepdim, dtype=x.dtype if is_float(x) else np.int64)


def mean(x, dim, keepdim):
    need(is_float(x))
    along = axes(dim, x.ndim)
    count = np.float64(math.prod(x.shape[a] for a in along))
    return np.asarray(np.sum(x, axis=along, keepdims=keepdim) / count, x.dtype)


def var(x, dim, keepdim):
    need(is_float(x))
    along = axes(dim, x.ndim)
    left = np.float64(max(math.prod(x.shape[a] for a in along) - 1, 0))
    return np.asarray(np.sum((x - mean(x, dim, True)) ** 2, axis=along, keepdims=keepdim) / left, x.dtype)


def extreme(function):
    def compute(x, dim, keepdim):
        along = axes(dim, x.ndim)
        need(x.size or all(x.shape[a] for a in along))
        return function(x, axis=along, keepdims=keepdim)

    return compute


def position(function):
    def compute(x, dim, keepdim):
        if dim is None or x.ndim == 0:
            need(x.size and (dim is None or axis(dim, 0) == 0))
            return np.asarray(function(x, keepdims=keepdim))
        along = axis(dim, x.ndim)
        need(x.shape[along])
        return function(x, axis=along, keepdims=keepdim)

    return compute


# shapes and positions -------------------------------------------------------------------------------
def reshape(x, shape):
    need(all(n >= -1 for n in shape) and shape.count(-1) <= 1)
    known = math.prod(n for n in shape if n != -1)
    need((known and x.size % known == 0) if -1 in shape else known == x.size)
    return x.reshape(shape)


def permute(x, dims):
    need(sorted(axis(d, x.ndim) for d in dims) == list(range(x.ndim)))
    return x.transpose(dims)


def transpose(x, a, b):
    a, b = axis(a, x.ndim), axis(b, x.ndim)
    return np.swapaxes(x, a, b) if x.ndim else x


def flatten(x, start, end):
    a, b = axis(start, x.ndim), axis(end, x.ndim)
    need(a <= b)
    return x.reshape(*x.shape[:a], math.prod(x.shape[a : b + 1]), *x.shape[b + 1 :])


def squeeze(x, dim):
    along = () if dim == () else axes(dim, x.ndim)
    return x.reshape([n for i, n in enumerate(x.shape) if i not in along or n != 1])


def expand(x, shape):
    new = len(shape) - x.ndim
    need(new >= 0 and all(n >= 0 or (n == -1 and i >= new) for i, n in enumerate(shape)))
    full = [x.shape[i - new] if n == -1 else n for i, n in enumerate(shape)]
    need(all(m in (1, n) for m, n in zip(x.shape, full[new:], strict=True)))
    return np.broadcast_to(x, full)


def cat(xs, dim):
    need(xs and xs[0].ndim)
    a = axis(dim, xs[0].ndim)
    need(len({(*x.shape[:a], *x.shape[a + 1 :], x.ndim) for x in xs}) == 1)
    kind = np.result_type(*[x.dtype for x in xs if category(x) == max(map(category, xs))])
    return np.concatenate([x.astype(kind) for x in xs], axis=a)


def stack(xs, dim):
    need(xs and len({x.shape for x in xs}) == 1)
    a = axis(dim, xs[0].ndim + 1)
    return cat([np.expand_dims(x, a) for x in xs], a)


def pad(x, widths):
    need(len(widths) % 2 == 0 and len(widths) // 2 <= x.ndim)
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + [tuple(widths[i : i + 2]) for i in range(0, len(widths), 2)][::-1]
    for a, (low, high) in enumerate(pairs):
        need(x.shape[a] + min(low, 0) + min(high, 0) >= 0)
        x = np.delete(x, [*range(-low), *range(x.shape[a] - max(-high, 0), x.shape[a])], axis=a)
    return x if not widths else np.pad(x, [(max(low, 0), max(high, 0)) for low, high in pairs])


def getitem(x, key):
    try:
        return np.asarray(x[key])
    except (IndexError, ValueError):
        raise Refuse from None


def gather(x, index, dim):
    a = axis(dim, x.ndim)
    need(index.dtype == np.int64 and index.ndim == x.ndim)
    need(all(m <= n for i, (m, n) in enumerate(zip(index.shape, x.shape, strict=True)) if i != a))
    need(not index.size or (index.min() >= 0 and index.max() < (x.shape[a] if x.ndim else 1)))
    out = np.zeros(index.shape, x.dtype)
    for at in np.ndindex(index.shape):
        out[at] = x[(*at[:a], index[at], *at[a + 1 :])] if x.ndim else x
    return out


# products and networks ------------------------------------------------------------------------------
def matmul(x, y):
    need(x.ndim and y.ndim and x.dtype == y.dtype and x.dtype != bool)
    need(x.shape[-1] == y.shape[-2 if y.ndim > 1 else 0])
    broadcast(np.empty((*x.shape[:-2], 0)[:-1]), np.empty((*y.shape[:-2], 0)[:-1]))
    return np.asarray(np.matmul(x, y))


def linear(x, w, b):
    need(is_float(x) and x.dtype == w.dtype == b.dtype and x.ndim and w.ndim == 2)
    need(x.shape[-1] == w.shape[1] and b.shape == w.shape[:1])
    return np.asarray(x @ w.T + b)


def conv2d(x, w, stride, padding, dilation, groups):
    need(is_float(x) and x.dtype == w.dtype and x.ndim == w.ndim == 4)
    need(stride >= 1 and padding >= 0 and dilation >= 1 and groups >= 1 and min(w.shape[2:]) >= 1)
    need(x.shape[1] == w.shape[1] * groups and w.shape[0] % groups == 0)
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    reach = [dilation * (k - 1) + 1 for k in w.shape[2:]]
    need(all(r <= n for r, n in zip(reach, x.shape[2:], strict=True)))
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride, ::dilation, ::dilation]
    parts = zip(np.split(windows, groups, axis=1), np.split(w, groups), strict=True)
    return np.concatenate([np.einsum("nchwpq,ocpq->nohw", a, b) for a, b in parts], axis=1)


def conv_transpose2d(x, w, stride, padding, dilation, groups):
    need(is_float(x) and x.dtype == w.dtype and x.ndim == w.ndim == 4)
    need(stride >= 1 and padding >= 0 and dilation >= 1 and groups >= 1 and min(w.shape[2:]) >= 1)
    need(x.shape[1] == w.shape[0] and w.shape[0] % groups == 0 and min(x.shape[2:]) >= 1)
    size = [(n - 1) * stride + dilation * (k - 1) + 1 for n, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    need(min(size) - 2 * padding >= 1)
    out = np.zeros((len(x), groups, w.shape[1], *size), x.dtype)
    for g, (a, b) in enumerate(zip(np.split(x, groups, axis=1), np.split(w, groups), strict=True)):
        for n, c, i, j in np.ndindex(a.shape):
            for p, q in np.ndindex(b.shape[2:]):
                out[n, g, :, i * stride + p * dilation, j * stride + q * dilation] += a[n, c, i, j] * b[c, :, p, q]
    out = out.reshape(len(x), groups * w.shape[1], *size)
    return out[:, :, padding : size[0] - padding, padding : size[1] - padding]


def batch_norm(x):
    need(is_float(x) and x.ndim >= 2 and (x.size // max(x.shape[1], 1) > 1 or not x.shape[1]))
    if not x.size:
        return x
    along = (0, *range(2, x.ndim))
    x64 = x.astype(np.float64)
    centred = x64 - x64.mean(axis=along, keepdims=True)
    return (centred / np.sqrt(np.square(centred).mean(axis=along, keepdims=True) + 1e-5)).astype(x.dtype)


def softmax(x, dim):
    need(is_float(x))
    a = axis(dim, x.ndim)
    if not x.ndim:
        return np.ones_like(x)
    e = np.exp(x - x.max(axis=a, keepdims=True, initial=-10))
    return e / e.sum(axis=a, keepdims=True)


def cross_entropy(x, labels):
    need(is_float(x) and x.ndim == 2 and x.shape[1] and labels.shape == x.shape[:1] and labels.dtype == np.int64)
    need(not labels.size or (labels.min() >= 0 and labels.max() < x.shape[1]))
    return -np.log(softmax(x, 1)[np.arange(len(x)), labels]) if x.size else np.zeros(len(x), x.dtype)


def mse(x, y):
    need(is_float(x) and x.dtype == y.dtype and x.shape == y.shape)
    return (x - y) ** 2
