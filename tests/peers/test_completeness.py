"""What minigen shares with PyTorch is named by a comparison in this folder: functions, methods, layers, optimisers."""

import re
from pathlib import Path

import pytest
import torch

import minigen
from minigen import nn, optim

SOURCES = "".join(p.read_text() for p in Path(__file__).parent.glob("test_*.py") if p.name != Path(__file__).name)
NAMED = set(re.findall(r"""(?<=["'.])\w+""", SOURCES)) | set(re.findall(r"\w+(?=\()", SOURCES))
NOT_COMPARED = {
    # random: other generators, other numbers
    "rand", "rand_like", "randn", "randn_like", "randint", "randint_like", "randperm", "normal_", "uniform_",
    "Generator", "manual_seed",
    # the setting of the computation, not a result
    "device", "cuda", "detect_anomaly", "enable_grad", "inference_mode", "set_grad_enabled", "is_grad_enabled",
    "get_default_dtype", "set_default_dtype", "get_num_threads", "set_num_threads",
    # files: no pickles here
    "load", "save",
    # what computes nothing
    "Tensor", "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Parameter", "Optimizer",
}  # fmt: skip


def shared(ours, theirs, only=callable) -> set[str]:
    """Public names of both, of what ``only`` accepts."""
    return {
        name for name in dir(ours)
        if not name.startswith("_") and hasattr(theirs, name) and only(getattr(ours, name))
    }  # fmt: skip


def classes(of):
    return lambda x: isinstance(x, type) and issubclass(x, of)


@pytest.mark.parametrize(
    ("ours", "theirs", "only"),
    [
        (minigen.functional, torch.nn.functional, callable),
        (minigen.functional, torch, callable),
        (minigen, torch, callable),
        (minigen.Tensor, torch.Tensor, lambda member: True),
        (nn, torch.nn, classes(nn.Module)),
        (optim, torch.optim, classes(optim.Optimizer)),
    ],
    ids=["functional", "functional at the top", "the package", "Tensor", "layers", "optimisers"],
)
def test_every_shared_name_is_compared(ours, theirs, only):
    names = shared(ours, theirs, only)
    assert len(names) > 3
    assert sorted(names - NAMED - NOT_COMPARED) == []
