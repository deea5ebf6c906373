"""Schedules against their closed forms, their states, and what they refuse."""

import math
import warnings

import numpy as np
import pytest

import minigen
from minigen import checkpoint, nn, optim
from minigen.optim import lr_scheduler as s

LR = 0.2
CLOSED = [
    (lambda o: s.StepLR(o, 4, 0.5), lambda t: 0.5 ** (t // 4)),
    (lambda o: s.MultiStepLR(o, [9, 3, 3]), lambda t: 0.1 ** sum(t >= m for m in (3, 3, 9))),
    (lambda o: s.MultiStepLR(o, [0, 5]), lambda t: 0.1 ** (1 + (t >= 5))),
    (lambda o: s.ExponentialLR(o, 0.9), lambda t: 0.9**t),
    (lambda o: s.ConstantLR(o, 0.25, 6), lambda t: 0.25 if t < 6 else 1),
    (lambda o: s.LinearLR(o, 0.1, 1.0, 8), lambda t: 0.1 + 0.9 * min(t, 8) / 8),
    (lambda o: s.LinearLR(o, 1.0, 0.0, 8), lambda t: 1 - min(t, 8) / 8),
    (lambda o: s.CosineAnnealingLR(o, 10, 0.02), lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * t / 10)) / 2),
    (lambda o: s.LambdaLR(o, lambda t: min(1, (t + 1) / 5)), lambda t: min(1, (t + 1) / 5)),
    (lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=5), s.ExponentialLR(o, 0.8)], [5]),
     lambda t: 0.1 + 0.9 * t / 5 if t < 5 else 0.8 ** (t - 5)),
]  # fmt: skip
EVERY = [make for make, _ in CLOSED] + [
    lambda o: s.OneCycleLR(o, 0.5, total_steps=40), lambda o: s.OneCycleLR(o, 0.5, total_steps=40, three_phase=True),
]  # fmt: skip


def optimizer(kind=optim.SGD, **options):
    return kind([nn.Parameter(minigen.ones(1))], **{"lr": LR, **options})


def course(opt, schedule, steps):
    found = [opt.param_groups[0]["lr"]]
    for _ in range(steps):
        opt.step()
        schedule.step()
        found.append(opt.param_groups[0]["lr"])
        assert schedule.get_last_lr() == found[-1:]
    return found


