"""A GAN's training step on a GPU: minigen as it is and captured, and PyTorch as it is, compiled, and with graphs."""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import minigen

from .workloads.gan import discriminator_loss, generator_loss, networks

BETAS = {"lr": 2e-4, "betas": (0.5, 0.999)}
ROUNDS, STEPS = 9, 10


def small(lib: Any) -> list[Any]:
    """G and D for 8 x 8 images: what the emulator can train."""
    nn = lib.nn
    G = nn.Sequential(
        nn.ConvTranspose2d(4, 6, 4, 1, 0), nn.BatchNorm2d(6), nn.ReLU(), nn.ConvTranspose2d(6, 1, 4, 2, 1),
    )  # fmt: skip
    D = nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))
    return [G, D]


def step_of(lib: Any, G: Any, D: Any, **settings: Any) -> Callable[..., Any]:
    """D on real and generated images, then G; nothing is read, so that it can be captured."""
    opt_G, opt_D = (lib.optim.Adam(n.parameters(), **BETAS, **settings) for n in (G, D))

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


def sides(be: Any, tiny: bool) -> dict[str, Any]:
    """{network and side: milliseconds of a step}: rounds of steps, the sides in turn, the median of the rounds."""
    found: dict[str, Any] = {}
    for name, size in {"tiny": 8}.items() if tiny else {"n1": 32, "n2": 28}.items():
        for n in {"tiny": (2,), "n1": (64, 128), "n2": (64,)}[name]:
            rng = np.random.default_rng(0)
            channels = 4 if tiny else 100
            x, z = rng.uniform(-1, 1, (n, 1, size, size)), rng.standard_normal((n, channels, 1, 1))
            arrays = [a.astype(np.float32) for a in (x, z, np.ones(n), np.zeros(n))]
            here = dict[str, Any]()
            calls, missing = minigen_sides(name, arrays, tiny), dict[str, str]()
            if not tiny and importlib.util.find_spec("torch") is not None:
                calls |= torch_sides(name, arrays, missing)
            else:
                missing["PyTorch"] = "NOT RUN: no GPU" if tiny else "NOT RUN: PyTorch is not installed"
            for side, taken in in_turn(be, calls, 1 if tiny else ROUNDS, 1 if tiny else STEPS).items():
                middle = statistics.median(taken)
                here[side] = {"ms": 1e3 * middle, "spread": (max(taken) - min(taken)) / middle}
            told = ", ".join(f"{side} {row['ms']:.3g} ms" for side, row in here.items())
            print(f"  {name}, batch {n}: {told}", file=sys.stderr, flush=True)
            here |= {side: {"ms": why} for side, why in missing.items()}
            found |= {f"{name}, batch {n}, {side}": row for side, row in here.items()}
    return found


def in_turn(be: Any, calls: dict[str, Callable[[], Any]], rounds: int, steps: int) -> dict[str, list[float]]:
    """Seconds of a step of each side, once a round; a device's work is waited for at the end of a round."""
    times: dict[str, list[float]] = {side: [] for side in calls}
    for _ in range(rounds):
        for side, call in calls.items():
            be.launcher.synchronize()  # the whole device, whoever works there
            began = time.perf_counter()
            for _ in range(steps):
                call()
            be.launcher.synchronize()
            times[side].append((time.perf_counter() - began) / steps)
    return times


def minigen_sides(name: str, arrays: list[np.ndarray], tiny: bool) -> dict[str, Callable[[], Any]]:
    """A step as it is, on our own kernels alone, and captured; each has been taken twice."""
    nets = [m.to("cuda") for m in (small(minigen) if tiny else networks(minigen, name))]
    given = [minigen.from_numpy(a).to("cuda") for a in arrays]
    step = step_of(minigen, *nets)
    captured, own = minigen.cuda.graph(step), minigen.backend.gpu().ours()
    calls: dict[str, Callable[[], Any]] = {
        "minigen": partial(step, *given), "minigen, our kernels": partial(computed_with, own, step, given),
        "minigen, graph": partial(captured, *given),
    }  # fmt: skip
    for call in calls.values():
        call()
        call()
    return calls


def computed_with(be: Any, step: Callable[..., Any], given: list[Any]) -> Any:
    before, minigen.backend.state.cuda = minigen.backend.state.cuda, be
    try:
        return step(*given)
    finally:
        minigen.backend.state.cuda = before


def torch_sides(name: str, arrays: list[np.ndarray], missing: dict[str, str]) -> dict[str, Callable[[], Any]]:
    """PyTorch's steps, TF32 off in products and convolutions, cuDNN's quickest algorithms; in words what fails."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    torch._dynamo.reset()  # networks of other sizes count as reasons to compile no more
    given = [torch.from_numpy(a).cuda() for a in arrays]
    ways: dict[str, Callable[[Any], Callable[[], Any]]] = {
        "eager": lambda nets: partial(step_of(torch, *nets), *given),
        "graph": lambda nets: captured_by_torch(step_of(torch, *nets, capturable=True), given),
        "compiled": lambda nets: partial(step_of(torch, *map(torch.compile, nets)), *given),
        "compiled with graphs": lambda nets: marked(
            step_of(torch, *[torch.compile(m, mode="reduce-overhead") for m in nets]), given
        ),
    }
    calls: dict[str, Callable[[], Any]] = {}
    for side, way in ways.items():
        try:
            call = way([m.cuda() for m in networks(torch, name)])
            for _ in range(5):
                call()
            torch.cuda.synchronize()
            calls[f"PyTorch {side}"] = call
        except Exception as error:  # a compiler that does not work here is named, the others are timed
            missing[f"PyTorch {side}"] = f"NOT RUN: {type(error).__name__}: {str(error)[:80]}"
    return calls


def captured_by_torch(step: Callable[..., Any], given: list[Any]) -> Callable[[], Any]:
    """The whole step as one CUDA graph, as PyTorch's notes on graphs describe it."""
    import torch

    apart = torch.cuda.Stream()
    apart.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(apart):
        for _ in range(3):
            step(*given)
    torch.cuda.current_stream().wait_stream(apart)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step(*given)
    return partial(replayed, graph, step)


def replayed(graph: Any, step: Callable[..., Any]) -> None:
    """``step`` is only held: a graph knows addresses, and the networks and moments that live there must stay."""
    graph.replay()


def marked(step: Callable[..., Any], given: list[Any]) -> Callable[[], Any]:
    """A step whose compiled networks may overwrite what they returned in the step before."""
    import torch

    def call() -> Any:
        torch.compiler.cudagraph_mark_step_begin()
        return step(*given)

    return call
