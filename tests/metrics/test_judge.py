"""The judge: that it reads digits, that its weights are the pinned ones, and that a picture is judged alone."""

import hashlib
import json
from importlib import resources

import numpy as np
import pytest

import minigen
from minigen.data import embedded
from minigen.metrics import judge, random_network
from minigen.metrics.judge import FEATURES, SHA256, WEIGHTS, Judge, JudgeNet


@pytest.fixture(scope="module")
def net():
    return judge.load()


@pytest.fixture(scope="module")
def test_digits():
    return embedded.load("test")


def test_it_reads_real_digits(net, test_digits):
    images, labels = test_digits
    features, p = net.look(images)
    assert features.shape == (2000, FEATURES) and p.shape == (2000, 10) and features.dtype == p.dtype == np.float32
    assert np.mean(p.argmax(1) == labels) >= 0.993
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert not np.mean(Judge(JudgeNet()).look(images[:300])[1].argmax(1) == labels[:300]) > 0.5  # untrained: no judge


def test_the_features_are_what_the_classes_are_read_from(net, test_digits):
    features, p = net.look(test_digits[0][:50])
    logits = features @ net.net.head[1].weight.numpy().T + net.net.head[1].bias.numpy()
    odds = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(p, odds / odds.sum(1, keepdims=True), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("look", [lambda x: judge.load().look(x)[0], random_network.look])
def test_a_picture_is_judged_alone(look, test_digits, monkeypatch):
    """Its features don't depend on what else is looked at: order changes no bit, another batch rounds otherwise."""
    images = test_digits[0][:130]
    features, order = look(images), np.random.default_rng(0).permutation(130)
    assert np.array_equal(look(images[order]), features[order])
    for module in (judge, random_network):
        monkeypatch.setattr(module, "BATCH", 7)
    np.testing.assert_allclose(look(images), features, atol=1e-5)
    np.testing.assert_allclose(look(images[60:61]), features[60:61], atol=1e-5)


def test_ways_of_giving_pictures(net, test_digits):
    images = test_digits[0][:20]
    floats = images.astype(np.float32) / np.float32(255)
    expected = net.look(images)[0]
    for given in (floats, floats[:, None], floats.astype(np.float64), np.pad(images, ((0, 0), (2, 2), (2, 2)))):
        assert np.array_equal(net.look(given)[0], expected)
    with pytest.raises(ValueError, match=r"\(2, 30, 30\)"):
        net.look(np.zeros((2, 30, 30)))


def test_the_weights_are_the_pinned_ones_and_small():
    content = resources.files("minigen.metrics").joinpath(WEIGHTS).read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA256
    assert len(content) <= 3_000_000


def test_the_figures_beside_the_weights_are_theirs(net, test_digits):
    figures = json.loads(resources.files("minigen.metrics").joinpath("judge.json").read_text())
    assert figures["sha256"] == SHA256 and figures["test_accuracy"] >= 0.993
    images, labels = test_digits
    accuracy = np.mean(net.look(images)[1].argmax(1) == labels)
    assert accuracy == pytest.approx(figures["embedded_test_accuracy"], abs=5e-4)


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(judge, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match=r"not the file that minigen was published with.*judge\.py"):
        judge.load()


def test_the_random_network_is_always_the_same(test_digits):
    minigen.manual_seed(5)
    expected = minigen.rand(3).numpy()
    minigen.manual_seed(5)
    random_network.network.cache_clear()
    weights = [p.numpy() for p in random_network.network().parameters()]
    assert np.array_equal(minigen.rand(3).numpy(), expected)  # the caller's random numbers are left alone
    digest = hashlib.sha256(b"".join(w.tobytes() for w in weights)).hexdigest()
    assert digest == RANDOM_WEIGHTS
    fan_in = [np.prod(w.shape[1:]) for w in weights]
    assert all(w.var() == pytest.approx(2 / n, rel=0.15) for w, n in zip(weights, fan_in, strict=True))
    assert random_network.look(test_digits[0][:3]).shape == (3, random_network.FEATURES)


RANDOM_WEIGHTS = "b76a1f776000c838b484728527d9a8f1e8ba56872949276c9f5fa3f0edae0c9c"
