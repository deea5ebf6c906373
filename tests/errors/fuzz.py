"""Random calls, right and wrong, on one backend: ``python fuzz.py BACKEND EXAMPLES SCRATCH``.

Each call gives what oracle.py gives, in value, shape and type, and its gradients have their inputs' shapes; or both
refuse it, minigen with a TypeError, ValueError, IndexError or RuntimeError that names the function. The call in
progress is written to SCRATCH first, so that a crash of the process leaves its cause behind.
"""

import sys

import numpy as np
import oracle as o
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minigen
import minigen.functional as F

SIZES = st.sampled_from([0, 1, 2, 3, 5])
SHAPES = st.lists(SIZES, max_size=3).map(tuple)
TYPES = st.sampled_from([np.float32, np.float32, np.float64, np.int64, np.bool_])
DIMS = st.integers(-4, 4)
REDUCED = st.one_of(st.none(), DIMS, st.lists(st.integers(-3, 3), max_size=3).map(tuple))
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def arrays(draw, shape=SHAPES, dtype=TYPES):
    """Small numbers in one of several memory layouts."""
    shape, kind = draw(shape), np.dtype(draw(dtype))
    values = np.random.default_rng(draw(SEEDS)).uniform(-2, 2, (*shape[:-1], 2 * shape[-1]) if shape else ())
    values = np.asarray(values > 0 if kind.kind == "b" else values).astype(kind)
    if not shape:
        return values
    layout = draw(st.sampled_from(["plain", "strided", "reversed", "fortran"]))
    if layout == "strided":
        return values[..., ::2]
    x = np.ascontiguousarray(values[..., : shape[-1]])
    return np.asfortranarray(x) if layout == "fortran" else x[..., ::-1] if layout == "reversed" else x


@st.composite
def alike(draw, n=2):
    """Arrays that mostly broadcast together, of types that are mostly the same."""
    shape, kind = draw(SHAPES), draw(TYPES)
    found = []
    for _ in range(n):
        mine = draw(st.one_of(st.just(shape), st.just(shape[1:]), st.just(tuple(1 for _ in shape)), SHAPES))
        found.append(draw(arrays(st.just(mine), st.one_of(st.just(kind), TYPES))))
    return tuple(found)


@st.composite
def listed(draw):
    return draw(st.one_of(alike(1), alike(2), st.just(()))), draw(st.integers(-3, 2))


@st.composite
def keys(draw):
    """An array, and what may stand between brackets: some of it out of range, too long or of the wrong length."""
    x = draw(arrays())
    n = max([*x.shape, 1])
    bound = st.one_of(st.none(), st.integers(-n - 1, n + 1))
    item = st.one_of(
        st.integers(-n, n), st.none(), st.just(...),
        st.builds(slice, bound, bound, st.sampled_from([None, 1, 2, -1, -2])),
        st.lists(st.integers(-n, n - 1), min_size=1, max_size=3).map(np.array),
        st.lists(st.booleans(), min_size=n, max_size=n).map(np.array),
    )  # fmt: skip
    key = tuple(draw(st.lists(item, max_size=3)))
    return x, key


@st.composite
def networks(draw, transposed):
    """Images, weights and settings that mostly fit."""
    groups, C, out = (draw(st.sampled_from(sizes)) for sizes in ([1, 1, 2, 3], [1, 2, 3], [1, 2, 3]))
    kernel = draw(st.tuples(st.integers(0, 3), st.integers(1, 3)))
    first, second = (C * groups, out) if transposed else (out * groups, C)
    off = draw(st.sampled_from([0, 0, 0, 0, 1]))
    kind = st.sampled_from([np.float32, np.float32, np.float32, np.float64])
    x = draw(arrays(st.just((draw(SIZES), C * groups + off, draw(st.integers(0, 7)), draw(st.integers(1, 6)))), kind))
    w = draw(arrays(st.just((first, second, *kernel)), st.one_of(st.just(x.dtype), kind)))
    settings_ = [draw(st.sampled_from(c)) for c in ([1, 1, 2, 3, 0], [0, 0, 1, 2, -1], [1, 1, 2, 0])]
    return x, w, *settings_, draw(st.one_of(st.just(groups), st.just(groups), st.integers(0, 2)))