@pytest.mark.parametrize(("make", "formula"), CLOSED)
def test_the_formula(make, formula):
    opt = optimizer()
    schedule = make(opt)
    np.testing.assert_allclose(course(opt, schedule, 30), [LR * formula(t) for t in range(31)], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_one_cycle_goes_up_and_down_and_momentum_the_other_way(kind):
    opt = optimizer(kind)
    schedule = s.OneCycleLR(opt, 1.0, total_steps=100, pct_start=0.3, div_factor=10.0, final_div_factor=100.0)
    lrs, momenta = [], []
    for _ in range(100):
        group = opt.param_groups[0]
        lrs.append(group["lr"])
        momenta.append(group["betas"][0] if kind is optim.Adam else group["momentum"])
        opt.step()
        schedule.step()
    top = int(np.argmax(lrs))
    assert top == 29
    assert (np.diff(lrs[: top + 1]) > 0).all() and (np.diff(lrs[top:]) < 0).all()
    np.testing.assert_allclose([lrs[0], max(lrs), lrs[-1]], [0.1, 1.0, 0.001], rtol=1e-12)
    np.testing.assert_allclose([momenta[0], min(momenta), momenta[-1]], [0.95, 0.85, 0.95], rtol=1e-12)
    assert int(np.argmin(momenta)) == top


def test_the_plateau_waits_then_lowers():
    opt = optimizer()
    schedule = s.ReduceLROnPlateau(opt, factor=0.5, patience=2, min_lr=0.04)
    lrs = []
    for loss in [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]:
        schedule.step(minigen.tensor(loss))
        lrs.append(opt.param_groups[0]["lr"])
    assert lrs == [0.2] * 4 + [0.1] * 3 + [0.05] * 4 + [0.04] * 4
    opt.add_param_group({"params": [nn.Parameter(minigen.ones(1))], "lr": 1.0})
    for _ in range(3):
        schedule.step(0.4)
    assert [g["lr"] for g in opt.param_groups] == [0.04, 0.5]


# states ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", EVERY)
@pytest.mark.parametrize("at", [0, 3, 5, 11])
def test_a_loaded_state_continues(make, at, tmp_path):
    opt = optimizer(momentum=0.5)
    schedule = make(opt)
    course(opt, schedule, at)
    checkpoint.save(tmp_path / "a", {"opt": opt.state_dict(), "schedule": schedule.state_dict()})
    other = optimizer(lr=9.0)
    twin = make(other)
    state = checkpoint.load(tmp_path / "a")
    other.load_state_dict(state["opt"])
    twin.load_state_dict(state["schedule"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert course(other, twin, 20) == course(opt, schedule, 20)
    assert other.state_dict()["param_groups"] == opt.state_dict()["param_groups"]


def test_a_plateaus_state_continues(tmp_path):
    losses = np.random.default_rng(0).normal(size=60).tolist()
    pairs = [(o := optimizer(), s.ReduceLROnPlateau(o, patience=1, cooldown=2)) for _ in range(2)]
    for i, loss in enumerate(losses):
        if i == 17:
            checkpoint.save(tmp_path / "a", {"opt": pairs[0][0].state_dict(), "schedule": pairs[0][1].state_dict()})
            state = checkpoint.load(tmp_path / "a")
            pairs[1][0].load_state_dict(state["opt"])
            pairs[1][1].load_state_dict(state["schedule"])
        for j, (_, schedule) in enumerate(pairs):
            if j == 0 or i >= 17:
                schedule.step(loss)
    assert pairs[0][1].state_dict() == pairs[1][1].state_dict()
    assert pairs[0][0].param_groups[0]["lr"] < LR


class Decay:
    """A function with a memory."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, t):
        return self.rate**t


def test_functions_with_attributes_are_saved_and_plain_ones_are_not():
    schedule = s.LambdaLR(optimizer(), Decay(0.5))
    state = schedule.state_dict()
    assert state["lr_lambdas"] == [{"rate": 0.5}]
    twin = s.LambdaLR(optimizer(), Decay(0.9))
    twin.load_state_dict(state)
    assert twin.lr_lambdas[0].rate == 0.5
    assert s.LambdaLR(optimizer(), lambda t: 1.0).state_dict()["lr_lambdas"] == [None]


# a schedule of one's own, and what is refused -------------------------------------------------------
class Halves(s.LRScheduler):
    def get_lr(self):
        return [base / (1 + self.last_epoch) for base in self.base_lrs]


def test_a_schedule_of_ones_own():
    opt = optimizer(lr=1.0)
    np.testing.assert_allclose(course(opt, Halves(opt), 3), [1, 1 / 2, 1 / 3, 1 / 4])


def test_a_step_ahead_of_the_optimiser_warns():
    opt = optimizer()
    schedule = s.StepLR(opt, 3)
    with pytest.warns(UserWarning, match=r"StepLR.step\(\) was called before optimizer.step\(\).*call optimizer.step"):
        schedule.step()


def test_a_group_that_came_after_the_schedule():
    opt = optimizer()
    schedule = s.LambdaLR(opt, lambda t: 1.0)
    opt.add_param_group({"params": [nn.Parameter(minigen.ones(1))]})
    opt.step()
    with pytest.raises(ValueError, match=r"LambdaLR.*made for 1 parameter groups.*has 2 now"):
        schedule.step()


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda o: s.StepLR(3, 2), TypeError, "StepLR: optimizer must be an Optimizer, got int"),
        (lambda o: s.StepLR(o, 0), ValueError, "StepLR: step_size must be an integer of at least 1, got 0"),
        (lambda o: s.StepLR(o, 2, last_epoch=5), KeyError, "StepLR: last_epoch=5.*group 0 has no 'initial_lr'"),
        (lambda o: s.MultiStepLR(o, 3), TypeError, "MultiStepLR: milestones must be several integers, got int"),
        (lambda o: s.ConstantLR(o, 0.0), ValueError, r"ConstantLR: factor must lie in \(0, 1\], got 0.0"),
        (lambda o: s.LinearLR(o, 0.0), ValueError, r"LinearLR: start_factor must lie in \(0, 1\]"),
        (lambda o: s.LinearLR(o, 1.0, 2.0), ValueError, r"LinearLR: end_factor must lie in \[0, 1\], got 2.0"),
        (lambda o: s.CosineAnnealingLR(o, 2.5), ValueError, "CosineAnnealingLR: T_max must be an integer"),
        (lambda o: s.LambdaLR(o, 3), TypeError, "LambdaLR: lr_lambda must be a function of t.*got 3"),
        (lambda o: s.LambdaLR(o, [abs, abs]), ValueError, "LambdaLR: lr_lambda has 2 values for 1 parameter groups"),
        (lambda o: s.LRScheduler(o), NotImplementedError, r"LRScheduler must define get_lr\(self\)"),
        (lambda o: s.OneCycleLR(o, 1.0), ValueError, "OneCycleLR: give total_steps, or epochs and steps_per_epoch"),
        (lambda o: s.OneCycleLR(o, 1.0, total_steps=-1), ValueError, "OneCycleLR: total_steps must be an integer"),
        (lambda o: s.OneCycleLR(o, 1.0, 9, pct_start=1.5), ValueError, "pct_start must be a number from 0 to 1"),
        (lambda o: s.OneCycleLR(o, 1.0, 9, anneal_strategy="exp"), ValueError, "'cos' or 'linear', got 'exp'"),
        (lambda o: s.OneCycleLR(optimizer(optim.Adagrad), 1.0, 9), ValueError, "Adagrad has neither.*cycle_momentum=F"),
        (lambda o: s.ReduceLROnPlateau(o, factor=1.0), ValueError, "ReduceLROnPlateau: factor must be below 1"),
        (lambda o: s.ReduceLROnPlateau(o, mode="up"), ValueError, "mode must be 'min' or 'max', got 'up'"),
        (lambda o: s.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold_mode must be 'rel' or 'abs'"),
        (lambda o: s.ReduceLROnPlateau(o, min_lr=[0, 0]), ValueError, "min_lr has 2 values for 1 parameter groups"),
        (lambda o: s.ReduceLROnPlateau(o).step(), TypeError, r"scheduler.step\(validation_loss\)"),
        (lambda o: s.SequentialLR(o, [], []), ValueError, "SequentialLR: needs at least one schedule"),
        (lambda o: s.SequentialLR(o, [s.StepLR(o, 2)], [3]), ValueError, r"1 schedules and the milestones \[3\]"),
        (lambda o: s.SequentialLR(o, [s.StepLR(optimizer(), 2)], []), ValueError, r"schedulers\[0\] belongs to"),
        (lambda o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []), TypeError, "got ReduceLROnPlateau"),
        (lambda o: s.StepLR(o, 2).load_state_dict({}), ValueError, "is it a schedule's state"),
        (lambda o: s.StepLR(o, 2).load_state_dict(s.LinearLR(o).state_dict()), ValueError, "has no end_factor"),
        (lambda o: s.LambdaLR(o, abs).load_state_dict({"last_epoch": 1}), ValueError, "0 functions, this LambdaLR 1"),
    ],
)  # fmt: skip
def test_errors(call, kind, words):
    with pytest.raises(kind, match=words):
        call(optimizer())


def test_a_step_past_the_cycle():
    opt = optimizer()
    schedule = s.OneCycleLR(opt, 1.0, total_steps=2)
    course(opt, schedule, 2)
    with pytest.raises(ValueError, match="OneCycleLR: step 3 is past the end; the cycle was made for 2 steps"):
        schedule.step()
