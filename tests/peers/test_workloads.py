"""Every timed training step computes the same in minigen and in PyTorch: first gradients, and losses of some steps."""

import pytest
from minigen.kernels.bench import options, sides, verify
from minigen.kernels.bench.workloads import WORKLOADS

BATCH = {"N1": 16, "N2": 16}  # batch norm over a few images makes rounding errors large


@pytest.mark.parametrize("name", list(WORKLOADS))
def test_a_step_agrees_with_pytorch(name):
    ours, theirs = sides.build(WORKLOADS[name], BATCH.get(name, 2), [options.fastest_backend()], ["torch"], 1)
    found = verify.agree([ours, theirs], theirs)["largest"][ours.name]
    assert found["gradient"] < 1e-5 and found["loss"] < 5e-3
