"""The competitors of a workload, by their names."""

from __future__ import annotations

from typing import Any

import minigen

from .side import Minigen, Missing, Side, initial_weights
from .workloads import Workload


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
    from .torch_side import Torch, TorchCompiled, TorchTuned

    return {"torch": Torch, "torch-tuned": TorchTuned, "torch-compile": TorchCompiled}[peer]


def alone(name: str, workload: Workload, threads: int) -> Side:
    """One side by its name, for a process of its own."""
    minigen.set_num_threads(threads)
    is_ours = name.startswith("minigen ")
    return build(workload, None, [name.split()[-1]] if is_ours else [], [] if is_ours else [name], threads)[0]
