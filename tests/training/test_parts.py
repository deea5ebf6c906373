"""Averaged weights, health, and the files of pretrained weights."""

import copy
import json

import numpy as np
import pytest

import minigen
from minigen import nn, training
from minigen.training import health, pretrained


def test_ema_is_its_formula():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    ema = training.EMA(net, 0.6)
    expected = {k: v.numpy().astype(np.float64) for k, v in net.state_dict().items()}
    for n in range(1, 12):
        with minigen.no_grad():
            for p in net.parameters():
                p.add_(0.5 * n)
        net(minigen.randn(8, 2))  # moves the running statistics, and counts them
        ema.update()
        d = min(0.6, (1 + n) / (10 + n))
        for k, v in net.state_dict().items():
            expected[k] = d * expected[k] + (1 - d) * v.numpy() if v.is_floating_point() else v.numpy()
    for k, v in expected.items():
        np.testing.assert_allclose(ema.shadow[k], v, rtol=1e-5)
    assert ema.shadow["1.num_batches_tracked"] == 11


def test_ema_applied_and_restored():
    net = nn.Linear(3, 1)
    ema = training.EMA(net, 0.5)
    with minigen.no_grad():
        net.weight.add_(1.0)
    ema.update()
    own = net.weight.numpy().copy()
    with pytest.raises(KeyError), ema.applied() as shadow:
        assert shadow is net
        np.testing.assert_array_equal(net.weight.numpy(), ema.shadow["weight"])
        raise KeyError
    np.testing.assert_array_equal(net.weight.numpy(), own)
    other = training.EMA(nn.Linear(3, 1), 0.5)
    other.load_state_dict(copy.deepcopy(ema.state_dict()))
    assert other.updates == 1
    np.testing.assert_array_equal(other.shadow["weight"], ema.shadow["weight"])
    with pytest.raises(ValueError, match="weight has shape"):
        training.EMA(nn.Linear(2, 1)).load_state_dict(ema.state_dict())
    with pytest.raises(ValueError, match="decay"):
        training.EMA(net, 1.0)


def test_health_compares_the_median_and_says_what_is_wrong():
    ranges = (training.Healthy("a", 0, 1, "a is too large"), training.Healthy("b", 0, 1, ""),
              training.Healthy("c", 0, 1, ""))  # fmt: skip
    found = health.examine([{"a": 2.0}, {"a": 3.0, "b": 0.5}, {"a": 100.0}], ranges)
    assert [str(f) for f in found] == ["a 3 (good runs: 0 to 1) ! a is too large", "b 0.5 (good runs: 0 to 1)"]
    assert [f.healthy for f in found] == [False, True]
    assert not health.examine([{"a": float("nan")}], ranges)[0].healthy


def test_diversity_is_the_mean_squared_distance_of_pairs():
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 256, (20, 4, 4)).astype(np.uint8) for _ in range(2))

    def pairs(a):
        a = a.astype(float)
        return np.mean([((p - q) ** 2).sum() for p in a for q in a])

    assert health.diversity(x, y) == pytest.approx(pairs(x) / pairs(y), rel=1e-12)
    assert health.diversity(np.repeat(x[:1], 9, axis=0), y) == 0
    assert health.diversity(np.pad(x, ((0, 0), (2, 2), (2, 2))), x) == pytest.approx(1, rel=1e-12)


def test_pretrained_files(tmp_path):
    state = {"parts": {"G": {"w": minigen.tensor([1.0, 1e-3]), "n": np.array(3), "big": np.array([1e6], np.float32)}},
             "config": {"lr": 0.1}}  # fmt: skip
    path = pretrained.save("x", state, {"command": "python x.py"}, tmp_path)
    assert json.loads((tmp_path / "x.json").read_text())["command"] == "python x.py"
    read = pretrained.load("x", tmp_path)
    w = read["parts"]["G"]["w"]
    assert w.dtype == np.float32 and read["config"] == {"lr": 0.1} and read["parts"]["G"]["n"] == 3
    np.testing.assert_array_equal(w, np.float16([1.0, 1e-3]).astype(np.float32))
    assert read["parts"]["G"]["big"] == 1e6  # beyond float16
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ValueError, match="not the file that minigen was published with"):
        pretrained.load("x", tmp_path)
    with pytest.raises(FileNotFoundError, match="no weights come with minigen for y"):
        pretrained.load("y", tmp_path)
    with pytest.raises(ValueError, match="4,194,304 are allowed"):
        pretrained.save("z", {"w": np.zeros(3_000_000, np.float32)}, {}, tmp_path)
    assert not (tmp_path / "z.safetensors").exists()
    pretrained.save("z", {"w": np.ones(3)}, {}, tmp_path)
    with pytest.raises(ValueError, match="4,194,304 are allowed"):
        pretrained.save("z", {"w": np.zeros(3_000_000, np.float32)}, {}, tmp_path)
    assert pretrained.load("z", tmp_path)["w"].tolist() == [1, 1, 1]
    assert not list(tmp_path.glob(".*"))
