"""Draws beside PyTorch's: its generator gives other numbers, so types, shapes, refusals and certain outcomes agree."""

import numpy as np
import pytest
import torch

import minigen

KINDS = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool"]


def made(lib, values, kind="float32"):
    found = getattr(lib, "bool_" if lib is minigen and kind == "bool" else kind)
    return lib.tensor(values, dtype=found)


def look(x):
    return tuple(x.shape), str(x.dtype).removeprefix("torch.")


CERTAIN = {  # chance decides nothing
    "bernoulli": lambda t: t.bernoulli(made(t, [0.0, 1.0, 1.0])),
    "bernoulli p": lambda t: t.bernoulli(made(t, [3.0, 4.0]), 1.0),
    "bernoulli_": lambda t: t.ones(2, 3).bernoulli_(made(t, [0.0, 1.0, 0.0], "float64")),
    "Tensor.bernoulli": lambda t: made(t, [[1.0, 0.0]]).bernoulli(),
    "multinomial": lambda t: t.multinomial(made(t, [[0.0, 2.0], [1.0, 0.0]]), 5, True),
    "multinomial without": lambda t: made(t, [0.0, 0.0, 7.0]).multinomial(1),
    "multinomial all": lambda t: t.sort(t.multinomial(t.ones(2, 6), 6).float())[0] if t is torch else t.from_numpy(
        np.sort(t.multinomial(t.ones(2, 6), 6).float().numpy())),
    "normal two": lambda t: t.normal(made(t, [[1.0], [2.0]]), t.zeros(3)),
    "normal mean": lambda t: t.normal(made(t, [1.0, 2.0], "float64"), 0.0),
    "normal std": lambda t: t.normal(5.0, t.zeros(2)),
    "normal numbers": lambda t: t.normal(5.0, 0.0, (2, 2)),
    "normal mixed": lambda t: t.normal(t.zeros(2), made(t, [0.0, 0.0], "float64")),
    "uniform_": lambda t: t.zeros(3).uniform_(2, 2),
    "random_": lambda t: made(t, [0, 0], "int64").random_(7, 8),
    "random_ below 1": lambda t: t.zeros(2).random_(1),
}  # fmt: skip


@pytest.mark.parametrize("name", CERTAIN)
def test_certain_outcomes(name):
    mine, theirs = CERTAIN[name](minigen), CERTAIN[name](torch)
    assert look(mine) == look(theirs)
    np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["bernoulli_", "random_", "exponential_", "normal_", "uniform_"])
def test_which_types_are_filled(method, kind):
    found = []
    for lib in (minigen, torch):
        x = made(lib, [[0, 1, 0]], kind)
        try:
            found.append(look(getattr(x, method)()))
        except (TypeError, NotImplementedError, RuntimeError):
            found.append("refused")
    assert found[0] == found[1]


REFUSED = {
    "bernoulli": [lambda t: t.bernoulli(made(t, [2.0])), lambda t: t.bernoulli(made(t, [1], "int64"))],
    "bernoulli_": [lambda t: t.zeros(2).bernoulli_(1.5), lambda t: t.zeros(2).bernoulli_(t.zeros(3))],
    "multinomial": [
        lambda t: t.multinomial(t.zeros(3), 1), lambda t: t.multinomial(made(t, [1.0, -1.0]), 1),
        lambda t: t.multinomial(t.ones(3), 0), lambda t: t.multinomial(t.ones(3), 4),
        lambda t: t.multinomial(made(t, [1, 2], "int64"), 1), lambda t: t.multinomial(t.ones(2, 2, 2), 1),
        lambda t: t.multinomial(made(t, [1.0, float("nan")]), 1),
    ],
    "normal": [
        lambda t: t.normal(0.0, 1.0), lambda t: t.normal(t.zeros(2), made(t, [1.0, -1.0])),
        lambda t: t.normal(t.zeros(2), t.ones(3)), lambda t: t.normal(made(t, [1], "int64"), 1.0),
        lambda t: t.normal(0.0, -1.0, (2,)),
    ],
    "exponential_": [lambda t: t.zeros(2).exponential_(0.0)],
    "random_": [lambda t: made(t, [0], "uint8").random_(0, 257), lambda t: t.zeros(2).random_(5, 5)],
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_both_refuse(name):
    for call in REFUSED[name]:
        with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
            call(torch)
        with pytest.raises((TypeError, ValueError), match=f"{name}: "):
            call(minigen)


def test_seeds_and_states():
    for lib in (minigen, torch):
        lib.manual_seed(4)
        state = lib.get_rng_state()
        first = lib.rand(3).tolist()
        assert lib.initial_seed() == 4
        lib.set_rng_state(state)
        assert lib.rand(3).tolist() == first
        drawn = lib.seed()
        assert drawn == lib.initial_seed() != 4
        first = lib.rand(3).tolist()
        lib.manual_seed(drawn)
        assert lib.rand(3).tolist() == first
