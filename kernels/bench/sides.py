"""The competitors: each takes the same weights and the same data, and runs the same step in its own way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
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


class Torch(Side):
    """PyTorch eager. Where the networks are convolutional it runs in the faster one of its two layouts."""

    name = "torch"
    frozen = False
    channels_last = False

    def __init__(self, workload: Workload, weights: Weights, data: dict[str, np.ndarray], threads: int) -> None:
        import torch

        self.lib = torch
        torch.set_num_threads(threads)
        super().__init__(workload, weights, data)
        if workload.convolutional:
            self.choose_layout()

    def choose_layout(self) -> None:
        seconds = {}
        for self.channels_last in (False, True):
            self.reset()
            self.step()
            seconds[self.channels_last] = min(self.timed() for _ in range(3))
        self.channels_last = seconds[True] < seconds[False]
        self.note = "channels_last" if self.channels_last else "the default layout"
        self.reset()

    def timed(self) -> float:
        start = perf_counter()
        self.step()
        return perf_counter() - start

    def load(self, network: Any, values: list[np.ndarray]) -> None:
        tensors = (self.lib.from_numpy(np.array(v)) for v in values)
        network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
        if self.workload.convolutional:
            network.to(memory_format=self.layout(4))

    def layout(self, ndim: int) -> Any:
        return self.lib.channels_last if self.channels_last and ndim == 4 else self.lib.contiguous_format

    def tensor(self, array: np.ndarray) -> Any:
        return self.lib.from_numpy(array).contiguous(memory_format=self.layout(array.ndim))

    def means(self) -> Means:
        return Means(self.lib, self.frozen, self.tensor)


class TorchTuned(Torch):
    """PyTorch eager with fused optimisers, and D frozen in G's phase, as minigen has it."""

    name = "torch-tuned"
    frozen = True

    def means(self) -> Means:
        return Means(self.lib, self.frozen, self.tensor, optimiser={"fused": True})


class TorchCompiled(TorchTuned):
    """torch.compile of what lies between the batch and the loss, and so of its gradient; otherwise as tuned."""

    name = "torch-compile"

    def __init__(self, *arguments: Any) -> None:
        import torch

        torch._dynamo.reset()
        self.functions: dict[int, Callable] = {}
        super().__init__(*arguments)
        try:
            self.step()
        except Exception as error:
            raise Missing(f"torch.compile failed: {type(error).__name__}: {first_line(error)}") from error

    def choose_layout(self) -> None:
        """Its compiler chooses its own."""

    def means(self) -> Means:
        return Means(self.lib, self.frozen, self.tensor, self.lib.compile, {"fused": True})


def first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:160]


def build(
    workload: Workload, batch_size: int | None, backends: list[str], peers: list[str], threads: int,
    missing: dict[str, str] | None = None,
) -> list[Side]:  # fmt: skip
    """All sides, with the same weights and data. A peer that cannot run enters ``missing`` with its reason."""
    weights, data = initial_weights(workload), workload.data(batch_size or workload.batch_size)
    sides: list[Side] = [Minigen(workload, weights, data, be) for be in backends]
    for peer in peers:
        try:
            sides.append(rival(peer)(workload, weights, data, threads))
        except Missing as reason:
            if missing is None:
                raise
            missing[peer] = str(reason)
    return sides


def rival(peer: str) -> type[Any]:
    if peer == "jax":
        from .jax_side import Jax

        return Jax
    return {"torch": Torch, "torch-tuned": TorchTuned, "torch-compile": TorchCompiled}[peer]


def alone(name: str, workload: Workload, threads: int) -> Side:
    """One side by its name, for a process of its own."""
    minigen.set_num_threads(threads)
    is_ours = name.startswith("minigen ")
    return build(workload, None, [name.split()[-1]] if is_ours else [], [] if is_ours else [name], threads)[0]
