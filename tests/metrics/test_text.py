"""Kneser-Ney against a slow textbook, and what is said about generated text."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.metrics.__main__ import main
from minigen.metrics.kneser_ney import KneserNey, discounts
from minigen.metrics.text import longest_copy, longest_repeat, ngram_share


def textbook(tokens, order, vocabulary):
    """Chen & Goodman 1999 with dictionaries, one n-gram at a time: p(word, history)."""
    grams = {n: Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)) for n in range(1, order + 1)}
    counts = {order: grams[order]}
    for n in range(1, order):
        counts[n] = Counter(gram[1:] for gram in grams[n + 1])  # how many different tokens stand before it
    D = {n: discounts(np.array(list(counts[n].values()))) for n in counts}

    def p(word, history):
        if history is None:
            return 1 / vocabulary
        n = len(history) + 1
        shorter = history[1:] if history else None
        follow = [c for gram, c in counts[n].items() if gram[:-1] == history]
        if not follow:
            return p(word, shorter)
        c = counts[n][(*history, word)]
        gamma = sum(D[n][min(x, 3)] for x in follow) / sum(follow)
        return (c - D[n][min(c, 3)]) / sum(follow) + gamma * p(word, shorter)

    return p


@given(
    tokens=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    order=st.integers(1, 4),
    history=st.lists(st.integers(0, 4), max_size=5),
)
def test_kneser_ney_is_its_textbook_and_sums_to_one(tokens, order, history):
    model, p = KneserNey(tokens, order, 5), textbook(tokens, order, 5)
    known = tuple(history[-(order - 1) :]) if order > 1 else ()
    mine = [float(np.exp(-model.nats([w], history)[0])) for w in range(5)]
    assert sum(mine) == pytest.approx(1)
    np.testing.assert_allclose(mine, [p(w, known) for w in range(5)], rtol=1e-9)


def test_discounts_by_hand():
    counts = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4])  # Y = 8 / 16
    np.testing.assert_allclose(discounts(counts), [0, 1 - 2 * 0.5 * 4 / 8, 2 - 3 * 0.5 * 2 / 4, 3 - 4 * 0.5 * 1 / 2])


def test_more_context_helps_where_there_is_something_to_learn():
    rng, row = np.random.default_rng(0), [0, 1]
    for _ in range(3000):
        row.append(int((row[-1] + row[-2] + (rng.random() < 0.1)) % 7))
    nats = [KneserNey(row[:2500], n, 7).nats(row[2500:], row[2490:2500]).mean() for n in (1, 2, 3)]
    assert nats[0] > 1.9 and nats[2] < 0.5 < nats[1]


def test_a_bigram_model_by_hand():
    """a b a a b: bigrams ab 2, ba 1, aa 1; before a stand 2 different tokens (b, a), before b stands 1 (a)."""
    model = KneserNey([0, 1, 0, 0, 1], 2, 2)
    # n1 = 2, n2 = 1 of the bigrams, n3 = 0: too short a text for equation 26, so D = 1/2; unigrams likewise
    a, b = 1.5 / 3 + (0.5 + 0.5) / 3 / 2, 0.5 / 3 + (0.5 + 0.5) / 3 / 2  # (c - D) / 3 + gamma / 2
    after_a = [0.5 / 3 + 1 / 3 * a, 1.5 / 3 + 1 / 3 * b]  # aa once, ab twice; gamma = (D + D) / 3
    after_b = [0.5 / 1 + 0.5 / 1 * a, 0.5 * b]
    for history, want in ((0, after_a), (1, after_b)):
        found = [np.exp(-model.nats([w], [history])[0]) for w in (0, 1)]
        np.testing.assert_allclose(found, want, rtol=1e-12)


def test_the_command_measures_what_scripts_hold_out(tmp_path, capsys):
    (tmp_path / "tale.txt").write_text("从前有座山，山上有座庙。" * 50, encoding="utf-8")
    out, args = tmp_path / "out.json", ["ngram", str(tmp_path / "tale.txt"), "--order", "3", "--held-out", "0.2"]
    assert main([*args, "--json", str(out)]) == 0
    found = json.loads(out.read_text("utf-8"))
    assert found["characters_held_out"] == 120 and found["vocabulary"] == 9 and "peer" not in found
    assert 0 < found["nats_per_character"] < 0.2 and f"{found['nats_per_character']:.4f}" in capsys.readouterr().out
    assert main([*args[:-1], "0"]) == 1 and "nothing is held out" in capsys.readouterr().err
    assert main(["ngram", "nowhere"]) == 1 and "no text 'nowhere'" in capsys.readouterr().err


def test_a_repetitive_text_leaves_the_unseen_a_chance():
    assert discounts(np.array([1, 2, 3, 3, 3, 3, 4])).tolist() == [0, 0.5, 0.5, 0.5]  # by the formula D(2) < 0
    row = np.array([0, 1, 2, 3, 4, 5, 1, 3, 5] * 3 + [0, 1, 2, 6, 6, 7, 0, 7])
    for order in (1, 2, 3, 4):
        model = KneserNey(row, order, 8)
        assert np.isfinite(model.nats(np.random.default_rng(0).integers(0, 8, 500))).all()


def test_kneser_ney_errors():
    with pytest.raises(ValueError, match=r"tokens must lie in 0 \.\. 3"):
        KneserNey([0, 4], 2, 4)
    with pytest.raises(ValueError, match="order must be at least 1"):
        KneserNey([0], 0, 4)
    with pytest.raises(ValueError, match="lower the order"):
        KneserNey([0] * 9, 6, 5000)


def test_ngram_share_by_hand():
    assert ngram_share("abcx", "zabcz") == 1 / 2  # abc is known, bcx is not
    assert ngram_share("abab", "ab", n=2) == 2 / 3
    with pytest.raises(ValueError, match="generate more"):
        ngram_share("ab", "abc")


@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_the_longest_copy_is_the_longest(generated, corpus):
    runs = {generated[i:j] for i in range(len(generated)) for j in range(i + 1, len(generated) + 1)}
    longest = max((len(run) for run in runs if run in corpus), default=0)
    found = longest_copy(generated, corpus)
    assert len(found) == longest and found in generated and found in corpus


@given(st.text("ab", max_size=12))
def test_the_longest_repeat_is_the_longest_that_stands_at_two_places(text):
    runs = [text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)]
    longest = max((len(run) for run in runs if runs.count(run) > 1), default=0)
    found = longest_repeat(text)
    assert len(found) == longest and (runs.count(found) > 1 or not found)
