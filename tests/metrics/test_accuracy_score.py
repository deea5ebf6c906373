"""The classification accuracy score tells digits from noise, and depends on the pictures alone."""

import numpy as np
import pytest

import minigen
from minigen.data import embedded
from minigen.metrics.accuracy_score import classification_accuracy_score

STEPS = 60


@pytest.fixture(scope="module")
def digits():
    (train, labels), (test, truth) = embedded.load("train"), embedded.load("test")
    return train[:400], labels[:400], test[:400], truth[:400]


def score(images, labels, digits, steps=STEPS):
    return classification_accuracy_score(images, labels, *digits[2:], steps=steps)


def test_digits_teach_and_noise_does_not(digits):
    images, labels = digits[:2]
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    real = score(images, labels, digits)
    assert real > 0.75
    assert score(noise, labels, digits) < 0.3
    mixed_up = np.random.default_rng(1).permutation(labels)  # a generator that does not draw the class it is asked for
    assert score(images, mixed_up, digits) < 0.4
    assert score(images[labels < 5], labels[labels < 5], digits) < 0.6  # half of the classes is missing


def test_neither_order_nor_the_callers_seed_matters(digits):
    images, labels = digits[:2]
    minigen.manual_seed(1)
    one = score(images, labels, digits, steps=8)
    order = np.random.default_rng(2).permutation(len(images))
    minigen.manual_seed(2)
    expected = minigen.rand(3).numpy()
    minigen.manual_seed(2)
    assert score(images[order], labels[order], digits, steps=8) == one
    assert np.array_equal(minigen.rand(3).numpy(), expected)


def test_fewer_pictures_than_a_batch(digits):
    assert 0 <= score(digits[0][:20], digits[1][:20], digits, steps=3) <= 1


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (np.zeros(399, int), ValueError, r"labels: shape \(399,\), but there are 400 pictures"),
        (np.zeros((400, 10), int), ValueError, r"\(400, 10\)"),
        (np.zeros(400), TypeError, "labels: dtype float64"),
        (np.full(400, 10), ValueError, r"\[10, 10\], but the classes are 0 to 9"),
    ],
)
def test_bad_labels_are_explained(digits, labels, error, words):
    with pytest.raises(error, match=words):
        score(digits[0], labels, digits)
