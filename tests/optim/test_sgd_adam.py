"""SGD, Adam and AdamW against their formulas in plain NumPy, over many steps.

The formulas are PyTorch's: those of the papers (Sutskever et al. 2013; Kingma & Ba 2015; Reddi, Kale & Kumar 2018;
Loshchilov & Hutter 2019) with its order of operations in exact arithmetic.
"""

import copy
import inspect

import numpy as np
import pytest

import minigen
from minigen import checkpoint, nn, optim
from minigen.backend import get

BACKENDS = [name for name, reason in minigen.backend.available().items() if not reason]
STEPS = 120
SHAPES = [(3, 4), (5,), (), (0, 2), (2, 3, 1)]


class SGD:
    def __init__(self, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
        self.lr, self.mu, self.tau, self.decay = lr, momentum, dampening, weight_decay
        self.nesterov, self.maximize, self.v = nesterov, maximize, None

    def __call__(self, w, g):
        g = -g if self.maximize else g
        g = g + self.decay * w
        if self.mu:
            self.v = g if self.v is None else self.mu * self.v + (1 - self.tau) * g
            g = g + self.mu * self.v if self.nesterov else self.v
        return w - self.lr * g


class Adam:
    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, maximize=False,
                 decoupled_weight_decay=False):  # fmt: skip
        self.lr, (self.b1, self.b2), self.eps, self.decay = lr, betas, eps, weight_decay
        self.amsgrad, self.maximize, self.decoupled = amsgrad, maximize, decoupled_weight_decay
        self.t, self.m, self.v, self.top = 0, 0.0, 0.0, 0.0

    def __call__(self, w, g):
        g = -g if self.maximize else g
        if self.decoupled:
            w = w - self.lr * self.decay * w
        else:
            g = g + self.decay * w
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * g**2
        self.top = np.maximum(self.top, self.v)
        v = (self.top if self.amsgrad else self.v) / (1 - self.b2**self.t)
        return w - self.lr * self.m / (1 - self.b1**self.t) / (np.sqrt(v) + self.eps)


def adamw(lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, maximize=False):
    return Adam(lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay=True)


FORMULAS = {"SGD": SGD, "Adam": Adam, "AdamW": adamw}
SETTINGS = [
    ("SGD", {}),
    ("SGD", {"lr": 0.0}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "dampening": 0.3}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.5, 0.9)}),
    ("Adam", {"lr": 0.05, "betas": (0.0, 0.9)}),
    ("Adam", {"lr": 0.05, "eps": 0.1}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "betas": (0.5, 0.6), "amsgrad": True}),
    ("Adam", {"lr": 0.05, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "betas": (0.8, 0.7), "amsgrad": True, "maximize": True}),
]
NAMES = [f"{name} {' '.join(f'{k}={v}' for k, v in settings.items())}".strip() for name, settings in SETTINGS]


def start(dtype, seed=0):
    rng = np.random.default_rng(seed)
    return [nn.Parameter(minigen.tensor(np.asarray(rng.normal(0, 1, s), dtype))) for s in SHAPES]


def gradients(step, dtype, layout=lambda g: g):
    """Of every size and sign, some of them zero."""
    rng = np.random.default_rng(1000 + step)
    return [layout(np.asarray(rng.normal(0, 1, s) * rng.choice([0, 1e-4, 1, 100], s), dtype)) for s in SHAPES]


def step(optimizer, params, found):
    for p, g in zip(params, found, strict=True):
        p.grad = minigen.from_numpy(g)
    optimizer.step()


# the formulas ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=NAMES)
def test_the_formula_over_many_steps(name, settings, backend):
    with minigen.use_backend(backend):
        params = start(np.float64)
        formulas, want = [FORMULAS[name](**settings) for _ in params], [p.numpy().copy() for p in params]
        optimizer = getattr(optim, name)(params, **settings)
        for t in range(STEPS):
            found = gradients(t, np.float64)
            step(optimizer, params, found)
            want = [f(w, g) for f, w, g in zip(formulas, want, found, strict=True)]
            for p, w in zip(params, want, strict=True):
                np.testing.assert_allclose(p.numpy(), w, rtol=1e-12, atol=1e-12)


