"""The competitors: each takes the same weights and the same data, and runs the same step in its own way."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

import minigen
from minigen import backend

from .record import Recorder
from .workloads import Means, Workload

Weights = list[list[np.ndarray]]  # of each network, the values of its state_dict in order


def initial_weights(workload: Workload) -> Weights:
    """minigen's own initial values, from a fixed seed."""
    minigen.manual_seed(0)
    return [[t.array.copy() for t in network.state_dict().values()] for network in workload.networks(minigen)]


class Side:
    """A workload in one library."""

    name = ""
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
            self.load(network, values)
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


class Torch(Side):
    """PyTorch eager with its defaults."""

    name = "torch"
    frozen = False

    def __init__(self, workload: Workload, weights: Weights, data: dict[str, np.ndarray], threads: int) -> None:
        import torch

        self.lib = torch
        torch.set_num_threads(threads)
        super().__init__(workload, weights, data)

    def load(self, network: Any, values: list[np.ndarray]) -> None:
        tensors = (self.lib.from_numpy(np.array(v)) for v in values)
        network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))


class TorchFrozen(Torch):
    """PyTorch eager that skips D's weight gradients in G's phase, as minigen does."""

    name = "torch-frozen"
    frozen = True


def build(
    workload: Workload, batch_size: int | None, backends: list[str], peers: list[str], threads: int
) -> list[Side]:
    """All sides, with the same weights and data."""
    weights, data = initial_weights(workload), workload.data(batch_size or workload.batch_size)
    kinds = {"torch": Torch, "torch-frozen": TorchFrozen}
    ours: list[Side] = [Minigen(workload, weights, data, be) for be in backends]
    return ours + [kinds[peer](workload, weights, data, threads) for peer in peers]


def alone(name: str, workload: Workload, threads: int) -> Side:
    """One side by its name, for a process of its own."""
    minigen.set_num_threads(threads)
    is_ours = name.startswith("minigen ")
    return build(workload, None, [name.split()[-1]] if is_ours else [], [] if is_ours else [name], threads)[0]
