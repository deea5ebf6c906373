"""Folders of pictures: classes, sizes, and every kind of file that should not be there."""

import numpy as np
import pytest
from PIL import Image

from minigen.data import DataLoader, ImageFolder

RNG = np.random.default_rng(0)


def picture(path, size=(28, 28), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(mode) if mode != "L" else 0
    array = RNG.integers(0, 256, (size[1], size[0], channels) if channels else size[::-1], np.uint8)
    Image.fromarray(array).save(path)
    return array


def test_classes_are_the_folders(tmp_path, capsys):
    arrays = {name: picture(tmp_path / name) for name in ("b/2.png", "b/10.png", "a/x.bmp")}
    (tmp_path / "a" / "notes.txt").write_text("not a picture")
    (tmp_path / "empty").mkdir()
    data = ImageFolder(tmp_path)
    assert data.classes == ("a", "b") and data.labels.tolist() == [0, 1, 1]
    assert [p.name for p in data.paths] == ["x.bmp", "10.png", "2.png"]
    np.testing.assert_array_equal(data.images, np.stack([arrays[n] for n in ("a/x.bmp", "b/10.png", "b/2.png")]))
    image, label = data[1]
    assert image.shape == (1, 28, 28) and image.dtype == np.float32 and label == 1
    np.testing.assert_array_equal(image[0], arrays["b/10.png"].astype(np.float32) / 255)
    assert f"3 pictures of 2 classes from the folder {tmp_path}" in capsys.readouterr().out
    (images, labels), *_ = DataLoader(data, batch_size=3)
    assert images.shape == (3, 1, 28, 28) and labels.tolist() == [0, 1, 1]


def test_one_class_resized(tmp_path):
    array = picture(tmp_path / "p.PNG", (56, 56))
    data = ImageFolder(tmp_path)
    assert data.classes == ("all",) and data.images.shape == (1, 28, 28)
    means = array.reshape(28, 2, 28, 2).mean(axis=(1, 3))
    assert abs(data.images[0] - means).max() <= 1


def test_every_tenth_is_for_testing(tmp_path):
    for i in range(25):
        picture(tmp_path / f"{i:02}.png")
    train, test = ImageFolder(tmp_path, train=True), ImageFolder(tmp_path, train=False)
    assert [p.stem for p in test.paths] == ["09", "19"] and len(train) == 23
    assert sorted(train.paths + test.paths) == ImageFolder(tmp_path).paths


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: (p / "x.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense"), r"x\.png is damaged, or no picture"),
        (lambda p: picture(p / "x.png", mode="RGB"), r"x\.png has 3 channels \(RGB\).*convert\('L'\)"),
        (lambda p: picture(p / "a/x.png", mode="RGBA"), r"x\.png has 4 channels \(RGBA\)"),
        (lambda p: picture(p / "x.png", (28, 30)), r"x\.png is 28 x 30, not square"),
        (lambda p: (p / "x.txt").touch(), "holds no pictures: put files of the kinds .png"),
        (lambda p: (picture(p / "x.png"), picture(p / "a/y.png")), "beside folders of pictures"),
    ],
    ids=["damaged", "colour", "alpha", "oblong", "empty", "mixed"],
)
def test_what_should_not_be_there(tmp_path, make, words):
    make(tmp_path)
    with pytest.raises(ValueError, match=words):
        ImageFolder(tmp_path)


def test_a_cut_off_picture(tmp_path):
    picture(tmp_path / "x.png", (200, 200))
    whole = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"x\.png is damaged"):
        ImageFolder(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        ImageFolder(tmp_path / "nowhere")


def test_too_few_to_hold_out(tmp_path):
    picture(tmp_path / "x.png")
    with pytest.raises(ValueError, match="too few pictures"):
        ImageFolder(tmp_path, train=False)
