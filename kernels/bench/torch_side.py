"""PyTorch as a peer: eager, tuned and compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

from .side import Missing, Side, Weights
from .workloads import Means, Workload

PATIENCE = 240  # seconds that torch.compile may take for a step


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
        super().__init__(*arguments)
        try:
            with patience(PATIENCE):
                self.step()
        except Exception as error:
            raise Missing(f"torch.compile failed: {type(error).__name__}: {first_line(error)}") from error

    def choose_layout(self) -> None:
        """Its compiler chooses its own."""

    def means(self) -> Means:
        return Means(self.lib, self.frozen, self.tensor, self.lib.compile, {"fused": True})


def first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:160]


@contextmanager
def patience(seconds: int) -> Iterator[None]:
    """TimeoutError after so many seconds, where the system has alarms."""
    import signal

    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def give_up(*_: Any) -> None:
        raise TimeoutError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
