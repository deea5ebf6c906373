"""`conv`: convolution, its input gradient and its weight gradient on the networks' shapes, against PyTorch (oneDNN).

An input gradient is also the forward pass of a transposed convolution, so the generators' layers are here, too.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minigen import backend
from minigen.backend.conv import output_size

from . import contest, machine, options, peak
from .contest import Case, Contender

PEERS = ("torch", "torch-channels-last")
KINDS = ("forward", "input", "weight")
# Toom-Cook's (Winograd's) 3 x 3 convolution multiplies 2.25 to 4 times less than its definition, and no library says
# whether it chose it: rates by the definition may lie so far above the peak.
FASTER = 4.0


class Layer(NamedTuple):
    """N images of C channels and size x size pixels, O filters of kernel x kernel; `flat`: of height 1, as conv1d's."""

    network: str
    C: int
    size: int
    O: int  # noqa: E741  the field's usual letter
    kernel: int
    stride: int
    padding: int
    N: int = 64
    dilation: int = 1
    groups: int = 1
    flat: bool = False

    def pair(self, across: int, down: int) -> tuple[int, int]:
        """A number for both axes, unless there is only one: then ``down`` for the other."""
        return (down, across) if self.flat else (across, across)

    @property
    def shape(self) -> tuple[int, int]:
        return self.pair(self.size, 1)

    @property
    def window(self) -> tuple[int, int]:
        return self.pair(self.kernel, 1)

    @property
    def out(self) -> tuple[int, int]:
        return output_size(self.shape, self.window, *attributes(self)[:3])

    @property
    def flop(self) -> float:
        """2 for each product with a pixel of the image: a tap on the padding is nothing that a kernel has to do."""
        inside = sum(
            0 <= i * self.stride + p * self.dilation - self.padding < self.size
            for i in range(self.out[1]) for p in range(self.kernel)
        )  # fmt: skip
        return 2.0 * self.N * self.O * self.C // self.groups * math.prod(self.pair(inside, 1))

    @property
    def name(self) -> str:
        words = [f"{self.C} to {self.O}", f"{self.size} to {self.out[1]}", " x ".join(map(str, self.window))]
        words[-1] += f" stride {self.stride}" if self.stride > 1 else ""
        words[-1] += f" dilation {self.dilation}" if self.dilation > 1 else ""
        return ", ".join(words + ([f"{self.groups} groups"] if self.groups > 1 else []))


LAYERS = [
    Layer("N1", 1, 32, 64, 4, 2, 1), Layer("N1", 64, 16, 128, 4, 2, 1), Layer("N1", 128, 8, 256, 4, 2, 1),
    Layer("N1", 256, 4, 1, 4, 1, 0), Layer("N1", 256, 4, 100, 4, 1, 0), Layer("N2", 1, 28, 64, 5, 2, 2),
    Layer("N2", 64, 14, 128, 5, 2, 2), Layer("N2", 128, 7, 256, 5, 1, 2), Layer("U-Net", 1, 28, 32, 3, 1, 1),
    Layer("U-Net", 32, 28, 32, 3, 1, 1), Layer("U-Net", 32, 28, 64, 3, 2, 1), Layer("U-Net", 64, 14, 64, 3, 1, 1),
    Layer("U-Net", 64, 14, 128, 3, 2, 1), Layer("U-Net", 128, 7, 128, 3, 1, 1), Layer("U-Net", 128, 14, 64, 3, 1, 1),
    Layer("U-Net", 128, 14, 64, 1, 1, 0), Layer("U-Net", 64, 28, 32, 3, 1, 1), Layer("U-Net", 64, 28, 32, 1, 1, 0),
    Layer("U-Net", 32, 28, 1, 3, 1, 1),
    Layer("1-D", 32, 4096, 64, 3, 1, 1, N=4, flat=True), Layer("1-D", 1, 4096, 32, 9, 4, 4, N=16, flat=True),
    Layer("1-D", 32, 4096, 64, 2, 1, 64, N=4, dilation=64, flat=True),
    Layer("groups", 128, 28, 128, 3, 1, 1, N=16, groups=128), Layer("groups", 128, 28, 128, 3, 2, 1, N=16, groups=128),
    Layer("groups", 128, 14, 128, 3, 1, 1, N=32, groups=4), Layer("groups", 64, 28, 64, 3, 1, 2, N=16, dilation=2),
]  # fmt: skip
NETWORKS = tuple(dict.fromkeys(layer.network for layer in LAYERS))
OTHERS = ("1-D", "groups")  # no layers of the networks: their ratios are told apart


def add_options(commands: Any) -> None:
    parser = commands.add_parser("conv", help="convolution and its gradients on the networks' shapes")
    options.shared(parser, PEERS, PEERS)
    parser.add_argument(
        "--only", type=options.names("network", NETWORKS), default=list(NETWORKS), help=f"from {','.join(NETWORKS)}"
    )
    parser.add_argument("--batch-size", type=options.at_least_one, help="images (default: each layer's, mostly 64)")
    parser.add_argument("--rounds", type=options.at_least_one, default=11, help="samples of each side (default 11)")


