"""The digit check: what it reads and refuses, the arithmetic of its report, its weights, bad input."""

import hashlib
import json
from importlib import resources

import numpy as np
import pytest

import minigen
from minigen.data import embedded
from minigen.metrics import DigitReport, digits, negatives
from minigen.metrics.digits import NO_DIGIT, SHA256, WEIGHTS, DigitCheck, DigitNet, judge
from minigen.metrics.negatives import NEGATIVES


@pytest.fixture(scope="module")
def check():
    return digits.load()


@pytest.fixture(scope="module")
def test_digits():
    return embedded.load("test")


# ---- what it reads and what it refuses


def test_it_reads_real_digits(check, test_digits):
    images, labels = test_digits
    assert np.mean(check.classify(images) == labels) >= 0.985


@pytest.mark.parametrize("kind", NEGATIVES)
def test_it_refuses_pictures_that_are_no_digits(check, test_digits, kind):
    pictures = NEGATIVES[kind](np.random.default_rng(20), 500, *test_digits)
    assert np.mean(check.classify(pictures) >= 0) < 0.1


def test_all_ways_of_giving_a_picture_give_the_same(check, test_digits):
    images = test_digits[0][:50]
    labels = check.classify(images)
    floats = images.astype(np.float32) / np.float32(255)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))  # as the 32 x 32 network is trained on them
    ways = (images[:, None], floats, floats[:, None], minigen.from_numpy(floats), floats.astype(np.float64), padded,
            padded[:, None], np.asfortranarray(images), images[::-1][::-1])  # fmt: skip
    for given in ways:
        assert np.array_equal(check.classify(given), labels)
    assert labels.dtype == np.int64 and labels.shape == (50,)


def test_a_picture_is_judged_alone(check, test_digits):
    """Not by its neighbours in the batch: batch norm uses what it learned."""
    images = np.concatenate([test_digits[0][:700], np.zeros((3, 28, 28), np.uint8)])
    together = check.classify(images)
    assert np.array_equal(together[600:], check.classify(images[600:]))
    assert together[-3:].tolist() == [-1, -1, -1]


def test_no_pictures_have_no_classes(check):
    assert check.classify(np.zeros((0, 28, 28), np.uint8)).shape == (0,)


def test_classifying_leaves_no_graph_and_no_change(check, test_digits):
    before = {name: value.numpy().copy() for name, value in check.net.state_dict().items()}
    check.classify(test_digits[0][:10])
    assert all(np.array_equal(before[name], value.numpy()) for name, value in check.net.state_dict().items())
    assert all(p.grad is None for p in check.net.parameters())


# ---- the report


def test_report_of_hand_made_classes():
    labels = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, -1, -1, -1, -1])
    real = np.array([3] * 9 + [-1])
    report = judge(labels, real)
    assert report.n == 16
    assert report.accepted_share == 12 / 16
    assert report.real_share == 0.9
    assert report.ratio == (12 / 16) / 0.9
    assert report.class_shares == (*[1 / 12] * 9, 3 / 12)
    assert report.passed


@pytest.mark.parametrize(
    ("labels", "passed"),
    [
        (list(range(10)) * 3 + [-1] * 10, True),  # the ratio is 0.75
        (list(range(10)) * 3 + [-1] * 11, False),
        ([0] * 3 + list(range(1, 9)) * 8 + [9] * 33, True),  # 3 of 100 are 0s
        ([0] * 2 + list(range(1, 9)) * 8 + [9] * 34, False),
        (list(range(9)) * 10, False),  # never a 9
        ([-1] * 5, False),
    ],
)
def test_both_conditions_must_hold(labels, passed):
    assert judge(np.array(labels), np.arange(10)).passed is passed


def test_the_report_names_the_rarest_class():
    report = judge(np.array([*range(10)] * 2 + [0, 1, 2, 3, 5, 6, 7, 8, 9]), np.arange(10))
    assert report.smallest_class == 4
    assert "6.9% of the accepted are 4s" in str(report) and "29 pictures: passed" in str(report)
    assert "NOT passed" in str(judge(np.array([-1, 4]), np.arange(10)))


def test_real_digits_pass_their_own_report(check, test_digits):
    images, labels = test_digits
    report = check.report(images)
    assert isinstance(report, DigitReport)
    assert report.ratio == 1 and report.passed and report.n == 2000
    assert max(abs(share - 0.1) for share in report.class_shares) < 0.01
    half = digits.report(np.concatenate([images[:500], np.zeros_like(images[:500])]), real=images)
    assert half.accepted_share == pytest.approx(0.5, abs=0.01) and not half.passed
    assert digits.report(images[labels != 4]).class_shares[4] < 0.01


# ---- the weights


