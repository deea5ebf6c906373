"""Every kernel and rung in the emulator, against the specification in float64.

Outputs are filled with NaN and stand between guard bands; threads run forwards and backwards, and once under the
emulator's eyes, which see reads and writes beside an array, of what was never written, and races.
"""

import numpy as np
import pytest
from minigen.kernels.bench.kernel_cases import CASES, CONVS, exact, numbers

from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.composed import LADDERS, OURS
from minigen.backend.cuda.launch import Emulated, checked
from minigen.backend.numpy import NumpyBackend

BAND = 64  # elements before and after each array that a kernel writes


class Guarded:
    """NumPy, but for ``empty``: its arrays are full of NaN and stand between guard bands."""

    def __init__(self):
        self.whole = []

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype):
        from minigen.kernels.emulator import empty

        assert dtype == np.float32
        size = int(np.prod(shape, dtype=np.int64))
        whole = empty(size + 2 * BAND)
        self.whole.append(whole)
        return whole[BAND : BAND + size].reshape(shape)

    def untouched(self):
        from minigen.kernels.emulator import empty

        return all((band.view(np.uint32) == empty(BAND).view(np.uint32)).all()
                   for a in self.whole for band in (a[:BAND], a[-BAND:]))  # fmt: skip


def run(op, rung, launcher, only=slice(None)):
    for case, args, deltas in list(CASES[op]())[only]:
        xp = Guarded()
        be = CudaBackend(xp, launcher, "emulator", "cpu", OURS).with_kernel(op, rung)
        got = case(be, args, deltas)
        with np.errstate(all="ignore"):
            want = case(NumpyBackend(), exact(args), exact(deltas))
        assert xp.untouched(), (op, rung, [getattr(a, "shape", a) for a in args])
        size = max([1.0] + [abs(np.asarray(w)).max(initial=0) for w in want if w is not None])
        for g, w in zip(got, want, strict=True):
            assert (g is None) == (w is None)
            if g is not None:
                assert g.shape == w.shape and g.dtype == np.float32
                rtol, atol = (4e-3, 4e-3) if rung.endswith("tf32") else (2e-5, 4e-6)
                np.testing.assert_allclose(g, w, rtol=rtol, atol=atol * size)


RUNGS = [(op, rung) for op, ladder in LADDERS.items() for rung in ladder]


@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize(("op", "rung"), RUNGS)
def test_equals_the_specification(op, rung, order):
    run(op, rung, Emulated(order=order))


@pytest.mark.parametrize(("op", "rung"), RUNGS)
def test_nothing_is_found_by_looking_at_every_access(op, rung):
    run(op, rung, Emulated(looks=True), slice(None))


@pytest.mark.parametrize(("op", "rung"), RUNGS)
def test_twice_gives_the_same_bits(op, rung):
    case, args, deltas = list(CASES[op]())[1]
    be = CudaBackend(np, Emulated(), "emulator", "cpu", OURS).with_kernel(op, rung)
    for a, b in zip(case(be, args, deltas), case(be, args, deltas), strict=True):
        assert a is b is None or np.array_equal(a, b)


