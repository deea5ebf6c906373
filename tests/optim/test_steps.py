"""RMSprop and Adagrad against their formulas; closures, groups that join, an optimiser of one's own, checkpoints."""

import copy
import pickle

import numpy as np
import pytest

import minigen
from minigen import checkpoint, nn, optim
from minigen.optim import adam as adam_module

BACKENDS = [name for name, reason in minigen.backend.available().items() if not reason]
SHAPES = [(3, 4), (5,), (), (0, 2)]


def rmsprop(lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False, maximize=False):
    """w -> w, by Hinton's lecture 6e (2012) and Graves 2013, equations 38 to 45 (with eps outside of the root)."""
    s = mean = v = 0.0

    def step(w, g):
        nonlocal s, mean, v
        g = (-g if maximize else g) + weight_decay * w
        s = alpha * s + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g
        v = momentum * v + g / (np.sqrt(s - mean**2 if centered else s) + eps)
        return w - lr * v

    return step


def adagrad(lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, maximize=False):
    """w -> w, by Duchi, Hazan & Singer 2011, figure 1, diagonal."""
    s, t = initial_accumulator_value, 0

    def step(w, g):
        nonlocal s, t
        g = (-g if maximize else g) + weight_decay * w
        s, t = s + g**2, t + 1
        return w - lr / (1 + (t - 1) * lr_decay) * g / (np.sqrt(s) + eps)

    return step


CASES = [
    (optim.RMSprop, rmsprop, {}),
    (optim.RMSprop, rmsprop, {"lr": 0.1, "alpha": 0.5, "weight_decay": 0.1}),
    (optim.RMSprop, rmsprop, {"momentum": 0.9, "eps": 1e-3}),
    (optim.RMSprop, rmsprop, {"centered": True, "momentum": 0.5, "maximize": True, "eps": 1e-3}),
    (optim.Adagrad, adagrad, {}),
    (optim.Adagrad, adagrad, {"lr": 0.5, "lr_decay": 0.1, "weight_decay": 0.1, "eps": 1e-3}),
    (optim.Adagrad, adagrad, {"initial_accumulator_value": 0.3, "maximize": True}),
]
IDS = [f"{c.__name__} {o}" for c, _, o in CASES]
EVERY = [(c, o) for c, _, o in CASES] + [
    (optim.SGD, {"momentum": 0.9}), (optim.Adam, {"amsgrad": True}), (optim.AdamW, {}),
]  # fmt: skip


