"""The comparer: one function in two libraries, on the same float64 numbers."""

import numpy as np
import pytest
import torch

import minigen

torch.set_num_threads(1)
RTOL = {"value": 1e-8, "gradient": 1e-8, "second gradient": 1e-7}


def flat(found) -> list:
    """The tensors of a result: one, several, or a nest of them."""
    return [t for part in found for t in flat(part)] if isinstance(found, (tuple, list)) else [found]


def near(what: str, mine, theirs, rtol: float = 1e-8) -> None:
    """Equal shapes and types, and values up to ``rtol`` of the largest."""
    got, want = mine.detach().numpy(), theirs.detach().numpy(force=True)
    assert (got.shape, got.dtype.name) == (want.shape, want.dtype.name), what
    scale = max(1.0, float(np.abs(want[np.isfinite(want)]).max(initial=0.0))) if want.dtype.kind == "f" else 0.0
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * scale, err_msg=what)


def second(grads, points, directions, library):
    """The gradient of <g, v> for the first gradients g: d<g, v>/dx for every x, None where it does not depend on it."""
    live = [(g, v) for g, v in zip(grads, directions, strict=True) if g is not None and g.requires_grad]
    if not live:
        return [None] * len(points)
    total = sum((g * v).sum() for g, v in live)
    return (minigen if library is minigen else torch.autograd).grad(total, points, allow_unused=True)


def agree(mine, theirs, *arrays, twice: bool = True, rtol: float | None = None) -> None:
    """``mine(*arrays)`` in minigen and ``theirs`` in PyTorch have the same values, gradients and second gradients.

    Floating arrays are leaves that require gradients. The gradients are those of <output, u> with random u, the second
    ones those of <gradient, v> with random v.
    """
    rng = np.random.default_rng(7)
    my_points = [minigen.tensor(a) for a in arrays]
    their_points = [torch.from_numpy(np.array(a)) for a in arrays]
    my_leaves, their_leaves = (
        [p.requires_grad_() for p in points if p.is_floating_point()] for points in (my_points, their_points)
    )
    outs = list(zip(flat(mine(*my_points)), flat(theirs(*their_points)), strict=True))
    for a, b in outs:
        near("value", a, b, rtol or RTOL["value"])
        assert a.requires_grad == b.requires_grad, f"requires_grad: {a.requires_grad}, {b.requires_grad}"
    live = [(a, b, np.array(rng.standard_normal(a.shape), a.dtype)) for a, b in outs if b.requires_grad]
    if not live:
        return
    mine_, theirs_, seeds = zip(*live, strict=True)
    how = {"create_graph": twice, "allow_unused": True}
    my_first = minigen.grad(mine_, my_leaves, [minigen.tensor(u) for u in seeds], **how)
    their_first = torch.autograd.grad(theirs_, their_leaves, [torch.from_numpy(u) for u in seeds], **how)
    same(my_first, their_first, "gradient", rtol, arrays)
    if twice:
        directions = [rng.standard_normal(p.shape) for p in my_leaves]
        my_second = second(my_first, my_leaves, [minigen.tensor(v) for v in directions], minigen)
        their_second = second(their_first, their_leaves, [torch.from_numpy(v) for v in directions], torch)
        same(my_second, their_second, "second gradient", rtol, arrays)


def same(mine, theirs, what, rtol, arrays) -> None:
    """Gradients agree; no gradient at all and one of zeros mean the same."""
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        if a is None or b is None:
            given = a if b is None else b
            assert given is None or not bool((given != 0).sum()), f"{what} of input {i}: {a}, {b}"
        else:
            near(f"{what} of input {i}", a, b, rtol or RTOL[what])


@pytest.fixture(scope="session", name="agree")
def agree_fixture():
    return agree


@pytest.fixture(scope="session", name="near")
def near_fixture():
    return near


@pytest.fixture(params=[name for name, reason in minigen.backend.available().items() if not reason])
def backend(request):
    with minigen.use_backend(request.param):
        yield request.param


@pytest.fixture
def numbers():
    """numbers(shape, low=, high=): float64 draws, the same in every run."""
    rng = np.random.default_rng(11)
    return lambda *shape, low=-2.0, high=2.0: rng.uniform(low, high, shape)
