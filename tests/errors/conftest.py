"""Shared by the tables of bad calls: the names that a call may use, and the judge of its error."""

import numpy as np
import pytest

import minigen
from minigen import backend, checkpoint, data, fused, nn, ops, optim, random
from minigen import functional as F


def names() -> dict:
    """What a bad call finds: modules, and tensors whose names tell what they hold. Fresh ones, for calls may write."""
    ones = minigen.ones
    return {
        "minigen": minigen, "np": np, "F": F, "nn": nn, "ops": ops, "optim": optim, "fused": fused, "data": data,
        "checkpoint": checkpoint, "random": random, "tensor": minigen.tensor, "nan": float("nan"),
        "x": ones(2, 3), "wide": ones(4, 5), "cube": ones(2, 3, 4), "vector": ones(3), "number": minigen.tensor(1.0),
        "exact": ones(2, 3, dtype=np.float64), "ints": minigen.arange(6).reshape(2, 3), "truth": ones(2, 3) > 0,
        "empty": minigen.zeros(0, 3), "images": ones(2, 4, 5, 5), "kernel": ones(2, 4, 3, 3),
        "half": minigen.full((3,), 0.5), "leaf": ones(3, requires_grad=True), "other": ones(3, requires_grad=True),
        "labels": minigen.tensor([0, 2]), "net": nn.Linear(3, 2),
    }  # fmt: skip


def refusal(call: str, **more) -> Exception:
    """What the call raises, by every backend alike."""
    raised = []
    for name, reason in backend.available().items():
        if not reason:
            with minigen.use_backend(name), pytest.raises(Exception) as caught:
                exec(call, {**names(), **more})
            raised.append(caught.value)
    assert len({type(e) for e in raised}) == 1, f"the backends disagree: {raised!r}"
    return raised[0]


@pytest.fixture
def refused():
    """``refused(call, error, words)``: the call raises that class, none of NumPy's own, and all the words are said."""

    def check(call: str, error: type, words: str, **more) -> None:
        raised = refusal(call, **more)
        kind = type(raised)
        right = issubclass(kind, error) and not kind.__module__.startswith("numpy")
        assert right, f"{kind.__name__} instead of {error.__name__}: {raised}"
        missing = [word for word in words.split(" .. ") if word not in str(raised)]
        assert not missing, f"{missing} not said in: {raised}"

    return check