def test_the_weights_are_the_pinned_ones_and_small():
    content = resources.files("minigen.metrics").joinpath(WEIGHTS).read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA256
    assert len(content) <= 1_000_000


def test_the_figures_beside_the_weights_are_theirs(check, test_digits):
    figures = json.loads(resources.files("minigen.metrics").joinpath("digit_check.json").read_text())
    assert figures["sha256"] == SHA256
    assert figures["test_accuracy"] >= 0.985
    assert list(figures["negatives_accepted"]) == list(NEGATIVES)
    assert max(figures["negatives_accepted"].values()) < 0.1
    images, labels = test_digits
    assert np.mean(check.classify(images) == labels) == pytest.approx(figures["embedded_test_accuracy"], abs=0.001)


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(digits, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="not the file that minigen was published with"):
        digits.load()
    monkeypatch.setattr(digits, "WEIGHTS", "nowhere.safetensors")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors is missing"):
        digits.load()


def test_an_untrained_network_is_no_judge(test_digits):
    """The test that reads real digits could fail."""
    images, labels = test_digits
    assert np.mean(DigitCheck(DigitNet()).classify(images[:500]) == labels[:500]) < 0.5


# ---- bad input


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (np.zeros((2, 30, 30), np.uint8), ValueError, r"\(2, 30, 30\).*28 x 28 or 32 x 32"),
        (np.zeros((28, 28), np.uint8), ValueError, r"images\[None\]"),
        (np.zeros((2, 3, 28, 28), np.uint8), ValueError, r"\(2, 3, 28, 28\)"),
        (np.zeros((2, 28, 32), np.uint8), ValueError, r"\(2, 28, 32\)"),
        (np.full((2, 28, 28), -1.0), ValueError, r"\[-1, -1\].*\(images \+ 1\) / 2"),
        (np.full((2, 28, 28), 255.0), ValueError, r"astype\(np\.uint8\)"),
        (np.full((2, 28, 28), np.nan), ValueError, r"\[0, 1\]"),
        (np.zeros((2, 28, 28), np.int64), TypeError, "int64"),
        (np.zeros((2, 28, 28), bool), TypeError, "bool"),
        ([["a"]], ValueError, r"\(1, 1\)"),
    ],
)
def test_bad_pictures_are_explained(check, images, error, words):
    with pytest.raises(error, match=words):
        check.classify(images)


def test_reports_of_nothing_are_refused(check, test_digits):
    nothing, blank = np.zeros((0, 28, 28), np.uint8), np.zeros((5, 28, 28), np.uint8)
    with pytest.raises(ValueError, match="images: there is not a picture"):
        check.report(nothing)
    with pytest.raises(ValueError, match="real: there is not a picture"):
        check.report(test_digits[0], real=nothing)
    with pytest.raises(ValueError, match="real: none of the 5 pictures is accepted"):
        check.report(test_digits[0], real=blank)


# ---- the negatives


@pytest.mark.parametrize("kind", NEGATIVES)
@pytest.mark.parametrize("n", [1, 57])
def test_negatives_are_pictures_and_repeatable(test_digits, kind, n):
    one, again, other = (NEGATIVES[kind](np.random.default_rng(s), n, *test_digits) for s in (5, 5, 6))
    assert one.shape == (n, 28, 28) and one.dtype == np.uint8
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_untrained_generators_leave_the_callers_randomness_alone(test_digits):
    minigen.manual_seed(3)
    expected = minigen.rand(4).numpy()
    minigen.manual_seed(3)
    NEGATIVES["untrained N1"](np.random.default_rng(0), 10, *test_digits)
    assert np.array_equal(minigen.rand(4).numpy(), expected)


@pytest.mark.parametrize("size", [4, 7, 14])
def test_shuffled_patches_keep_the_ink_and_change_the_order(size):
    digit = np.arange(784, dtype=np.int64).astype(np.uint8).reshape(1, 28, 28)
    pictures = negatives.shuffled(size)(np.random.default_rng(0), 300, digit, np.array([0]))
    for picture in pictures:
        assert np.array_equal(np.sort(picture, axis=None), np.sort(digit, axis=None))
        assert not np.array_equal(picture, digit[0])


def test_averages_are_of_two_classes():
    images = np.stack([np.full((28, 28), 10 * c, np.uint8) for c in (0, 0, 1, 2)])
    pictures = NEGATIVES["average of two"](np.random.default_rng(0), 200, images, np.array([0, 0, 1, 2]))
    assert set(np.unique(pictures)) == {5, 10, 15}  # never 0, the mean of two of class 0


def test_no_digit_is_the_class_after_nine():
    assert DigitNet()[-1].out_features == NO_DIGIT + 1 == 11
