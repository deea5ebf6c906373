"""All metrics at once: what is asked of the samples, the calibrations, the table, the sheet, the command line."""

import json
import os
import subprocess
import sys
from importlib import resources

import numpy as np
import pytest
from PIL import Image

from minigen.data import embedded
from minigen.metrics import __main__ as command
from minigen.metrics import accuracy_score, calibrate, judge, mnist, table
from minigen.metrics.table import REAL, calibrations


@pytest.fixture(scope="module")
def reference():
    (train, labels), (test, truth) = embedded.load("train"), embedded.load("test")
    return mnist.Reference(train[:1500], labels[:1500], test[:600], truth[:600], compared=500)


@pytest.fixture(scope="module")
def made(reference):
    return calibrate.calibrate(reference, cas_steps=2)


# ---- one judgement


def test_digits_wrong_in_a_known_way_are_told_from_real_ones(made):
    real = made[REAL]
    assert real["recall"] > 0.9 and real["coverage"] > 0.85 and real["conditional_accuracy"] > 0.98
    for kind in ("binarised at 0.5", "without the 4s", "blurred 3 x 3", "noise of 0.1"):
        assert made[kind]["frechet"] > real["frechet"], kind
    assert made["without the 4s"]["class_shares"][4] < 0.01 < min(real["class_shares"])
    assert made["blurred 3 x 3"]["recall"] < real["recall"]
    copies = made["copied training images"]
    assert copies["frechet"] < made["binarised at 0.5"]["frechet"]  # no feature sees that they are copies
    assert copies["nearest_median"] == copies["nearest_quantile_1"] == 0
    assert table.memorised(copies, real) and not table.memorised(made["binarised at 0.5"], real)


def test_its_numbers_are_those_of_the_metrics(reference, made):
    kind, (images, labels) = "noise of 0.1", calibrate.kinds(reference)["noise of 0.1"]
    features, p = judge.load().look(images)
    real = judge.load().look(reference.train[:500])[0]
    assert made[kind]["frechet"] == mnist.frechet_distance(real, features)
    assert made[kind]["recall"] == mnist.filling(real, features, 5).recall
    assert made[kind]["classifier_score"] == mnist.scores.classifier_score(p)
    pixels = images.reshape(len(images), -1).astype(np.float64)
    train = reference.train.reshape(len(reference.train), -1) / 255
    near = [np.sqrt(((train - x) ** 2).sum(1)).min() for x in pixels[:20]]
    assert mnist.nearest(images.reshape(-1, 784)[:20], reference.pixels)[0] == pytest.approx(near, rel=1e-5)
    assert labels is reference.test_labels


def test_order_does_not_matter(reference, made):
    images, labels = calibrate.kinds(reference)["without the 4s"]
    order = np.random.default_rng(0).permutation(len(images))
    again = mnist.judge(images[order], labels[order], reference, allow_few=True, cas=False)
    for name, value in made["without the 4s"].items():
        if isinstance(value, float) and name != "classification_accuracy_score":  # that has a test of its own
            assert again[name] == pytest.approx(value, rel=1e-6), name


def test_without_labels_the_judges_stand_in(reference):
    images = reference.test[:300]
    found = mnist.judge(images, None, reference, allow_few=True, cas_steps=2)
    assert found["labels"] == "the judge's" and found["conditional_accuracy"] is None
    read = judge.load().look(images)[1].argmax(1)
    given = mnist.judge(images, read, reference, allow_few=True, cas_steps=2)
    assert given["labels"] == "given" and given["conditional_accuracy"] == 1
    assert given["classification_accuracy_score"] == found["classification_accuracy_score"]
    assert mnist.judge(images, None, reference, allow_few=True, cas=False)["classification_accuracy_score"] is None


def test_fewer_than_ten_thousand_are_refused_unless_asked_for(reference):
    with pytest.raises(ValueError, match=r"9,999 are too few.*10,000.*--allow-few"):
        mnist.prepare(np.zeros((9999, 28, 28), np.uint8))
    with pytest.raises(ValueError, match="5 are too few for 5 nearest"):
        mnist.prepare(np.zeros((5, 28, 28), np.uint8), allow_few=True)
    assert mnist.prepare(np.zeros((6, 28, 28), np.uint8), allow_few=True)[0].shape == (6, 1, 28, 28)


