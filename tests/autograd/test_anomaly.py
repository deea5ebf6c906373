"""detect_anomaly names the operation, the line that called it and the numbers; who brought a NaN is not blamed."""

import math
import threading

import numpy as np
import pytest

import minigen
from minigen import functional as F
from minigen import nn
from minigen.backend import state

INF, NAN = math.inf, math.nan


def leaf(*values):
    return minigen.tensor(values, dtype=minigen.float64).requires_grad_()


def report(function, **what) -> str:
    """What is said of the first NaN or inf of ``function()``."""
    with pytest.raises(FloatingPointError) as raised, minigen.detect_anomaly(**what):
        function()
    return str(raised.value)


def test_a_forward_names_op_line_and_numbers():
    x = leaf(0.0, 1.0, 3.0)
    text = report(lambda: (x + 0).log())  # this line is quoted
    assert text.startswith("log produced NaN or inf in a result of shape (3,); all its inputs were finite\n")
    assert "test_anomaly.py:" in text and ": text = report(lambda: (x + 0).log())  # this line is quoted\n" in text
    assert "result: shape (3,), float64, min 0, max 1.099, mean 0.5493, 0 NaN, 1 inf" in text
    assert "input 0: shape (3,), float64, min 0, max 3, mean 1.333, 0 NaN, 0 inf" in text


def test_the_line_is_the_users_also_below_a_layer():
    layer = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    x = minigen.tensor([[NAN, 1.0]])

    def run():
        layer(x)  # the user's line

    text = report(run)
    assert "layer(x)  # the user's line" in text and "minigen/nn" not in text.replace("\\", "/")
    assert "linear produced NaN or inf in a result of shape (1, 3); its input 0 was not finite already" in text


def test_a_backward_names_op_line_of_the_forward_and_numbers():
    x = leaf(0.0, 4.0)

    def run():
        y = x.sqrt()  # made here
        y.sum().backward()

    text = report(run)
    assert text.startswith("backward of sqrt: the gradient of its input 0, of shape (2,), has NaN or inf")
    assert "the gradient that arrived was finite" in text and "y = x.sqrt()  # made here" in text
    assert "gradient: shape (2,), float64, min 0.25, max 0.25, mean 0.25, 0 NaN, 1 inf" in text
    assert "arrived at output 0: shape (2,), float64, min 1, max 1" in text
    assert "input 0: shape (2,), float64, min 0, max 4" in text


def test_the_branch_that_where_did_not_choose_is_found():
    x = leaf(0.0, 1.0)

    def naive():
        minigen.where(x > 0, x.log(), 0.0).sum().backward()

    assert report(naive).startswith("log produced NaN or inf")  # -inf, though nobody chooses it
    text = report(naive, check_inf=False)  # its derivative 0 / 0 makes the NaN
    assert text.startswith("backward of log: the gradient of its input 0") and "1 NaN" in text
    with minigen.detect_anomaly():
        minigen.where(x > 0, minigen.where(x > 0, x, 1.0).log(), 0.0).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_what_the_input_brought_is_not_the_ops_fault(value):
    text = report(lambda: leaf(1.0, 2.0) * minigen.tensor([1.0, value], dtype=minigen.float64))
    assert "its input 1 was not finite already: that input brought it, mul is not at fault" in text
    assert "no result of an operation: look where its numbers come from" in text


def test_a_broken_parameter_is_recognised():
    text = report(lambda: leaf(1.0, NAN) * 2)
    assert "input 0 was not finite already" in text and "if it is a parameter, an earlier update broke it" in text


def test_nan_made_of_an_infinite_input_is_the_ops_doing():
    x = minigen.tensor([-INF, 1.0])
    text = report(lambda: x - x)
    assert "its input 0 was infinite already, and sub made NaN of it" in text


def test_infinities_that_are_meant_pass():
    scores = leaf(0.5, 1.0, 2.0)
    hidden = minigen.tensor([False, True, False])
    with minigen.detect_anomaly(check_inf=False):
        weights = F.softmax(minigen.where(hidden, -INF, scores), dim=0)
        (weights * weights).sum().backward()
    assert weights.tolist()[1] == 0 and np.isfinite(scores.grad.numpy()).all()
    assert "brought it, where is not at fault" in report(lambda: minigen.where(hidden, -INF, scores))


def test_a_gradient_that_arrives_broken_is_not_the_rules_fault():
    x = leaf(1.0, 2.0)
    y = x * 3
    text = report(lambda: y.backward(minigen.tensor([1.0, INF], dtype=minigen.float64)))
    assert "backward of mul" in text and "the gradient that arrived was not finite already" in text
    assert "run the forward pass inside detect_anomaly, too" in text  # it ran outside


def test_fused_operations_are_named_too():
    x = leaf(1.0, -2.0)
    text = report(lambda: F.leaky_relu(x, INF).sum())
    assert text.startswith("leaky_relu produced NaN or inf") and "F.leaky_relu(x, INF)" in text


def test_numbers_of_every_type_are_described():
    x = minigen.tensor([3, 0])
    text = report(lambda: minigen.tensor([1.0, 1.0], dtype=minigen.bfloat16) / x)
    assert "input 0: shape (2,), bfloat16, min 1, max 1, mean 1" in text and "1 inf" in text
    text = report(lambda: minigen.zeros(0, 3).mean())
    assert "mean" in text or "div" in text
    assert "0 NaN" in text


def test_the_mode_ends_belongs_to_its_thread_and_may_be_nested():
    seen = []
    with minigen.detect_anomaly():
        thread = threading.Thread(target=lambda: seen.append(state.anomaly))
        thread.start()
        thread.join()
        with minigen.detect_anomaly(check_inf=False):
            assert state.anomaly == ("nan",)
        assert state.anomaly == ("nan", "inf")
    assert seen == [()] and state.anomaly == ()

    @minigen.detect_anomaly(check_inf=False)
    def decorated(x):
        return x.log()

    assert decorated(minigen.zeros(1)).item() == -INF
    with pytest.raises(FloatingPointError, match="log"):
        decorated(minigen.tensor([-1.0]))


def test_a_node_remembers_nothing_outside_the_mode_and_forgets_with_its_graph():
    x = leaf(1.0, 2.0)
    assert (x * 2).node.site is None
    with minigen.detect_anomaly():
        y = (x * 2).sum()
        node = y.node
        assert node.site[0].startswith(__file__) and "y = (x * 2).sum()" in node.site[0]
        y.backward()
    assert node.site is None
