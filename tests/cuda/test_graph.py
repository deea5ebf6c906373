"""A captured step is the step: the same losses and parameters as without, through all that changes between replays."""

import copy

import numpy as np
import pytest

import minigen
from minigen import functional as F
from minigen import nn
from minigen.optim import SGD, Adam


def build(optimizer=Adam, dropout=0.0):
    minigen.manual_seed(3)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(dropout), nn.BatchNorm1d(8), nn.Linear(8, 3)).to(
        "cuda"
    )
    opt = optimizer(model.parameters(), lr=0.05)

    def step(x, y):
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return model, opt, step


def batches(count=6):
    rng = np.random.default_rng(1)
    for _ in range(count):
        x, y = rng.standard_normal((4, 5)).astype(np.float32), rng.integers(0, 3, 4)
        yield minigen.from_numpy(x).to("cuda"), minigen.from_numpy(y).to("cuda")


def train(captured, optimizer=Adam, dropout=0.0, between=lambda i, opt: None):
    model, opt, step = build(optimizer, dropout)
    step = minigen.cuda.graph(step) if captured else step
    losses = []
    for i, (x, y) in enumerate(batches()):
        between(i, opt)
        losses.append(step(x, y).item())
    state = {k: v.cpu().numpy().copy() for k, v in model.state_dict().items()}
    return losses, state, opt, minigen.get_rng_state()


def slower(i, opt):
    if i in (3, 5):
        opt.param_groups[0]["lr"] *= 0.5


def heavier(i, opt):
    opt.param_groups[0]["weight_decay"] = 0.1 if i >= 4 else 0.0


def draws(i, opt):
    if i == 4:
        minigen.rand(10)


def restored(i, opt, saved={}):  # noqa: B006 - from one call to a later one
    if i == 3:
        saved.update(copy.deepcopy(opt.state_dict()))
    if i == 5:
        opt.load_state_dict(saved)


@pytest.mark.parametrize("between", [lambda i, opt: None, slower, heavier, draws, restored])
@pytest.mark.parametrize(("optimizer", "dropout"), [(Adam, 0.0), (Adam, 0.5), (SGD, 0.5)])
def test_replays_are_steps(gpu, optimizer, dropout, between):
    with minigen.use_backend("cuda"):
        gpu.defaults = gpu.ours().defaults  # the same kernels without the graph
        want = train(False, optimizer, dropout, between)
        got = train(True, optimizer, dropout, between)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-6)
    for k in want[1]:
        np.testing.assert_allclose(got[1][k], want[1][k], rtol=1e-5, atol=1e-6)
    assert got[3] == want[3]
    assert got[2].steps_taken == want[2].steps_taken == 6
    assert [s.get("step") for s in got[2].state.values()] == [s.get("step") for s in want[2].state.values()]


def test_the_numbers_of_a_replay_are_new(gpu):
    x = minigen.ones(64).to("cuda")
    masked = minigen.cuda.graph(lambda x: F.dropout(x, 0.5))
    drawn = [tuple(masked(x).tolist()) for _ in range(4)]
    assert len(set(drawn)) == 4


def test_a_step_that_asks_for_values_is_refused(gpu):
    step = minigen.cuda.graph(lambda x: x * x.sum().item())
    x = minigen.ones(3).to("cuda")
    step(x)
    with pytest.raises(RuntimeError, match=r"may not ask for values: no \.item\(\)"):
        step(x)


def test_a_step_that_draws_on_the_cpu_is_refused(gpu):
    step = minigen.cuda.graph(lambda x: x + minigen.randn_like(x))
    x = minigen.ones(3).to("cuda")
    step(x)
    with pytest.raises(RuntimeError, match="the same numbers in every replay"):
        step(x)


def test_other_shapes_and_other_things_are_refused(gpu):
    step = minigen.cuda.graph(lambda x: x * 2)
    step(minigen.ones(3).to("cuda"))
    with pytest.raises(ValueError, match="make another graph"):
        step(minigen.ones(4).to("cuda"))
    with pytest.raises(TypeError, match="are Tensors, got int"):
        step(3)
    with pytest.raises(TypeError, match="must be a function"):
        minigen.cuda.graph(3)


def test_the_emulator_has_no_stream_to_capture(pretended):
    with pytest.raises(RuntimeError, match="only a GPU's stream"):
        minigen.backend.get("emulator").stream()