def attributes(layer: Layer) -> tuple:
    """Stride, padding, dilation and groups."""
    across = layer.pair(layer.stride, 1), layer.pair(layer.padding, 0), layer.pair(layer.dilation, 1)
    return *across, layer.groups


def arrays(layer: Layer, rng: np.random.Generator) -> dict[str, np.ndarray]:
    shapes = {
        "x": (layer.N, layer.C, *layer.shape), "w": (layer.O, layer.C // layer.groups, *layer.window),
        "g": (layer.N, layer.O, *layer.out),
    }  # fmt: skip
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


# Two inputs, and what the result is like
PARTS = {"forward": ("x", "w", "g"), "input": ("g", "w", "x"), "weight": ("g", "x", "w")}


def compute(be: Any, kind: str, layer: Layer, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """By a method of a backend."""
    if kind == "forward":
        return be.conv2d(first, second, *attributes(layer))
    if kind == "input":
        return be.conv2d_input(first, second, layer.shape, *attributes(layer))
    return be.conv2d_weight(first, second, layer.window, *attributes(layer))


def contenders(kind: str, layer: Layer, sets: list[tuple], wanted: argparse.Namespace) -> Iterator[Contender]:
    if "cpp" in wanted.backends:
        from minigen import _cpu

        function = {"forward": _cpu.conv2d, "input": _cpu.conv2d_input, "weight": _cpu.conv2d_weight}[kind]

        def kernel(first: np.ndarray, second: np.ndarray, out: np.ndarray) -> np.ndarray:
            function(first, second, out, *attributes(layer))
            return out

        yield Contender("minigen", kernel, sets, inside=True, faster=FASTER)
    if "numpy" in wanted.backends:
        be = backend.get("numpy")
        yield Contender("minigen numpy", lambda first, second, out: compute(be, kind, layer, first, second), sets)
    for peer in wanted.peers:
        tensors = torch_sets(sets, peer == "torch-channels-last", wanted.threads)
        yield Contender(peer, torch_call(kind, layer), tensors, faster=FASTER)


def torch_sets(sets: list[tuple], channels_last: bool, threads: int) -> list[tuple]:
    import torch

    torch.set_num_threads(threads)
    format = torch.channels_last if channels_last else torch.contiguous_format
    return [tuple(torch.from_numpy(a).contiguous(memory_format=format) for a in arrays) for arrays in sets]


def torch_call(kind: str, layer: Layer) -> contest.Sample:
    """PyTorch's own kernels: convolution, and convolution_backward asked for one of its results."""
    import torch

    stride, padding, dilation, groups = attributes(layer)
    if kind == "forward":
        return lambda x, w, like: torch.nn.functional.conv2d(x, w, None, stride, padding, dilation, groups)
    mask = [kind == "input", kind == "weight", False]

    def backward(g: Any, other: Any, like: Any) -> Any:
        x, w = (like, other) if kind == "input" else (other, like)
        how = stride, padding, dilation, False, (0, 0), groups
        found = torch.ops.aten.convolution_backward(g, x, w, None, *how, mask)
        return found[0] if kind == "input" else found[1]

    return backward


def cases(wanted: argparse.Namespace) -> Iterator[Case]:
    reference = backend.get("numpy")
    for layer in (layer for layer in LAYERS if layer.network in wanted.only):
        layer = layer._replace(N=wanted.batch_size or layer.N)
        rng = np.random.default_rng(0)
        nbytes = sum(a.nbytes for a in arrays(layer, rng).values())
        rotation = [arrays(layer, rng) for _ in range(min(8, contest.sets_of(nbytes)))]
        for kind in KINDS:
            sets = [tuple(each[part] for part in PARTS[kind][:2]) for each in rotation]
            wide = [a.astype(np.float64) for a in sets[0]]
            expected, scale = (compute(reference, kind, layer, *pair) for pair in (wide, map(abs, wide)))
            sets = [(*pair, np.full(expected.shape, np.nan, np.float32)) for pair in sets]
            sides = list(contenders(kind, layer, sets, wanted))
            yield Case(f"{layer.network} {layer.name}: {kind}", layer.flop, nbytes, sides, expected, scale, kind)


def measure(wanted: argparse.Namespace) -> dict[str, Any]:
    """The result of `conv` as it is saved."""
    description, roof = machine.describe(), peak.Peak()
    found = contest.hold(cases(wanted), roof, wanted.rounds)
    ours = "minigen" if "cpp" in wanted.backends else "minigen numpy"
    ratios = {}
    for words, others in ("", False), (" in other layers", True):
        part = {name: case for name, case in found.items() if name.startswith(OTHERS) == others}
        ratios.update({who + words: ratio for who, ratio in contest.ratios(part, ours, wanted.peers).items()})
    return contest.result("conv", wanted, description, roof, found, ratios)
