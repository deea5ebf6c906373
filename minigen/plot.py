"""Pictures of a training run.

matplotlib and Pillow are imported when something is drawn: ``pip install "minigen[plot]"``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .files import written

PathLike = str | os.PathLike[str]
_INK, _PALETTE = "#222222", ("#3366aa", "#cc5522", "#339966", "#aa3377")


def to_uint8(images: Any, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """Images (N, 1, H, W) or (N, H, W) in [low, high] as uint8 (N, H, W)."""
    array = np.asarray(images)
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 3:
        raise ValueError(f"to_uint8: images must be (N, 1, H, W) or (N, H, W), got {array.shape}")
    return np.rint((np.clip(array, low, high) - low) * (255.0 / (high - low))).astype(np.uint8)


def tile(images: np.ndarray, columns: int = 8, gap: int = 2) -> np.ndarray:
    """uint8 images (N, H, W) as one sheet, row by row."""
    N, H, W = images.shape
    rows = -(-N // columns)
    sheet = np.zeros((rows * (H + gap) + gap, columns * (W + gap) + gap), np.uint8)
    for i, image in enumerate(images):
        y, x = gap + i // columns * (H + gap), gap + i % columns * (W + gap)
        sheet[y : y + H, x : x + W] = image
    return sheet


def save_grid(
    images: np.ndarray, path: PathLike, columns: int = 8, scale: int = 2, titles: Sequence[str] | None = None
) -> None:
    """A sheet of uint8 images (N, H, W) as PNG; ``titles`` stand above its columns."""
    from PIL import Image, ImageDraw

    sheet = np.repeat(np.repeat(tile(images, columns), scale, 0), scale, 1)
    if titles is None:
        return _save(Image.fromarray(sheet), path)
    head = 14
    picture = Image.fromarray(np.pad(sheet, ((head, 0), (0, 0))))
    pen, width = ImageDraw.Draw(picture), sheet.shape[1] / columns
    for i, title in enumerate(titles):
        pen.text(((i + 0.5) * width - pen.textlength(title) / 2, 1), title, fill=255)
    return _save(picture, path)


def save_gif(sheets: Sequence[PathLike], path: PathLike, milliseconds: int = 250) -> None:
    """The sheets one after the other; the last stays for two seconds."""
    from PIL import Image

    if not sheets:
        raise ValueError("save_gif: no pictures were given")
    frames = [Image.open(p).convert("L") for p in sheets]
    durations = [milliseconds] * (len(frames) - 1) + [2000]
    _save(frames[0], path, save_all=True, append_images=frames[1:], duration=durations, loop=0)


def save_side_by_side(panels: Mapping[str, np.ndarray], path: PathLike, columns: int = 8) -> None:
    """Sheets of images beside each other, each under its title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(panels), 5.3), layout="constrained")
    for axes, (title, images) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True):
        axes.imshow(tile(images, columns), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, color=_INK)
        axes.axis("off")
    figure.savefig(path, dpi=110)


def save_curves(
    rows: Sequence[Mapping[str, float]], panels: Mapping[str, Sequence[str]], path: PathLike, x: str = "step"
) -> None:
    """Columns of ``rows`` against ``x``: one panel per title, faint as measured and bold as a running mean.

    What lies beyond the 0.1% and 99.9% quantiles counts as these do: one wild batch would lift a whole stretch. The
    heights shown are those of the means after the first twentieth: a loss falls from so far up that the rest of its
    curve would be a flat line.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * len(panels), 3.6), layout="constrained")
    for axes, (title, names) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True):
        shown = []
        for name, colour in zip(names, _PALETTE, strict=False):
            found = [(r[x], r[name]) for r in rows if name in r]
            if found:
                xs, ys = np.asarray(found, dtype=float).T
                axes.plot(xs, ys, color=colour, alpha=0.25, linewidth=0.8)
                width = max(len(ys) // 40, 1)
                usual = np.clip(ys, *np.nanquantile(ys, (0.001, 0.999)))
                smooth = np.convolve(usual, np.ones(width) / width, mode="valid")
                at = xs[len(xs) - len(smooth) :]
                axes.plot(at, smooth, color=colour, label=name)
                shown += [y for y in smooth[at >= 0.05 * xs[-1]] if np.isfinite(y)]
        if shown:
            margin = 0.15 * (max(shown) - min(shown)) or 1.0
            axes.set_ylim(min(shown) - margin, max(shown) + margin)
        axes.set_title(title, color=_INK)
        axes.set_xlabel(x)
        axes.grid(alpha=0.2)
        if axes.get_legend_handles_labels()[0]:  # a panel whose columns a run did not write stays empty
            axes.legend()
    figure.savefig(path, dpi=110)


def save_scatter(points: np.ndarray, labels: np.ndarray, path: PathLike, title: str = "") -> None:
    """Points (N, 2), or (N, 1) along a line, in a colour for each of their labels 0 to 9."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 6), layout="constrained")
    axes, colours = figure.subplots(), colormaps["tab10"]
    x, y = points[:, 0], points[:, -1] if points.shape[1] > 1 else np.zeros(len(points))
    for label in np.unique(labels):
        of = labels == label
        axes.scatter(x[of], y[of], s=4, alpha=0.6, color=colours(int(label) % 10), label=str(label))
    axes.set_title(title, color=_INK)
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.2)
    axes.legend(markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=110)


def save_bars(values: np.ndarray, path: PathLike, title: str = "") -> None:
    """A bar for each of the values (N,)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.bar(np.arange(1, len(values) + 1), values, color=_PALETTE[0])
    axes.locator_params(axis="x", integer=True)
    axes.set_title(title, color=_INK)
    axes.grid(alpha=0.2, axis="y")
    figure.savefig(path, dpi=110)


def _save(image: Any, path: PathLike, **options: Any) -> None:
    """A picture that somebody watches is never half written."""
    with written(path) as part:
        image.save(part, **options)
