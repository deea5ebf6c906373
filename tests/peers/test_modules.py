"""States by key in both directions, containers, initialisers' scales, clipping and spectral normalisation."""

import math

import numpy as np
import pytest
import torch

import minigen
from minigen import nn

LIBRARIES = ((nn, minigen), (torch.nn, torch))


def network(nn):
    inner = nn.ModuleDict({"conv": nn.Conv2d(2, 4, 3), "up": nn.ConvTranspose2d(4, 2, 3, bias=False)})
    return nn.Sequential(
        nn.ModuleList([nn.Linear(3, 4), nn.BatchNorm1d(4), nn.BatchNorm2d(4, affine=False)]),
        inner,
        nn.GRU(3, 4, 2, bidirectional=True),
        nn.MultiheadAttention(4, 2),
    )


def test_keys_shapes_and_order_are_the_same():
    mine, theirs = network(nn), network(torch.nn)
    assert [(k, v.shape) for k, v in mine.state_dict().items()] == [
        (k, tuple(v.shape)) for k, v in theirs.state_dict().items()
    ]
    assert [k for k, _ in mine.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    assert [k for k, _ in mine.named_buffers()] == [k for k, _ in theirs.named_buffers()]
    assert [k for k, _ in mine.named_modules()] == [
        k.replace("NonDynamicallyQuantizable", "") for k, _ in theirs.named_modules()
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_states_travel_both_ways(dtype):
    mine, theirs = network(nn).to(getattr(minigen, dtype)), network(torch.nn).to(getattr(torch, dtype))
    theirs[0][1].num_batches_tracked.fill_(7)
    assert repr(mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})) == repr(
        theirs.load_state_dict(theirs.state_dict())
    )
    assert mine[0][1].num_batches_tracked.item() == 7
    with minigen.no_grad():
        for p in mine.parameters():
            nn.init.normal_(p)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in mine.state_dict().items()})
    for (k, a), b in zip(mine.state_dict().items(), theirs.state_dict().values(), strict=True):
        assert a.dtype.name == str(b.dtype).removeprefix("torch."), k
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=k)


def test_a_torch_state_dict_itself_is_read():
    mine, theirs = network(nn), network(torch.nn)
    mine.load_state_dict(theirs.state_dict())
    np.testing.assert_array_equal(mine[1].conv.weight.numpy(), theirs[1].conv.weight.detach().numpy())


@pytest.mark.parametrize(
    "build",
    [
        lambda nn: nn.Sequential(*[nn.Linear(i + 1, i + 2) for i in range(4)])[1:3],
        lambda nn: nn.Sequential(nn.ReLU(), nn.ReLU()).append(nn.Tanh()),
        lambda nn: nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh(), nn.Sequential(nn.ReLU())]),
        lambda nn: nn.ModuleList([nn.ReLU()]).extend([nn.Tanh()])[1:],
        lambda nn: nn.ModuleDict({"a": nn.Linear(1, 2), "b": nn.ModuleList()}),
    ],
)
def test_containers_read_alike(build):
    mine, theirs = build(nn), build(torch.nn)
    assert repr(mine) == repr(theirs)
    assert [k for k, _ in mine.named_modules()] == [k for k, _ in theirs.named_modules()]


# initialisers ---------------------------------------------------------------------------------------
FILLS = [
    ("uniform_", {"a": -2.0, "b": 3.0}),
    ("normal_", {"mean": 1.0, "std": 3.0}),
    ("trunc_normal_", {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 3.0}),
    ("xavier_uniform_", {"gain": 2.0}),
    ("xavier_normal_", {"gain": 0.5}),
    ("kaiming_uniform_", {}),
    ("kaiming_uniform_", {"a": 0.3, "mode": "fan_out"}),
    ("kaiming_normal_", {"nonlinearity": "relu"}),
    ("kaiming_normal_", {"nonlinearity": "tanh", "mode": "fan_out"}),
    ("orthogonal_", {"gain": 3.0}),
]


@pytest.mark.parametrize(("name", "options"), FILLS, ids=str)
def test_random_values_have_the_same_distribution(name, options):
    """The quantiles of 60,000 draws, a few standard errors apart at most."""
    minigen.manual_seed(0)
    torch.manual_seed(0)
    shape = (100, 40, 3, 5)
    mine = getattr(nn.init, name)(minigen.zeros(*shape), **options).numpy().ravel()
    theirs = getattr(torch.nn.init, name)(torch.zeros(*shape), **options).numpy().ravel()
    levels = np.linspace(0.01, 0.99, 25)
    apart = abs(np.quantile(mine, levels) - np.quantile(theirs, levels)).max()
    assert apart < 0.03 * theirs.std(), apart


@pytest.mark.parametrize(("name", "shape"), [("eye_", (3, 5)), ("dirac_", (6, 4, 3)), ("dirac_", (4, 6, 3, 5, 2))])
def test_identities_are_the_same(name, shape):
    mine, theirs = getattr(nn.init, name)(minigen.ones(*shape)), getattr(torch.nn.init, name)(torch.ones(*shape))
    np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_dirac_in_groups_is_the_same():
    mine = nn.init.dirac_(minigen.ones(6, 2, 3, 4), groups=2)
    np.testing.assert_array_equal(mine.numpy(), torch.nn.init.dirac_(torch.ones(6, 2, 3, 4), groups=2).numpy())


@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "conv_transpose1d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_gains_are_the_same(name):
    assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-14)
    assert nn.init.calculate_gain("leaky_relu", 0.7) == torch.nn.init.calculate_gain("leaky_relu", 0.7)


# utilities ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("norm_type", [1, 2.0, 3, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clipping_the_norm(numbers, norm_type, max_norm):
    arrays = [numbers(3, 4), numbers(5), numbers(1)]
    found = []
    for nn_, library in LIBRARIES:
        params = [nn_.Parameter(library.tensor(a * 0)) for a in arrays]
        for p, a in zip(params, arrays, strict=True):
            p.grad = library.tensor(a)
        total = nn_.utils.clip_grad_norm_(params, max_norm, norm_type)
        found.append([total.item(), *[p.grad.numpy() for p in params]])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "args", "shape"),
    [("Linear", (4, 6), (3, 4)), ("Conv2d", (2, 3, 3), (2, 2, 5, 4)), ("ConvTranspose1d", (2, 3, 3), (2, 2, 5)),
     ("ConvTranspose2d", (2, 3, 3), (2, 2, 5, 4))],
)  # fmt: skip
@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_norm_over_passes_in_training_and_evaluation(near, numbers, layer, args, shape, iterations):
    torch.manual_seed(0)
    mine, theirs = (
        nn_.utils.spectral_norm(getattr(nn_, layer)(*args).double(), n_power_iterations=iterations)
        for nn_ in (nn, torch.nn)
    )
    assert [k for k in mine.state_dict()] == [k for k in theirs.state_dict()]
    mine.load_state_dict(theirs.state_dict())
    for training in (True, True, False):
        x = numbers(*shape)
        a, b = minigen.tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
        y, z = mine.train(training)(a), theirs.train(training)(b)
        near("output", y, z)
        (y**2).sum().backward()
        (z**2).sum().backward()
        near("gradient of x", a.grad, b.grad)
        near("gradient of weight_orig", mine.weight_orig.grad, theirs.weight_orig.grad)
        near("u", mine.weight_u, theirs.weight_u)
        near("v", mine.weight_v, theirs.weight_v)
