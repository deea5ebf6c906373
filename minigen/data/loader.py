"""DataLoader: batches in a seeded order, made in the background, from a position that can be saved and restored."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..creation import from_numpy
from ..random import Generator, randint, randperm
from .dataset import default_collate
from .prefetch import prefetched


@dataclass
class Position:
    """Where an iteration stands. It belongs to that iteration, so several over one loader don't disturb each other."""

    epoch: int = 0  # epochs begun before this one
    batch: int = 0  # batches of this epoch that the caller has been given
    start: tuple[int, int] | None = None  # the generator before it drew this epoch's order; None between epochs


class DataLoader:
    """Batch b of an epoch holds the items order[b B : (b + 1) B] with B = batch_size, stacked into Tensors.

    dataset: anything with `len` and `[]`; with `get_batch` too, whole batches are read at once. A data set whose items
        are tuples gives tuples of Tensors, say float32 images (B, 1, 28, 28) and int64 labels (B,).
    shuffle: each epoch has its own order, randperm(len(dataset), generator=generator).
    sampler: indices, of which each pass gives the order of an epoch, instead of shuffle.
    drop_last: leave out the last batch if it is not full.
    generator: None makes one, seeded from minigen's own when the loader is made.
    prefetch: batches made ahead by a thread; 0 makes each when it is asked for. The order and the values are the same.
    collate_fn: makes a batch of a list of items, instead of `default_collate`.
    num_workers, pin_memory: accepted for listings written for PyTorch, without effect.

    `state_dict()` tells the position of the latest iteration by the batches it has *given*, however far ahead the
    thread is, and `load_state_dict()` makes the next iteration give the rest of that epoch, bitwise as it would have
    been. A position after the last batch gives none: that epoch's end is all that is left of it. A sampler must then
    give the order it gave before, for it keeps its own state.

    Raises: ValueError for an empty data set or sampler, for a batch_size below 1, for batches that would all be
    dropped, for sampler with shuffle; IndexError for a sampler's index out of range; TypeError for what is no number,
    data set or Generator. An exception in the data set or a transform arrives here with its traceback.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Collection[int] | None = None,
        *,
        drop_last: bool = False,
        generator: Generator | None = None,
        prefetch: int = 2,
        collate_fn: Callable[[list], Any] | None = None,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        for name, value, least in (("batch_size", batch_size, 1), ("prefetch", prefetch, 0)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise TypeError(f"DataLoader: {name} must be an int, not {type(value).__name__}")
            if value < least:
                raise ValueError(f"DataLoader: {name} must be at least {least}, not {value}")
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(f"DataLoader: dataset must have a length and items, {type(dataset).__name__} has not")
        if sampler is not None and not (hasattr(sampler, "__len__") and hasattr(sampler, "__iter__")):
            raise TypeError(f"DataLoader: sampler must have a length and an order, {type(sampler).__name__} has not")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler decides the order, so shuffle must be False")
        if generator is not None and not isinstance(generator, Generator):
            raise TypeError(f"DataLoader: generator must be a minigen.Generator, not {type(generator).__name__}")
        self.dataset, self.batch_size, self.sampler = dataset, int(batch_size), sampler
        self.shuffle, self.drop_last, self.prefetch = bool(shuffle), bool(drop_last), int(prefetch)
        self.collate_fn = collate_fn
        items = self._count()
        if items == 0:
            raise ValueError("DataLoader: the dataset or sampler is empty, so there is nothing to load")
        if len(self) == 0:
            raise ValueError(f"DataLoader: with drop_last no batch is left, as the {items} items do not fill one of "
                             f"batch_size {batch_size}. Use a smaller batch_size or drop_last=False.")
        if generator is None:
            generator = Generator(int(randint(0, 2**31, (1,)).item()) if shuffle else 0)
        self.generator = generator
        self._position = Position()
        self._restored = False

    def __len__(self) -> int:
        batches = self._count() / self.batch_size
        return math.floor(batches) if self.drop_last else math.ceil(batches)

    def __iter__(self) -> Iterator[Any]:
        before, generator = self._position, self.generator
        if self._restored and before.start is not None:
            generator = Generator(0)  # draws that order again, while others may use the loader's own generator
            generator.set_state(before.start)
        else:
            abandoned = before.start is not None
            self._position = Position(before.epoch + abandoned, 0, generator.get_state())
        self._restored = False
        return self._batches(self._position, self._order(generator))

    def _batches(self, position: Position, order: np.ndarray) -> Iterator[Any]:
        B = self.batch_size
        jobs = (order[b * B : (b + 1) * B] for b in range(position.batch, len(self)))
        with closing(prefetched(self._fetch, jobs, self.prefetch)) as batches:
            for batch in batches:
                position.batch += 1
                yield batch
        position.epoch, position.batch, position.start = position.epoch + 1, 0, None

    def _order(self, generator: Generator) -> np.ndarray:
        n = len(self.dataset)
        if self.sampler is not None:
            return _checked(list(self.sampler), n)
        return randperm(n, generator=generator).array if self.shuffle else np.arange(n)

    def _fetch(self, indices: np.ndarray) -> Any:
        if self.collate_fn is None and hasattr(self.dataset, "get_batch"):
            return tuple(from_numpy(np.asarray(array)) for array in self.dataset.get_batch(indices))
        return (self.collate_fn or default_collate)([self.dataset[int(i)] for i in indices])

    def _count(self) -> int:
        return len(self.dataset) if self.sampler is None else len(self.sampler)

    # ---- the position

    def state_dict(self) -> dict[str, Any]:
        """The position after the batch that was given last; numbers, bools, lists and None only, so JSON takes it."""
        start = self._position.start
        return {
            "epoch": self._position.epoch,
            "batch": self._position.batch,
            "start": None if start is None else list(start),
            "generator": list(self.generator.get_state()),
            **self._shape(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a position. The generator is set to what it was, too.

        Raises: ValueError when the position is of a loader of other length, batch size or order, or isn't one.
        """
        missing = {"epoch", "batch", "start", "generator", *self._shape()} - set(state)
        if missing:
            raise ValueError(f"DataLoader: state has no {', '.join(sorted(missing))}; is it another object's state?")
        other = [f"{key} {state[key]}, not {mine}" for key, mine in self._shape().items() if state[key] != mine]
        if other:
            raise ValueError(f"DataLoader: the position was saved with {'; '.join(other)}. It means other items here: "
                             "make the loader as it was, or start a new epoch.")
        if not 0 <= state["batch"] <= len(self) or state["epoch"] < 0:
            raise ValueError(f"DataLoader: there is no batch {state['batch']} of epoch {state['epoch']}; "
                             f"an epoch has {len(self)} batches")
        start = state["start"]
        self.generator.set_state(tuple(state["generator"]))
        self._position = Position(state["epoch"], state["batch"], None if start is None else tuple(start))
        self._restored = start is not None

    def _shape(self) -> dict[str, Any]:
        """What must be equal for a position to mean the same items."""
        return {"items": self._count(), "batch_size": self.batch_size, "shuffle": self.shuffle,
                "drop_last": self.drop_last}


def _checked(indices: list, n: int) -> np.ndarray:
    order = np.asarray(indices)
    if order.dtype.kind not in "iu" or order.ndim != 1:
        raise TypeError(f"DataLoader: sampler must give ints, not {order.dtype} of shape {order.shape}")
    outside = (order < 0) | (order >= n)
    if outside.any():
        raise IndexError(f"DataLoader: sampler gives {order[outside][0]}, but the dataset has the indices 0 to {n - 1}")
    return order
