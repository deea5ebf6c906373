"""What every kernel of the CUDA backend is tried on: (op, a function of the backend, the arrays, the truth).

The truth is the specification in float64. Sizes: 1, primes, a block's or tile's edge and one beside it, several blocks.
"""

import numpy as np

from minigen.backend.numpy import NumpyBackend

REFERENCE = NumpyBackend()


def exact(value):
    """float32 as float64, in any nest."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype == np.float32 else value
    if isinstance(value, (list, tuple)):
        return type(value)(exact(v) for v in value)
    return value


def numbers(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def pair(name, *args, vjp=True, deltas=None):
    """Forward, and the gradients of a first output, as one list of arrays."""

    def run(be, args, deltas):
        out, saved = getattr(be, name)(*args)
        outs = list(out) if isinstance(out, tuple) else [out]
        arrays = [a for a in args if a is None or hasattr(a, "flags")]  # of the CPU or of a GPU
        mask = [a is not None and a.dtype.kind == "f" for a in arrays]
        return outs + (list(getattr(be, f"{name}_vjp")(saved, mask, deltas)) if vjp else [])

    if deltas is None:
        with np.errstate(all="ignore"):
            first = getattr(REFERENCE, name)(*args)[0]
        deltas = numbers(*(first[0] if isinstance(first, tuple) else first).shape, seed=9)
    return run, args, deltas


def plain(name, *args):
    return (lambda be, args, _: [getattr(be, name)(*args)]), args, None


def sums():
    for shape, axes in [
        ((1, 1), (1,)), ((3, 7), (1,)), ((2, 255), (1,)), ((2, 257), (1,)), ((3, 1030), (1,)), ((5, 6, 7), (2,)),
        ((5, 6, 7), (1, 2)), ((7, 1), (0,)), ((33, 31), (0,)), ((300, 33), (0,)), ((3, 5, 65), (0, 1)),
        ((2, 3, 4), (1,)), ((5, 4), (1,)), ((9, 128), (1,)), ((6, 132), (1,)), ((4, 520), (1,)), ((3, 1024), (1,)),
        ((2, 5000), (1,)), ((2, 16384), (1,)),
    ]:  # fmt: skip
        yield plain("sum", numbers(*shape), axes, False, np.dtype(np.float32))
    for shape in ((1, 1, 1, 1), (5, 3, 4, 7), (2, 33, 2, 2)):
        yield plain("channel_sums", numbers(*shape))


def rows(name):
    for n in (1, 2, 7, 31, 33, 256, 1023, 1028, 4100):
        yield pair(name, 5 * numbers(3, n), -1)
    for shape in ((5, 4), (9, 128), (6, 132), (2, 512), (1, 1024), (2, 1030)):  # team.cuh's edges
        yield pair(name, 5 * numbers(*shape), -1)


def layer_norms():
    for shape, dims in [
        ((2, 1), 1),
        ((3, 7), 1),
        ((70, 33), 1),
        ((5, 256), 1),
        ((2, 4, 64), 2),
        ((3, 1028), 1),
        ((1, 4100), 1),
        ((5, 4), 1),
        ((9, 128), 1),
        ((6, 132), 1),
        ((3, 1024), 1),
        ((2, 1030), 1),
    ]:
        weight = numbers(*shape[-dims:], seed=1)
        yield pair("layer_norm", numbers(*shape) + 3, weight, weight[::-1].copy(), dims, 1e-5)
    yield pair("layer_norm", numbers(3, 5), None, None, 1, 1e-5)


def channel_norms(name):
    for shape, groups in [
        ((3, 2, 5), 1), ((2, 4), 2), ((4, 6, 5, 5), 3), ((1, 3, 1021), 3), ((70, 2, 31), 1), ((3, 4, 2, 6), 2),
        ((2, 2, 4500), 1), ((70, 2, 128), 2), ((16, 2, 128), 2), ((1, 8, 256), 1),
        ((1, 2, 8001), 1), ((1, 2, 15000), 1),
    ]:  # fmt: skip - the last two: more than a block keeps
        weight = numbers(shape[1], seed=1)
        settings = (1e-5,) if name == "batch_norm" else (groups, 1e-5)
        yield pair(name, 2 * numbers(*shape) + 1, weight, weight[::-1].copy(), *settings)
    yield pair(name, numbers(3, 4, 5), None, None, *((1e-5,) if name == "batch_norm" else (2, 1e-5)))


def cross_entropies():
    for n, classes in [(1, 1), (5, 10), (3, 127), (2, 129), (2, 700)]:
        for reduction in ("none", "mean", "sum"):
            yield pair("cross_entropy", 5 * numbers(n, classes), np.arange(n) * 7 % classes, reduction)


def embeddings():
    for words, columns, n in [(1, 1, 1), (7, 5, 1000), (3, 257, 20), (50, 8, 255), (5, 3, 257)]:
        ids = np.random.default_rng(n).integers(0, words, n)
        yield pair("embedding", numbers(words, columns), ids, 1 if words > 2 else None)


def masks():
    for n in (1, 3, 4, 5, 1023, 1024, 1025):
        for p in (0.1, 0.5, 1.0):
            yield plain("dropout_mask", 2**63 + 5, 2**32 - 2, n, p)


def adams():
    for decoupled in (False, True):
        params, grads, m, v = (
            [numbers(*shape, seed=k) for shape in [(3, 5), (4096,), (4097,), (1,)]] for k in range(4)
        )
        settings = (1e-2, 0.9 if decoupled else 0.3, 0.999, 1e-8, 0.1, 3, decoupled)

        def run(be, lists, _, settings=settings):
            lists = [[a.copy() for a in column] for column in lists]
            be.adam(*lists, *settings)
            return lists[0] + lists[2] + lists[3]

        yield run, [params, grads, [0.1 * a for a in m], [a * a for a in v]], None


def bends():
    for n in (1, 3, 4, 1021, 1024, 1030):
        x = 3 * numbers(n)
        x[: n // 8] = [0.0, -20.0, 20.0, *[0.5] * n][: n // 8]
        for name in ("relu", "tanh", "sigmoid", "silu"):
            yield pair(name, x)
        yield pair("leaky_relu", x, 0.2)
        yield pair("gelu", x, "none")
        yield pair("gelu", x, "tanh")
        yield pair("bce_with_logits", x, abs(numbers(n, seed=1)) % 1)
    yield pair("silu", numbers(3, 4, 5).transpose(2, 0, 1))


CONVS = [  # N C H W, O KH KW, stride, padding, dilation, groups
    ((2, 3, 9, 8), (4, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 4, 11, 7), (6, 4, 4), (2, 2), (1, 1), (1, 1), 2),
    ((1, 1, 5, 5), (1, 5, 5), (1, 1), (0, 0), (1, 1), 1),
    ((3, 2, 8, 9), (5, 3, 2), (3, 2), (2, 0), (1, 2), 1),
    ((2, 6, 6, 6), (6, 1, 1), (2, 2), (0, 0), (1, 1), 3),
    ((1, 2, 10, 10), (3, 3, 3), (2, 3), (1, 2), (2, 2), 1),
    ((2, 5, 1, 30), (7, 1, 4), (1, 2), (0, 3), (1, 3), 1),
    ((2, 16, 7, 7), (66, 4, 4), (2, 2), (1, 1), (1, 1), 1),
    ((2, 8, 8, 12), (6, 3, 3), (1, 1), (1, 1), (1, 1), 2),  # rows and weights that begin at 16 bytes
    ((3, 4, 16, 16), (8, 4, 4), (2, 2), (1, 1), (1, 1), 1),
    ((1, 8, 4, 5), (3, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 36, 5, 4), (2, 2, 2), (1, 1), (0, 0), (1, 1), 1),  # few rows and a long sum
]


def convolutions(name):
    for (N, C, H, W), (O, KH, KW), stride, padding, dilation, groups in CONVS:  # noqa: E741
        x, w = numbers(N, C, H, W), numbers(O, C // groups, KH, KW, seed=1)
        rest = (stride, padding, dilation, groups)
        g = numbers(*REFERENCE.conv2d(x, w, *rest).shape, seed=2)
        yield {
            "conv2d": plain("conv2d", x, w, *rest),
            "conv2d_input": plain("conv2d_input", g, w, (H, W), *rest),
            "conv2d_weight": plain("conv2d_weight", g, x, (KH, KW), *rest),
        }[name]
        if name == "conv2d":
            yield (lambda be, args, _: [be.biased_conv2d(*args)[0]]), (x, w, numbers(O, seed=3), *rest), None


def products():
    for m, k, n in [(1, 1, 1), (3, 5, 7), (33, 17, 31), (64, 8, 65), (127, 129, 33), (1, 70, 1)]:
        yield plain("matmul", numbers(m, k), numbers(k, n, seed=1))
    x = numbers(3, 6, 9)
    yield plain("matmul", x, numbers(3, 9, 5, seed=1))
    yield plain("matmul", x, numbers(9, 5, seed=1))
    yield plain("matmul", x.swapaxes(1, 2), numbers(2, 1, 6, 5, seed=1))
    yield plain("matmul", x[:, ::-1], numbers(9, seed=1))
    yield plain("matmul", numbers(6), x)


CASES = {
    "matmul": products,
    "conv2d": lambda: convolutions("conv2d"),
    "conv2d_input": lambda: convolutions("conv2d_input"),
    "conv2d_weight": lambda: convolutions("conv2d_weight"),
    "sum": sums,
    "softmax": lambda: (*rows("softmax"), *rows("log_softmax")),
    "layer_norm": layer_norms,
    "batch_norm": lambda: channel_norms("batch_norm"),
    "group_norm": lambda: (*channel_norms("group_norm"), *channel_norms("group_norm_silu")),
    "cross_entropy": cross_entropies,
    "embedding": embeddings,
    "dropout": masks,
    "adam": adams,
    "pointwise": bends,
}  # op -> a generator of (run(be, args, deltas), args, deltas)