@pytest.mark.parametrize("order", ["forward", "reverse"])
@pytest.mark.parametrize("case", CONVS)
def test_bias_and_slope_are_part_of_the_convolution(case, order):
    shape, (O, *size), *rest = case  # noqa: E741
    x, w, bias = numbers(*shape), numbers(O, shape[1] // rest[-1], *size, seed=1), numbers(O, seed=2)
    v = NumpyBackend().conv2d(exact(x), exact(w), *rest) + exact(bias).reshape(1, -1, 1, 1)
    be = CudaBackend(Guarded(), Emulated(looks=order == "reverse", order=order), "emulator", "cpu", OURS)
    for slope in (1.0, 0.2, 0.0):
        y = be.conv2d_bias(x, w, bias, slope, *rest)
        np.testing.assert_allclose(y, np.maximum(v, slope * v), rtol=2e-5, atol=4e-6 * abs(v).max())
    assert be.xp.untouched()
    with pytest.raises(ValueError, match="a bias for each of"):
        be.conv2d_bias(x, w, bias[:-1], 1.0, *rest)


@pytest.mark.parametrize(("op", "rung"), [r for r in RUNGS if r[0] in ("sum", "softmax", "layer_norm")])
@pytest.mark.parametrize("n", [8, 1032])
def test_rows_may_begin_anywhere(op, rung, n):
    """Views that begin between two multiples of 16 bytes, where a 16-byte load would be an error."""
    x, weight, delta = (numbers(size + 1, seed=k)[1:] for k, size in enumerate((5 * n, n, 5 * n)))
    x, delta = x.reshape(5, n), delta.reshape(5, n)
    be = CudaBackend(np, Emulated(), "emulator", "cpu", OURS).with_kernel(op, rung)
    case = {
        "sum": lambda be: [be.sum(x, (1,), False, np.dtype(np.float32))],
        "softmax": lambda be: [*be.softmax_vjp(be.softmax(x, -1)[1], [True], delta)],
        "layer_norm": lambda be: [*be.layer_norm_vjp(be.layer_norm(x, weight, weight, 1, 1e-5)[1], [True] * 3, delta)],
    }[op]
    for got, want in zip(case(be), case(NumpyBackend()), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rung", LADDERS["softmax"])
@pytest.mark.parametrize("n", [5, 8, 1028, 1031])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_nan_makes_its_row_nan_and_minus_infinity_is_a_zero(rung, n, name):
    x = numbers(6, n)
    x[0, 3], x[1, 0], x[2], x[3, 1], x[4, 2:] = np.nan, -np.inf, -np.inf, np.inf, -np.inf
    x[0, 0] = -np.inf
    be = CudaBackend(np, Emulated(), "emulator", "cpu", OURS).with_kernel("softmax", rung)
    with np.errstate(all="ignore"):
        want = getattr(NumpyBackend(), name)(x, -1)[0]
    np.testing.assert_allclose(getattr(be, name)(x, -1)[0], want, rtol=2e-5, atol=1e-6)
    assert np.isnan(want[[0, 2]]).all() and np.isfinite(want[5]).all()


@pytest.mark.parametrize("S", [96, 97])
def test_a_mean_far_from_zero_or_an_outlier_costs_no_digits(S):
    """Statistics in one pass: distances from a thread's own first number, which may be an unlucky one."""
    x = 1e4 + numbers(3, 4, S)
    unlucky = x.copy()
    unlucky[:, :, 0] = 0
    be = CudaBackend(np, Emulated(), "emulator", "cpu", OURS)
    for data, close in ((x, 2e-3), (unlucky, 1e-5)):
        for name, rest in (("batch_norm", (1e-5,)), ("group_norm", (2, 1e-5))):
            pairs = (be, data), (NumpyBackend(), exact(data))
            got, want = (getattr(backend, name)(a, None, None, *rest)[0] for backend, a in pairs)
            got, want = (v[0] if isinstance(v, tuple) else v for v in (got, want))
            np.testing.assert_allclose(got, want, rtol=close, atol=close)


@pytest.mark.parametrize("shape", [(5, 3, 7), (2, 2, 4500)])  # one that a block keeps, and one in parts
def test_a_batch_norm_whose_input_wants_no_gradient(shape):
    x, weight, delta = numbers(*shape), numbers(shape[1], seed=1), numbers(*shape, seed=2)
    got, want = (
        be.batch_norm_vjp(be.batch_norm(a, w, w, 1e-5)[1], [False, True, True], d)
        for be, a, w, d in (
            (CudaBackend(Guarded(), Emulated(), "emulator", "cpu", OURS), x, weight, delta),
            (NumpyBackend(), *exact([x, weight, delta])),
        )
    )
    assert got[0] is want[0] is None
    for g, w in zip(got[1:], want[1:], strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rung", LADDERS["conv2d"])
def test_a_layer_with_a_bias_is_one_kernel_where_there_is_one(rung):
    shape, (O, *size), *how = CONVS[0]  # noqa: E741
    x, w, b = numbers(*shape), numbers(O + 9, shape[1], *size, seed=1), numbers(O + 9, seed=2)
    be = CudaBackend(np, Emulated(), "emulator", "cpu", OURS).with_kernel("conv2d", rung)
    started, run = [], be.launcher.run
    be.launcher.run = lambda function, *rest: started.append(function.name) or run(function, *rest)
    y, saved = be.biased_conv2d(x, w, b, *how)
    assert started == ["conv2d_bias_v4_warp" if rung == "v4_warp" else f"conv2d_{rung}"]
    want, kept = NumpyBackend().biased_conv2d(*exact([x, w, b]), *how)
    delta = numbers(*y.shape, seed=3)
    got = [y, *be.biased_conv2d_vjp(saved, [True] * 3, delta)]
    want = [want, *NumpyBackend().biased_conv2d_vjp(kept, [True] * 3, exact(delta))]
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=4e-3, atol=(4e-3 if "tf32" in rung else 1e-5) * abs(w).max())


def test_every_ladder_has_cases():
    assert CASES.keys() == LADDERS.keys() == OURS.keys()


def test_the_composed_operations_serve_where_no_kernel_is_chosen():
    """What a GPU computes with until a report has verified our kernels: all cases again, without the emulator."""
    be = CudaBackend(np, None, "emulator", "cpu", {})
    for cases in CASES.values():
        for case, args, deltas in cases():
            with np.errstate(all="ignore"):
                got, want = case(be, exact(args), exact(deltas)), case(NumpyBackend(), exact(args), exact(deltas))
            for g, w in zip(got, want, strict=True):
                close = 1e-9 if w is None or w.dtype == np.float64 else 1e-5
                assert g is w is None or np.allclose(g, w, rtol=close, atol=close)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([np.zeros(3), np.zeros(3, np.float32), 1, 3], "x must be float32, got an array of float64"),
        (
            [np.zeros((3, 3), np.float32).T[:2], np.zeros(3, np.float32), 3, 2],
            "x of shape (2, 3) must lie in row-major",
        ),
        ([np.zeros(3, np.float32)], "takes 4 arguments, got 1"),
    ],
)
def test_a_wrong_launch_is_refused_by_name(args, words):
    with pytest.raises(TypeError) as error:
        checked("reduce/v1_tree", "reduce_v1_tree", args)
    assert words in str(error.value)


def test_a_kernel_that_forgets_an_output_is_noticed():
    """The harness itself: an output that nobody writes, and a write beside it, fail."""
    be = CudaBackend(Guarded(), Emulated(), "emulator", "cpu", OURS)
    be.launch = lambda *args, **options: None
    assert np.isnan(be.softmax(np.ones((2, 3), np.float32), -1)[0]).all()
    xp = Guarded()
    xp.empty(3, np.float32)
    xp.whole[0][BAND - 1] = 0
    assert not xp.untouched()
