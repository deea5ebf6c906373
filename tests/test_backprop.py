"""The equations written by hand against three judges: finite differences, the engine, and digits."""

import json
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from example_scripts import load
from hypothesis import assume, given
from hypothesis import strategies as st

import minigen
from minigen.backprop import ACTIVATIONS, MLP, OUTPUTS, one_hot, softmax, softmax_error
from minigen.data import MNIST

KINDS = [(h, o, "quadratic") for h, o in product(ACTIVATIONS, OUTPUTS)]
KINDS += [(h, "softmax", "cross_entropy") for h in ACTIVATIONS]
EXAMPLE = Path(__file__).parents[1] / "examples" / "mlp_backprop.py"


def problem(hidden, output, cost, sizes=(5, 7, 6, 4), N=3, dtype=np.float64, seed=0):
    """A network with biases that are not 0, and a batch whose targets are distributions."""
    rng = np.random.default_rng(seed)
    net = MLP(sizes, hidden, output, cost, dtype, seed)
    for l in net.b:
        net.b[l] += 0.1 * rng.standard_normal(net.b[l].shape).astype(dtype)
    x = rng.standard_normal((sizes[0], N)).astype(dtype)
    return net, x, softmax(rng.standard_normal((sizes[-1], N)).astype(dtype))


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_gradients_equal_the_engines(kind):
    net, x, y = problem(*kind)
    hidden, output, cost = kind
    W = {l: minigen.tensor(net.W[l]).requires_grad_() for l in net.W}
    b = {l: minigen.tensor(net.b[l]).requires_grad_() for l in net.b}
    a = minigen.tensor(x)
    for l in net.W:
        z = W[l] @ a + b[l]
        name = output if l == net.L else hidden
        a = z if name == "identity" else z.softmax(dim=0) if name == "softmax" else getattr(z, name)()
    target = minigen.tensor(y)
    C = ((a - target) ** 2).sum() / 6 if cost == "quadratic" else -(target * z.log_softmax(dim=0)).sum() / 3
    C.backward()

    dW, db = net.gradients(x, y)
    assert net.cost(x, y) == pytest.approx(C.item(), rel=1e-12)
    for l in net.W:
        np.testing.assert_allclose(dW[l], W[l].grad.numpy(), rtol=0, atol=1e-12)
        np.testing.assert_allclose(db[l], b[l].grad.numpy(), rtol=0, atol=1e-12)


@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(1, 6), min_size=2, max_size=5).map(tuple),
    st.integers(1, 4),
    st.integers(0, 10**6),
)
def test_gradients_equal_finite_differences(kind, sizes, N, seed):
    net, x, y = problem(*kind, sizes, N, seed=seed)
    rng, h, z = np.random.default_rng(seed + 1), 1e-6, net.forward(x)[0]
    # a difference must not cross relu's kink
    assume("relu" not in kind or min(abs(z[l]).min() for l in z) > 1e-3)
    dW, db = net.gradients(x, y)
    steps = [(values[l], grads[l], rng.standard_normal(values[l].shape)) for values, grads in ((net.W, dW), (net.b, db))
             for l in values]
    slope = sum((g * d).sum() for _, g, d in steps)
    costs = []
    for factor in (h, -2 * h):
        for v, _, d in steps:
            v += factor * d
        costs.append(net.cost(x, y))
    assert (costs[0] - costs[1]) / (2 * h) == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_the_softmax_jacobian_collapses_with_the_cross_entropy():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((5, 7))
    p, y = softmax(z), softmax(rng.standard_normal((5, 7)))
    for n in range(7):
        J = np.diag(p[:, n]) - np.outer(p[:, n], p[:, n])
        np.testing.assert_allclose(softmax_error(p, -y / p)[:, n], J.T @ (-y / p)[:, n], atol=1e-14)
    np.testing.assert_allclose(softmax_error(p, -y / p), p - y, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_float32_stays_float32_and_agrees(kind):
    net, x, y = problem(*kind, dtype=np.float32)
    exact, _, _ = problem(*kind)
    for l in net.W:
        exact.W[l], exact.b[l] = net.W[l].astype(np.float64), net.b[l].astype(np.float64)
    dW, db = net.gradients(x, y)
    eW, eb = exact.gradients(x.astype(np.float64), y.astype(np.float64))
    for l in net.W:
        assert dW[l].dtype == db[l].dtype == np.float32
        np.testing.assert_allclose(dW[l], eW[l], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(db[l], eb[l], rtol=1e-4, atol=1e-6)
    net.step(x, y, 0.1)
    assert all(v.dtype == np.float32 for v in (*net.W.values(), *net.b.values()))


def test_a_step_is_w_minus_eta_gradient():
    net, x, y = problem("tanh", "softmax", "cross_entropy")
    before = {l: net.W[l].copy() for l in net.W}
    cost, (dW, _) = net.cost(x, y), net.gradients(x, y)
    assert net.step(x, y, 0.3) == cost
    for l in net.W:
        np.testing.assert_array_equal(net.W[l], before[l] - 0.3 * dW[l])


def test_huge_scores_give_finite_costs_and_gradients():
    net, x, y = problem("identity", "softmax", "cross_entropy")
    dW, _ = net.gradients(1e6 * x, y)
    assert np.isfinite(net.cost(1e6 * x, y)) and all(np.isfinite(g).all() for g in dW.values())


def test_it_learns_digits():
    digits = MNIST(root="embedded", train=True)
    x = digits.images[:1000].reshape(1000, 784).T.astype(np.float32) / 255
    y = one_hot(digits.labels[:1000], 10)
    net = MLP((784, 32, 10))
    assert (net.predict(x) == digits.labels[:1000]).mean() < 0.3
    for _ in range(10):
        for i in range(0, 1000, 50):
            net.step(x[:, i : i + 50], y[:, i : i + 50], 0.2)
    assert (net.predict(x) == digits.labels[:1000]).mean() > 0.9


def test_one_hot():
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), [[0, 1], [0, 0], [1, 0]])


