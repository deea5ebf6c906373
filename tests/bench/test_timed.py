"""Training for a time: its steps, its clock, and Ctrl-C."""

import itertools

import pytest
from minigen.kernels.bench import timed


@pytest.fixture
def clock(monkeypatch):
    """Each step takes 2 seconds, drawing a batch takes 5."""
    now = [0.0]
    monkeypatch.setattr(timed, "perf_counter", lambda: now[0])

    def batches(n=None):
        for i in range(n) if n is not None else itertools.count():
            now[0] += 5
            yield i

    def step(batch, progress):
        now[0] += 2
        return batch, progress

    return batches, step


def test_only_steps_are_timed_and_the_step_that_reaches_the_limit_is_the_last(clock):
    batches, step = clock
    assert timed.train(step, batches(), 5.0) == ([(0, 0.0), (1, 0.4), (2, 0.8)], 6.0)
    assert timed.train(step, batches(2), 5.0) == ([(0, 0.0), (1, 0.4)], 4.0)  # there may be fewer


def test_after_ctrl_c_what_was_learnt_is_kept(clock, capsys):
    batches, step = clock

    def stopped(batch, progress):
        if batch == 2:
            raise KeyboardInterrupt
        return step(batch, progress)

    assert timed.train(stopped, batches(), 60.0) == ([(0, 0.0), (1, 2 / 60)], 4.0)
    with pytest.raises(KeyboardInterrupt):  # before anything is learnt
        timed.train(stopped, iter([2]), 60.0)
    assert "stopped after 0.1 minutes" in "".join(capsys.readouterr())
