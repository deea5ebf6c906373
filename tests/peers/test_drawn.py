"""Drawn shapes, dimensions and memory layouts, with sizes 0 and 1 among them: broadcasting, reductions, products."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import minigen
import minigen.functional as F

TF = torch.nn.functional
SIZES = st.sampled_from([0, 1, 2, 3, 5])
SHAPES = st.lists(SIZES, min_size=1, max_size=4).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)
TURNED = st.booleans()


def drawn(seed, *shapes, low=-2.0, high=2.0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(low, high, s) for s in shapes]


def turned(function, turn):
    """The function on views: each argument as the transpose of a transposed copy, in another memory order."""

    def call(*xs):
        return function(*[x.T.contiguous().T if turn and x.ndim == 2 else x for x in xs])

    return call


@pytest.mark.parametrize(
    "expression", ["x + y", "x - y", "x * y", "x / (y * y + 1)", "t.maximum(x, y)", "t.where(x > y, x, y)"]
)
@settings(max_examples=25)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4), seed=SEEDS, turn=TURNED)
def test_broadcasting(agree, expression, shapes, seed, turn):
    both = (lambda x, y, t=t: eval(expression, {"t": t, "x": x, "y": y}) for t in (minigen, torch))
    agree(*(turned(f, turn) for f in both), *drawn(seed, *shapes.input_shapes))


@pytest.mark.parametrize("name", ["sum", "mean", "var", "amax", "amin"])
@settings(max_examples=30)
@given(shape=SHAPES, seed=SEEDS, keepdim=st.booleans(), data=st.data())
def test_reductions(agree, name, shape, seed, keepdim, data):
    dims = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, unique_by=lambda d: d % len(shape)))
    n = int(np.prod([shape[d] for d in dims]))
    if n < 2 and name in ("var", "amax", "amin"):  # nan with a warning; refused
        dims, shape = (0,), (3, *shape[1:])
    how = {"dim": tuple(dims), "keepdim": keepdim}
    agree(lambda x: getattr(x, name)(**how), lambda x: getattr(x, name)(**how), *drawn(seed, shape))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@settings(max_examples=30)
@given(shape=SHAPES, seed=SEEDS, data=st.data())
def test_softmax(agree, name, shape, seed, data):
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    agree(*(lambda x, f=f: getattr(f, name)(x, dim) for f in (F, TF)), *drawn(seed, shape, low=-30, high=30))


@settings(max_examples=60)
@given(st.data(), SEEDS, SIZES, SIZES, SIZES)
def test_matmul(agree, data, seed, M, K, N):
    batches = data.draw(mutually_broadcastable_shapes(num_shapes=2, max_dims=2, min_side=0, max_side=3)).input_shapes
    left, right = data.draw(st.sampled_from([((*batches[0], M, K), (*batches[1], K, N)), ((K,), (*batches[1], K, N)),
                                             ((*batches[0], M, K), (K,)), ((K,), (K,))]))  # fmt: skip
    agree(minigen.matmul, torch.matmul, *drawn(seed, left, right))


@settings(max_examples=60)
@given(st.data(), SHAPES, SEEDS)
def test_moving(agree, data, shape, seed):
    n = len(shape)
    dim = st.integers(-n, n - 1)
    a, b = sorted((data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1))))
    calls = [
        f"x.permute({data.draw(st.permutations(range(n)))})", f"x.transpose({data.draw(dim)}, {data.draw(dim)})",
        f"x.flatten({a}, {b})", f"x.unsqueeze({data.draw(st.integers(-n - 1, n))})", f"x.squeeze({data.draw(dim)})",
        "x.reshape(-1)", f"t.cat([x, x, x], dim={data.draw(dim)})", f"t.stack([x, x], dim={data.draw(dim)})",
        f"x.expand(2, *{tuple(-1 for _ in shape)})",
    ]  # fmt: skip
    for call in calls:
        agree(*(lambda x, t=t, call=call: eval(call, {"x": x, "t": t}) for t in (minigen, torch)), *drawn(seed, shape))


@settings(max_examples=40)
@given(st.data(), SEEDS)
def test_gather(agree, data, seed):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    sizes = tuple(data.draw(st.integers(0, 5 if i == dim % len(shape) else n)) for i, n in enumerate(shape))
    index = np.random.default_rng(seed).integers(0, shape[dim], sizes)
    agree(*(lambda x, i, t=t: t.gather(x, dim, i) for t in (minigen, torch)), *drawn(seed, shape), index)


@settings(max_examples=40)
@given(st.data(), SEEDS)
def test_pad(agree, data, seed):
    shape = data.draw(st.lists(st.integers(2, 5), min_size=1, max_size=3).map(tuple))
    widths = data.draw(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), min_size=1, max_size=len(shape)))
    flat = [w for pair in widths for w in pair]
    agree(*(lambda x, f=f: f.pad(x, flat, value=1.5) for f in (F, TF)), *drawn(seed, shape))


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 5), SEEDS, st.sampled_from(["mean", "sum", "none"]))
def test_cross_entropy(agree, N, K, seed, reduction):
    labels = np.random.default_rng(seed).integers(0, K, N)
    both = (lambda x, y, f=f: f.cross_entropy(x, y, reduction=reduction) for f in (F, TF))
    agree(*both, *drawn(seed, (N, K), low=-40, high=40), labels)
