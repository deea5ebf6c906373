"""Groups of parameters, gradients that are missing, states of other parameters, and settings that are refused."""

import copy

import numpy as np
import pytest

import minigen
from minigen import nn, optim

SHAPES = [(3, 4), (5,), (), (0, 2)]


def start(seed=0):
    rng = np.random.default_rng(seed)
    return [nn.Parameter(minigen.tensor(np.asarray(rng.normal(size=s)))) for s in SHAPES]


def give(params, t):
    rng = np.random.default_rng(100 + t)
    for p in params:
        p.grad = minigen.tensor(np.asarray(rng.normal(size=p.shape)))


# groups ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_groups_have_settings_of_their_own(name):
    both, apart = start(), start()
    grouped = getattr(optim, name)(
        [{"params": both[:2], "lr": 0.5}, {"params": iter(both[2:]), "weight_decay": 0.1}], lr=0.01
    )
    alone = [getattr(optim, name)(apart[:2], lr=0.5), getattr(optim, name)(apart[2:], lr=0.01, weight_decay=0.1)]
    settings = [(g["lr"], g["weight_decay"], len(g["params"])) for g in grouped.param_groups]
    assert settings == [(0.5, 0, 2), (0.01, 0.1, 2)]
    for t in range(5):
        give(both, t)
        give(apart, t)
        for optimizer in (grouped, *alone):
            optimizer.step()
    for p, q in zip(both, apart, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_a_learning_rate_can_be_changed_between_steps():
    w = nn.Parameter(minigen.zeros(1))
    optimizer = optim.SGD([w], lr=1.0)
    for lr in (1.0, 0.5, 0.25):
        optimizer.param_groups[0]["lr"] = lr
        w.grad = minigen.ones(1)
        optimizer.step()
    assert w.item() == -1.75


def test_a_lone_tensor_is_a_group():
    w = nn.Parameter(minigen.ones(2))
    assert optim.SGD([{"params": w}], lr=1.0).param_groups[0]["params"] == [w]


# gradients that are missing -------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_parameter_without_gradient_is_skipped_and_its_clock_stands_still(name):
    settings = {"lr": 0.1, "weight_decay": 0.1} | ({"momentum": 0.9} if name == "SGD" else {})
    (a, b), (c, d) = start()[:2], start()[:2]
    together = getattr(optim, name)([a, b], **settings)
    apart = [getattr(optim, name)([p], **settings) for p in (c, d)]
    for t in range(6):
        present = (True, t % 3 == 2)  # b has a gradient in every third step alone
        for pair in ((a, b), (c, d)):
            give(pair, t)
            for p, has in zip(pair, present, strict=True):
                p.grad = p.grad if has else None
        together.step()
        for optimizer, has in zip(apart, present, strict=True):
            if has:
                optimizer.step()
    np.testing.assert_array_equal(a.numpy(), c.numpy())
    np.testing.assert_array_equal(b.numpy(), d.numpy())
    frozen = minigen.ones(2)
    optim.SGD([frozen], lr=1.0).step()
    assert frozen.tolist() == [1, 1]


def test_zero_grad():
    a, b = nn.Parameter(minigen.ones(2)), nn.Parameter(minigen.ones(2))
    optimizer = optim.SGD([a, b], lr=0.1)
    a.grad = minigen.ones(2)
    kept = a.grad
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == kept.tolist() == [0, 0]
    assert b.grad is None
    optimizer.zero_grad()
    assert a.grad is None and b.grad is None


# states of others ---------------------------------------------------------------------------------
def test_a_loaded_state_is_a_copy():
    params = start()
    optimizer = optim.Adam(params, lr=0.1)
    give(params, 0)
    optimizer.step()
    twins = start()
    other = optim.Adam(twins, lr=0.1)
    state = optimizer.state_dict()
    other.load_state_dict(state)
    before = repr(copy.deepcopy(state))
    give(twins, 1)
    other.step()
    assert repr(state) == before


def test_a_state_of_other_parameters_is_refused_and_changes_nothing():
    params = start()
    optimizer = optim.Adam(params, lr=0.1)
    give(params, 0)
    optimizer.step()
    state = optimizer.state_dict()
    fewer, shapes = optim.Adam(params[:2], lr=0.5), optim.Adam([nn.Parameter(minigen.ones(7)) for _ in SHAPES], lr=0.5)
    for other, words in ((fewer, "load_state_dict.*4 parameters.*2"), (shapes, r"load_state_dict.*\(3, 4\).*\(7,\)")):
        with pytest.raises(ValueError, match=words):
            other.load_state_dict(state)
        assert other.param_groups[0]["lr"] == 0.5
        assert not other.state_dict()["state"]
    with pytest.raises(ValueError, match="is it an optimiser's state"):
        optimizer.load_state_dict({"weight": 3})


# what is refused ------------------------------------------------------------------------------------
def parameter():
    return nn.Parameter(minigen.ones(2))


TWICE = parameter()


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: optim.SGD([parameter()], lr=-0.1), ValueError, "SGD.*lr"),
        (lambda: optim.SGD([parameter()], lr=float("nan")), ValueError, "SGD.*lr"),
        (lambda: optim.SGD([parameter()], momentum=-1), ValueError, "SGD.*momentum"),
        (lambda: optim.SGD([parameter()], weight_decay=-1), ValueError, "SGD.*weight_decay"),
        (lambda: optim.SGD([parameter()], nesterov=True), ValueError, "SGD.*nesterov.*momentum"),
        (lambda: optim.SGD([parameter()], momentum=0.9, dampening=0.1, nesterov=True), ValueError, "dampening"),
        (lambda: optim.SGD([{"params": [parameter()], "lr": -1}]), ValueError, "lr"),
        (lambda: optim.Adam([parameter()], lr=-0.1), ValueError, "Adam.*lr"),
        (lambda: optim.Adam([parameter()], eps=-1e-8), ValueError, "Adam.*eps"),
        (lambda: optim.Adam([parameter()], betas=(1.0, 0.9)), ValueError, r"Adam.*betas.*\(1.0, 0.9\)"),
        (lambda: optim.Adam([parameter()], betas=(0.9, -0.1)), ValueError, "betas"),
        (lambda: optim.Adam([parameter()], betas=(0.9, float("nan"))), ValueError, "betas"),
        (lambda: optim.Adam([parameter()], weight_decay=-1), ValueError, "weight_decay"),
        (lambda: optim.AdamW([parameter()], weight_decay=-1), ValueError, "AdamW.*weight_decay"),
        (lambda: optim.SGD([]), ValueError, r"SGD: params is empty; pass model.parameters\(\)"),
        (lambda: optim.Adam(p for p in ()), ValueError, "Adam: params is empty"),
        (lambda: optim.SGD(parameter()), TypeError, "params must be several Tensors.*got Parameter"),
        (lambda: optim.SGD([np.ones(2)]), TypeError, "params must be leaf Tensors.*got ndarray"),
        (lambda: optim.SGD([parameter() * 2]), TypeError, "params must be leaf Tensors"),
        (lambda: optim.SGD([TWICE, TWICE]), ValueError, "params holds a parameter twice"),
        (lambda: optim.SGD([{"params": [TWICE]}, {"params": [TWICE]}]), ValueError, "params holds a parameter twice"),
        (lambda: optim.SGD([{"lr": 0.1}]), ValueError, "every group must be a dict with the key 'params'"),
    ],
)  # fmt: skip
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
