"""Adam and AdamW: a step for each weight, scaled by the size of its own gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend import of
from .optimizer import Live, Optimizer, at_least_zero, decayed, memory


def adam(
    w: np.ndarray, g: np.ndarray, m: np.ndarray, v: np.ndarray, t: int,
    *, lr: float, beta1: float, beta2: float, eps: float, top: np.ndarray | None = None,
) -> None:  # fmt: skip
    """Step t in place: the textbook of the backend's ``adam``. ``top`` is AMSGrad's largest v so far."""
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g * g
    if top is not None:
        np.maximum(top, v, out=top)
    m_hat = m / (1 - beta1**t)  # an average that starts at 0 is too small by this factor
    v_hat = (v if top is None else top) / (1 - beta2**t)
    w -= lr * m_hat / (np.sqrt(v_hat) + eps)


class Adam(Optimizer):
    """w := w - lr m^ / (sqrt(v^) + eps),  m^ = m / (1 - b1^t),  v^ = v / (1 - b2^t)  in step t, with g = dC/dw and

    m := b1 m + (1 - b1) g,  v := b2 v + (1 - b2) g^2  (Kingma & Ba 2015, algorithm 1).

    ``weight_decay`` adds weight_decay w to g; ``decoupled_weight_decay`` is AdamW's way. ``amsgrad`` divides by the
    largest v so far (Reddi, Kale & Kumar 2018). ``maximize`` ascends. ``foreach`` and ``fused`` are taken and ignored.
    Raises ValueError for a negative setting or betas outside [0, 1).
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False,
        *, foreach: bool | None = None, maximize: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(
            params, {**settings, "maximize": maximize, "decoupled_weight_decay": decoupled_weight_decay}
        )

    def check(self, group: dict[str, Any]) -> None:
        at_least_zero(self, group, "lr", "eps", "weight_decay")
        betas = group["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"{type(self).__name__}: betas must be two numbers, got {betas!r:.60}")
        if not all(0 <= b < 1 for b in betas):
            raise ValueError(f"{type(self).__name__}: betas must lie in [0, 1), got {betas}")

    def update(self, group: dict[str, Any], live: list[Live]) -> None:
        lr, eps, decay = (float(group[k]) for k in ("lr", "eps", "weight_decay"))
        beta1, beta2 = (float(b) for b in group["betas"])
        decoupled = bool(group["decoupled_weight_decay"])
        by_step: dict[int, list[Live]] = {}  # parameters that joined later, or had no gradient once, lag behind
        for p in live:
            p.state["step"] = p.state.get("step", 0) + 1
            memory(p.state, "exp_avg", p.w)
            memory(p.state, "exp_avg_sq", p.w)
            by_step.setdefault(p.state["step"], []).append(p)
        for t, members in by_step.items():
            ms, vs = ([p.state[k].array for p in members] for k in ("exp_avg", "exp_avg_sq"))
            if group["amsgrad"]:
                for p, m, v in zip(members, ms, vs, strict=True):
                    top = memory(p.state, "max_exp_avg_sq", p.w)
                    if decoupled:
                        np.multiply(p.w, 1 - lr * decay, out=p.w)
                    g = p.g if decoupled else decayed(p, decay)
                    adam(p.w, g, m, v, t, lr=lr, beta1=beta1, beta2=beta2, eps=eps, top=top)
            else:
                of(members[0].w).adam(
                    [p.w for p in members], [p.g for p in members], ms, vs, lr, beta1, beta2, eps, decay, t, decoupled
                )


class AdamW(Adam):
    """w := (1 - lr weight_decay) w, then Adam's step on dC/dw alone (Loshchilov & Hutter 2019, algorithm 2).

    Adam with weight decay lets a weight with large gradients decay less, for the decay is divided by sqrt(v^), too;
    here all weights decay alike. Settings and errors are Adam's, with ``weight_decay`` 0.01.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False,
        *, maximize: bool = False, foreach: bool | None = None, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True
        )
