"""WaveNet: its logits are the paper's equations, composed of conv1d; it sees its past alone; it learns."""

import numpy as np
import pytest

import minigen
import minigen.functional as F
from minigen import optim
from minigen.models.wavenet import WaveNet


def small():
    minigen.manual_seed(0)
    return WaveNet(num_classes=7, channels=9, skip_channels=20, stacks=2, layers=3, kernel_size=2)


def values(N=2, T=30, seed=0):
    return minigen.tensor(np.random.default_rng(seed).integers(0, 7, (N, T)))


def textbook(net, x):
    """Figure 4 with channels first, as the paper's convolutions have it."""
    x, skips = net.embedding(x).transpose(1, 2), 0
    for unit in net.layers:
        past = F.pad(x, ((unit.dilated.kernel_size[0] - 1) * unit.dilation, 0))
        filters, gates = F.conv1d(past, unit.dilated.weight, unit.dilated.bias, dilation=unit.dilation).chunk(2, dim=1)
        z = F.tanh(filters) * F.sigmoid(gates)
        skips = skips + unit.skip(z)
        x = x if unit.residual is None else x + unit.residual(z)
    return net.head2(F.relu(net.head1(F.relu(skips))))  # (N, num_classes, T)


def test_logits_and_gradients_are_those_of_the_textbook():
    net, x, target = small(), values(), values(seed=1)
    loss = net.loss(x, target)
    loss.backward()
    mine = [p.grad for p in net.parameters()]
    net.zero_grad()
    logits = textbook(net, x)
    want = F.cross_entropy(logits, target)
    want.backward()
    np.testing.assert_allclose(net(x).numpy(), logits.transpose(1, 2).numpy(), rtol=1e-5, atol=1e-5)
    assert loss.item() == pytest.approx(want.item(), rel=1e-6)
    for p, g in zip(net.parameters(), mine, strict=True):
        np.testing.assert_allclose(g.numpy(), p.grad.numpy(), rtol=1e-4, atol=1e-6)


def test_a_prediction_depends_on_the_receptive_field():
    net, x = small(), values(N=1)
    assert net.receptive_field == 1 + 2 * (1 + 2 + 4)
    other = minigen.tensor(np.where(np.arange(30) == 10, (x.numpy() + 1) % 7, x.numpy()))
    changed = (net(x).numpy() != net(other).numpy()).any(axis=(0, 2))
    assert np.flatnonzero(changed).tolist() == list(range(10, 10 + net.receptive_field))


def test_it_learns_what_follows():
    net, x = small(), minigen.tensor(np.arange(41)[None] * 3 % 7)
    opt = optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(150):
        opt.zero_grad()
        loss = net.loss(x[:, :-1], x[:, 1:])
        loss.backward()
        opt.step()
    assert loss.item() < 0.05  # at the start it is about log 7 = 1.9


def test_shapes_that_do_not_fit_are_named():
    x, w, b, r, s = (minigen.randn(*shape) for shape in ((2, 9, 3), (10, 3, 2), (10,), (3, 5, 1), (4, 5, 1)))
    with pytest.raises(ValueError, match=r"weight has shape \(10, 4, 2\).* must be \(10, 3, 2\)"):
        F.gated_residual(x, None, minigen.randn(10, 4, 2), b, r, None, s, None)
    with pytest.raises(ValueError, match="even number of filters"):
        F.gated_residual(x, None, minigen.randn(9, 3, 2), None, r, None, s, None)
    with pytest.raises(ValueError, match=r"skip has shape \(2, 9, 3\).* must be \(2, 9, 4\)"):
        F.gated_residual(x, x, w, b, r, None, s, None)
    with pytest.raises(ValueError, match="input must have 3 dimensions"):
        F.gated_residual(x[0], None, w, b, r, None, s, None)
    with pytest.raises(ValueError, match="at least one time"):
        F.gated_residual(x[:, :0], None, w, b, r, None, s, None)
    with pytest.raises(ValueError, match="dilation must be at least 1"):
        F.gated_residual(x, None, w, b, r, None, s, None, dilation=0)
    with pytest.raises(TypeError, match="convert them to one type"):
        F.gated_residual(x.double(), None, w, b, r, None, s, None)
