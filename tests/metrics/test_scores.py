"""Classifier score, class shares and conditional accuracy, by hand."""

import numpy as np
import pytest

from minigen.metrics.scores import class_shares, classifier_score, conditional_accuracy


def test_the_score_of_sure_and_equal_classes_is_their_number():
    assert classifier_score(np.repeat(np.eye(10), 5, 0)) == pytest.approx(10)
    assert classifier_score(np.eye(10)[[3, 3, 3]]) == 1  # sure, but always the same
    assert classifier_score(np.full((4, 10), 0.1)) == pytest.approx(1)  # all classes, but never sure


def test_the_score_by_its_formula():
    p = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7], [0.9, 0.05, 0.05]])
    q = [0.5, 0.25, 0.25]
    kl = [0.5 * np.log(1) + 0.5 * np.log(2), 0.1 * np.log(0.2) + 0.2 * np.log(0.8) + 0.7 * np.log(2.8),
          0.9 * np.log(1.8) + 2 * 0.05 * np.log(0.2)]  # fmt: skip
    assert np.allclose(p.mean(0), q)
    assert classifier_score(p) == pytest.approx(np.exp(np.mean(kl)))
    assert classifier_score(p[::-1]) == pytest.approx(classifier_score(p))


def test_shares_and_accuracy():
    p = np.array([[0.8, 0.2, 0.0], [0.1, 0.9, 0.0], [0.6, 0.4, 0.0], [0.3, 0.3, 0.4]])
    assert class_shares(p) == [0.5, 0.25, 0.25]
    assert conditional_accuracy(p, [0, 1, 1, 2]) == 0.75


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (np.ones((2, 3)), "summing to 1; softmax"),
        (np.array([[1.5, -0.5]]), "at least 0"),
        (np.full((2, 2), np.nan), "probabilities"),
        (np.zeros((0, 3)), r"\(0, 3\)"),
        (np.ones(3), r"\(3,\)"),
    ],
)
def test_bad_probabilities_are_explained(p, words):
    with pytest.raises(ValueError, match=words):
        classifier_score(p)


def test_labels_must_fit():
    with pytest.raises(ValueError, match=r"labels: shape \(3,\), but there are 2 pictures"):
        conditional_accuracy(np.eye(2), [0, 1, 1])
