"""Optimisers against PyTorch's: a thousand steps in float64, states that one writes and the other reads."""

import itertools

import numpy as np
import pytest
import torch

import minigen
from minigen import optim

STEPS = 1000


def grid(**options):
    """Every combination of the options' values."""
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


CASES = [
    *(
        ("SGD", o)
        for o in grid(lr=[0.05], momentum=[0, 0.9], dampening=[0, 0.3], weight_decay=[0, 0.1], nesterov=[False, True],
                      maximize=[False, True])
        if not (o["nesterov"] and (o["dampening"] or not o["momentum"]))
    ),
    *(("Adam", o) for o in grid(lr=[0.01], betas=[(0.9, 0.999), (0.3, 0.5)], weight_decay=[0, 0.1],
                                amsgrad=[False, True], maximize=[False, True])),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True, "eps": 1e-3}),
    *(("AdamW", o) for o in grid(lr=[0.01], weight_decay=[0, 0.1], amsgrad=[False, True], maximize=[False, True])),
    *(("RMSprop", o) for o in grid(lr=[0.01], alpha=[0.99, 0.5], weight_decay=[0, 0.1], momentum=[0, 0.9],
                                   centered=[False, True], maximize=[False, True])),
    *(("Adagrad", o) for o in grid(lr=[0.1], lr_decay=[0, 0.01], weight_decay=[0, 0.1],
                                   initial_accumulator_value=[0, 0.5], maximize=[False, True])),
    *((name, {}) for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")),
]  # fmt: skip
SHAPES = [(3, 4), (5,), ()]


def starts(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=s) for s in SHAPES]


def both(name, options, arrays):
    """The same optimiser here and there, on the same parameters in two groups."""
    ours = [minigen.tensor(a).requires_grad_() for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    opts = [
        getattr(lib, name)([{"params": ps[:2]}, {"params": ps[2:], "lr": 0.02}], **options)
        for lib, ps in ((optim, ours), (torch.optim, theirs))
    ]
    return ours, theirs, *opts


def gradient(w, t, sign):
    """Of a bowl that moves: it stays finite for 1000 steps, also uphill."""
    return sign * (np.tanh(w) + 0.3 * np.sin(0.7 * t + np.arange(w.size).reshape(w.shape)))


def run(ours, theirs, mine, peer, steps, sign=1.0):
    for t in steps:
        for w, v in zip(ours, theirs, strict=True):
            w.grad = minigen.tensor(gradient(w.numpy(), t, sign))
            v.grad = torch.tensor(gradient(v.detach().numpy(), t, sign))
        mine.step()
        peer.step()


def assert_equal(ours, theirs, tolerance):
    for w, v in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n} {o}" for n, o in CASES])
def test_a_thousand_steps(name, options):
    ours, theirs, mine, peer = both(name, options, starts())
    sign = -1.0 if options.get("maximize") else 1.0
    run(ours, theirs, mine, peer, range(STEPS), sign)
    assert all(np.isfinite(w.numpy()).all() for w in ours)
    assert any(abs(w.numpy() - a).max() > 1e-3 for w, a in zip(ours, starts(), strict=True)), "nothing moved"
    assert_equal(ours, theirs, 1e-10)


@pytest.mark.parametrize(
    ("name", "options"),
    [("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {}), ("Adagrad", {}),
     ("RMSprop", {"centered": True, "momentum": 0.9})],
)  # fmt: skip
def test_states_have_pytorchs_structure_and_travel_both_ways(name, options):
    ours, theirs, mine, peer = both(name, options, starts())
    run(ours, theirs, mine, peer, range(7))
    here, there = mine.state_dict(), peer.state_dict()
    assert here["state"].keys() == there["state"].keys()
    for i, state in there["state"].items():
        assert here["state"][i].keys() == state.keys()
    for g, h in zip(here["param_groups"], there["param_groups"], strict=True):
        assert g["params"] == h["params"]
        assert set(g) <= set(h)
        assert all(g[k] == h[k] for k in g)

    as_torch = {
        i: {k: v if k == "step" else torch.tensor(v.numpy()) for k, v in s.items()} for i, s in here["state"].items()
    }
    as_ours = {i: {k: v.numpy() for k, v in s.items()} for i, s in there["state"].items()}
    ours2, theirs2, mine2, peer2 = both(name, options, [w.numpy().copy() for w in ours])
    mine2.load_state_dict({**there, "state": as_ours})  # each continues from what the other wrote
    peer2.load_state_dict({**here, "state": as_torch})
    run(ours, theirs, mine, peer, range(7, 30))
    run(ours2, theirs2, mine2, peer2, range(7, 30))
    assert_equal(ours2, theirs, 1e-10)
    assert_equal(ours, theirs2, 1e-10)


def test_a_group_that_joins_later():
    ours, theirs, mine, peer = both("Adam", {}, starts())
    run(ours, theirs, mine, peer, range(5))
    late = np.ones(4)
    ours.append(minigen.tensor(late).requires_grad_())
    theirs.append(torch.tensor(late, requires_grad=True))
    mine.add_param_group({"params": ours[-1], "weight_decay": 0.1})
    peer.add_param_group({"params": theirs[-1], "weight_decay": 0.1})
    run(ours, theirs, mine, peer, range(5, 40))
    assert_equal(ours, theirs, 1e-12)


def test_a_closure():
    def closure(opt, w):
        def compute():
            opt.zero_grad()
            loss = (w * w).sum()
            loss.backward()
            return loss

        return compute

    w, v = minigen.tensor([1.0, -2.0]).double().requires_grad_(), torch.tensor([1.0, -2.0]).double().requires_grad_()
    mine, peer = optim.SGD([w], lr=0.1), torch.optim.SGD([v], lr=0.1)
    for _ in range(3):
        with minigen.no_grad(), torch.no_grad():  # a closure records all the same
            a, b = mine.step(closure(mine, w)), peer.step(closure(peer, v))
        assert abs(a.item() - b.item()) < 1e-15
    np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=1e-15)
