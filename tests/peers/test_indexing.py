"""What stands between brackets, read and written, and the gradients that flow through it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen

KEYS = [
    "0", "-1", "1:3", ":", "...", "None", "1, 2", "1, :, -1", "..., 0", "0, ..., 1", "None, 1", ":, None, ::2",
    "::2, 1:", "t.tensor([0, 2, 2])", "[0, 2]", "t.tensor([[0, 1], [3, -1]])", "t.tensor([0, 1]), t.tensor([2, 0])",
    ":, t.tensor([1, 1, 0])", "t.tensor([0, 1]), :, t.tensor([3, 1])", "..., t.tensor([0, 3])",
    "None, t.tensor([1]), 2:", "t.tensor([True, False, True, True])", "x > 0", "x[..., 0] > 0",
    ":, t.tensor([False, True, True])", "t.tensor(2)", "t.tensor([0, 1]), 1", "1, t.tensor([0, 2])",
    "t.tensor([], dtype=t.int64)", "2:2", "t.tensor([[0], [1]]), t.tensor([0, 2])", "0, 0, 0", "True",
    "t.tensor([0, 1]), None, t.tensor([1, 2])",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_reading(agree, numbers, key):
    agree(*(lambda x, t=t: eval(f"x[{key}]", {"x": x, "t": t}) for t in (minigen, torch)), numbers(4, 3, 5))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ["7.5", "x.reshape(-1)[0] * 2", "x[KEY] * 2"])
def test_writing(near, numbers, key, value):
    found = []
    for t in (minigen, torch):
        x = t.tensor(numbers(4, 3, 5)) if not found else t.tensor(found[0][1])
        before = x.numpy().copy()
        exec(f"x[{key}] = {value.replace('KEY', key)}", {"x": x, "t": t})
        found.append((x, before))
    near(key, found[0][0], found[1][0], 0)


def items(n):
    """One place of a key, for a dimension of size n."""
    bound = st.one_of(st.none(), st.integers(-n - 2, n + 2))
    return st.one_of(
        st.integers(-n, n - 1), st.none(), st.builds(slice, bound, bound, st.sampled_from([None, 1, 2, 3])),
        st.lists(st.integers(-n, n - 1), min_size=2, max_size=2).map(np.array),
    )  # fmt: skip


def plain(key) -> bool:
    """No integer beside an array: where the array's dimension then goes, NumPy and PyTorch answer differently."""
    return not (any(isinstance(k, int) for k in key) and any(isinstance(k, np.ndarray) for k in key))


@settings(max_examples=200)
@given(st.lists(items(3), max_size=3).filter(plain), st.booleans())
def test_any_key(agree, key, dots):
    key = [*key, ...] if dots else key

    def reader(t):
        return lambda x: x[tuple(t.tensor(k) if isinstance(k, np.ndarray) else k for k in key)]

    agree(reader(minigen), reader(torch), np.random.default_rng(0).standard_normal((3, 3, 3)))


def test_a_view_is_written_through_in_both(near, numbers):
    found = []
    for t in (minigen, torch):
        x = t.tensor(np.arange(12.0).reshape(3, 4))
        x[1][2:] = -1.0
        x[:, 0].mul_(10)
        x.t()[3].zero_()
        x[t.tensor([0])][0, 1] = 99.0  # a copy: x stays
        found.append(x)
    near("x", *found, 0)
