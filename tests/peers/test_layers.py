"""Layers and networks: the same names, shapes and defaults, and with the weights copied over, the same numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch

import minigen
from minigen.models import gan

LAYERS = [
    ("Linear(4, 3)", (5, 4)), ("Linear(4, 3, bias=False)", (2, 5, 4)), ("Conv2d(2, 4, 3)", (2, 2, 6, 7)),
    ("Conv2d(2, 4, (3, 2), (2, 1), (1, 0), (1, 2), 2, False)", (2, 2, 6, 7)),
    ("Conv2d(2, 3, 3, padding='same')", (1, 2, 5, 5)),
    ("ConvTranspose2d(2, 4, 3)", (2, 2, 4, 3)), ("ConvTranspose2d(4, 2, 4, 2, 1, bias=False)", (2, 4, 4, 3)),
    ("ConvTranspose2d(4, 2, 3, 2, 1, 1, 2, True, 2)", (2, 4, 4, 3)), ("BatchNorm1d(3)", (5, 3)),
    ("BatchNorm1d(3, eps=1e-3, momentum=0.3)", (5, 3, 2)), ("BatchNorm2d(3)", (2, 3, 4, 5)),
    ("BatchNorm2d(3, affine=False)", (2, 3, 4, 5)), ("BatchNorm2d(3, track_running_stats=False)", (2, 3, 4, 5)),
    ("ReLU()", (3, 4)), ("LeakyReLU()", (3, 4)), ("LeakyReLU(0.2)", (3, 4)), ("Tanh()", (3, 4)), ("Sigmoid()", (3, 4)),
    ("Softmax(dim=1)", (3, 4)), ("Dropout(0.0)", (3, 4)), ("Flatten()", (2, 3, 4)), ("Flatten(0)", (2, 3, 4)),
    ("Unflatten(1, (2, 3))", (4, 6)), ("ZeroPad2d(2)", (1, 2, 3, 4)), ("ZeroPad2d((1, 2, 0, 3))", (1, 2, 3, 4)),
    *[(f"{k}(4, 3)", (2, 4)) for k in ("RNNCell", "LSTMCell", "GRUCell")], ("RNNCell(4, 3, False, 'relu')", (2, 4)),
    *[(f"{k}(4, 3)", (5, 2, 4)) for k in ("RNN", "LSTM", "GRU")],
    *[(f"{k}(4, 3, 2, batch_first=True, bidirectional=True)", (2, 5, 4)) for k in ("RNN", "LSTM", "GRU")],
    ("Identity()", (3, 4)), ("Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))", (3, 4)),
]  # fmt: skip
LOSSES = ["MSELoss", "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss"]


def both(text: str):
    """The layer in both libraries, in float64, with PyTorch's weights."""
    mine, theirs = (eval(f"nn.{text}", {"nn": library.nn}).double() for library in (minigen, torch))
    copy(mine, theirs)
    return mine, theirs


def copy(mine, theirs) -> None:
    state = theirs.state_dict()
    assert list(mine.state_dict()) == list(state)
    assert [tuple(v.shape) for v in state.values()] == [v.shape for v in mine.state_dict().values()]
    mine.load_state_dict({k: v.numpy() for k, v in state.items()})


