"""What a timed training step is: networks, an objective, an optimiser and fixed batches.

minigen has PyTorch's names, so one definition serves both: ``lib`` is the module ``minigen`` or ``torch``. What differs
between the sides is not the step but the ``Means`` that they run it with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Arrays = Mapping[str, np.ndarray]


class Phase(NamedTuple):
    """A part of a step that ends with an update: ``run()`` returns the loss, ``trained`` is what it updates."""

    name: str
    run: Callable[[], float]
    trained: Any


@dataclass
class Means:
    """How a side runs a step.

    ``frozen``: a phase computes gradients of what it updates only. ``tensor`` brings an array into the library,
    ``compiled`` may replace a function of tensors by a faster one, ``optimiser`` holds extra settings of optimisers.
    """

    lib: Any
    frozen: bool
    tensor: Callable[[np.ndarray], Any]
    compiled: Callable[[Callable], Callable] = lambda function: function
    optimiser: dict[str, Any] = field(default_factory=dict)


class Single:
    """One network, one loss, one optimiser.

    ``objective(lib, network, **batch)`` is the loss. What is random in a step has been drawn beforehand, so that all
    sides draw the same: an array "eps*" holds several eps along its first dimension, and the steps take turns.
    """

    def __init__(self, workload: Workload, means: Means, networks: list[Any], data: Arrays, settings: dict) -> None:
        (self.network,) = networks
        lib, objective = means.lib, workload.objective
        parameters = self.network.parameters()
        self.optimiser = getattr(lib.optim, workload.optimiser)(parameters, **settings, **means.optimiser)
        self.batches = [{name: means.tensor(a) for name, a in batch.items()} for batch in batches(data)]
        self.turn = 0
        self.loss = means.compiled(lambda batch: objective(lib, self.network, **batch))
        self.phases = [Phase("step", self.step, self.network)]

    def step(self) -> float:
        batch = self.batches[self.turn % len(self.batches)]
        self.turn += 1
        self.optimiser.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        self.optimiser.step()
        return loss.item()


def batches(data: Arrays) -> list[dict[str, np.ndarray]]:
    """What each turn's step gets."""
    fixed = {name: a for name, a in data.items() if not name.endswith("*")}
    drawn = {name[:-1]: a for name, a in data.items() if name.endswith("*")}
    return [fixed | {name: a[i] for name, a in drawn.items()} for i in range(len(next(iter(drawn.values()), [0])))]


@dataclass(frozen=True)
class Workload:
    """A step by its name, and what it is in words.

    ``gflop``: billions of operations that one step needs at the usual batch size, in matrix products and convolutions,
    2 M N K each with padding taps. ``networks(lib)`` makes them, ``data(n)`` a batch of n.
    """

    name: str
    words: str
    batch_size: int
    gflop: float
    networks: Callable[[Any], list[Any]]
    data: Callable[[int], dict[str, np.ndarray]]
    optimiser: str
    settings: dict[str, Any]
    objective: Callable[..., Any]
    step: Callable[..., Any] = Single
    convolutional: bool = False
    phases: tuple[int, ...] = (0,)  # which network each phase updates
    gradient_tolerance: float = 1e-4  # how far sides may differ, relative, in the first gradient
