"""WaveNet's unit on every instruction set: the equations in float64, guards, missing parts, refusals, any threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import _cpu
from minigen.backend.numpy import NumpyBackend

variants = pytest.mark.parametrize("variant", _cpu.variants())
NUMPY = NumpyBackend()


def numbers(rng, *shape):
    return rng.uniform(-1, 1, shape).astype(np.float32)


def problem(rng, N, T, C, G, S, K):
    """x, skip, w, b, w_out, b_out, w_skip, b_skip, the sums of moderate size."""
    shapes = [(N, T, C), (N, T, S), (2 * G, C, K), (2 * G,), (C, G), (C,), (S, G), (S,)]
    scale = {2: C * K, 4: G, 6: G}
    return [numbers(rng, *shape) / np.float32(scale.get(i, 1) ** 0.5) for i, shape in enumerate(shapes)]


def specification(arrays, dilation, dout, dtotal):
    """What NumPy's backend, whose gradients are checked against the textbook's, makes of it in float64."""
    wide = [None if a is None else a.astype(np.float64) for a in arrays]
    for i in (4, 6):
        wide[i] = None if wide[i] is None else wide[i][:, :, None]
    results, saved = NUMPY.gated_residual(*wide, dilation)
    deltas = [None if d is None else d.astype(np.float64) for d in (dout, dtotal)]
    out, total = results if wide[4] is not None else (None, results)
    deltas = deltas if wide[4] is not None else deltas[1:]
    dx, _, dw, db, dw_out, db_out, dw_skip, db_skip = NUMPY.gated_residual_vjp(saved, (True,) * 8, *deltas)
    ends = [None if d is None else d[:, :, 0] for d in (dw_out, dw_skip)]
    gates = np.concatenate(saved[1:3], axis=2)
    return (out, total, gates), (dx, dw, db, ends[0], db_out, ends[1], db_skip)


def run(empty, arrays, dilation, dout, dtotal, computed=(True,) * 7):
    x, _, w, _, w_out, _, w_skip, _ = arrays
    (N, T, C), (S, G) = x.shape, w_skip.shape
    out, total, gates = None if w_out is None else empty(N, T, C), empty(N, T, S), empty(N, T, 2 * G)
    _cpu.gated_residual(*arrays, dilation, out, total, gates)
    shapes = (x.shape, w.shape, (2 * G,), (C, G), (C,), (S, G), (S,))
    grads = [empty(*shape) if needed else None for shape, needed in zip(shapes, computed, strict=True)]
    _cpu.gated_residual_vjp(x, gates, w, w_out, w_skip, dout, dtotal, dilation, *grads)
    return (out, total, gates), grads


@variants
@settings(max_examples=40)
@given(
    N=st.sampled_from([0, 1, 3]), T=st.sampled_from([1, 2, 7, 95, 96, 97, 200]),
    C=st.sampled_from([1, 5, 16, 32, 33, 70]), G=st.sampled_from([1, 7, 16, 32, 37]),
    S=st.sampled_from([1, 8, 33, 64]), K=st.sampled_from([1, 2, 3]), dilation=st.sampled_from([1, 2, 64, 150]),
    absent=st.sets(st.sampled_from(["skip", "b", "w_out", "b_out", "b_skip", "dout", "dtotal"])),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_values_and_gradients(guarded, close, variant, N, T, C, G, S, K, dilation, absent, seed):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(seed)
    arrays = problem(rng, N, T, C, G, S, K)
    for i, name in ((1, "skip"), (3, "b"), (4, "w_out"), (5, "b_out"), (7, "b_skip")):
        arrays[i] = None if name in absent else arrays[i]
    dout = None if absent & {"dout", "w_out"} else numbers(rng, N, T, C)
    dtotal = None if "dtotal" in absent and dout is not None else numbers(rng, N, T, S)
    wanted = specification(arrays, dilation, dout, dtotal)
    with guarded() as empty:
        found = run(empty, arrays, dilation, dout, dtotal)
        for got, want in zip(found[0], wanted[0], strict=True):
            assert (got is None) == (want is None)
            if got is not None:
                close(got, want, 3.0)
        for got, want in zip(found[1], wanted[1], strict=True):
            want = np.zeros(got.shape) if want is None else want  # of an unused output
            close(got, want, np.float64(3 + (N * T) ** 0.5))


@variants
def test_what_is_not_wanted_is_left_alone(guarded, variant):
    _cpu.set_variant(variant)
    rng = np.random.default_rng(0)
    arrays, dout, dtotal = problem(rng, 2, 130, 5, 7, 3, 2), numbers(rng, 2, 130, 5), numbers(rng, 2, 130, 3)
    with guarded() as empty:
        _, every = run(empty, arrays, 3, dout, dtotal)
        for only in range(7):
            _, some = run(empty, arrays, 3, dout, dtotal, tuple(i == only for i in range(7)))
            np.testing.assert_array_equal(some[only], every[only])


def test_the_past_alone_is_seen():
    """A later x changes no earlier result, and an earlier one changes what lies a kernel's reach ahead."""
    rng = np.random.default_rng(1)
    arrays = problem(rng, 1, 300, 4, 3, 2, 3)
    before = run(lambda *shape: np.empty(shape, np.float32), arrays, 50, None, numbers(rng, 1, 300, 2))[0]
    arrays[0][0, 150] += 1
    after = run(lambda *shape: np.empty(shape, np.float32), arrays, 50, None, numbers(rng, 1, 300, 2))[0]
    for old, new in zip(before, after, strict=True):
        changed = np.flatnonzero((old != new).any(axis=2))
        assert changed.tolist() == [150, 200, 250]


def test_any_number_of_threads_gives_the_same_bits():
    rng, seen = np.random.default_rng(0), set()
    arrays, dout, dtotal = problem(rng, 3, 1000, 32, 32, 64, 2), numbers(rng, 3, 1000, 32), numbers(rng, 3, 1000, 64)
    for threads in (1, 2, 8):
        _cpu.set_num_threads(threads)
        found = run(lambda *shape: np.empty(shape, np.float32), arrays, 16, dout, dtotal)
        seen.add(b"".join(a.tobytes() for group in found for a in group))
    assert len(seen) == 1


def test_shapes_that_do_not_fit_are_refused():
    def call(**changed):
        f = {
            "x": (2, 9, 3), "skip": (2, 9, 4), "w": (10, 3, 2), "b": (10,), "w_out": (3, 5), "b_out": (3,),
            "w_skip": (4, 5), "b_skip": (4,), "dilation": 1, "out": (2, 9, 3), "total": (2, 9, 4), "gates": (2, 9, 10),
        }  # fmt: skip
        f |= changed
        _cpu.gated_residual(*[v if isinstance(v, int) else np.ones(v, np.float32) for v in f.values()])

    call()
    for name, shape, message in (
        ("w", (9, 3, 2), "w must have an even number of filters"), ("w", (10, 3, 0), "kernel of at least 1"),
        ("w", (10, 4, 2), r"w must have the shape \(10, 3, 2\)"),
        ("w_out", (3, 6), r"w_out must have the shape \(3, 5\)"),
        ("skip", (2, 8, 4), r"skip must have the shape \(2, 9, 4\)"), ("gates", (2, 9, 5), "gates must have"),
        ("b", (5,), "b must have"), ("dilation", 0, "dilation must lie in"), ("x", (9, 3), "x must have 3 axes"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            call(**{name: shape})