def one(*more):
    return st.tuples(arrays(), *more)


@st.composite
def gathered(draw):
    x = draw(arrays())
    smaller = tuple(draw(st.integers(0, n + (draw(st.integers(0, 9)) == 0))) for n in x.shape)
    low, shape = -(draw(st.integers(0, 5)) == 0), draw(st.sampled_from([smaller, smaller, ()]))
    index = np.random.default_rng(draw(SEEDS)).integers(low, max([*x.shape, 1]), shape)
    return x, index, draw(st.integers(-3, 2))


@st.composite
def classified(draw):
    x = draw(arrays(st.tuples(SIZES, SIZES), st.sampled_from([np.float32, np.float64])))
    n = draw(st.sampled_from([len(x)] * 4 + [2]))
    return x, np.random.default_rng(draw(SEEDS)).integers(0, max(x.shape[1], 1) + (draw(st.integers(0, 5)) == 0), n)


def shapes_of(low):
    return st.lists(st.sampled_from([low, -1, 0, 1, 2, 3, 5, 6]), max_size=3).map(tuple)


def unary(function, name, floats=False, bools=True):
    return getattr(F, name), one(), o.unary(function, floats, bools)


def binary(function, name, **rules):
    return getattr(minigen, name), alike(), o.binary(function, **rules)


def stable_sigmoid(x):
    return 1 / (1 + np.exp(-x))


CALLS = {
    **{k: unary(getattr(np, k), k, floats=True) for k in ("exp", "log", "log1p", "sqrt", "sin", "cos", "tanh")},
    "sigmoid": unary(stable_sigmoid, "sigmoid", floats=True),
    "abs": unary(np.abs, "abs", bools=False),
    "sign": unary(lambda x: x if x.dtype == bool else np.sign(x), "sign"),
    "neg": (minigen.neg, one(), o.unary(np.negative, bools=False)),
    "relu": unary(lambda x: np.maximum(x, 0), "relu", bools=False),
    "add": binary(np.add, "add"), "mul": binary(np.multiply, "mul"), "sub": binary(np.subtract, "sub", bools=False),
    "div": binary(np.true_divide, "div", floats=True), "maximum": binary(np.maximum, "maximum"),
    "minimum": binary(np.minimum, "minimum"), "pow": (minigen.pow, alike(), o.power),
    **{k: binary(f, k, result=bool) for k, f in (("eq", np.equal), ("lt", np.less), ("ge", np.greater_equal))},
    "where": (
        lambda c, pair: minigen.where(c, *pair),
        st.tuples(arrays(dtype=st.sampled_from([np.bool_, np.bool_, np.int64])), alike()), o.where,
    ),
    "sum": (minigen.sum, one(REDUCED, st.booleans()), o.total),
    "mean": (minigen.mean, one(REDUCED, st.booleans()), o.mean),
    "var": (lambda x, dim, keepdim: minigen.var(x, dim, keepdim=keepdim), one(REDUCED, st.booleans()), o.var),
    "amax": (minigen.amax, one(REDUCED, st.booleans()), o.extreme(np.max)),
    "amin": (minigen.amin, one(REDUCED, st.booleans()), o.extreme(np.min)),
    "argmax": (minigen.argmax, one(REDUCED, st.booleans()), o.position(np.argmax)),
    "argmin": (minigen.argmin, one(REDUCED, st.booleans()), o.position(np.argmin)),
    "reshape": (minigen.reshape, one(shapes_of(-2)), o.reshape),
    "permute": (minigen.permute, one(st.one_of(st.permutations(range(3)).map(tuple), shapes_of(-2))), o.permute),
    "transpose": (minigen.transpose, one(DIMS, DIMS), o.transpose),
    "flatten": (minigen.flatten, one(DIMS, DIMS), o.flatten),
    "unsqueeze": (minigen.unsqueeze, one(DIMS), lambda x, dim: np.expand_dims(x, o.axis(dim, x.ndim + 1))),
    "squeeze": (minigen.squeeze, one(REDUCED), o.squeeze),
    "broadcast_to": (minigen.broadcast_to, one(shapes_of(-2)), o.expand),
    "cat": (minigen.cat, listed(), o.cat),
    "stack": (minigen.stack, listed(), o.stack),
    "pad": (F.pad, one(st.lists(st.integers(-2, 2), max_size=5).map(tuple)), o.pad),
    "index": (lambda x, key: x[key], keys(), o.getitem),
    "gather": (lambda x, index, dim: minigen.gather(x, dim, index), gathered(), o.gather),
    "matmul": (minigen.matmul, alike(), o.matmul),
    "linear": (F.linear, st.one_of(alike(3), st.tuples(*[arrays(dtype=st.just(np.float32))] * 3)), o.linear),
    "conv2d": (lambda x, w, s, p, d, g: F.conv2d(x, w, None, s, p, d, g), networks(False), o.conv2d),
    "conv_transpose2d": (
        lambda x, w, s, p, d, g: F.conv_transpose2d(x, w, None, s, p, 0, g, d), networks(True), o.conv_transpose2d
    ),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True), one(), o.batch_norm),
    "softmax": (F.softmax, one(DIMS), o.softmax),
    "cross_entropy": (lambda x, y: F.cross_entropy(x, y, reduction="none"), classified(), o.cross_entropy),
    "mse_loss": (lambda x, y: F.mse_loss(x, y, reduction="none"), alike(), o.mse),
}  # fmt: skip
REFUSALS = (TypeError, ValueError, IndexError, RuntimeError)