def test_of_more_a_fixed_lot_chooses_and_labels_stay_with_their_pictures():
    images = np.repeat(np.arange(10, dtype=np.uint8), 1200)[:, None, None] * np.ones((28, 28), np.uint8)
    x, y = mnist.prepare(images, np.repeat(np.arange(10), 1200))
    assert len(x) == 10_000 and np.array_equal(np.rint(x[:, 0, 0, 0] * 255), y)
    assert np.bincount(y).min() > 900  # of all classes, although they were sorted


def test_a_part_of_mnist_makes_no_figures():
    with pytest.raises(FileNotFoundError, match=r"12,000 \+ 2,000 digits"):
        mnist.Reference.load("embedded")


# ---- calibrations


def test_the_committed_calibrations_are_this_judges():
    found = calibrations()
    assert list(found) == list(calibrate.kinds(mnist.Reference(*embedded.load("train"), *embedded.load("test"))))
    real, copies = found[REAL], found["copied training images"]
    assert real["samples"] == copies["samples"] == mnist.SAMPLES
    assert real["compared"] == {"train": 10_000, "nearest": 60_000, "test": 10_000}
    assert real["nearest_median"] == pytest.approx(4.34, abs=0.01)
    assert real["nearest_quantile_1"] == pytest.approx(1.29, abs=0.01)
    assert real["recall"] > 0.9 and real["coverage"] > 0.9 and 0.98 < real["classification_accuracy_score"] < 0.99
    assert copies["frechet"] < min(m["frechet"] for k, m in found.items() if k not in (REAL, "copied training images"))
    assert table.memorised(copies, real) and not table.memorised(real, real)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("MINIGEN_DATA"), reason="wants the whole of MNIST: NOT RUN")
def test_the_whole_of_mnist_gives_the_committed_figures():
    whole, committed = mnist.Reference.load(), calibrations()[REAL]
    features, p = judge.load().look(whole.test)
    accuracy = mnist.scores.conditional_accuracy(p, whole.test_labels)
    written = json.loads(resources.files("minigen.metrics").joinpath("judge.json").read_text())
    assert accuracy == pytest.approx(written["test_accuracy"], abs=2e-4) and accuracy >= 0.993
    assert accuracy == pytest.approx(committed["conditional_accuracy"], abs=2e-4)
    assert mnist.frechet_distance(whole.judged, features) == pytest.approx(committed["frechet"], rel=1e-3)
    found = mnist.filling(whole.judged, features, mnist.NEIGHBOURS)
    assert found.recall == pytest.approx(committed["recall"], abs=1e-3)
    assert found.coverage == pytest.approx(committed["coverage"], abs=1e-3)


def test_calibrations_of_another_judge_are_refused(monkeypatch):
    monkeypatch.setattr(judge, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="made by another judge"):
        calibrations()
    monkeypatch.setattr(table, "FILE", "nowhere.json")
    with pytest.raises(FileNotFoundError, match=r"minigen\.metrics calibrate"):
        calibrations()


def test_blur_and_noise_by_hand():
    x = np.zeros((1, 28, 28), np.float32)
    x[0, 0, 0] = 0.9
    blurred = calibrate.blurred(x)
    assert blurred[0, :3, :3] == pytest.approx(np.array([[0.1, 0.1, 0], [0.1, 0.1, 0], [0, 0, 0]]))
    noisy = calibrate.noisy(np.full((20, 28, 28), 0.5, np.float32), 0.1)
    assert noisy.std() == pytest.approx(0.1, rel=0.02) and noisy.mean() == pytest.approx(0.5, abs=0.002)


# ---- the table


def test_the_table_has_a_column_for_each_and_dashes_for_what_is_missing(made):
    few = {**made[REAL], "conditional_accuracy": None, "classification_accuracy_score": None}
    head, *rows = table.rows({"mine": few, **made})
    cells = {row[0]: row[1:] for row in rows}
    assert head == ["", "mine", *made] and all(len(row) == len(head) for row in rows)
    assert cells["conditional accuracy"][0] == cells["classification accuracy score"][0] == "-"
    assert cells["memorised?"][::6] == ["no", "YES"] and cells["samples"][0] == "600"
    assert table.markdown({"mine": few}).startswith("|  | mine |\n| --- | ---: |\n| samples | 600 |")
    assert len({len(line) for line in table.text({"mine": few, **made}).splitlines()}) == 1  # columns stand in line


# ---- the command line