@pytest.mark.parametrize(("text", "shape"), LAYERS, ids=[text for text, _ in LAYERS])
def test_a_layer(agree, near, numbers, text, shape):
    mine, theirs = both(text)
    x = numbers(*shape)
    agree(mine, theirs, x)
    for net, make in ((mine, minigen.tensor), (theirs, torch.tensor)):
        out = net(make(x))
        while isinstance(out, tuple):
            out = out[0]
        if out.requires_grad:
            (out * out).sum().backward()
    assert [k for k, _ in mine.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    for (name, p), q in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        near(f"gradient of {name}", p.grad, q.grad)
    for (name, a), (other, b) in zip(mine.named_buffers(), theirs.named_buffers(), strict=True):
        assert name == other
        near(name, a, b)
    assert repr(mine.eval()).split("(")[0] == repr(theirs.eval()).split("(")[0]
    agree(mine, theirs, x)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss(agree, numbers, name, reduction):
    mine, theirs = (getattr(library.nn, name)(reduction=reduction) for library in (minigen, torch))
    x = numbers(6, 4, low=0.05, high=0.95)
    y = np.array([0, 3, 1, 1, 2, 0]) if name == "CrossEntropyLoss" else numbers(6, 4, low=0.0, high=1.0)
    agree(mine, theirs, x, y)


@pytest.mark.parametrize(
    "text", ["Linear(400, 300)", "Conv2d(16, 40, 5)", "Conv2d(16, 40, 5, groups=4)", "ConvTranspose2d(40, 16, 5)"]
)
def test_initial_weights_are_drawn_from_the_same_range(text):
    minigen.manual_seed(0)
    torch.manual_seed(0)
    mine, theirs = (eval(f"nn.{text}", {"nn": library.nn}).state_dict() for library in (minigen, torch))
    for key in ("weight", "bias"):
        a, b = mine[key].numpy(), theirs[key].numpy()
        assert a.dtype == b.dtype == np.float32
        assert abs(a).max() == pytest.approx(abs(b).max(), rel=0.01 if key == "weight" else 0.2)
        assert a.std() == pytest.approx(b.std(), rel=0.02 if key == "weight" else 0.2)


# the articles' networks, three whole steps of the game ----------------------------------------------
def torch_n1() -> tuple:
    """Generator and Discriminator of the listing that tests/models runs with minigen, here as it stands."""
    source = (Path(__file__).parents[1] / "models" / "listing_n1.py").read_text()
    names: dict = {"__name__": "n1"}
    kept = [line for line in source.splitlines() if "torchvision" not in line]  # only main() needs it
    exec("\n".join(kept), names)
    return names["netG"], names["netD"]


def torch_n2() -> tuple:
    nn = torch.nn
    generator = nn.Sequential(
        nn.Linear(100, 12544, bias=False), nn.BatchNorm1d(12544, eps=1e-3, momentum=0.01), nn.LeakyReLU(0.3),
        nn.Unflatten(1, (256, 7, 7)), nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
        nn.BatchNorm2d(128, eps=1e-3, momentum=0.01), nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False),
        nn.BatchNorm2d(64, eps=1e-3, momentum=0.01), nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1, bias=False), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, 2), nn.LeakyReLU(0.3), nn.Dropout(0.3), nn.Conv2d(64, 128, 5, 2, 2), nn.LeakyReLU(0.3),
        nn.Dropout(0.3), nn.Flatten(), nn.Linear(6272, 1), nn.Flatten(0), nn.Sigmoid(),
    )  # fmt: skip
    return torch.nn.ModuleDict({"main": generator})["main"], discriminator


def game(library, G, D, real, noises, judge):
    """The losses of three steps, and both networks' weights after them."""
    steps = [library.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (D, G)]
    one, zero = (library.tensor(np.full(len(real), v)) for v in (1.0, 0.0))
    losses = []
    for noise in noises:
        fake = G(library.tensor(noise))
        loss = judge(D(library.tensor(real)), one) + judge(D(fake.detach()), zero)
        steps[0].zero_grad()
        loss.backward()
        steps[0].step()
        bluff = judge(D(fake), one)
        steps[1].zero_grad()
        bluff.backward()
        steps[1].step()
        losses.append((loss.item(), bluff.item()))
    return losses


@pytest.mark.parametrize(("name", "theirs", "size"), [("n1", torch_n1, 32), ("n2", torch_n2, 28)])
def test_three_steps_of_the_game(numbers, name, theirs, size):
    torch.manual_seed(0)
    their_G, their_D = (net.double() for net in theirs())
    my_G, my_D = (network().double() for network in gan.NETWORKS[name])
    for mine, other in ((my_G, their_G), (my_D, their_D)):
        state = {k.removeprefix("main."): v.numpy() for k, v in other.state_dict().items()}
        mine.load_state_dict({f"main.{k}": v for k, v in state.items()})
        for module in (*mine.modules(), *other.modules()):
            if type(module).__name__ == "Dropout":
                module.p = 0.0  # the libraries draw different masks
    real, noises = numbers(8, 1, size, size, low=-1.0, high=1.0), [numbers(8, 100, 1, 1) for _ in range(3)]
    flat = [z.reshape(8, 100) for z in noises]
    mine = game(minigen, my_G, my_D, real, flat, minigen.nn.BCEWithLogitsLoss())
    other = game(torch, their_G, their_D, real, noises if name == "n1" else flat, torch.nn.BCELoss())
    np.testing.assert_allclose(mine, other, rtol=1e-8)
    for ours, net in ((my_G, their_G), (my_D, their_D)):
        for (key, p), q in zip(ours.state_dict().items(), net.state_dict().values(), strict=True):
            np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=1e-6, atol=1e-8, err_msg=key)
