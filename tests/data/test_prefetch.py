"""Order, bound, errors and the end of the background thread."""

import signal
import subprocess
import sys
import threading
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.data.prefetch import prefetched


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "minigen-prefetch"]


def wait_until(condition):
    end = time.monotonic() + 30  # a guard against hanging, not a measurement
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


@pytest.fixture(autouse=True)
def no_thread_stays_behind():
    yield
    wait_until(lambda: not threads())


@given(st.lists(st.integers(), max_size=20), st.integers(0, 5))
def test_the_results_in_order(jobs, ahead):
    assert list(prefetched(lambda job: (job, -job), jobs, ahead)) == [(job, -job) for job in jobs]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_it_runs_ahead_but_not_further(ahead):
    begun = []
    results = prefetched(lambda job: begun.append(job) or job, iter(range(100)), ahead)
    assert begun == []  # nothing before it is asked for
    for i in range(10):
        assert next(results) == i
        wait_until(lambda i=i: len(begun) == i + 1 + ahead)
    time.sleep(0.02)
    assert len(begun) == 10 + ahead
    results.close()


def test_it_works_while_the_caller_works():
    results = prefetched(lambda job: threading.current_thread().name, range(3), 1)
    assert set(results) == {"minigen-prefetch"}


@pytest.mark.parametrize("ahead", [0, 2])
def test_an_error_arrives_in_its_turn_with_its_traceback(ahead):
    def the_culprit(job):
        if job == 3:
            raise ZeroDivisionError("three")
        return job

    results = prefetched(the_culprit, range(10), ahead)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError, match="three") as caught:
        next(results)
    assert "the_culprit" in "".join(traceback.format_tb(caught.value.__traceback__))
    assert list(results) == []


@pytest.mark.parametrize("ahead", [0, 2])
def test_stop_iteration_in_a_job_is_no_quiet_end(ahead):
    def stop(job):
        raise StopIteration

    with pytest.raises(RuntimeError):
        list(prefetched(stop, range(3), ahead))


def test_leaving_early_ends_the_thread():
    begun = []
    for _ in prefetched(lambda job: begun.append(job), range(1000), 2):
        break
    wait_until(lambda: not threads())
    assert len(begun) <= 3


def test_dropping_it_ends_the_thread():
    results = prefetched(lambda job: job, range(1000), 2)
    next(results)
    assert len(threads()) == 1
    del results
    wait_until(lambda: not threads())


def test_ctrl_c_while_waiting_ends_the_thread():
    caller_is_ready, release = threading.Event(), threading.Event()

    def work(job):
        if job == 1:
            caller_is_ready.wait(30)
            time.sleep(0.05)  # it waits for this very job by now
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            release.wait(30)
        return job

    results = prefetched(work, range(5), 2)
    assert next(results) == 0
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a program in the background ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            caller_is_ready.set()
            next(results)
    finally:
        signal.signal(signal.SIGINT, before)
        release.set()
    results.close()


def test_a_job_that_hangs_does_not_keep_the_program():
    code = (
        "import threading\n"
        "from minigen.data.prefetch import prefetched\n"
        "results = prefetched(lambda job: job == 0 or threading.Event().wait(), range(5), 2)\n"
        "next(results)\n"
        "print('left', flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "left\n"
