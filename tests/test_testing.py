"""The judge itself: it accepts right gradients and refuses each kind of wrong one."""

import numpy as np
import pytest

import minigen
from minigen.op import op
from minigen.testing import GradcheckError, gradcheck, gradgradcheck


def point(*shape, seed=0):
    return minigen.tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape)).requires_grad_()


def cube(rule):
    """x^3 with a rule to try."""

    @op
    def cube(be, x):
        return x**3

    cube.vjps(rule)
    return cube


RIGHT = cube(lambda delta, _z, x: 3 * delta * x * x)
WRONG = {
    "a factor": cube(lambda delta, _z, x: 2 * delta * x * x),
    "one part in 10^5": cube(lambda delta, _z, x: 3.00003 * delta * x * x),
    "an element": cube(lambda delta, _z, x: 3 * delta * x * x * minigen.tensor(np.arange(7) != 3).double()),
    "the shape": cube(lambda delta, _z, x: (3 * delta * x * x).sum()),
    "the type": cube(lambda delta, _z, x: (3 * delta * x * x).float()),
    "nan": cube(lambda delta, _z, x: delta * float("nan")),
    "nothing": cube(lambda delta, _z, x: None),
}


def test_right_gradients_pass():
    assert gradcheck(RIGHT, point(7))
    assert gradgradcheck(RIGHT, point(7))
    assert gradcheck(lambda x, y: (x * y, (x - y).sum()), [point(2, 3), point(3, seed=1)])


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_gradients_are_refused(fault):
    with pytest.raises(GradcheckError, match=r"input 0|no output requires"):
        gradcheck(WRONG[fault], point(7))
    assert not gradcheck(WRONG[fault], point(7), raise_exception=False)


def test_a_wrong_second_gradient_is_refused():
    detached = cube(lambda delta, _z, x: 3 * delta * (x * x).detach())
    assert gradcheck(detached, point(7))
    with pytest.raises(GradcheckError, match="input 0"):
        gradgradcheck(detached, point(7))


def test_a_gradient_that_never_arrives_is_refused():
    with pytest.raises(GradcheckError, match="no output requires"):
        gradcheck(lambda x: x.detach() * 2, point(3))
    with pytest.raises(GradcheckError, match="input 1"):
        gradcheck(lambda x, y: x * y.detach(), [point(3), point(3)])


def test_bad_arguments():
    with pytest.raises(TypeError, match="float64"):
        gradcheck(RIGHT, minigen.ones(3, requires_grad=True))
    with pytest.raises(ValueError, match="requires_grad_"):
        gradcheck(RIGHT, minigen.ones(3, dtype=minigen.float64))
