"""The sentence VAE: its bound is the formula, padding counts for nothing, and it stores sentences in z."""

import numpy as np
import pytest

import minigen
from minigen.models.text_vae import SentenceVAE, annealed, padded

V = 7
SENTENCES = [np.array(s) for s in ([0, 1, 2], [3, 4], [5, 6, 5, 6, 0], [1])]


@pytest.fixture
def net():
    minigen.manual_seed(0)
    return SentenceVAE(V, 8, 24, 4).double()


def test_padding_counts_for_nothing(net):
    z = minigen.randn(4, 4, dtype=minigen.float64)
    x = padded(SENTENCES, net.end)
    assert x.shape == (4, 5) and x[3].tolist() == [1] + 4 * [net.end]
    together = net.log_likelihood(minigen.tensor(x), z).numpy()
    mu, _ = net.encode(minigen.tensor(x))
    for i, sentence in enumerate(SENTENCES):
        alone = minigen.tensor(sentence[None])
        assert net.log_likelihood(alone, z[i : i + 1]).item() == pytest.approx(together[i], rel=1e-12)
        np.testing.assert_allclose(net.encode(alone)[0].numpy()[0], mu.numpy()[i], rtol=1e-12)


def test_the_likelihood_is_a_product_over_words_and_the_end(net):
    z = minigen.randn(1, 4, dtype=minigen.float64)
    sentence, state, total, before = SENTENCES[0], None, 0.0, net.begin
    for word in [*sentence, net.end]:
        logits, state = net.decode(minigen.tensor([[before]]), z, state)
        logits = logits.numpy()[0, 0]
        total += logits[word] - np.log(np.exp(logits).sum())
        before = word
    assert net.log_likelihood(minigen.tensor(sentence[None]), z).item() == pytest.approx(total, rel=1e-10)


def test_the_bound_is_likelihood_minus_kl(net):
    x = minigen.tensor(padded(SENTENCES, net.end))
    log_p, kl = net(x, minigen.Generator(3))
    mu, log_var = (t.numpy() for t in net.encode(x))
    eps = minigen.randn(4, 4, generator=minigen.Generator(3), dtype=minigen.float64).numpy()
    z = minigen.tensor(mu + np.exp(log_var / 2) * eps)
    np.testing.assert_allclose(log_p.numpy(), net.log_likelihood(x, z).numpy(), rtol=1e-12)
    np.testing.assert_allclose(kl.numpy(), 0.5 * (mu**2 + np.exp(log_var) - log_var - 1).sum(1), rtol=1e-12)


def test_lost_words_are_unknown_and_only_in_training(net):
    net.word_dropout = 0.5
    x = minigen.tensor(np.tile(padded(SENTENCES, net.end), (50, 1)))
    read = net.read(x).numpy()
    assert (read[:, 0] == net.begin).all()
    assert 0.4 < (read[:, 1:] == net.unknown).mean() < 0.6
    kept = read[:, 1:] != net.unknown
    assert (read[:, 1:][kept] == x.numpy()[kept]).all()
    assert (net.eval().read(x).numpy()[:, 1:] == x.numpy()).all()


def test_sentences_are_stored_and_read_back():
    minigen.manual_seed(0)
    net = SentenceVAE(V, 8, 24, 4, word_dropout=0.3)
    x = minigen.tensor(padded(SENTENCES, net.end))
    optimizer = minigen.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(150):
        log_p, kl = net(x)
        optimizer.zero_grad()
        (0.1 * kl - log_p).mean().backward()
        optimizer.step()
    assert net.write(net.encode(x)[0].detach(), 8) == [s.tolist() for s in SENTENCES]


def test_nothing_unreadable_is_written(net):
    said = net.write(minigen.randn(40, 4, dtype=minigen.float64), 6, temperature=2.0, generator=minigen.Generator(0))
    assert len(said) == 40 and max(map(len, said)) <= 6
    assert {w for s in said for w in s} == set(range(V)) and net.training
    again = net.write(minigen.randn(40, 4, dtype=minigen.float64), 6, 2.0, minigen.Generator(0), never=[0, 3])
    assert {w for s in again for w in s} == set(range(V)) - {0, 3}


def test_the_kl_weight_rises_from_0_to_1():
    weights = [annealed(p) for p in np.linspace(0, 1, 20)]
    assert weights[0] < 0.001 and annealed(0.2) == 0.5 and weights[-1] > 0.999
    assert (np.diff(weights[:12]) > 0).all()
