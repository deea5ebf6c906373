"""Clipping, parameters as one vector, spectral normalisation: against their formulas."""

import copy
import math

import numpy as np
import pytest

import minigen
from minigen import nn
from minigen.nn import utils


def with_gradients(*gradients):
    found = []
    for g in gradients:
        p = nn.Parameter(minigen.zeros(*np.shape(g), dtype=minigen.float64))
        p.grad = minigen.tensor(np.asarray(g, float))
        found.append(p)
    return found


# clipping -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("p", [1, 2, 3.5, math.inf])
def test_the_norm_is_that_of_one_long_vector(p):
    rng = np.random.default_rng(0)
    grads = [rng.normal(size=s) for s in ((3, 4), (5,), (0,), ())]
    flat = np.concatenate([g.ravel() for g in grads])
    params = [*with_gradients(*grads), nn.Parameter(minigen.zeros(2))]  # one without a gradient is passed over
    want = np.linalg.norm(flat, p)
    total = utils.clip_grad_norm_(iter(params), 0.1, norm_type=p)
    assert total.item() == pytest.approx(want, rel=1e-12)
    got = np.concatenate([q.grad.numpy().ravel() for q in params[:-1]])
    assert np.allclose(got, flat * 0.1 / (want + 1e-6), rtol=1e-12) and params[-1].grad is None


def test_gradients_below_the_limit_stay_as_they_are():
    (p,) = with_gradients([3.0, 4.0])
    held, version = p.grad, p.grad.version
    assert utils.clip_grad_norm_(p, 6.0).item() == 5
    assert p.grad is held and p.grad.tolist() == [3, 4] and p.grad.version == version
    utils.clip_grad_norm_(p, 1.0)
    assert p.grad is held and p.grad.version > version


def test_norms_whose_squares_overflow():
    (p,) = with_gradients([3e200, 4e200])
    assert utils.clip_grad_norm_([p], 1.0).item() == pytest.approx(5e200)
    assert np.allclose(p.grad.numpy(), [0.6, 0.8])
    (p,) = with_gradients([3e-200, 4e-200])
    assert utils.clip_grad_norm_([p], 1.0).item() == pytest.approx(5e-200)


def test_a_norm_that_is_not_finite():
    (p,) = with_gradients([1.0, np.inf])
    with pytest.raises(RuntimeError, match="the gradients' norm of order 2"):
        utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
    assert p.grad.tolist() == [1, np.inf]
    assert utils.clip_grad_norm_(p, 1.0).item() == np.inf
    assert p.grad.numpy()[0] == 0 and np.isnan(p.grad.numpy()[1])
    (p,) = with_gradients([1.0, np.nan])
    assert np.isnan(utils.clip_grad_norm_(p, 1.0).item()) and np.isnan(p.grad.numpy()).all()


def test_clipping_values():
    a, b = with_gradients([[-3.0, 0.5]], [2.0])
    utils.clip_grad_value_([a, b], 1)
    assert a.grad.tolist() == [[-1, 0.5]] and b.grad.tolist() == [1]


def test_clipping_nothing_and_nonsense():
    assert utils.clip_grad_norm_([], 1.0).item() == 0
    with pytest.raises(ValueError, match="norm_type must be above 0"):
        utils.clip_grad_norm_([], 1.0, norm_type=0)
    with pytest.raises(TypeError, match=r"clip_grad_value_: parameters must be Tensors.*got int"):
        utils.clip_grad_value_([3], 1.0)


# one vector -----------------------------------------------------------------------------------------
def test_parameters_to_a_vector_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,) and np.array_equal(vector.numpy()[:6], net[0].weight.numpy().ravel())
    (vector * vector).sum().backward()
    assert np.allclose(net[1].bias.grad.numpy(), 2 * net[1].bias.numpy())
    address = net[0].weight.array.ctypes.data
    utils.vector_to_parameters(minigen.arange(13).float(), net.parameters())
    assert net[0].weight.tolist() == [[0, 1], [2, 3], [4, 5]] and net[1].bias.tolist() == [12]
    assert net[0].weight.array.ctypes.data == address and net[0].weight.requires_grad
    with pytest.raises(ValueError, match="vec has shape \\(12,\\), the parameters have 13 elements"):
        utils.vector_to_parameters(minigen.zeros(12), net.parameters())
    with pytest.raises(ValueError, match="there are no parameters"):
        utils.parameters_to_vector([])
    with pytest.raises(TypeError, match="vec must be a Tensor, got list"):
        utils.vector_to_parameters([1.0], net.parameters())


# spectral norm --------------------------------------------------------------------------------------
LAYERS = {
    "linear": lambda: (nn.Linear(5, 7), (3, 5), 0),
    "conv": lambda: (nn.Conv2d(3, 4, 3), (2, 3, 5, 5), 0),
    "transposed conv": lambda: (nn.ConvTranspose2d(3, 4, 3), (2, 3, 5, 5), 1),
}


