"""SGD and Adam beside PyTorch's on every backend, on a surface that bends, with gradients missing now and then."""

import numpy as np
import pytest
import torch

import minigen
from minigen import optim

SETTINGS = [
    ("SGD", {"lr": 0.05}), ("SGD", {"lr": 0.01, "momentum": 0.9}), ("SGD", {"lr": 0.02, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.01}), ("Adam", {}), ("Adam", {"lr": 0.02}),
    ("Adam", {"lr": 2e-4, "betas": (0.5, 0.999)}), ("Adam", {"lr": 0.01, "eps": 1e-3, "weight_decay": 0.05}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=[f"{n} {s}" for n, s in SETTINGS])
def test_a_thousand_steps(numbers, name, settings, backend):
    start = [numbers(3, 4), numbers(4), numbers()]
    A, b = numbers(12, 17), numbers(17)
    mine = [minigen.tensor(w).requires_grad_() for w in start]
    theirs = [torch.tensor(w).requires_grad_() for w in start]
    for step in range(1000):
        # a curved, stretched bowl that moves: the gradient in closed form, at each library's own parameters
        grads = []
        for parameters in (mine, theirs):
            w, v, s = (p.detach().numpy() for p in parameters)
            r = w.reshape(12) @ A - b + np.sin(0.01 * step)
            grads.append([(A @ r / 17 + 0.1 * w.reshape(12) ** 3).reshape(3, 4), v - np.tanh(v + s), s**3 - v.mean()])
        for p, g in zip(mine, grads[0], strict=True):
            p.grad = minigen.tensor(np.asarray(g))
        for p, g in zip(theirs, grads[1], strict=True):
            p.grad = torch.tensor(g)
        if not step:
            my_step, their_step = getattr(optim, name)(mine, **settings), getattr(torch.optim, name)(theirs, **settings)
        if step % 10 == 3:  # now and then a parameter has no gradient, and is left alone
            mine[1].grad = theirs[1].grad = None
        my_step.step()
        their_step.step()
    for w, v, before in zip(mine, theirs, start, strict=True):
        np.testing.assert_allclose(w.detach().numpy(), v.detach().numpy(), rtol=1e-10, atol=1e-10)
        assert abs(w.detach().numpy() - before).max() > 1e-3


def test_parameter_groups(numbers, near):
    found = []
    for library in (minigen, torch):
        a, b = (library.tensor(numbers_).requires_grad_() for numbers_ in (np.ones(3), np.ones(2)))
        step = library.optim.Adam([{"params": [a], "lr": 0.1}, {"params": [b], "weight_decay": 0.5}], lr=0.01)
        for _ in range(20):
            step.zero_grad()
            ((a**2).sum() + (b**3).sum()).backward()
            step.step()
        found.append((a, b))
    for mine, theirs in zip(*found, strict=True):
        near("parameter", mine, theirs, 1e-12)
