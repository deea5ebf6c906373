"""The profile counts what ran, when and where, changes no result, and is gone when it is closed."""

import json
import threading

import numpy as np
import pytest

import minigen
from minigen import backend, nn, optim
from minigen.backend import state

HAS_CPP = not backend.available()["cpp"]


def counts(p):
    return {(r.name, r.phase): r.calls for r in p.rows()}


def train(steps=1):
    minigen.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    opt = optim.Adam(net.parameters(), lr=0.1)
    x, y = minigen.randn(4, 6), minigen.tensor([0, 2, 1, 1])
    for _ in range(steps):
        opt.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        opt.step()
    return b"".join(p.array.tobytes() for p in net.parameters())


def closed():
    watched = HAS_CPP and backend.cpp.native.is_watched()
    return state.profile is None and not watched


@pytest.fixture(autouse=True)
def nothing_stays_open():
    assert closed()
    yield
    assert closed()


# what is counted ------------------------------------------------------------------------------------
def test_calls_phases_and_bytes():
    x = minigen.ones(10, dtype=np.float64).requires_grad_()
    y = minigen.ones(10, dtype=np.float64)
    with minigen.profile() as p:
        for _ in range(3):
            z = (x * y).exp()  # x alone needs a gradient
            z.sum().backward()
    assert counts(p)["mul", "forward"] == counts(p)["exp", "forward"] == counts(p)["sum", "forward"] == 3
    assert counts(p)["mul", "backward"] == counts(p)["exp", "backward"] == counts(p)["sum", "backward"] == 3
    rows = {(r.name, r.phase): r for r in p.rows()}
    assert rows["mul", "forward"].bytes == 3 * (80 + 80 + 80)
    assert rows["mul", "backward"].bytes == 3 * (80 + 80 + 80)  # delta and y go in, dC/dx comes out
    assert rows["exp", "forward"].bytes == 3 * (80 + 80)
    assert all(r.time > 0 for r in rows.values())


def test_a_step_of_training():
    with minigen.profile() as p:
        train(steps=2)
    found = counts(p)
    assert found["linear", "forward"] == found["linear", "backward"] == 4
    assert found["relu", "forward"] == found["cross_entropy", "backward"] == 2
    assert found["Adam.step", "update"] == 2
    (update,) = (r for r in p.rows() if r.phase == "update")
    parameters = 4 * (6 * 5 + 5 + 5 * 3 + 3)
    assert update.bytes == 2 * 3 * parameters  # each w and g goes in, each w comes out


def test_the_sum_of_deltas_is_no_rule_of_add():
    x = minigen.ones(3, requires_grad=True)
    with minigen.profile() as p:
        (x * 2 + x * 3).sum().backward()
    assert counts(p)["sum of deltas", "backward"] == 1
    assert counts(p)["add", "backward"] == counts(p)["add", "forward"] == 1
    assert counts(p)["mul", "forward"] == counts(p)["mul", "backward"] == 2  # the products inside of rules are no rows


def test_a_hooks_work_is_the_backward_passs():
    x = minigen.ones(3, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g.exp())
    with minigen.profile() as p:
        y.sum().backward()
    assert counts(p)["exp", "backward"] == 1 and ("exp", "forward") not in counts(p)


def test_the_second_derivative_is_counted_once():
    x = minigen.ones(3, dtype=np.float64).requires_grad_()
    with minigen.profile() as p:
        (g,) = minigen.grad(nn.functional.tanh(x).sum(), x, create_graph=True)
        g.sum().backward()
    mine = sum(r.time for r in p.rows())
    assert 0 < mine <= p.total
    assert counts(p)["tanh", "forward"] == 1 and counts(p)["tanh", "backward"] >= 1


def test_nothing_of_the_result_changes():
    plain = train(3)
    with minigen.profile():
        assert train(3) == plain


# kernels --------------------------------------------------------------------------------------------
def kernels(p, name, phase="forward"):
    return next(set(r.kernels) for r in p.rows() if (r.name, r.phase) == (name, phase))


