"""Every timed training step computes the same in minigen and in PyTorch: first gradients, and losses of some steps."""

import importlib.util

import numpy as np
import pytest
from minigen.kernels.bench import options, sides, verify
from minigen.kernels.bench.workloads import WORKLOADS

BATCH = {"N1": 16, "N2": 16}  # batch norm over a few images makes rounding errors large


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_a_step_agrees_with_pytorch(name):
    ours, theirs = sides.build(WORKLOADS[name], BATCH.get(name, 2), [options.fastest_backend()], ["torch"], 1)
    found = verify.agree([ours, theirs], theirs)["largest"][ours.name]
    assert found["gradient"] < 1e-5 and found["loss"] < 5e-3


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed: its steps were NOT COMPARED")
@pytest.mark.parametrize("name", ["MLP", "VAE", "N1"])
def test_a_step_agrees_with_jax(name):
    theirs, jax = sides.build(WORKLOADS[name], BATCH.get(name, 2), [], ["torch-tuned", "jax"], 1)
    assert verify.agree([jax], theirs)["largest"]["jax"]["loss"] < 5e-3


def test_a_step_that_is_not_written_for_a_peer_is_named(monkeypatch):
    missing: dict[str, str] = {}

    def fails(*arguments):
        raise sides.Missing("this step is not written for it")

    monkeypatch.setattr(sides, "rival", lambda peer: fails)
    assert sides.build(WORKLOADS["MLP"], 2, [], ["jax"], 1, missing) == []
    assert missing == {"jax": "this step is not written for it"}


def test_the_frozen_discriminator_gets_no_gradient_in_the_generators_phase():
    eager, tuned = sides.build(WORKLOADS["N1"], 4, [], ["torch", "torch-tuned"], 1)
    for side, grows in ((eager, True), (tuned, False)):
        d, g = side.phases
        d.run()
        before = [p.grad.clone() for p in d.trained.parameters()]
        g.run()
        changed = [bool((p.grad != old).any()) for p, old in zip(d.trained.parameters(), before, strict=True)]
        assert all(changed) if grows else not any(changed)
    assert all(np.isfinite(eager.step()))