@pytest.fixture
def cli(reference, monkeypatch, capsys, tmp_path):
    """Runs the command in this process, on few real digits and with few steps; its status, output and errors."""
    monkeypatch.setattr(mnist.Reference, "load", classmethod(lambda cls, root=None: reference))
    monkeypatch.setattr(accuracy_score, "STEPS", 2)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        status = command.main([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_it_judges_prints_draws_and_saves(cli, reference, tmp_path):
    np.savez(tmp_path / "mine.npz", images=np.pad(reference.test[:300], ((0, 0), (2, 2), (2, 2))))
    status, out, _ = cli("mnist", "mine.npz", "--allow-few", "--json", "deep/mine.json")
    assert status == 0
    assert "mine" in out.splitlines()[1] and "recall, judge" in out and "copied" in out
    assert "Only 300 samples" in out and "no labels" in out and "Memorised" not in out
    saved = json.loads((tmp_path / "deep" / "mine.json").read_text())
    assert saved["samples"] == 300 and saved["judge"] == judge.SHA256
    with Image.open(tmp_path / "mine_judged.png") as picture:
        assert picture.size == (20 * 30 + 2, 13 * 30 + 2)


def test_it_puts_its_judgement_into_a_result(cli, reference, tmp_path):
    images, labels = reference.train[:200], reference.train_labels[:200].astype(np.uint8)
    np.savez(tmp_path / "mine.npz", images=images.astype(np.float64) / 255, labels=labels)
    (tmp_path / "result.json").write_text('{"row": "gan", "judged": 1}')
    status, out, _ = cli("mnist", "mine.npz", "--allow-few", "--no-cas", "--into", "result.json", "--sheet", "s.png")
    assert status == 0 and "Memorised" in out
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["row"] == "gan" and result["judged"]["labels"] == "given"
    assert result["judged"]["classification_accuracy_score"] is None
    assert (tmp_path / "s.png").read_bytes() == (tmp_path / "result.png").read_bytes()


def test_without_pillow_the_numbers_are_there_and_the_sheet_is_asked_for(cli, reference, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    np.savez(tmp_path / "mine.npz", images=reference.test[:100])
    status, out, err = cli("mnist", "mine.npz", "--allow-few", "--no-cas")
    assert status == 1 and "recall, judge" in out and 'pip install "minigen[plot]"' in err


def test_inverted_pictures_are_remarked_upon(cli, reference, tmp_path):
    np.savez(tmp_path / "mine.npz", images=255 - reference.test[:100])
    assert "Inverted?" in cli("mnist", "mine.npz", "--allow-few", "--no-cas")[1]


def test_it_calibrates(cli, tmp_path):
    assert cli("calibrate", "--json", "c.json", "--sheet", "c.png")[0] == 0
    assert list(json.loads((tmp_path / "c.json").read_text())) == list(calibrations())
    assert (tmp_path / "c.png").is_file()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": np.zeros((100, 28, 28), np.uint8)}, "100 are too few"),
        ({"pictures": np.zeros((100, 28, 28), np.uint8)}, "holds pictures, but no array `images`"),
        ({"images": np.zeros((100, 28, 28, 3), np.uint8)}, "(100, 28, 28, 3) is not (N, H, W)"),
        ({"images": np.full((100, 28, 28), np.nan)}, "floats must lie in [0, 1]"),
        ({"images": np.full((100, 28, 28), -1.0)}, "From tanh's [-1, 1]"),
        ({"images": np.zeros((100, 28, 28), np.uint8), "labels": np.zeros(99, int)}, "labels: shape (99,)"),
        ({"images": np.array([None] * 3)}, "can't be read as arrays"),
    ],
)
def test_bad_files_are_explained(cli, tmp_path, arrays, words):
    np.savez(tmp_path / "mine.npz", **arrays)
    status, out, err = cli("mnist", "mine.npz")
    assert (status, out) == (1, "") and err.startswith("error: ") and words in err


def test_files_that_are_none(cli, tmp_path):
    assert "there is no file nowhere.npz" in cli("mnist", "nowhere.npz")[2]
    (tmp_path / "text.npz").write_text("digits")
    assert "can't be read as arrays" in cli("mnist", "text.npz")[2]


def test_it_runs_as_a_module(tmp_path):
    np.savez(tmp_path / "few.npz", images=np.zeros((10, 28, 28), np.uint8))
    done = subprocess.run([sys.executable, "-m", "minigen.metrics", "mnist", "few.npz"], cwd=tmp_path,
                          env=dict(os.environ), capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1 and "error: images: 10 are too few" in done.stderr