def test_numpys_work_names_no_kernel():
    a = minigen.ones(4, 4)
    with minigen.use_backend("numpy"), minigen.profile() as p:
        a @ a
    assert kernels(p, "matmul") == {"numpy"}


@pytest.mark.skipif(not HAS_CPP, reason="minigen._cpu is not built")
def test_the_rung_that_ran_is_named():
    a, exact = minigen.ones(4, 4), minigen.ones(4, 4, dtype=np.float64)
    ladder = backend.get("cpp").kernels["matmul"]
    with minigen.use_backend("cpp"), minigen.profile() as p:
        a @ a
    assert kernels(p, "matmul") == {f"cpp matmul {ladder[-1]}"}
    with minigen.use_backend("cpp"), minigen.use_kernel("matmul", ladder[0]), minigen.profile() as p:
        a @ a
    assert kernels(p, "matmul") == {f"cpp matmul {ladder[0]}"}
    with minigen.use_backend("cpp"), minigen.profile() as p:
        exact @ exact  # no kernel for float64: NumPy computes it
    assert kernels(p, "matmul") == set()
    assert p.table().splitlines()[2].endswith("numpy")
    with minigen.use_backend("cpp"), minigen.profile() as p:
        train()
    assert kernels(p, "Adam.step", "update") == {"cpp adam"}
    assert kernels(p, "relu", "backward") == {"cpp relu_vjp"}
    assert kernels(p, "philox", "") == {"cpp philox"}  # the initial values: no op asked for them


# nested, threaded -----------------------------------------------------------------------------------
def test_nested_profiles_each_see_their_own_block():
    x = minigen.ones(3)
    with minigen.profile() as outer:
        x.exp()
        with minigen.profile() as inner:
            x.sin()
        x.cos()
    assert counts(outer) == {(n, "forward"): 1 for n in ("exp", "sin", "cos")}
    assert counts(inner) == {("sin", "forward"): 1}
    assert inner.total < outer.total
    with outer:  # opened again, it starts anew
        x.log()
    assert counts(outer) == {("log", "forward"): 1}


def in_threads(*functions):
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(f,), name=f"worker {i}") for i, f in enumerate(functions)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_threads_are_told_apart():
    barrier = threading.Barrier(2)

    def work(function):
        def run():
            x = minigen.ones(5, requires_grad=True)
            barrier.wait()
            for _ in range(20):
                getattr(x, function)().sum().backward()

        return run

    with minigen.profile() as everything, minigen.profile(all_threads=False) as mine:
        minigen.ones(2).log()
        in_threads(work("exp"), work("sin"))
    assert counts(mine) == {("log", "forward"): 1}
    found = counts(everything)
    assert found["exp", "backward"] == found["sin", "backward"] == found["exp", "forward"] == 20
    assert found["sum", "forward"] == found["sum", "backward"] == 40
    assert found["log", "forward"] == 1
    workers = {e.name: e.thread for e in everything.events if e.kind == "op" and e.name in ("exp", "sin", "log")}
    assert len(set(workers.values())) == 3
    assert all(e.thread in workers.values() for e in everything.events)


def test_profiles_of_several_threads_do_not_mix():
    barrier, found = threading.Barrier(2), {}

    def work(function):
        def run():
            x = minigen.ones(5)
            with minigen.profile(all_threads=False) as p:
                barrier.wait()
                for _ in range(50):
                    getattr(x, function)()
            found[function] = counts(p)

        return run

    in_threads(work("exp"), work("sin"))
    assert found == {"exp": {("exp", "forward"): 50}, "sin": {("sin", "forward"): 50}}


def test_an_error_closes_the_profile_and_leaves_what_was_recorded():
    x = minigen.ones(3)
    with pytest.raises(ValueError, match="do not broadcast"), minigen.profile() as p:
        x.exp()
        x + minigen.ones(4)
    assert counts(p) == {("exp", "forward"): 1}


