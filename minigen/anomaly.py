"""What is told of the first NaN or inf: the operation, the line of the program that called it, and the numbers that
went in. Called from ``op`` and ``autograd`` inside ``detect_anomaly`` only."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtypes
from .backend import state
from .node import Node
from .tensor import Tensor

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Anomaly(FloatingPointError):
    """A NaN or inf was found. ``brought``: it had been there before the operation that is named."""

    def __init__(self, text: str, brought: bool) -> None:
        super().__init__(text)
        self.brought = brought


def look(op: Any, inputs: Sequence[Tensor | None], outs: Sequence[Tensor], node: Node | None) -> None:
    """After a forward: raise for a NaN or inf in a result, else remember line and inputs for the backward pass."""
    line, arrays = _line(), [None if x is None else x.array for x in inputs]
    if node is not None:
        node.site = line, arrays
    for out in outs:
        if not _is_wrong(out.array, state.anomaly):
            continue
        made_nan = bool(np.isnan(out.array).any())
        bad = _first(arrays, ("nan",) if made_nan else ("nan", "inf"))
        infinite = _first(arrays, ("inf",)) if bad is None and made_nan else None
        text = f"{op.name} produced NaN or inf in a result of shape {out.shape}; "
        if bad is not None:
            text += f"its input {bad} was not finite already: that input brought it, {op.name} is not at fault"
            text += _origin(inputs[bad])
        elif infinite is not None:
            text += f"its input {infinite} was infinite already, and {op.name} made NaN of it"
        else:
            text += "all its inputs were finite"
        raise Anomaly(_report(text, line, {"result": out.array, **_named(arrays)}), bad is not None)


def look_back(node: Node, delta: Any, grads: Sequence[Any], kinds: Sequence[str]) -> None:
    """After a rule: raise for a NaN or inf in the gradient of an input."""
    for i, g in enumerate(grads):
        if not isinstance(g, Tensor) or not _is_wrong(g.array, kinds):
            continue
        arrived = [d.array for d in (delta if isinstance(delta, list) else [delta]) if d is not None]
        brought = _first(arrived, ("nan", "inf")) is not None
        text = f"backward of {node.op.name}: the gradient of its input {i}, of shape {g.shape}, has NaN or inf; "
        text += (
            "the gradient that arrived was not finite already: backward's start, a hook or a sum of several brought it"
            if brought else "the gradient that arrived was finite"
        )  # fmt: skip
        line, arrays = getattr(node, "site", None) or ("", [])
        if not arrays:
            text += "; run the forward pass inside detect_anomaly, too, to see its line and inputs"
        found = {"gradient": g.array, **_named(arrived, "arrived at output"), **_named(arrays)}
        raise Anomaly(_report(text, line, found), brought)


def statistics(array: np.ndarray) -> str:
    """Shape, type, min, max and mean of the finite numbers, and how many are NaN or infinite."""
    text = f"shape {array.shape}, {array.dtype}"
    if not array.size:
        return f"{text}, empty"
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    if finite.size:
        text += f", min {finite.min():.4g}, max {finite.max():.4g}, mean {finite.mean():.4g}"
    return f"{text}, {np.isnan(values).sum()} NaN, {np.isinf(values).sum()} inf"


def _is_wrong(array: np.ndarray, kinds: Sequence[str]) -> bool:
    if not dtypes.is_floating(array.dtype) or np.isfinite(array).all():
        return False
    return ("nan" in kinds and bool(np.isnan(array).any())) or ("inf" in kinds and bool(np.isinf(array).any()))


def _first(arrays: Sequence[Any], kinds: Sequence[str]) -> int | None:
    return next((i for i, a in enumerate(arrays) if a is not None and _is_wrong(a, kinds)), None)


def _origin(x: Tensor | None) -> str:
    if x is None or not x.is_leaf:
        return ""
    if x.requires_grad:
        return "; it is a leaf that requires a gradient: if it is a parameter, an earlier update broke it"
    return "; it is no result of an operation: look where its numbers come from"


def _named(arrays: Sequence[Any], word: str = "input") -> dict[str, np.ndarray]:
    return {f"{word} {i}": a for i, a in enumerate(arrays) if a is not None}


def _report(text: str, line: str, arrays: dict[str, np.ndarray]) -> str:
    rows = [f"  {name}: {statistics(a)}" for name, a in arrays.items()]
    return "\n".join([text, *([f"  at {line}"] if line else []), *rows])


def _line() -> str:
    """"file:line: text" of the innermost call that stands outside this package."""
    frame: Any = sys._getframe(2)
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return ""
    file, number = frame.f_code.co_filename, frame.f_lineno
    return f"{file}:{number}: {linecache.getline(file, number).strip()}".rstrip(": ")
