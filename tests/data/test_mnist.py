"""Which files are found where, what is said about them, and what the items are."""

import gzip
import os
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.data import MNIST, FashionMNIST, transforms


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inside", ["", "mnist", "MNIST/raw"])
def test_root(small_mnist, folder, tmp_path, packed, inside, capsys):
    folder(f"root/{inside}", packed)
    dataset = MNIST(tmp_path / "root", download=False)
    assert len(dataset) == 30 and dataset.images.shape == (30, 28, 28) and dataset.images.dtype == np.uint8
    assert dataset.labels.dtype == np.int64 and dataset.labels.tolist() == [i % 10 for i in range(30)]
    assert capsys.readouterr().out == f"minigen: MNIST: 30 train images from root {tmp_path / 'root'}\n"


def test_the_order_of_the_search(small_mnist, folder, tmp_path, monkeypatch):
    root, named, cache = folder("root"), folder("named"), folder("cache/mnist")
    monkeypatch.setenv("MINIGEN_DATA", str(named))
    assert MNIST(str(root)).source == f"root {root}"
    assert MNIST().source == f"MINIGEN_DATA {named}"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert MNIST(empty).source == f"MINIGEN_DATA {named}"
    monkeypatch.setenv("MINIGEN_DATA", str(empty))
    assert MNIST().source == f"cache {cache.parent}"
    assert MNIST("embedded").source == 'the embedded subset (root="embedded")'


def test_nothing_found(tmp_path, capsys):
    dataset = MNIST(train=False)
    assert len(dataset) == 2000 and dataset.source.startswith("the embedded subset (nothing else found")
    assert capsys.readouterr().out.count("\n") == 1


def test_a_root_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no folder .*nowhere.*root="embedded"'):
        MNIST(tmp_path / "nowhere", download=False)
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match="no folder"):
        MNIST(tmp_path / "file")


@pytest.mark.parametrize("place", ["root", "MINIGEN_DATA"])
def test_a_missing_file_is_named(small_mnist, small_files, folder, place, monkeypatch):
    missing = "train-labels-idx1-ubyte"
    files = folder(only=[name for name in small_files if name != missing])
    monkeypatch.setenv("MINIGEN_DATA", str(files))
    with pytest.raises(FileNotFoundError, match=missing):
        MNIST(files if place == "root" else None, download=False)
    assert len(MNIST(files, train=False)) == 20  # which needs the other two only


def test_a_damaged_file_raises_and_is_not_replaced(small_mnist, folder):
    root = folder(packed=False)
    path = root / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.*truncated"):
        MNIST(root)


def test_another_checksum_is_a_warning(folder, small_mnist, idx):
    root = folder()
    (root / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.full(30, 3))))
    with pytest.warns(UserWarning, match="not the published one") as caught:
        dataset = MNIST(root)
    assert len(caught) == 1 and caught[0].filename == __file__  # the warning points at the caller
    assert set(dataset.labels) == {3}


def test_the_other_data_set_under_the_same_names(small_mnist, folder):
    with pytest.raises(ValueError, match=r"not FashionMNIST's file .* one of MNIST's.*fashion-mnist/"):
        FashionMNIST(folder())


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 28, 28)), [1, 2], r"images \(3, 28, 28\) and labels \(2,\)"),
        (np.zeros((3, 8, 8)), [1, 2, 3], r"images \(3, 8, 8\)"),
        (np.zeros((3, 28, 28)), [1, 10, 3], "label 1 of the train images is 10"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*not the published one")
def test_sound_files_of_another_kind(tmp_path, idx, images, labels, message):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(images))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(ValueError, match=message):
        MNIST(tmp_path, download=False)


# ---- items


@pytest.fixture(scope="module")
def digits():
    return MNIST("embedded", train=False)


def test_an_item(digits):
    image, label = digits[7]
    assert image.shape == (1, 28, 28) and image.dtype == np.float32 and type(label) is int
    np.testing.assert_array_equal(image[0] * np.float32(255), digits.images[7])
    assert label == digits.labels[7] and image.min() == 0 and image.max() <= 1


TRANSFORMS = {
    "none": None,
    "batched": transforms.Compose([transforms.Pad(2), transforms.Normalize(0.5, 0.5)]),
    "one by one": lambda image: image[:, ::-1] - image.mean(),
    "resize": transforms.Resize(20),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@given(indices=st.lists(st.integers(-2000, 1999), max_size=6))
def test_a_batch_is_its_items(digits, name, indices):
    digits.transform = TRANSFORMS[name]
    images, labels = digits[np.array(indices, np.int64)]
    assert len(images) == len(labels) == len(indices)
    for i, image, label in zip(indices, images, labels, strict=True):
        np.testing.assert_array_equal(image, digits[i][0])
        assert label == digits[i][1]
    digits.transform = None


def test_slices(digits):
    images, labels = digits[5:20:3]
    assert images.shape == (5, 1, 28, 28) and labels.tolist() == digits.labels[5:20:3].tolist()
    assert digits[:0][0].shape == (0, 1, 28, 28)


def test_bad_indices(digits):
    for index in (2000, -2001, [0, 2000]):
        with pytest.raises(IndexError, match="2,000 test images"):
            digits[index]
    for index in (1.0, "one", None):
        with pytest.raises(TypeError):
            digits[index]


def test_writing_into_an_item_leaves_the_data_set_alone(digits):
    before = digits.images[3].copy()
    digits[3][0][:] = 9
    np.testing.assert_array_equal(digits.images[3], before)


# ---- the real thing

REAL = os.environ.get("MINIGEN_DATA")  # before a fixture hides it


@pytest.fixture(scope="module")
def real_folder():
    named = REAL
    if not named:
        pytest.skip("MNIST full: NOT RUN (MINIGEN_DATA not set)")
    return named


@pytest.mark.parametrize("train", [True, False])
def test_the_whole_of_mnist(real_folder, train):
    size, first = (60_000, [5, 0, 4, 1, 9]) if train else (10_000, [7, 2, 1, 0, 4])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a wrong checksum would warn
        dataset = MNIST(real_folder, train, download=False)
    assert len(dataset) == size and dataset.labels[:5].tolist() == first
    assert np.bincount(dataset.labels).min() > size // 12
    if train:
        assert round(float(dataset.images.mean()) / 255, 4) == 0.1307  # the mean that everybody normalises with
