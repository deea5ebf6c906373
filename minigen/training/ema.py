"""A moving average of the weights: it draws better pictures than the weights of any single step.

Adversarial and diffusion training never come to rest: each step moves the weights about a place that itself moves
slowly. Their mean over the last 1 / (1 - decay) steps is closer to that place. Source: Yazici et al. 2019 for GANs,
Ho et al. 2020 for diffusion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .. import nn


class EMA:
    """shadow := d shadow + (1 - d) weights, d = min(decay, (1 + n) / (10 + n)) after n updates.

    The smaller d of the first updates lets the random initial weights be forgotten soon. Buffers (batch norm's running
    statistics) are averaged too; integers are copied.
    """

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"EMA: decay must be at least 0 and below 1, got {decay}")
        self.module, self.decay, self.updates = module, decay, 0
        self.shadow = {name: t.array.copy() for name, t in module.state_dict().items()}

    def update(self) -> None:
        """Take the module's present weights in. Call it after each step of its optimiser."""
        self.updates += 1
        d = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, t in self.module.state_dict().items():
            shadow = self.shadow[name]
            if t.is_floating_point():
                difference = t.array - shadow
                difference *= 1 - d
                shadow += difference
            else:
                shadow[...] = t.array

    @contextmanager
    def applied(self) -> Iterator[nn.Module]:
        """The module with the averaged weights in it; with its own again afterwards."""
        own = {name: t.array.copy() for name, t in self.module.state_dict().items()}
        self.module.load_state_dict(self.shadow)
        try:
            yield self.module
        finally:
            self.module.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        return {"shadow": dict(self.shadow), "updates": self.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError, as Module.load_state_dict does, for another module's state."""
        with self.applied():  # the module's own check of names and shapes
            self.module.load_state_dict(state["shadow"])
            self.shadow = {name: t.array.copy() for name, t in self.module.state_dict().items()}
        self.updates = int(state["updates"])