def matrix(w, dim):
    return np.moveaxis(w, dim, 0).reshape(w.shape[dim], -1)


@pytest.mark.parametrize("name", LAYERS)
def test_the_largest_singular_value_becomes_one(name):
    layer, shape, dim = LAYERS[name]()
    before = layer.weight.numpy().copy()
    assert utils.spectral_norm(layer, n_power_iterations=100) is layer
    layer(minigen.ones(*shape))
    assert np.linalg.svd(matrix(layer.weight.numpy(), dim), compute_uv=False)[0] == pytest.approx(1, rel=1e-4)
    assert np.array_equal(layer.weight_orig.numpy(), before)
    assert list(layer.state_dict()) == ["bias", "weight_orig", "weight_u", "weight_v"]
    assert [k for k, _ in layer.named_parameters()] == ["bias", "weight_orig"]


def test_training_iterates_once_and_evaluation_does_not():
    layer = utils.spectral_norm(nn.Linear(4, 6, bias=False))
    x, w = minigen.ones(2, 4), layer.weight_orig.numpy()
    v = w.T @ layer.weight_u.numpy()
    v /= np.linalg.norm(v)
    u = w @ v
    u /= np.linalg.norm(u)
    y = layer(x).numpy()
    assert np.allclose(layer.weight_u.numpy(), u, atol=1e-6) and np.allclose(layer.weight_v.numpy(), v, atol=1e-6)
    assert np.allclose(y, x.numpy() @ w.T / (u @ w @ v), atol=1e-5)
    before = layer.weight_u.numpy().copy()
    layer.eval()(x)
    assert np.array_equal(layer.weight_u.numpy(), before)


def test_the_gradient_treats_u_and_v_as_constants_also_over_two_passes():
    """A GAN's discriminator runs twice, on real and fake, before one backward pass."""
    layer = utils.spectral_norm(nn.Linear(4, 3, bias=False)).double()
    x = minigen.tensor(np.random.default_rng(0).normal(size=(5, 4)))
    w = layer.weight_orig.numpy().copy()
    loss, want = 0.0, 0.0
    for _ in range(2):
        loss = loss + (layer(x) ** 2).sum()
        u, v = layer.weight_u.numpy().copy(), layer.weight_v.numpy().copy()
        sigma = u @ w @ v
        g = 2 * (x.numpy() @ w.T / sigma).T @ x.numpy()  # dC/d(W / sigma)
        want = want + g / sigma - (g * w).sum() / sigma**2 * np.outer(u, v)
    loss.backward()
    assert np.allclose(layer.weight_orig.grad.numpy(), want, rtol=1e-10)


def test_no_graph_outlives_the_pass_and_copies_work():
    net = nn.Sequential(utils.spectral_norm(nn.Linear(4, 4)))
    y = net(minigen.ones(1, 4))
    assert y.requires_grad and not net[0].weight.requires_grad
    twin = copy.deepcopy(net)
    twin(minigen.ones(1, 4))
    assert not np.array_equal(twin[0].weight_u.numpy(), net[0].weight_u.numpy())
    net.load_state_dict(twin.state_dict())
    assert np.array_equal(twin[0].weight_u.numpy(), net[0].weight_u.numpy())


def test_removing_keeps_the_normalised_weight():
    layer = utils.spectral_norm(nn.Linear(4, 3))
    x = minigen.ones(2, 4)
    want = layer.eval()(x).numpy()
    utils.remove_spectral_norm(layer)
    assert np.allclose(layer(x).numpy(), want, atol=1e-6) and list(layer.state_dict()) == ["bias", "weight"]
    assert isinstance(layer.weight, nn.Parameter) and not layer._forward_pre_hooks and not layer._forward_hooks


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: utils.spectral_norm(nn.ReLU()), ValueError, "ReLU has no parameter 'weight'; give its name="),
        (lambda: utils.spectral_norm(nn.Linear(2, 2), "bias"), ValueError, "bias of shape \\(2,\\) is no matrix"),
        (lambda: utils.spectral_norm(nn.Linear(2, 2), dim=2), IndexError, "dim 2 is out of range"),
        (lambda: utils.spectral_norm(nn.Linear(2, 2), n_power_iterations=0), ValueError, "at least 1, got 0"),
        (lambda: utils.spectral_norm(utils.spectral_norm(nn.Linear(2, 2))), RuntimeError, "is normalised already"),
        (lambda: utils.remove_spectral_norm(nn.Linear(2, 2)), ValueError, "weight of Linear is not normalised"),
        (lambda: utils.spectral_norm(3), TypeError, "module must be a Module, got int"),
    ],
)
def test_what_spectral_norm_refuses(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong()
