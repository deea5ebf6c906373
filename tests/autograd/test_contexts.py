"""Modes that a context sets for its thread: no_grad, enable_grad, detect_anomaly, the backend."""

import threading

import numpy as np
import pytest

import minigen
import minigen.functional as F


def test_no_grad_as_context_decorator_and_nested(leaf):
    x = leaf(3)

    @minigen.no_grad()
    def inside():
        assert not minigen.is_grad_enabled()
        with minigen.enable_grad():
            assert (x * 2).requires_grad
        return x * 2

    assert not inside().requires_grad
    mode = minigen.no_grad()
    with mode, mode:
        assert not (x * 2).requires_grad
    assert minigen.is_grad_enabled()
    with pytest.raises(KeyError), minigen.no_grad():
        raise KeyError
    assert minigen.is_grad_enabled()


def test_no_grad_refuses_generators():
    with pytest.raises(TypeError, match="cannot decorate the generator"):

        @minigen.no_grad()
        def numbers():
            yield 1


def test_a_thread_starts_with_gradients_on_and_the_default_backend():
    found = []
    with minigen.no_grad(), minigen.use_backend("numpy"):
        thread = threading.Thread(target=lambda: found.append((minigen.is_grad_enabled(), minigen.current_backend())))
        thread.start()
        thread.join()
        assert not minigen.is_grad_enabled()
    assert found == [(True, minigen.current_backend())]


def test_threads_differentiate_side_by_side(leaf):
    results = {}

    def work(seed):
        x = leaf(50, seed=seed)
        for _ in range(50):
            x.grad = None
            F.tanh(x * x).sum().backward()
        results[seed] = (x.grad.numpy(), 2 * x.numpy() / np.cosh(x.numpy() ** 2) ** 2)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 4
    for got, expected in results.values():
        np.testing.assert_allclose(got, expected)


def test_anomaly_names_the_op_forward_and_backward():
    x = minigen.tensor([0.0, 1.0]).requires_grad_()
    with minigen.detect_anomaly():
        with pytest.raises(FloatingPointError, match=r"log produced NaN or inf in a result of shape \(2,\)"):
            x.log()
        y = x.sqrt().sum()
        with pytest.raises(FloatingPointError, match="backward of sqrt: the gradient of its input 0"):
            y.backward()
    x.log()


def test_set_grad_enabled(leaf):
    x = leaf(3)
    with minigen.set_grad_enabled(False):
        assert not (x * 2).requires_grad
        with minigen.set_grad_enabled(True):
            assert (x * 2).requires_grad
        assert not minigen.is_grad_enabled()
    assert minigen.is_grad_enabled()
    try:
        minigen.set_grad_enabled(False)  # without a block: from here on
        assert not (x * 2).requires_grad
    finally:
        minigen.set_grad_enabled(True)
    assert (x * 2).requires_grad

    @minigen.set_grad_enabled(False)
    def inside():
        return x * 2

    assert minigen.is_grad_enabled()
    assert not inside().requires_grad and not inside().requires_grad
    assert minigen.is_grad_enabled()
    with pytest.raises(KeyError), minigen.set_grad_enabled(False):
        raise KeyError
    assert minigen.is_grad_enabled()
    with pytest.raises(TypeError, match="set_grad_enabled: mode must be a bool, got None"):
        minigen.set_grad_enabled(None)


def test_inference_mode(leaf):
    x = leaf(3)
    with minigen.inference_mode():
        assert not (x * 2).requires_grad
        with minigen.inference_mode(False):
            assert not (x * 2).requires_grad
    with minigen.inference_mode(mode=False):
        assert (x * 2).requires_grad

    @minigen.inference_mode()
    def inside():
        return x * 2

    assert not inside().requires_grad
    assert minigen.is_grad_enabled()
    with pytest.raises(TypeError, match=r"inference_mode: mode must be a bool, got <function.*to decorate, add \(\)"):
        minigen.inference_mode(inside)
