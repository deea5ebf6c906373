"""SeqGAN: its gradient estimate is the gradient, roll-outs keep what was said, the oracle is the published one."""

import itertools

import numpy as np
import pytest

import minigen
from minigen import functional as F
from minigen.models import seqgan
from minigen.models.rnn import RecurrentLM

V, T = 3, 3


@pytest.fixture
def model():
    minigen.manual_seed(0)
    return RecurrentLM(V, 4, 5, 1).double()


def reward(sentences):
    """Something that no sum over single words can express."""
    return (sentences[:, 0] == sentences[:, -1]) + 0.5 * sentences[:, 1] * (sentences[:, 2] == 1)


EVERY = np.array(list(itertools.product(range(V), repeat=T)))


def flat(model):
    return np.concatenate([p.grad.numpy().ravel() for p in model.parameters()])


def test_the_estimate_converges_to_the_exact_gradient(model):
    log_p = seqgan.log_probabilities(model, EVERY).sum(1)
    assert np.exp(log_p.numpy()).sum() == pytest.approx(1, abs=1e-12)
    expected_reward = (log_p.exp() * minigen.tensor(reward(EVERY))).sum()  # all 27 sentences: no estimate
    (-expected_reward).backward()
    exact = flat(model)

    model.zero_grad()
    n = 40_000
    generator = minigen.Generator(1)
    said = seqgan.sample(model, n, T, generator=generator)
    Q = seqgan.action_values(model, said, reward, rollouts=2, generator=generator)
    seqgan.policy_loss(model, said, Q).backward()
    estimate = flat(model)
    assert np.abs(estimate - exact).max() < 0.02 * np.abs(exact).max() + 0.01
    cosine = estimate @ exact / np.linalg.norm(estimate) / np.linalg.norm(exact)
    assert cosine > 0.99


def test_a_step_along_it_raises_the_reward(model):
    generator = minigen.Generator(2)

    def expected():
        return (np.exp(seqgan.log_probabilities(model, EVERY).sum(1).numpy()) * reward(EVERY)).sum()

    before, optimizer = expected(), minigen.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(15):
        said = seqgan.sample(model, 64, T, generator=generator)
        optimizer.zero_grad()
        seqgan.policy_loss(model, said, seqgan.action_values(model, said, reward, 4, generator=generator)).backward()
        optimizer.step()
    assert expected() > before + 0.3


def test_samples_follow_the_model(model):
    said = seqgan.sample(model, 20_000, T, generator=minigen.Generator(3))
    counts = np.bincount(said @ [9, 3, 1], minlength=27) / 20_000
    p = np.exp(seqgan.log_probabilities(model, EVERY).sum(1).numpy())
    assert np.abs(counts - p).max() < 0.01
    assert seqgan.nll(model, EVERY) == pytest.approx(-np.log(p).mean() / T)
    assert seqgan.sample(model, 0, T).shape == (0, T)


def test_rollouts_keep_what_was_said(model):
    said = seqgan.sample(model, 5, T, generator=minigen.Generator(4))
    seen = []

    def record(sentences):
        seen.append(sentences)
        return np.arange(len(sentences), dtype=float)

    Q = seqgan.action_values(model, said, record, rollouts=3, generator=minigen.Generator(5))
    assert [len(s) for s in seen] == [15, 15, 5]
    for t, sentences in enumerate(seen[:2]):
        assert (sentences[:, : t + 1] == np.repeat(said[:, : t + 1], 3, axis=0)).all()
    assert Q[:, 0].tolist() == [1, 4, 7, 10, 13] and Q[:, 2].tolist() == [0, 1, 2, 3, 4]


def test_the_oracle_is_the_published_recurrence():
    rng = np.random.default_rng(0)
    E, H = 4, 6
    w = {"embedding": rng.standard_normal((V, E)), "Wo": rng.standard_normal((H, V)), "bo": rng.standard_normal(V)}
    for gate in ("i", "f", "og", "c"):
        w |= {f"W{gate}": rng.standard_normal((E, H)), f"U{gate}": rng.standard_normal((H, H)),
              f"b{gate}": rng.standard_normal(H)}  # fmt: skip
    w = {name: value.astype(np.float32) for name, value in w.items()}
    net = seqgan.oracle(w)

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    h, c, want = np.zeros((27, H)), np.zeros((27, H)), []
    before = np.concatenate([np.zeros((27, 1), int), EVERY[:, :-1]], axis=1)
    for t in range(T):
        x = w["embedding"][before[:, t]]
        i, f, o = (sigmoid(x @ w["W" + g] + h @ w["U" + g] + w["b" + g]) for g in ("i", "f", "og"))
        c = f * c + i * np.tanh(x @ w["Wc"] + h @ w["Uc"] + w["bc"])
        h = o * np.tanh(c)
        logits = h @ w["Wo"] + w["bo"]
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        want.append(np.log(p[np.arange(27), EVERY[:, t]]))
    np.testing.assert_allclose(seqgan.log_probabilities(net, EVERY).numpy(), np.stack(want, 1), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="lack Wog"):
        seqgan.oracle({name: value for name, value in w.items() if name != "Wog"})


def test_the_discriminator_learns_an_order_of_words():
    minigen.manual_seed(0)
    net = seqgan.SentenceCNN(10, {1: 4, 2: 8, 3: 8}, embedding=8)
    rng = np.random.default_rng(0)
    real = np.sort(rng.integers(0, 10, (128, 6)), axis=1)
    fake = rng.permuted(real, axis=1)  # the same words: only their order tells
    x, y = np.concatenate([real, fake]), np.repeat([1.0, 0.0], 128)
    optimizer = minigen.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(net(minigen.tensor(x)), minigen.tensor(y).float()).backward()
        optimizer.step()
    told = net.reward(x)
    assert net.training and told.shape == (256,) and ((told > 0.5) == (y > 0.5)).mean() > 0.95


def test_the_rollout_policy_follows_slowly(model):
    other = RecurrentLM(V, 4, 5, 1).double()
    before = other.head.weight.numpy().copy()
    seqgan.moved_towards(other, model, 0.8)
    np.testing.assert_allclose(other.head.weight.numpy(), 0.8 * before + 0.2 * model.head.weight.numpy(), rtol=1e-12)
