"""Small layers on fixed numbers, in either library; PyTorch's answers are committed, so that no test needs PyTorch.

    python tests/pytorch_values.py      writes tests/nn/pytorch_values.json again, with the PyTorch that is installed
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("nn") / "pytorch_values.json"
T, N, IN, H = 3, 2, 3, 2
LAYERS = {  # name: (the layer, the shapes of its inputs)
    "RNNCell": (lambda nn: nn.RNNCell(IN, H), [(N, IN), (N, H)]),
    "RNNCell relu": (lambda nn: nn.RNNCell(IN, H, nonlinearity="relu"), [(N, IN), (N, H)]),
    "LSTMCell": (lambda nn: nn.LSTMCell(IN, H), [(N, IN)]),
    "GRUCell": (lambda nn: nn.GRUCell(IN, H), [(N, IN), (N, H)]),
    "RNN": (lambda nn: nn.RNN(IN, H, 2, bidirectional=True), [(T, N, IN)]),
    "LSTM": (lambda nn: nn.LSTM(IN, H, 2, batch_first=True), [(N, T, IN)]),
    "GRU": (lambda nn: nn.GRU(IN, H, 2, bidirectional=True), [(T, N, IN)]),
    "Linear": (lambda nn: nn.Linear(IN, H), [(N, IN)]),
    "LayerNorm": (lambda nn: nn.LayerNorm(4), [(N, 4)]),
    "GELU": (lambda nn: nn.GELU(), [(N, IN)]),
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(4, 2), [(T, N, 4), (T, N, 4), (T, N, 4)]),
}


def numbers(shape, seed):
    return 0.9 * np.sin(1.7 * np.arange(np.prod(shape)) + seed).reshape(shape)


def flat(found):
    return [t for part in found for t in flat(part)] if isinstance(found, (tuple, list)) else [found]


def values(lib, name):
    """Outputs, gradients of <outputs, fixed numbers> and gradients of their squares' sum: lists of lists."""
    make, shapes = LAYERS[name]
    net = make(lib.nn).double()
    shaped = {key: tuple(p.shape) for key, p in net.state_dict().items()}
    net.load_state_dict({key: lib.tensor(numbers(shape, i)) for i, (key, shape) in enumerate(shaped.items())})
    inputs = [lib.tensor(numbers(shape, 90 + i)).requires_grad_() for i, shape in enumerate(shapes)]
    points = [*inputs, *(p for _, p in sorted(net.named_parameters()))]
    outputs = flat(net(*inputs))
    total = sum((o * lib.tensor(numbers(tuple(o.shape), 50 + i))).sum() for i, o in enumerate(outputs))
    grad = lib.autograd.grad
    first = grad(total, points, create_graph=True)
    second = grad(sum((g * g).sum() for g in first), points, allow_unused=True)
    found = {"outputs": outputs, "gradients": first, "second gradients": second}
    return {key: [None if t is None else t.detach().numpy().tolist() for t in ts] for key, ts in found.items()}


if __name__ == "__main__":
    import torch

    lines = (f"{json.dumps(name)}: {json.dumps(values(torch, name))}" for name in LAYERS)
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