def tensors(value, leaves):
    """The arguments as minigen takes them; floating ones ask for their gradients."""
    if isinstance(value, tuple) and value and isinstance(value[0], np.ndarray):
        return [tensors(v, leaves) for v in value]
    if not isinstance(value, np.ndarray):
        return value
    t = minigen.from_numpy(value)
    if t.is_floating_point():
        leaves.append(t.requires_grad_())
    return t


def check(name, arguments) -> bool:
    """True if the call was a good one."""
    call, _, expected = CALLS[name]
    leaves: list = []
    with np.errstate(all="ignore"):
        try:
            want = expected(*arguments)
        except o.Refuse:
            want = None
    try:
        out = call(*[tensors(a, leaves) if name != "index" or i == 0 else a for i, a in enumerate(arguments)])
    except REFUSALS as error:
        assert want is None, f"refused, but it is right: {type(error).__name__}: {error}"
        assert name in str(error), f"the message does not name {name}: {error}"
        return False
    assert want is not None, f"accepted, but it is wrong: gave {out!r}"
    assert (out.shape, out.dtype) == (want.shape, want.dtype), f"not {want.dtype} {want.shape}: gave {out!r}"
    tolerance = 1e-9 if out.dtype == np.float64 else 2e-4
    np.testing.assert_allclose(out.detach().numpy(), want, rtol=tolerance, atol=tolerance)
    if out.requires_grad:
        for x, g in zip(leaves, minigen.grad(out.sum(), leaves, allow_unused=True), strict=True):
            assert g is None or (g.shape, g.dtype) == (x.shape, x.dtype)
    return True


def search(name: str, examples: int, file, counts: dict) -> None:
    """Look for a call of ``name`` that does what it should not."""

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(CALLS[name][1])
    def run(arguments):
        file.seek(0)
        file.write(f"{name}{arguments!r}"[:2000])
        file.truncate()
        file.flush()
        counts[check(name, arguments)] += 1

    run()


def main(backend: str, examples: int, scratch: str) -> None:
    minigen.use_backend(backend)
    counts = {True: 0, False: 0}
    failed = []
    with open(scratch, "w") as file:
        for name in CALLS:
            try:
                search(name, examples, file, counts)
            except Exception as error:
                failed.append(name)
                print(f"--- {name}: {error}", *getattr(error, "__notes__", ()), sep="\n")
    print(f"{len(CALLS)} functions: {counts[True]} good calls, {counts[False]} refused, wrong: {failed}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
