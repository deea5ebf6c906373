"""A competitor takes the same weights and the same data as all others, and runs the same step in its own way."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

import minigen
from minigen import backend

from .record import Recorder
from .workloads import Means, Workload

Weights = list[dict[str, np.ndarray]]  # of each network


class Missing(Exception):
    """A peer has no version of this step, or fails to build it: the result says so in these words."""


def initial_weights(workload: Workload) -> Weights:
    """minigen's own initial values, from a fixed seed."""
    minigen.manual_seed(0)
    return [
        {name: t.array.copy() for name, t in network.state_dict().items()} for network in workload.networks(minigen)
    ]


class Side:
    """A workload in one library."""

    name = ""
    note = ""  # how it runs, where that isn't said by its name
    lib: Any = None
    frozen = True

    def __init__(self, workload: Workload, weights: Weights, data: dict[str, np.ndarray]) -> None:
        self.workload, self.weights, self.data = workload, weights, data
        self.networks = workload.networks(self.lib)
        self.reset()

    def load(self, network: Any, values: list[np.ndarray]) -> None:
        """Copy values in, in the state_dict's order: both libraries list parameters, then buffers, layer by layer."""
        raise NotImplementedError

    def reset(self, **settings: Any) -> None:
        """The first weights and a new optimiser, with ``settings`` in place of the workload's."""
        for network, values in zip(self.networks, self.weights, strict=True):
            self.load(network, list(values.values()))
        settings = {**self.workload.settings, **settings}
        self.phases = self.workload.step(self.workload, self.means(), self.networks, self.data, settings).phases

    def means(self) -> Means:
        return Means(self.lib, self.frozen, self.lib.from_numpy)

    def context(self) -> AbstractContextManager:
        """Where the phases run."""
        return nullcontext()

    def step(self) -> list[float]:
        with self.context():
            return [phase.run() for phase in self.phases]

    def gradients(self) -> list[np.ndarray]:
        """Each phase's gradient at the initial weights: a learning rate of 0 keeps one phase from changing the next."""
        self.reset(lr=0.0)
        found = []
        for phase in self.phases:
            phase.run()
            found.append(np.concatenate([np.ravel(p.grad.detach()) for p in phase.trained.parameters()]))
        return found

    def losses(self, steps: int) -> list[float]:
        """Every phase's loss in the first steps of training."""
        self.reset()
        return [phase.run() for _ in range(steps) for phase in self.phases]

    def dropout(self, on: bool) -> None:
        """Libraries draw different masks: results can be compared only without."""
        for network in self.networks:
            for module in network.modules():
                if isinstance(module, self.lib.nn.Dropout):
                    module.train(on)


class Minigen(Side):
    lib = minigen

    def __init__(self, workload: Workload, weights: Weights, data: dict[str, np.ndarray], be: str) -> None:
        self.name, self.backend = f"minigen {be}", be
        super().__init__(workload, weights, data)

    def load(self, network: Any, values: list[np.ndarray]) -> None:
        network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))

    def context(self) -> AbstractContextManager:
        return minigen.use_backend(self.backend)

    def gflop(self) -> float:
        """Billions of operations in the products and convolutions of one step, as the backend is asked for them."""
        with Recorder(backend.get(self.backend)) as recorder:
            for phase in self.phases:
                phase.run()
        return recorder.gflop