# tables and traces ----------------------------------------------------------------------------------
def test_the_times_add_up():
    with minigen.profile() as p:
        train(3)
    rows = p.rows()
    assert 0 < sum(r.time for r in rows) <= p.total
    shares = [float(word[:-1]) for line in p.table().splitlines() for word in line.split() if word.endswith("%")]
    assert shares[-1] == 100.0
    assert abs(sum(shares[:-1]) - 100) < 0.06 * len(shares)
    few = [float(w[:-1]) for line in p.table(limit=2).splitlines() for w in line.split() if w.endswith("%")]
    assert len(few) == 5 and abs(sum(few[:-1]) - 100) < 0.3


def test_the_table_is_sorted_and_limited():
    with minigen.profile() as p:
        x = minigen.ones(1000)
        for _ in range(5):
            x.sin()
        (x @ x).exp()
        minigen.ones(5000).cos()
    assert p.rows("calls")[0].name == "sin"
    assert [r.calls for r in p.rows("calls")] == sorted((r.calls for r in p.rows()), reverse=True)
    assert [r.name for r in p.rows("bytes")][:2] == ["sin", "cos"]
    assert [r.time for r in p.rows()] == sorted((r.time for r in p.rows()), reverse=True)
    lines = p.table(sort_by="calls", limit=1).splitlines()
    assert lines[0].split() == ["op", "phase", "calls", "time", "share", "per", "call", "bytes", "kernel"]
    assert lines[2].split()[:3] == ["sin", "forward", "5"] and "40.0 kB" in lines[2]
    assert lines[3].startswith(f"{len(p.rows()) - 1} more")
    assert [line.split("  ")[0] for line in lines[-2:]] == ["between the ops", "total"]
    assert len({len(line) for line in lines if set(line) == {"-"}}) == 1


def test_an_empty_profile_has_a_table():
    with minigen.profile() as p:
        pass
    assert p.rows() == [] and "total" in p.table()
    assert minigen.profile().rows() == [] and minigen.profile().total == 0


def test_the_trace_is_chromes(tmp_path):
    def work():
        minigen.ones(3).exp()

    with minigen.profile() as p:
        x = minigen.ones(2, 3, requires_grad=True)
        (x * x).sum().backward()
        in_threads(work)
    p.save_trace(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    events = trace["traceEvents"]
    assert trace["displayTimeUnit"] == "ms"
    names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M"}
    complete = [e for e in events if e["ph"] == "X"]
    assert len(complete) == len(p.events) and {e["tid"] for e in complete} == set(names)
    assert sorted(names.values()) == sorted([threading.current_thread().name, "worker 0"])
    for e in complete:
        assert {"name", "cat", "ph", "pid", "tid", "ts", "dur", "args"} <= e.keys()
        assert e["ts"] >= 0 and e["dur"] >= 0 and e["ts"] + e["dur"] <= p.total * 1e6
    by_name = {e["name"]: e for e in complete}
    assert by_name["mul"]["args"]["inputs"] == ["float32 [2, 3]", "float32 [2, 3]"]
    inside, outside = by_name["backward of mul"], by_name["backward pass"]
    assert outside["ts"] <= inside["ts"] and inside["ts"] + inside["dur"] <= outside["ts"] + outside["dur"]
    assert by_name["exp"]["tid"] != by_name["mul"]["tid"]
    for a in complete:  # events of a thread are apart or nested, never half and half
        for b in complete:
            if a["tid"] == b["tid"] and a["ts"] < b["ts"] < a["ts"] + a["dur"]:
                assert b["ts"] + b["dur"] <= a["ts"] + a["dur"] + 1e-6


def test_errors():
    with minigen.profile() as p:
        with pytest.raises(RuntimeError, match="profile: it is open already"), p:
            pass
        minigen.ones(2).exp()
    assert counts(p) == {("exp", "forward"): 1}
    with pytest.raises(ValueError, match="sort_by must be 'time', 'calls' or 'bytes', got 'size'"):
        p.table("size")
