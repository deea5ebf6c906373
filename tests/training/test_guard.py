"""The guard against NaN of the training loop: it replays the failing batch and says where the NaN was made."""

import math

import numpy as np
import pytest

import minigen
from minigen import nn, optim, training
from minigen.data import DataLoader, TensorDataset


def run(tmp_path, batches, loss_of, lr=0.1):
    """Train a linear layer on ``batches``; the text of the error that ends it."""
    minigen.manual_seed(0)
    data = TensorDataset(minigen.tensor(np.asarray(batches, np.float32)))
    net = nn.Linear(2, 1)
    opt = optim.SGD(net.parameters(), lr=lr)
    calls = []

    def step(x):
        calls.append(minigen.backend.state.anomaly)
        loss = loss_of(net, x)
        row = {"loss": training.finite("loss", loss)}
        opt.zero_grad()
        loss.backward()
        opt.step()
        return row

    with pytest.raises(FloatingPointError) as raised:
        training.train(
            training.Run(tmp_path / "run", {}), {"net": net}, DataLoader(data, batch_size=1), step,
            epochs=1, after_epoch=lambda done: None,
        )  # fmt: skip
    return str(raised.value), calls, net


def test_the_failing_batch_alone_is_replayed_and_the_op_named(tmp_path):
    def loss_of(net, x):
        return (net(x).sum() * 0 + x.sum()).sqrt()  # the guilty line

    text, calls, net = run(tmp_path, [[1, 1], [2, 2], [-3, 1]], loss_of)
    assert text.startswith("step 3: loss is nan; sqrt produced NaN or inf in a result of shape ()")
    assert "all its inputs were finite" in text and "# the guilty line" in text and "min -2, max -2" in text
    assert calls == [(), (), (), ("nan", "inf")]  # the third batch twice, and only then every op is checked
    assert all(np.isfinite(p.numpy()).all() for p in net.parameters())


def test_a_broken_batch_is_blamed_on_the_batch(tmp_path):
    text, _, _ = run(tmp_path, [[1, 1], [math.nan, 1]], lambda net, x: net(x).sum())
    assert "step 2: loss is nan; linear produced NaN" in text and "its input 0 was not finite already" in text


def test_weights_that_a_gradient_broke_are_named(tmp_path):
    def loss_of(net, x):
        return net(x).sum() * 0 + (net.weight * 0).pow(0.5).sum()  # finite, but its slope at 0 is inf

    text, _, _ = run(tmp_path, [[1, 1], [1, 1]], loss_of)
    assert "step 2: loss is nan" in text and "if it is a parameter, an earlier update broke it" in text


def test_a_mask_of_infinities_does_not_hide_the_nan(tmp_path):
    def loss_of(net, x):
        hidden = minigen.where(x > 5, x, -math.inf)  # a mask that is meant, but hides everything
        return minigen.nn.functional.softmax(hidden, dim=1).sum() + net(x).sum()

    text, _, _ = run(tmp_path, [[6, 7], [1, 1]], loss_of)
    assert "where is not at fault" in text and "and the first NaN: " in text and "made NaN of it" in text


def test_what_does_not_recur_is_said_to(tmp_path):
    seen = []

    def loss_of(net, x):
        seen.append(1)
        return net(x).sum() * (math.nan if len(seen) == 1 else 1.0)

    assert run(tmp_path, [[1, 1]], loss_of)[0].endswith("run again with every op checked, it did not recur")
