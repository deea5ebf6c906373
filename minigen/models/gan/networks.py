"""A small pair for 28 x 28 images: an eighth of N1's arithmetic, so that minutes hold several times the steps."""

from __future__ import annotations

from typing import Any

from ... import nn
from ...ops import cat, one_hot
from ...tensor import Tensor

NORMS = ("batch", "spectral", "none")
CONDITIONS = ("none", "labels", "classifier")


class Generator(nn.Module):
    """Noise (N, z_dim), and labels (N,) if it has classes -> images (N, 1, 28, 28) in [-1, 1].

    A label enters as ``classes`` further inputs, 1 for its class and 0 for the others (Mirza & Osindero 2014).
    """

    image_size = 28

    def __init__(self, z_dim: int = 64, width: int = 32, classes: int = 0) -> None:
        super().__init__()
        self.z_dim, self.classes = z_dim, classes
        self.main = nn.Sequential(
            nn.Linear(z_dim + classes, 2 * width * 7 * 7, bias=False),
            nn.BatchNorm1d(2 * width * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (2 * width, 7, 7)),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),  # 7 -> 14
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, 2, 1),  # 14 -> 28
            nn.Tanh(),
        )

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if not self.classes:
            return self.main(z)
        if labels is None:
            raise ValueError(f"labels: this generator knows {self.classes} classes; say which to draw, (N,) int64")
        return self.main(cat(z, one_hot(labels, self.classes).to(z.dtype), dim=1))


class Discriminator(nn.Module):
    """Images (N, 1, 28, 28) -> (d, c): one number each, d (N,), and logits c (N, classes), or None.

    condition: "none" looks at the image alone. "labels" asks whether it is a real one *of this class*: d(x, y) =
        w.h(x) + v_y.h(x) with a vector v_y per class (projection, Miyato & Koyama 2018). "classifier" is not told the
        class but has to name it: c (AC-GAN, Odena 2017).
    norm: "batch" norm, "spectral" norm of every layer but the classifier, which shall be sure of itself, or "none",
        which gradient penalties want.
    """

    def __init__(self, width: int = 32, classes: int = 0, condition: str = "none", norm: str = "batch") -> None:
        super().__init__()
        self.condition = condition

        def bounded(layer: Any) -> Any:
            return nn.utils.spectral_norm(layer) if norm == "spectral" else layer

        def conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
            normalised = norm == "batch" and inputs > 1  # not the images themselves, as in DCGAN
            layer = bounded(nn.Conv2d(inputs, outputs, kernel, 2, 1, bias=not normalised))
            return [layer, *[nn.BatchNorm2d(outputs)] * normalised, nn.LeakyReLU(0.2)]

        self.body = nn.Sequential(
            *conv(1, width, 4),  # 28 -> 14
            *conv(width, 2 * width, 4),  # 14 -> 7
            *conv(2 * width, 2 * width, 3),  # 7 -> 4
            nn.Flatten(),
        )
        features = 2 * width * 4 * 4
        self.head = bounded(nn.Linear(features, 1))
        if condition == "labels":
            self.of_class = bounded(nn.Embedding(classes, features))
        elif condition == "classifier":
            self.classifier = nn.Linear(features, classes)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        h = self.body(x)
        d = self.head(h).flatten()
        if self.condition == "labels":
            if labels is None:
                raise ValueError("labels: this discriminator judges images of a class; say which, (N,) int64")
            d = d + (self.of_class(labels) * h).sum(1)
        return d, self.classifier(h) if self.condition == "classifier" else None