X, Y = np.zeros((4, 2)), np.full((3, 2), 1 / 3)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ValueError, "sizes", lambda net: MLP((4,))),
        (ValueError, "sizes", lambda net: MLP((4, 0, 3))),
        (ValueError, "hidden must be one of", lambda net: MLP((4, 3), hidden="swish")),
        (ValueError, "output='softmax'", lambda net: MLP((4, 3), output="sigmoid", cost="cross_entropy")),
        (TypeError, "float32 or float64", lambda net: MLP((4, 3), dtype=np.int32)),
        (TypeError, "astype", lambda net: net.forward(X.astype(np.uint8))),
        (ValueError, r"pass x\.T", lambda net: net.forward(X.T)),
        (ValueError, "N at least 1", lambda net: net.forward(X[:, :0])),
        (ValueError, "each sample needs its target", lambda net: net.gradients(X, Y[:, :1])),
        (ValueError, "distributions", lambda net: net.step(X, Y + 1, 0.1)),
        (IndexError, "holds 3, but 3 classes", lambda net: one_hot(np.array([0, 3]), 3)),
        (IndexError, "holds -1", lambda net: one_hot(np.array([-1]), 3)),
        (TypeError, "integers", lambda net: one_hot(np.array([0.5]), 3)),
    ],
)
def test_bad_input_is_named(error, words, call):
    with pytest.raises(error, match=words):
        call(MLP((4, 3), dtype=np.float64))


def example(*args, cwd):
    return subprocess.run([sys.executable, str(EXAMPLE), *args], cwd=cwd, capture_output=True, text=True)


@pytest.mark.slow
def test_the_example_trains_and_draws(tmp_path):
    done = example("--smoke", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {"config.json", "metrics.jsonl", "model.npz", "curves.png", "digits.png"}
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["cost"] < rows[0]["cost"] and rows[-1]["test"] > 0.5
    with np.load(tmp_path / "run" / "model.npz") as arrays:
        assert {name: a.shape for name, a in arrays.items()} == {
            "W1": (256, 784), "W2": (10, 256), "b1": (256, 1), "b2": (10, 1),
        }


def test_the_example_explains_one_step(tmp_path):
    done = example("--explain", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("δ^1", "dC/dW^2", "dC/db^1", "w := w - η dC/dw", "The cost was"):
        assert words in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_example_refuses_a_learning_rate_that_explodes(tmp_path):
    done = example("--smoke", "--eta", "1e30", cwd=tmp_path)
    assert done.returncode == 1 and "--eta" in done.stderr and "Traceback" not in done.stderr


def test_the_example_takes_no_other_digits_than_those_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main = load("mlp_backprop").main
    for name, words in (("nowhere", "there is no folder nowhere"), (".", "holds no pictures and no files of MNIST")):
        assert main(["--data", name, "--smoke", "--out", "run"]) == 1
        assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_example_saves_on_ctrl_c(tmp_path):
    command = [sys.executable, "-u", str(EXAMPLE), "--epochs", "100000", "--out", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("epoch   1/"):
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130 and "The weights so far" in rest
    with np.load(tmp_path / "run" / "model.npz") as arrays:
        assert "W1" in arrays
