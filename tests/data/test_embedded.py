"""The digits that come with the package."""

import hashlib
import os

import numpy as np
import pytest

from minigen.data import MNIST, embedded, make_embedded

REAL = os.environ.get("MINIGEN_DATA")  # before a fixture hides it


@pytest.mark.parametrize(("train", "per_class"), [(True, 1200), (False, 200)])
def test_balanced_and_mixed(train, per_class):
    dataset = MNIST("embedded", train)
    assert np.bincount(dataset.labels).tolist() == [per_class] * 10
    assert dataset.images.shape == (10 * per_class, 28, 28) and dataset.images.dtype == np.uint8
    assert len(set(dataset.labels[:100])) == 10  # not sorted by class
    assert len({image.tobytes() for image in dataset.images}) == len(dataset)
    assert len(np.unique(dataset.images)) == 256  # every grey level is there


def test_it_is_small():
    assert embedded.FILE.stat().st_size <= 3_000_000


def test_choice_is_balanced_ascending_and_repeatable():
    labels = np.arange(500) * 7 % 10
    chosen = make_embedded.choose(labels, 20)
    assert np.bincount(labels[chosen]).tolist() == [20] * 10 and (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, make_embedded.choose(labels, 20))
    assert hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest()[:16] == "1502dd68a22ec298"


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="Install it again"):
        embedded.load("train", tmp_path / "gone.npz")


def test_a_changed_pixel_is_noticed(tmp_path):
    images, labels = embedded.load("test")
    images[0, 14, 14] ^= 1
    np.savez_compressed(tmp_path / "other.npz", test_images=images, test_labels=labels.astype(np.uint8))
    with pytest.raises(ValueError, match="not those that minigen was published with"):
        embedded.load("test", tmp_path / "other.npz")


@pytest.mark.parametrize("kept", [0, 1000, 2_000_000])
def test_a_cut_off_file(tmp_path, kept):
    (tmp_path / "cut.npz").write_bytes(embedded.FILE.read_bytes()[:kept])
    with pytest.raises(ValueError, match="damaged"):
        embedded.load("train", tmp_path / "cut.npz")


def test_a_subset_is_not_made_of_a_subset():
    with pytest.raises(ValueError, match="whole MNIST is needed"):
        make_embedded.build("embedded")


@pytest.mark.skipif(not REAL, reason="MNIST full: NOT RUN (MINIGEN_DATA not set)")
def test_the_script_makes_the_same_digits_again(tmp_path, capsys):
    out = tmp_path / "again.npz"
    assert make_embedded.main(["--data", REAL, "--out", str(out)]) == 0
    with np.load(out) as made, np.load(embedded.FILE) as shipped:
        assert set(made) == set(shipped)
        for name in made:
            np.testing.assert_array_equal(made[name], shipped[name])
    assert embedded.SHA256["train"] in capsys.readouterr().out
