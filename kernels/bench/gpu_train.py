"""A GAN's training step on a GPU: minigen as it is and captured, and PyTorch as it is, compiled, and with graphs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import minigen

from .workloads.gan import discriminator_loss, generator_loss, networks

BETAS = {"lr": 2e-4, "betas": (0.5, 0.999)}


def small(lib: Any) -> list[Any]:
    """G and D for 8 x 8 images: what the emulator can train."""
    nn = lib.nn
    G = nn.Sequential(
        nn.ConvTranspose2d(4, 6, 4, 1, 0), nn.BatchNorm2d(6), nn.ReLU(), nn.ConvTranspose2d(6, 1, 4, 2, 1),
    )  # fmt: skip
    D = nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))
    return [G, D]


def step_of(lib: Any, G: Any, D: Any) -> Callable[..., Any]:
    """D on real and generated images, then G; nothing is read, so that it can be captured."""
    opt_G, opt_D = (lib.optim.Adam(n.parameters(), **BETAS) for n in (G, D))

    def step(x: Any, z: Any, ones: Any, zeros: Any) -> Any:
        fakes = G(z)
        opt_D.zero_grad()
        loss = discriminator_loss(lib, D, x, fakes.detach(), ones, zeros)
        loss.backward()
        opt_D.step()
        opt_G.zero_grad()
        generator_loss(lib, D, fakes, ones).backward()
        opt_G.step()
        return loss

    return step


def sides(be: Any, tiny: bool, seconds: Callable[..., dict[str, float]]) -> dict[str, Any]:
    """{network and side: milliseconds of a step}."""
    found: dict[str, Any] = {}
    for name, size in {"tiny": 8}.items() if tiny else {"n1": 32, "n2": 28}.items():
        for n in (2,) if tiny else (64, 128):
            rng = np.random.default_rng(0)
            channels = 4 if tiny else 100
            x, z = rng.uniform(-1, 1, (n, 1, size, size)), rng.standard_normal((n, channels, 1, 1))
            arrays = [a.astype(np.float32) for a in (x, z, np.ones(n), np.zeros(n))]
            nets = [m.to("cuda") for m in (small(minigen) if tiny else networks(minigen, name))]
            given = [minigen.from_numpy(a).to("cuda") for a in arrays]
            step = step_of(minigen, *nets)
            own = minigen.backend.gpu().ours()
            calls: dict[str, Callable[[], Any]] = {"minigen": partial(step, *given)}
            captured = minigen.cuda.graph(step)
            calls["minigen, our kernels"] = partial(computed_with, own, step, given)
            calls["minigen, graph"] = partial(captured, *given)
            calls["minigen, graph"]()
            for side, call in calls.items():
                found[f"{name}, batch {n}, {side}"] = {"ms": 1e3 * seconds(be, call, tiny)["s"]}
            for side, milliseconds in torch_sides(name, arrays, tiny).items():
                found[f"{name}, batch {n}, PyTorch {side}"] = {"ms": milliseconds}
    return found


def computed_with(be: Any, step: Callable[..., Any], given: list[Any]) -> Any:
    before, minigen.backend.state.cuda = minigen.backend.state.cuda, be
    try:
        return step(*given)
    finally:
        minigen.backend.state.cuda = before


def torch_sides(name: str, arrays: list[np.ndarray], tiny: bool) -> dict[str, Any]:
    """Milliseconds of PyTorch's steps, TF32 off in products and convolutions; in words what is not there."""
    if tiny or importlib.util.find_spec("torch") is None:
        return {"eager": "NOT RUN: no GPU" if tiny else "NOT RUN: PyTorch is not installed"}
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    found: dict[str, Any] = {}
    for side, mode in (("eager", None), ("compiled", "default"), ("compiled with graphs", "reduce-overhead")):
        try:
            nets = [m.cuda() for m in networks(torch, name)]
            if mode is not None:
                nets = [torch.compile(m, mode=mode) for m in nets]
            step, given = step_of(torch, *nets), [torch.from_numpy(a).cuda() for a in arrays]
            for _ in range(5):
                step(*given)
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            for _ in range(20):
                step(*given)
            end.record()
            torch.cuda.synchronize()
            found[side] = start.elapsed_time(end) / 20
        except Exception as error:  # a compiler that does not work here is named, the others are timed
            found[side] = f"NOT RUN: {type(error).__name__}: {str(error)[:80]}"
    return found
