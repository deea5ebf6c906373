"""JAX as a peer: the whole step, gradients and optimiser included, is one jitted function of weights and batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .side import Missing, Side, Weights
from .workloads import Workload
from .workloads.workload import batches

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")  # batch norm's; only evaluation reads them
Tree = Any


class Jax(Side):
    """Plain jax.numpy and lax. It keeps no running statistics of batch norm, which no training step reads."""

    name = "jax"

    def __init__(self, workload: Workload, weights: Weights, data: dict[str, np.ndarray], threads: int) -> None:
        if threads == 1:  # read when JAX starts its first computation
            os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
        import jax

        from . import jax_networks

        self.jax, self.workload = jax, workload
        if workload.name not in jax_networks.GRADIENTS:
            raise Missing("this step is not written for JAX")
        self.batches = [jax.device_put(batch) for batch in batches(data)]
        self.weights = [{k: a for k, a in w.items() if k.rsplit(".")[-1] not in BUFFERS} for w in weights]
        settings = {k: v for k, v in workload.settings.items() if k != "lr"}
        update = partial(OPTIMISERS[workload.optimiser], jax.numpy, **settings)
        body = partial(one_step, jax_networks.GRADIENTS[workload.name], update)
        self.compiled = jax.jit(partial(body, False), donate_argnums=0)
        self.with_gradients = jax.jit(partial(body, True))
        self.reset()

    def reset(self, **settings: Any) -> None:
        zeros = [{k: np.zeros_like(a) for k, a in w.items()} for w in self.weights]
        self.state = self.jax.device_put((self.weights, zeros, zeros, np.float32(0)))
        self.lr, self.turn = np.float32(settings.get("lr", self.workload.settings["lr"])), 0

    def step(self) -> list[float]:
        batch = self.batches[self.turn % len(self.batches)]
        self.turn += 1
        self.state, losses = self.compiled(self.state, batch, self.lr)
        return [float(loss) for loss in losses]

    def gradients(self) -> list[np.ndarray]:
        self.reset()
        _, _, found = self.with_gradients(self.state, self.batches[0], np.float32(0))
        # a jitted dict comes back with its keys sorted: the order is the weights'
        order = [self.weights[i] for i in self.workload.phases]
        return [np.concatenate([np.ravel(g[k]) for k in w]) for g, w in zip(found, order, strict=True)]

    def losses(self, steps: int) -> list[float]:
        self.reset()
        return [loss for _ in range(steps) for loss in self.step()]

    def dropout(self, on: bool) -> None:
        """The steps that are written for JAX have none."""


def one_step(gradients: Callable, update: Callable, keep: bool, state: Tree, batch: Tree, lr: Any) -> Tree:
    """``gradients(weights, batch)`` yields (number of the network, loss, gradient) for each phase, and is sent the
    network's new weights."""
    weights, m, v = (list(part) for part in state[:3])
    t = state[3]
    losses, found = [], []
    phases = gradients(weights, batch)
    sent = None
    while True:
        try:
            network, loss, gradient = phases.send(sent)
        except StopIteration:
            break
        old = weights[network], m[network], v[network]
        moved = {k: update(old[0][k], g, old[1][k], old[2][k], t + 1, lr) for k, g in gradient.items()}
        weights[network], m[network], v[network] = ({k: part[i] for k, part in moved.items()} for i in range(3))
        sent = weights[network]
        losses.append(loss)
        found.append(gradient)
    after = (weights, m, v, t + 1)
    return (after, losses, found) if keep else (after, losses)


def sgd(jnp: Any, w: Any, g: Any, m: Any, v: Any, t: Any, lr: Any) -> tuple[Any, Any, Any]:
    return w - lr * g, m, v


def adam(
    jnp: Any, w: Any, g: Any, m: Any, v: Any, t: Any, lr: Any, betas: tuple[float, float] = (0.9, 0.999),
    decay: float = 0.0,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Kingma & Ba 2015, algorithm 1; with Loshchilov & Hutter's decay."""
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return w - lr * (decay * w + m_hat / (jnp.sqrt(v_hat) + 1e-8)), m, v


OPTIMISERS: dict[str, Callable] = {"SGD": sgd, "Adam": adam, "AdamW": partial(adam, decay=0.01)}
