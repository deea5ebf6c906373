"""Batches, their order, and the position that makes a stopped run go on as if it never had."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigen
from minigen.data import MNIST, DataLoader, TensorDataset, default_collate, transforms


def numbers(n):
    return TensorDataset(minigen.from_numpy(np.arange(n)), minigen.from_numpy(np.arange(2.0 * n).reshape(n, 2)))


def epoch(loader):
    return [batch[0].tolist() for batch in loader]


def flat(batches):
    return [item for batch in batches for item in batch]


SIZES = st.integers(1, 17), st.integers(1, 6), st.booleans(), st.integers(0, 3)


@given(*SIZES)
def test_each_item_once_in_a_seeded_order(n, batch_size, shuffle, prefetch):
    def make(ahead):
        return DataLoader(numbers(n), batch_size, shuffle, generator=minigen.Generator(5), prefetch=ahead)

    loader, other = make(prefetch), make(0)
    first, second = epoch(loader), epoch(loader)
    assert len(first) == len(loader) == -(-n // batch_size)
    assert [len(batch) for batch in first[:-1]] == [batch_size] * (len(first) - 1)
    for order in (first, second):
        assert sorted(flat(order)) == list(range(n))
        assert order == epoch(other)
    if not shuffle:
        assert flat(first) == list(range(n))
    elif n > 10:
        assert first != second


def test_shuffling_is_randperm():
    order = minigen.randperm(10, generator=minigen.Generator(3)).tolist()
    assert flat(epoch(DataLoader(numbers(10), 4, True, generator=minigen.Generator(3)))) == order


def test_manual_seed_decides_without_a_generator():
    def order(seed):
        minigen.manual_seed(seed)
        return epoch(DataLoader(numbers(50), 7, shuffle=True))

    assert order(1) == order(1) != order(2)


def test_batches_are_tensors_of_their_own():
    dataset = MNIST("embedded", transform=transforms.Compose([transforms.Pad(2), transforms.Normalize(0.5, 0.5)]))
    images, labels = next(iter(DataLoader(dataset, batch_size=64, shuffle=True)))
    assert isinstance(images, minigen.Tensor) and images.shape == (64, 1, 32, 32) and images.dtype == minigen.float32
    assert labels.shape == (64,) and labels.dtype == minigen.int64 and not images.requires_grad
    assert images.array.min() == -1 and images.array.max() == 1
    plain = numbers(4)
    for batch in DataLoader(plain, 4):
        batch[1].array[:] = -1
    assert plain.arrays[1].tolist() == np.arange(8.0).reshape(4, 2).tolist()


def test_drop_last():
    loader = DataLoader(numbers(10), 4, drop_last=True)
    assert len(loader) == 2 and epoch(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_sampler():
    assert epoch(DataLoader(numbers(10), 2, sampler=[9, 9, 0])) == [[9, 9], [0]]


# ---- position


@given(*SIZES, st.data())
def test_any_position_continues_bitwise(n, batch_size, shuffle, prefetch, data):
    def make(seed):
        return DataLoader(numbers(n), batch_size, shuffle, generator=minigen.Generator(seed), prefetch=prefetch)

    whole = make(7)
    want = [epoch(whole) for _ in range(4)]
    running, got = make(7), []
    done, stop = data.draw(st.integers(0, 2)), data.draw(st.integers(0, len(whole)))
    for _ in range(done):
        got.append(epoch(running))
    iterator = iter(running)
    part = [next(iterator)[0].tolist() for _ in range(stop)]
    state = json.loads(json.dumps(running.state_dict()))
    assert (state["epoch"], state["batch"]) == (done, stop)

    resumed = make(data.draw(st.integers(0, 99)))
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    got.append(part + epoch(resumed))
    while len(got) < 4:
        got.append(epoch(resumed))
    assert got == want


def test_between_epochs():
    loader = DataLoader(numbers(10), 3, True, generator=minigen.Generator(1))
    epoch(loader)
    state = loader.state_dict()
    assert (state["epoch"], state["batch"], state["start"]) == (1, 0, None)
    want = epoch(loader)
    other = DataLoader(numbers(10), 3, True)
    other.load_state_dict(state)
    assert epoch(other) == want


def test_restoring_draws_nothing_from_a_shared_generator():
    """A trainer may draw its noise from the generator that shuffles: after resuming, its numbers continue, too."""
    shared = minigen.Generator(4)
    running = iter(loader := DataLoader(numbers(10), 2, True, generator=shared))
    next(running)
    minigen.rand(5, generator=shared)
    state, want = loader.state_dict(), minigen.rand(5, generator=shared).tolist()

    again = minigen.Generator(0)
    resumed = DataLoader(numbers(10), 2, True, generator=again)
    resumed.load_state_dict(state)
    rest = iter(resumed)
    assert [b[0].tolist() for b in rest] == [b[0].tolist() for b in running]
    assert minigen.rand(5, generator=again).tolist() == want


def test_several_iterations_do_not_disturb_each_other():
    loader = DataLoader(numbers(6), 2, True, generator=minigen.Generator(2))
    want = [epoch(loader), epoch(loader)]
    loader = DataLoader(numbers(6), 2, True, generator=minigen.Generator(2))
    pairs = list(zip(loader, loader, strict=True))
    assert [[pair[i][0].tolist() for pair in pairs] for i in (0, 1)] == want


def test_leaving_an_epoch_begins_the_next():
    loader = DataLoader(numbers(6), 2)
    for _ in loader:
        break
    assert loader.state_dict()["epoch"] == 0
    iter(loader)
    assert loader.state_dict()["epoch"] == 1


def test_a_position_of_another_loader():
    state = DataLoader(numbers(10), 2).state_dict()
    with pytest.raises(ValueError, match=r"batch_size 2, not 3"):
        DataLoader(numbers(10), 3).load_state_dict(state)
    with pytest.raises(ValueError, match=r"items 10, not 11.*shuffle False, not True"):
        DataLoader(numbers(11), 2, True).load_state_dict(state)
    with pytest.raises(ValueError, match="no batch 6 of epoch 0"):
        DataLoader(numbers(10), 2).load_state_dict({**state, "batch": 6})
    with pytest.raises(ValueError, match=r"no batch, .*another object's"):
        DataLoader(numbers(10), 2).load_state_dict({"weight": 1})


# ---- any data set


class Squares:
    def __len__(self):
        return 5

    def __getitem__(self, i):
        if not 0 <= i < 5:
            raise IndexError(i)
        return {"x": np.float32([i, i * i]), "name": f"item {i}", "pair": (i, i / 2)}


def test_items_are_collated():
    batch = list(DataLoader(Squares(), 3))[1]
    assert batch["name"] == ["item 3", "item 4"]
    assert batch["x"].dtype == minigen.float32 and batch["x"].tolist() == [[3, 9], [4, 16]]
    i, half = batch["pair"]
    assert i.dtype == minigen.int64 and half.dtype == minigen.float64 and half.tolist() == [1.5, 2]


def test_a_list_is_a_data_set():
    assert [batch.tolist() for batch in DataLoader([3, 1, 4, 1, 5], 2)] == [[3, 1], [4, 1], [5]]
    assert [batch for batch in DataLoader([3, 1, 4], 2, collate_fn=sum)] == [4, 4]


def test_collating_what_does_not_fit():
    with pytest.raises(ValueError, match=r"different shapes, \[\(2,\), \(3,\)\]"):
        default_collate([np.zeros(2), np.zeros(3)])
    with pytest.raises(ValueError, match=r"\[1, 2\] members"):
        default_collate([(1,), (1, 2)])
    with pytest.raises(TypeError, match="object can't be stacked"):
        default_collate([object(), object()])


def test_tensor_dataset():
    dataset = TensorDataset(minigen.arange(4), np.eye(4))
    number, row = dataset[2]
    assert isinstance(row, minigen.Tensor) and number.item() == 2 and row.tolist() == [0, 0, 1, 0]
    assert dataset[1:3][0].tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"\(4,\), \(3,\)"):
        TensorDataset(minigen.arange(4), minigen.arange(3))
    with pytest.raises(ValueError, match="at least one"):
        TensorDataset()
    with pytest.raises(TypeError, match=r"argument 0 .* list"):
        TensorDataset([1, 2])


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_in_a_transform_arrives(prefetch):
    def the_culprit(image):
        raise ZeroDivisionError

    loader = DataLoader(MNIST("embedded", False, transform=the_culprit), 4, prefetch=prefetch)
    with pytest.raises(ZeroDivisionError) as caught:
        next(iter(loader))
    assert "the_culprit" in [entry.name for entry in caught.traceback]


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, "batch_size must be at least 1, not 0", {"batch_size": 0}),
        (TypeError, "batch_size must be an int, not float", {"batch_size": 2.0}),
        (TypeError, "batch_size must be an int, not bool", {"batch_size": True}),
        (ValueError, "prefetch must be at least 0", {"prefetch": -1}),
        (ValueError, "no batch is left", {"batch_size": 11, "drop_last": True}),
        (ValueError, "shuffle must be False", {"sampler": [1], "shuffle": True}),
        (ValueError, "empty", {"sampler": []}),
        (TypeError, "sampler must have a length", {"sampler": iter([1])}),
        (TypeError, "must be a minigen.Generator, not int", {"generator": 3}),
        (TypeError, "dataset must have a length", {"dataset": 3}),
        (ValueError, "empty", {"dataset": []}),
    ],
)
def test_bad_arguments(error, message, arguments):
    with pytest.raises(error, match=message):
        DataLoader(**{"dataset": numbers(10), **arguments})


@pytest.mark.parametrize(("index", "error"), [(10, IndexError), (-1, IndexError), (0.5, TypeError)])
def test_a_sampler_out_of_range(index, error):
    with pytest.raises(error, match=r"sampler (gives|must give) "):
        next(iter(DataLoader(numbers(10), 2, sampler=[3, index])))
