"""The judge's training: it runs, what it writes, how digits are bent, and that it goes on bitwise."""

import json

import numpy as np
import pytest
from example_scripts import load

import minigen
from minigen import checkpoint
from minigen.data import embedded

CONFIG = {"epochs": 1, "batch_size": 20, "lr": 2e-3, "seed": 1, "smoke": True}


@pytest.fixture(scope="module")
def lessons():
    return load("train_judge")


@pytest.fixture(scope="module")
def batch():
    images, labels = embedded.load("train")
    return minigen.from_numpy(images[:20, None].astype(np.float32) / 255), minigen.from_numpy(labels[:20])


def test_it_runs_and_writes_weights_with_their_figures(script, tmp_path):
    done = script("train_judge", "--smoke", "--epochs", 2)
    (folder,) = (tmp_path / "runs" / "judge").iterdir()
    figures = json.loads((folder / "judge.json").read_text())
    assert figures["sha256"] in done.stdout and figures["training"]["steps"] == 6
    assert 0 < figures["test_accuracy"] <= 1 and (folder / "judge.safetensors").stat().st_size < 3_000_000


def test_a_stopped_lesson_goes_on_bitwise(lessons, batch, tmp_path):
    minigen.manual_seed(0)
    one = lessons.Lesson(CONFIG, steps=6)
    for _ in range(3):
        one.step(*batch)
    checkpoint.save(tmp_path / "c", {name: part.state_dict() for name, part in one.parts().items()})
    state = minigen.get_rng_state()
    rows = [one.step(*batch) for _ in range(2)]
    other = lessons.Lesson(CONFIG, steps=6)
    for name, part in checkpoint.load(tmp_path / "c").items():
        other.parts()[name].load_state_dict(part)
    minigen.set_rng_state(state)
    assert [other.step(*batch) for _ in range(2)] == rows
    saved = other.saved()
    assert all(np.array_equal(value, saved[name]) for name, value in one.saved().items())


def test_bent_digits_stay_where_they_are_and_keep_their_ink(lessons, batch):
    minigen.manual_seed(0)
    digits, drawn = batch[0].numpy(), lessons.bent(batch[0]).numpy()
    assert drawn.shape == digits.shape and drawn.dtype == np.float32
    assert drawn.min() >= 0 and drawn.max() <= 1 and not np.array_equal(drawn, digits)
    assert 0.8 < drawn.sum() / digits.sum() < 1.25
    where = np.arange(28)
    for axis in (2, 3):
        middle = [(x.sum(axis=(0, 1, 5 - axis)) * where).sum() / x.sum() for x in (digits, drawn)]
        assert abs(middle[0] - middle[1]) < 1
    np.testing.assert_allclose(lessons.SPREAD.sum(1), 1, rtol=1e-6)
