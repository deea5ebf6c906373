"""Arrays in blocks that are used again: alignment, zeros, sizes that change, threads, forks, and what is given back."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen import _cpu

SIZES = [0, 1, 3, 16, 1000, (1 << 14) - 33, (1 << 14) - 16, 1 << 14, 50_001, 1 << 20, (1 << 21) + 7]  # of float32


@pytest.fixture(autouse=True)
def from_an_empty_pool():
    _cpu.use_pool()
    limit = _cpu.pool_use()["limit"]
    _cpu.limit_pool(0)
    _cpu.limit_pool(256 << 20)
    yield
    _cpu.limit_pool(0)
    _cpu.limit_pool(limit)


@pytest.mark.parametrize("size", SIZES)
def test_blocks_are_aligned_apart_and_written_to_their_ends(size):
    arrays = [np.empty(size, np.float32) for _ in range(5)]
    for i, a in enumerate(arrays):
        assert a.ctypes.data % 64 == 0
        a.fill(i)
    assert all((a == i).all() for i, a in enumerate(arrays))


@pytest.mark.parametrize("size", SIZES)
def test_zeros_are_zero_in_a_used_block(size):
    used = np.full(size, 7, np.float32)
    del used
    assert not np.zeros(size, np.float32).any()


def test_a_freed_block_serves_the_next_array_of_its_size():
    a = np.empty(1 << 18, np.float32)
    place, before = a.ctypes.data, _cpu.pool_use()
    del a
    assert _cpu.pool_use()["kept"] >= 1 << 20
    b = np.empty((1 << 18) - 100, np.float32)
    after = _cpu.pool_use()
    assert b.ctypes.data == place
    assert (after["reused"], after["fresh"], after["kept"]) == (before["reused"] + 1, before["fresh"], 0)


def test_a_loop_asks_the_system_for_nothing():
    def step():
        x = np.ones((300, 300), np.float32)
        return (x + 1) * x

    step()
    before = _cpu.pool_use()["fresh"]
    for _ in range(20):
        step()
    assert _cpu.pool_use()["fresh"] == before


def test_the_limit_bounds_what_waits_and_0_gives_it_back():
    _cpu.limit_pool(3 << 20)
    arrays = [np.empty(1 << 18, np.float32) for _ in range(10)]
    del arrays
    assert 0 < _cpu.pool_use()["kept"] <= 3 << 20
    _cpu.limit_pool(0)
    assert _cpu.pool_use()["kept"] == 0
    a = np.empty(1 << 18, np.float32)
    del a
    assert _cpu.pool_use()["kept"] == 0


@given(sizes=st.lists(st.sampled_from([1, 5, 100, 20_000, 70_000, 300_000]), min_size=2, max_size=6))
def test_an_array_that_is_resized_keeps_its_numbers(sizes):
    a = np.arange(sizes[0], dtype=np.float32)
    expected = a.copy()
    for n in sizes[1:]:
        a.resize(n, refcheck=False)
        expected = np.concatenate([expected[:n], np.zeros(max(n - len(expected), 0), np.float32)])
        np.testing.assert_array_equal(a, expected)


def test_too_much_memory_is_an_error_and_the_pool_goes_on():
    with pytest.raises(MemoryError):
        np.empty(1 << 46, np.float32)
    assert np.ones(1 << 18, np.float32).sum() == 1 << 18


def test_threads_free_what_others_made():
    made, errors = [], []

    def work(seed):
        _cpu.use_pool()
        rng = np.random.default_rng(seed)
        for _ in range(300):
            a = np.full(int(rng.integers(1, 60_000)), seed, np.float32)
            made.append((seed, a))
            if len(made) > 20:
                owner, b = made.pop(0)
                if not (b == owner).all():
                    errors.append(owner)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and all((a == owner).all() for owner, a in made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_allocates_while_the_parent_does():
    code = """
import os, threading, numpy as np, minigen
stop = False
def churn():
    while not stop:
        np.empty(100_000, np.float32)
thread = threading.Thread(target=churn)
thread.start()
for _ in range(50):
    pid = os.fork()
    if not pid:
        os._exit(0 if np.ones(100_000, np.float32).sum() == 100_000 else 1)
    assert os.waitpid(pid, 0)[1] == 0
stop = True
thread.join()
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("setting, name", [("", "minigen_pool"), ("0", "default_allocator"), ("7", "minigen_pool")])
def test_the_environment_decides(setting, name):
    code = "import minigen, numpy as np; from numpy._core.multiarray import get_handler_name; print(get_handler_name())"
    environment = {k: v for k, v in os.environ.items() if k != "MINIGEN_POOL"}
    environment |= {"MINIGEN_POOL": setting} if setting else {}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == name, done.stderr


def test_a_wrong_setting_is_named():
    done = subprocess.run([sys.executable, "-c", "import minigen"], capture_output=True, text=True,
                          env={**os.environ, "MINIGEN_POOL": "much"})  # fmt: skip
    assert done.returncode and "MINIGEN_POOL: must be a number of megabytes" in done.stderr


def test_sizes_that_nobody_asks_for_make_room():
    _cpu.limit_pool(16 << 20)
    old = [np.empty(1 << 20, np.float32) for _ in range(3)]  # 4 MB each
    del old
    for _ in range(2):
        new = [np.empty(1 << 19, np.float32) for _ in range(6)]  # 2 MB each: all six fit only without the old ones
        before = _cpu.pool_use()["fresh"]
        del new
    new = [np.empty(1 << 19, np.float32) for _ in range(6)]
    assert _cpu.pool_use()["fresh"] == before
    assert _cpu.pool_use()["kept"] <= 16 << 20
    del new