def start(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [nn.Parameter(minigen.tensor(np.asarray(rng.normal(size=s), dtype))) for s in SHAPES]


def give(params, t):
    rng = np.random.default_rng(100 + t)
    for p in params:
        p.grad = minigen.tensor(np.asarray(rng.normal(size=p.shape), p.dtype))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kind", "formula", "options"), CASES, ids=IDS)
def test_the_formula(kind, formula, options, backend):
    with minigen.use_backend(backend):
        params = start()
        arrays, want = [p.array for p in params], [p.numpy().copy() for p in params]
        formulas, opt = [formula(**options) for _ in params], kind(params, **options)
        for t in range(100):
            give(params, t)
            gradients = [p.grad.numpy().copy() for p in params]
            versions = [p.version for p in params]
            opt.step()
            want = [f(w, g) for f, w, g in zip(formulas, want, gradients, strict=True)]
            for p, a, w, g, v in zip(params, arrays, want, gradients, versions, strict=True):
                np.testing.assert_allclose(p.numpy(), w, rtol=1e-11, atol=1e-11)
                assert p.array is a and p.version > v and (p.grad.numpy() == g).all()


@pytest.mark.parametrize("t", [1, 2, 50])
def test_the_kernel_of_adam_is_its_textbook(t):
    rng = np.random.default_rng(t)
    w, g, m = (rng.normal(size=9) for _ in range(3))
    v = rng.uniform(size=9)
    book, kernel = [a.copy() for a in (w, m, v)], [a.copy() for a in (w, m, v)]
    adam_module.adam(book[0], g, book[1], book[2], t, lr=0.1, beta1=0.8, beta2=0.95, eps=1e-3)
    for name in BACKENDS:
        again = [a.copy() for a in kernel]
        minigen.backend.get(name).adam([again[0]], [g], [again[1]], [again[2]], 0.1, 0.8, 0.95, 1e-3, 0.0, t)
        for a, b in zip(book, again, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.parametrize(("kind", "options"), EVERY)
def test_half_precision_keeps_its_type(kind, options):
    for dtype in (minigen.float16, minigen.bfloat16, minigen.float32):
        p = nn.Parameter(minigen.ones(3, dtype=dtype))
        opt = kind([p], **{**options, "lr": 0.1})
        for _ in range(2):
            p.grad = minigen.ones(3, dtype=dtype)
            opt.step()
        assert p.dtype == dtype and np.isfinite(p.float().numpy()).all() and (p.float() != 1).numpy().all()
        assert all(v.dtype == dtype for v in opt.state[p].values() if isinstance(v, minigen.Tensor))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kind", "options"), EVERY)
def test_parameters_and_gradients_may_lie_anyhow(kind, options, backend):
    """Views with steps, negative steps and other orders of memory are trained in place; what lies between is left."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(6, 8)).astype(np.float32)
    layouts = [lambda a: a, lambda a: a[::-1, ::2], lambda a: a.T, lambda a: a[1:, 3:4], lambda a: a[:0]]
    with minigen.use_backend(backend):
        for layout in layouts:
            whole = base.copy()
            view = layout(whole)
            scattered = minigen.from_numpy(view).requires_grad_()
            packed = minigen.tensor(np.ascontiguousarray(view)).requires_grad_()
            opts = [kind([p], **options) for p in (scattered, packed)]
            for _ in range(3):
                g = rng.normal(size=view.shape).astype(np.float32)
                scattered.grad, packed.grad = minigen.from_numpy(np.asfortranarray(g)), minigen.tensor(g)
                for opt in opts:
                    opt.step()
            np.testing.assert_allclose(view, packed.numpy(), rtol=1e-5, atol=1e-6)
            outside = np.ones(whole.shape, bool)
            layout(outside)[...] = False
            np.testing.assert_array_equal(whole[outside], base[outside])


# states ---------------------------------------------------------------------------------------------
def courses(first, second, before, after):
    """Train ``first``, hand its state over, train both: the bytes of all parameters."""
    params, twins = start(np.float32), None
    opt = first(params)
    for t in range(before):
        give(params, t)
        opt.step()
    twins = [copy.deepcopy(p) for p in params]
    other = second(opt, twins)
    for t in range(before, before + after):
        for ps, o in ((params, opt), (twins, other)):
            give(ps, t)
            o.step()
    return [[p.array.tobytes() for p in ps] for ps in (params, twins)]


@pytest.mark.parametrize(("kind", "options"), EVERY)
def test_a_state_continues_bitwise(kind, options, tmp_path):
    def through_a_file(opt, twins):
        checkpoint.save(tmp_path / "a", opt.state_dict())
        other = kind(twins, lr=3.0)
        other.load_state_dict(checkpoint.load(tmp_path / "a"))
        assert other.param_groups[0]["lr"] == opt.param_groups[0]["lr"]
        return other

    def in_memory(opt, twins):
        other = kind(twins)
        other.load_state_dict(opt.state_dict())
        return other

    for hand_over in (through_a_file, in_memory):
        a, b = courses(lambda params: kind(params, **options), hand_over, 5, 5)
        assert a == b


def test_an_optimiser_is_copied_with_its_parameters():
    net = nn.Linear(2, 2)
    opt = optim.Adam(net.parameters())
    give(net.parameters(), 0)
    opt.step()
    for net2, opt2 in (copy.deepcopy((net, opt)), pickle.loads(pickle.dumps((net, opt)))):
        assert opt2.param_groups[0]["params"][0] is net2.weight
        before = net.weight.tolist()
        give(net2.parameters(), 1)
        opt2.step()
        assert opt2.state[net2.weight]["step"] == 2 and opt.state[net.weight]["step"] == 1
        assert net.weight.tolist() == before != net2.weight.tolist()


def test_the_structure_of_a_state():
    a, b = nn.Parameter(minigen.ones(2)), nn.Parameter(minigen.ones(3))
    opt = optim.Adam([{"params": [a]}, {"params": [b], "lr": 0.5}])
    b.grad = minigen.ones(3)
    opt.step()
    state = opt.state_dict()
    assert [g["params"] for g in state["param_groups"]] == [[0], [1]]
    assert set(state["state"]) == {1}
    assert state["state"][1]["step"] == 1
    assert state["state"][1]["exp_avg"] is opt.state[b]["exp_avg"]
    assert opt.state[b]["exp_avg"].shape == (3,)


# stepping -------------------------------------------------------------------------------------------
def test_a_closure_records_and_its_loss_comes_back():
    w = nn.Parameter(minigen.tensor([3.0]))
    opt = optim.SGD([w], lr=0.25)
    calls = []

    def closure():
        opt.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        calls.append(minigen.is_grad_enabled())
        return loss

    with minigen.no_grad():
        assert opt.step(closure).item() == 9.0
        assert not minigen.is_grad_enabled()
    assert calls == [True]
    assert w.item() == 1.5
    assert opt.step() is None


def test_zero_grad_can_keep_the_array():
    w = nn.Parameter(minigen.ones(2))
    opt = optim.SGD([w], lr=1.0, momentum=0.5)
    w.grad = minigen.ones(2)
    array = w.grad.array
    opt.step()
    opt.zero_grad(set_to_none=False)
    assert w.grad.array is array and w.grad.tolist() == [0, 0]
    opt.step()  # momentum moves on: 1 - 1 - 0.5
    assert w.tolist() == [-0.5, -0.5]
    opt.zero_grad()
    opt.step()
    assert w.tolist() == [-0.5, -0.5]


def test_a_group_that_joins_later_starts_at_its_own_first_step():
    for kind in (optim.SGD, optim.Adam, optim.RMSprop, optim.Adagrad):
        a, b, c = (nn.Parameter(minigen.ones(2)) for _ in range(3))
        opt, alone = kind([a], lr=0.1), kind([c], lr=0.1)
        for p in (a, b, c):
            p.grad = minigen.tensor([1.0, -2.0])
        opt.step()
        opt.add_param_group({"params": (b,)})
        opt.step()
        alone.step()
        assert b.tolist() == c.tolist() != a.tolist()


class SignDescent(optim.Optimizer):
    """w := w - lr sign(g)."""

    def __init__(self, params, lr=0.5):
        super().__init__(params, {"lr": lr})

    def update(self, group, live):
        for p in live:
            np.subtract(p.w, group["lr"] * np.sign(p.g), out=p.w)


class AsInPyTorch(optim.Optimizer):
    """The same, with a step of its own."""

    def __init__(self, params, lr=0.5):
        super().__init__(params, {"lr": lr})

    @minigen.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(p.grad.sign(), alpha=-group["lr"])
                    self.state[p]["count"] = self.state[p].get("count", 0) + 1


@pytest.mark.parametrize("kind", [SignDescent, AsInPyTorch])
def test_an_optimiser_of_ones_own(kind):
    w = nn.Parameter(minigen.tensor([1.0, -1.0]))
    opt = kind([w])
    w.grad = minigen.tensor([3.0, -0.1])
    opt.step()
    assert w.tolist() == [0.5, -0.5]
    schedule = optim.lr_scheduler.ExponentialLR(opt, 0.5)
    opt.step()
    schedule.step()
    assert opt.param_groups[0]["lr"] == 0.25
    kind([w]).load_state_dict(opt.state_dict())


def test_repr_shows_the_settings():
    text = repr(optim.AdamW([nn.Parameter(minigen.ones(2))], lr=0.5))
    assert text.startswith("AdamW(\n  group 0, 1 parameters: amsgrad=False, betas=(0.9, 0.999)") and "lr=0.5" in text


# what is refused ------------------------------------------------------------------------------------
def parameter():
    return nn.Parameter(minigen.ones(2))


def with_gradient():
    p = parameter()
    p.grad = minigen.ones(2)
    return p


def read_only():
    p = with_gradient()
    p.array.flags.writeable = False
    return p


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: optim.RMSprop([parameter()], alpha=-1), ValueError, "RMSprop: alpha must be at least 0, got -1"),
        (lambda: optim.RMSprop([parameter()], momentum=-1), ValueError, "RMSprop: momentum must be"),
        (lambda: optim.Adagrad([parameter()], lr_decay=-1), ValueError, "Adagrad: lr_decay must be"),
        (lambda: optim.Adagrad([parameter()], initial_accumulator_value=-1), ValueError, "initial_accumulator_value"),
        (lambda: optim.SGD([parameter()], lr="fast"), TypeError, "SGD: lr must be a number, got 'fast'"),
        (lambda: optim.SGD([parameter()], lr=True), TypeError, "SGD: lr must be a number, got True"),
        (lambda: optim.Adam([parameter()], betas=0.9), TypeError, "Adam: betas must be two numbers, got 0.9"),
        (lambda: optim.SGD({parameter()}), TypeError, "SGD: params must be several Tensors in a fixed order.*got set"),
        (lambda: optim.SGD([{"params": {parameter()}}]), TypeError, "SGD: params of a group.*fixed order, got set"),
        (lambda: optim.SGD([{"params": 3}]), TypeError, "SGD: params of a group must be Tensors.*got int"),
        (lambda: optim.SGD([parameter()]).step(3), TypeError, "SGD.step: closure must be a function, got int"),
        (lambda: optim.SGD([parameter()]).add_param_group([1]), ValueError, "SGD: every group must be a dict"),
        (lambda: optim.SGD([parameter()]).load_state_dict([1]), TypeError, "state_dict must be a mapping, got list"),
        (lambda: optim.SGD([read_only()]).step(), RuntimeError, r"SGD.step.*cannot be written.*clone\(\)"),
        (lambda: optim.Optimizer([with_gradient()], {}).step(), NotImplementedError, "Optimizer must define update"),
    ],
)  # fmt: skip
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_a_state_with_a_wrong_setting_is_refused():
    opt = optim.Adam([parameter()], lr=0.5)
    state = copy.deepcopy(opt.state_dict())
    state["param_groups"][0]["lr"] = -1
    with pytest.raises(ValueError, match="Adam: lr must be at least 0, got -1"):
        opt.load_state_dict(state)
    assert opt.param_groups[0]["lr"] == 0.5


def test_a_state_for_parameters_in_no_group_is_refused():
    opt = optim.Adam([parameter()])
    state = opt.state_dict()
    state["state"] = {4: {"step": 1}}
    with pytest.raises(ValueError, match=r"remembers parameters \[4\] that stand in no group"):
        opt.load_state_dict(state)