def test_every_setting_of_the_three_is_tried():
    for name in FORMULAS:
        settings = set(inspect.signature(getattr(optim, name)).parameters) - {"params", "foreach", "fused"}
        tried = {k for n, given in SETTINGS if n == name for k in given}
        assert settings - tried <= {"eps"} if name == "AdamW" else settings == tried


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=NAMES)
def test_float32_stays_near_the_formula_and_strides_are_welcome(name, settings, backend):
    """The vectorised step is compared with the formula in float64, from the very gradients that it gets."""
    def turned(g):
        return np.asfortranarray(g[::-1])[::-1] if g.ndim else g

    with minigen.use_backend(backend):
        params = start(np.float32)
        formulas = [FORMULAS[name](**settings) for _ in params]
        want = [p.numpy().astype(np.float64) for p in params]
        optimizer = getattr(optim, name)(params, **settings)
        for t in range(20):
            found = gradients(t, np.float32, turned)
            step(optimizer, params, found)
            want = [f(w, g.astype(np.float64)) for f, w, g in zip(formulas, want, found, strict=True)]
        for p, w in zip(params, want, strict=True):
            assert p.dtype == np.float32
            np.testing.assert_allclose(p.numpy(), w, rtol=2e-5, atol=2e-5 * max(1, abs(w).max(initial=0)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fused_adam_is_the_textbooks(backend, dtype):
    """One call of the kernel for all parameters, at step 1 and late, against one call of the formula for each."""
    rng = np.random.default_rng(0)
    for t in (1, 2, 1000):
        ws, gs, ms = ([np.asarray(rng.normal(0, 1, s), dtype) for s in SHAPES] for _ in range(3))
        vs = [np.asarray(rng.uniform(0, 1, s), dtype) for s in SHAPES]
        want = []
        for w, g, m, v in zip(ws, gs, ms, vs, strict=True):
            formula = Adam(lr=0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1)
            formula.t, formula.m, formula.v = t - 1, m.astype(np.float64), v.astype(np.float64)
            want.append((formula(w.astype(np.float64), g.astype(np.float64)), formula.m, formula.v))
        get(backend).adam(ws, gs, ms, vs, 0.01, 0.8, 0.99, 1e-6, 0.1, t)
        tolerance = 1e-6 if dtype == np.float32 else 1e-13
        for got, expected in zip(zip(ws, ms, vs, strict=True), want, strict=True):
            for a, b in zip(got, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=10 * tolerance, atol=tolerance)


def test_adam_takes_steps_of_lr_whatever_the_gradients_size():
    """Kingma & Ba 2015, section 2.1: the first step is lr in each direction, the gradient's scale cancels."""
    for scale in (1e-6, 1.0, 1e6):
        w = nn.Parameter(minigen.zeros(2, dtype=np.float64))
        w.grad = minigen.tensor([scale, -scale], dtype=np.float64)
        optim.Adam([w], lr=0.25, eps=1e-16).step()
        np.testing.assert_allclose(w.numpy(), [-0.25, 0.25], rtol=1e-9)


def test_a_step_writes_in_place_and_touches_nothing_else():
    for name in FORMULAS:
        params = start(np.float32)
        found = gradients(0, np.float32)
        arrays, before, versions = [p.array for p in params], copy.deepcopy(found), [p.version for p in params]
        step(getattr(optim, name)(params, lr=0.1, weight_decay=0.1), params, found)
        for p, array, g, b, v in zip(params, arrays, found, before, versions, strict=True):
            assert p.array is array and p.grad.array is g and p.is_leaf and p.requires_grad
            assert p.version > v
            np.testing.assert_array_equal(g, b)


@pytest.mark.parametrize("through_a_file", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=NAMES)
def test_a_loaded_state_continues_bitwise(name, settings, backend, through_a_file, tmp_path):
    with minigen.use_backend(backend):
        params = start(np.float32)
        optimizer = getattr(optim, name)([{"params": params[:2]}, {"params": params[2:], "lr": 0.03}], **settings)
        for t in range(4):
            step(optimizer, params, gradients(t, np.float32))
        state = copy.deepcopy(optimizer.state_dict())
        if through_a_file:
            checkpoint.save(tmp_path / "state", {"optimizer": state})
            state = checkpoint.load(tmp_path / "state")["optimizer"]
        twins = [copy.deepcopy(p) for p in params]
        other = getattr(optim, name)([{"params": twins[:2]}, {"params": twins[2:]}], lr=7.0)
        other.load_state_dict(state)
        assert [g["lr"] for g in other.param_groups] == [g["lr"] for g in optimizer.param_groups]
        for t in range(4, 8):
            step(optimizer, params, gradients(t, np.float32))
            step(other, twins, gradients(t, np.float32))
            for p, q in zip(params, twins, strict=True):
                assert p.array.tobytes() == q.array.tobytes()
