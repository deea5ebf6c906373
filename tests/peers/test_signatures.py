"""The arguments of functions, layers, optimisers and schedules: PyTorch's names, order and defaults."""

import inspect

import pytest
import torch

import minigen
from minigen import nn, optim

LEFT_OUT = {
    # replaced in PyTorch itself, by `reduction` and by `min_val`, `max_val`
    "size_average", "reduce", "min_value", "max_value", "_stacklevel",
    # how PyTorch runs it: other kernels for the same step
    "foreach", "capturable", "differentiable",
    # not here
    "out", "antialias", "max_norm", "norm_type", "scale_grad_by_freq", "sparse", "_freeze",
}  # fmt: skip
# a softmax's dim, which PyTorch guesses, with a warning that this is deprecated
NEEDED = {"functional.softmax", "functional.log_softmax", "functional.softmin"} | {
    "nn.Softmax", "nn.LogSoftmax", "nn.Softmin",
}  # fmt: skip
NOT_HERE = {("mse_loss", "weight"), ("l1_loss", "weight"), ("huber_loss", "weight")}


def places():
    yield minigen.functional, torch.nn.functional
    yield nn, torch.nn
    yield nn.init, torch.nn.init
    yield nn.utils, torch.nn.utils
    yield optim, torch.optim
    yield optim.lr_scheduler, torch.optim.lr_scheduler


def signature(function):
    """Its parameters, or None where PyTorch hides them behind *args."""
    try:
        found = inspect.signature(function).parameters
    except ValueError:  # written in C++
        return None
    return None if "args" in found and "kwargs" in found else found


SHARED = {
    f"{ours.__name__}.{name}": (getattr(ours, name), signature(getattr(theirs, name)))
    for ours, theirs in places()
    for name in dir(ours)
    if not name.startswith("_") and callable(getattr(ours, name)) and hasattr(theirs, name)
}
COMPARED = sorted(name for name, (_, theirs) in SHARED.items() if theirs is not None)


def test_many_are_compared():
    assert len(COMPARED) > 150
    assert {"minigen.nn.Linear", "minigen.functional.dropout", "minigen.optim.Adam"} <= set(COMPARED)


@pytest.mark.parametrize("name", COMPARED)
def test_arguments_are_those_of_pytorch(name):
    function, theirs = SHARED[name]
    mine = inspect.signature(function).parameters
    wanted = {
        key: p for key, p in theirs.items()
        if p.kind is not p.VAR_POSITIONAL and key not in LEFT_OUT and (name.split(".")[-1], key) not in NOT_HERE
    }  # fmt: skip
    assert [key for key in wanted if key not in mine] == []
    by_position = [key for key, p in wanted.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [key for key in mine if key in by_position] == by_position
    for key, p in wanted.items():
        if key == "dim" and name.removeprefix("minigen.") in NEEDED:
            assert mine[key].default is p.empty
        elif p.default is not p.empty:  # what PyTorch wants may have a default here
            assert mine[key].default == p.default, key
