"""Learning-rate schedules against PyTorch's: the same lr and momentum after every step."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigen
from minigen import optim
from minigen.optim import lr_scheduler

STEPS = 60
CASES = [
    ("StepLR", {"step_size": 7}), ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [3, 10, 10, 25]}), ("MultiStepLR", {"milestones": [30, 4], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("ConstantLR", {}), ("ConstantLR", {"factor": 0.25, "total_iters": 11}), ("ConstantLR", {"total_iters": 0}),
    ("LinearLR", {}), ("LinearLR", {"start_factor": 0.01, "total_iters": 20}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 20}),
    ("LinearLR", {"start_factor": 0.7, "end_factor": 0.2, "total_iters": 1}),
    ("CosineAnnealingLR", {"T_max": 50}), ("CosineAnnealingLR", {"T_max": 9, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 1}), ("CosineAnnealingLR", {"T_max": 2, "eta_min": 0.3}),
    ("LambdaLR", {"lr_lambda": lambda t: min(1.0, (t + 1) / 10)}),
    ("LambdaLR", {"lr_lambda": [lambda t: 0.95**t, lambda t: 1 / (1 + t)]}),
    *(("OneCycleLR", {"max_lr": 0.5, "total_steps": STEPS, "anneal_strategy": a, "three_phase": p, "pct_start": s})
      for a in ("cos", "linear") for p in (False, True) for s in (0.3, 0.41)),
    ("OneCycleLR", {"max_lr": [0.5, 0.1], "epochs": 7, "steps_per_epoch": 9, "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 61, "div_factor": 10.0, "final_div_factor": 5.0,
                    "base_momentum": 0.6, "max_momentum": [0.9, 0.8]}),
]  # fmt: skip
OPTIMISERS = [("SGD", {"momentum": 0.9}), ("Adam", {})]


def pair(name="SGD", options=None):
    """(optimiser, its library's schedules) here and there, in two groups."""
    options = {"lr": 0.2, **(options or {})}
    found = []
    for lib, ones in ((optim, minigen.ones), (torch.optim, torch.ones)):
        groups = [{"params": [ones(1, requires_grad=True)]}, {"params": [ones(2, requires_grad=True)], "lr": 0.05}]
        found.append((getattr(lib, name)(groups, **options), lib.lr_scheduler))
    return found


def numbers(opt):
    return [(g["lr"], *g.get("betas", (g.get("momentum"),))) for g in opt.param_groups]


def follow(make, steps=STEPS, name="SGD", options=None, between=lambda opt, t: None):
    """The lr and momentum of every step, by minigen and by PyTorch."""
    courses = []
    for opt, module in pair(name, options):
        schedules = make(opt, module)
        schedules = schedules if isinstance(schedules, list) else [schedules]
        course = [numbers(opt)]
        for t in range(steps):
            opt.step()
            between(opt, t)
            for s in schedules:
                s.step()
            course.append(numbers(opt))
            assert schedules[-1].get_last_lr() == [g["lr"] for g in opt.param_groups]
        courses.append(course)
    np.testing.assert_allclose(np.array(courses[0], float), np.array(courses[1], float), rtol=1e-12, atol=1e-12)
    return courses[0]


@pytest.mark.parametrize(("name", "options"), OPTIMISERS)
@pytest.mark.parametrize(("schedule", "settings_"), CASES, ids=[f"{n} {o}" for n, o in CASES])
def test_every_step(schedule, settings_, name, options):
    course = follow(lambda opt, m: getattr(m, schedule)(opt, **settings_), name=name, options=options)
    assert course[0] != course[-1] or len({str(c) for c in course}) > 1 or settings_.get("total_iters") == 0


def test_every_schedule_is_compared():
    compared = {n for n, _ in CASES} | {"SequentialLR", "ReduceLROnPlateau", "LRScheduler"}
    assert compared == set(lr_scheduler.__all__)


def test_schedules_on_one_optimiser_multiply():
    follow(lambda opt, m: [m.ExponentialLR(opt, 0.97), m.StepLR(opt, 5, 0.5), m.CosineAnnealingLR(opt, 13, 1e-3)])
    follow(lambda opt, m: [m.ConstantLR(opt, 0.1, 4), m.ExponentialLR(opt, 0.9)])


def test_an_lr_that_the_program_changes():
    def between(opt, t):
        if t == 10:
            for g in opt.param_groups:
                g["lr"] *= 3

    for make in (
        lambda opt, m: m.StepLR(opt, 4), lambda opt, m: m.CosineAnnealingLR(opt, 30, 0.01),
        lambda opt, m: m.LinearLR(opt, total_iters=20), lambda opt, m: m.LambdaLR(opt, lambda t: 0.9**t),
    ):  # fmt: skip
        follow(make, between=between)


@pytest.mark.parametrize("last_epoch", [0, 3, 12])
@pytest.mark.parametrize(("schedule", "settings_"), [c for c in CASES if c[0] != "OneCycleLR"])
def test_continued_by_last_epoch(schedule, settings_, last_epoch):
    def make(opt, m):
        for g in opt.param_groups:
            g["initial_lr"] = 2 * g["lr"]
        return getattr(m, schedule)(opt, **settings_, last_epoch=last_epoch)

    follow(make)


@pytest.mark.parametrize("warm", [1, 5, 20])
def test_one_after_another(warm):
    follow(lambda opt, m: m.SequentialLR(
        opt, [m.LinearLR(opt, 0.01, total_iters=warm), m.CosineAnnealingLR(opt, 30)], milestones=[warm]))  # fmt: skip
    follow(lambda opt, m: m.SequentialLR(
        opt, [m.ConstantLR(opt, 0.1, warm), m.ExponentialLR(opt, 0.9), m.StepLR(opt, 3, 0.5)],
        milestones=[warm, warm + 9]))  # fmt: skip
    follow(lambda opt, m: m.SequentialLR(opt, [m.LambdaLR(opt, lambda t: t / 7), m.MultiStepLR(opt, [2, 4])], [warm]))


def test_one_cycle_is_over():
    for opt, module in pair():
        schedule = module.OneCycleLR(opt, 0.1, total_steps=3)
        for _ in range(3):
            opt.step()
            schedule.step()
        with pytest.raises(ValueError, match=r"total.*3|3 steps"):
            schedule.step()


@settings(max_examples=60)
@given(
    values=st.lists(st.floats(-2, 2), min_size=1, max_size=40),
    mode=st.sampled_from(["min", "max"]), threshold_mode=st.sampled_from(["rel", "abs"]),
    patience=st.integers(0, 3), cooldown=st.integers(0, 3), threshold=st.sampled_from([0.0, 1e-4, 0.1]),
    min_lr=st.sampled_from([0, 0.01, [0.01, 0.001]]), factor=st.sampled_from([0.1, 0.5]),
)  # fmt: skip
def test_the_plateau(values, **settings_):
    courses = []
    for opt, module in pair():
        schedule = module.ReduceLROnPlateau(opt, **settings_)
        course = []
        for value in values:
            schedule.step(value)
            course.append([*numbers(opt), schedule.get_last_lr()])
        courses.append(course)
    assert repr(courses[0]) == repr(courses[1])


def test_the_plateau_and_nan():
    courses = []
    for opt, module in pair():
        schedule = module.ReduceLROnPlateau(opt, patience=0)
        for value in (1.0, float("nan"), float("nan"), 0.5):
            schedule.step(value)
        courses.append(numbers(opt))
    assert courses[0] == courses[1]


def test_a_schedule_that_runs_ahead_of_its_optimiser_warns():
    for opt, module in pair():
        schedule = module.StepLR(opt, 2)
        with pytest.warns(UserWarning, match="optimizer.step"):
            schedule.step()
    for opt, module in pair():
        schedule = module.StepLR(opt, 2)
        opt.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            schedule.step()
            schedule.step()
