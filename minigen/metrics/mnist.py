"""All metrics of 10,000 drawn digits at once, beside MNIST's.

    from minigen.metrics import mnist
    judged = mnist.judge(images, labels)            # a dict of plain numbers, as `python -m minigen.metrics` saves it

What each number says is in docs/metrics.md. 10,000 training digits are what the features are compared with; the nearest
training image is looked for among all.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..data import MNIST
from . import accuracy_score, random_network, scores
from . import judge as judges
from .frechet import frechet_distance
from .neighbours import filling, nearest
from .pictures import as_images

SAMPLES = 10_000
NEIGHBOURS = 5


class Reference:
    """The real digits: 10,000 of the training set to compare with, all of it to look for copies, the test set to read.

    train, test: uint8 images (N, 28, 28). compared: how many training images are compared; the first ones.
    """

    def __init__(
        self, train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray,
        compared: int = SAMPLES,
    ) -> None:  # fmt: skip
        self.train, self.train_labels, self.test, self.test_labels = train, train_labels, test, test_labels
        self.compared = as_images(train[:compared])
        self.exam = test, test_labels  # what the classification accuracy score is taken with

    @classmethod
    def load(cls, root: str | None = None) -> Reference:
        """All of MNIST, found as minigen.data.MNIST finds it. Raises: FileNotFoundError when only a part is there."""
        train, test = MNIST(root, train=True), MNIST(root, train=False)
        if (len(train), len(test)) != (60_000, 10_000):
            raise FileNotFoundError(
                f"figures are made with the whole of MNIST, but {train.source} has {len(train):,} + {len(test):,} "
                "digits. Name a folder with its files by --data or in MINIGEN_DATA, or go where it can be downloaded."
            )
        return cls(train.images, train.labels, test.images, test.labels)

    @cached_property
    def judged(self) -> np.ndarray:
        return judges.load().look(self.compared)[0]

    @cached_property
    def unjudged(self) -> np.ndarray:
        return random_network.look(self.compared)

    @cached_property
    def pixels(self) -> np.ndarray:
        return as_images(self.train).reshape(len(self.train), -1)


def prepare(images: Any, labels: Any = None, allow_few: bool = False) -> tuple[np.ndarray, np.ndarray | None]:
    """What is judged of what is given: float32 (10000, 1, 28, 28) in [0, 1], and int64 (10000,) or None."""
    x = as_images(images)
    y = None if labels is None else accuracy_score.labels_of("labels", labels, len(x))
    if len(x) < SAMPLES and not allow_few:
        raise ValueError(f"images: {len(x):,} are too few: figures are made of {SAMPLES:,} samples, because recall, "
                         "coverage and Fréchet distance all change with the number. To look at fewer: allow_few=True, "
                         "on the command line --allow-few.")
    if len(x) <= NEIGHBOURS:
        raise ValueError(f"images: {len(x)} are too few for {NEIGHBOURS} nearest neighbours each")
    if len(x) > SAMPLES:
        chosen = np.sort(np.random.default_rng(0).permutation(len(x))[:SAMPLES])
        x, y = x[chosen], None if y is None else y[chosen]
    return x, y


def judge(
    images: Any, labels: Any = None, reference: Reference | None = None, *, cas: bool = True, allow_few: bool = False,
    progress: bool = False, cas_steps: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Every metric of pictures (N, 28, 28) or (N, 32, 32), uint8 or floats in [0, 1].

    labels: 0-9, what each picture was to be. Without them, the judge's stand in for them in the classification accuracy
    score, and "labels" says so. Of more than 10,000 pictures, 10,000 are chosen by a fixed lot.
    cas: False leaves this score out, which takes a minute; cas_steps: of another recipe, for tests.
    Raises: ValueError for fewer than 10,000 unless allow_few: every one of these numbers changes with the number of
    samples; ValueError and TypeError for arrays that are no pictures or labels.
    """
    x, y = prepare(images, labels, allow_few)
    reference = reference or Reference.load()
    cas_steps = accuracy_score.STEPS if cas_steps is None else cas_steps
    with Stages(progress, cas_steps if cas else 0) as stage:
        stage("the judge looks")
        features, p = judges.load().look(x)
        read = p.argmax(axis=1)
        stage("nearest neighbours")
        seen = filling(reference.judged, features, NEIGHBOURS)
        stage("the random network looks")
        raw = random_network.look(x)
        raw_seen = filling(reference.unjudged, raw, NEIGHBOURS)
        stage("nearest training images")
        distance, which = nearest(x.reshape(len(x), -1), reference.pixels)
        stage("a classifier learns from the samples")
        score = accuracy_score.classification_accuracy_score(
            x, read if y is None else y, *reference.exam, cas_steps, stage.tick
        ) if cas else None  # fmt: skip
    closest = np.argsort(distance, kind="stable")[:20]
    return {
        "judge": judges.SHA256,
        "samples": len(x),
        "compared": {"train": len(reference.compared), "nearest": len(reference.train), "test": len(reference.test)},
        "labels": "the judge's" if y is None else "given",
        "frechet": frechet_distance(reference.judged, features),
        "recall": seen.recall,
        "coverage": seen.coverage,
        "random": {"frechet": frechet_distance(reference.unjudged, raw), "precision": raw_seen.precision,
                   "recall": raw_seen.recall, "density": raw_seen.density, "coverage": raw_seen.coverage},
        "classifier_score": scores.classifier_score(p),
        "class_shares": scores.class_shares(p),
        "conditional_accuracy": None if y is None else scores.conditional_accuracy(p, y),
        "classification_accuracy_score": score,
        "nearest_median": float(np.median(distance)),
        "nearest_quantile_1": float(np.quantile(distance, 0.01)),
        "closest": {"sample": closest.tolist(), "train": which[closest].tolist()},
    }  # fmt: skip


class Stages:
    """A progress bar whose first steps are named stages and whose others are the classifier's."""

    def __init__(self, wanted: bool, steps: int) -> None:
        from tqdm import tqdm

        self.bar = tqdm(total=steps, disable=not wanted, unit="step", leave=False)

    def __enter__(self) -> Stages:
        return self

    def __call__(self, name: str) -> None:
        self.bar.set_description(name)

    def tick(self) -> None:
        self.bar.update()

    def __exit__(self, *error: Any) -> None:
        self.bar.close()
