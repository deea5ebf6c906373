"""Einstein's summation: letters name dimensions, what the result does not name is summed over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor
from .check import check_tensor
from .index import getitem
from .matmul import matmul
from .reduce import sum
from .shape import permute, reshape

Labels = tuple[Any, ...]  # letters, and -1, -2, ... for the dimensions of an ellipsis, counted from its right end


def einsum(equation: str, *operands: Any) -> Tensor:
    """z = sum over every letter that stands left of the arrow only, of the product of all operands.

        einsum("ij,jk->ik", x, y)       z_ik = sum_j x_ij y_jk      a matrix product
        einsum("bhqd,bhkd->bhqk", q, k)                             the scores of attention
        einsum("ii->i", x)              a repeated letter           the diagonal; "ii" is the trace
        einsum("...ij->...ji", x)       ... for all other dimensions, which broadcast

    Without "->" the result has the letters that occur once, in alphabetical order, after the ellipsis. Sizes of one
    letter must be equal or 1. Operands are multiplied from left to right, each pair as one stack of matrix products.

    Raises ValueError for an equation that does not fit, TypeError for operands of different types.
    """
    if not isinstance(equation, str):
        raise TypeError(f"einsum: equation must be a string such as 'ij,jk->ik', got {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    for x in operands:
        check_tensor("einsum", x)
    if len({x.dtype for x in operands}) > 1:
        raise TypeError(f"einsum: operands have the types {[x.dtype.name for x in operands]}; convert with .to(dtype)")
    inputs, output = _parse(equation, operands)
    sizes = _sizes(equation, inputs, operands)
    terms = [_distinct(x, labels, sizes) for x, labels in zip(operands, inputs, strict=True)]
    x, labels = terms[0]
    for i, (y, others) in enumerate(terms[1:], 1):
        wanted = {*output}.union(*(more for _, more in terms[i + 1 :]))
        x, labels = _contract(x, labels, y, others, wanted)
    x, labels = _summed(x, labels, set(output))
    missing = [a for a in output if a not in labels]  # every operand had size 1 there
    x = reshape(x, shape=(*x.shape, *(1,) * len(missing)))
    labels = (*labels, *missing)
    return permute(x, dims=tuple([labels.index(a) for a in output])) if labels != output else x


def _parse(equation: str, operands: Sequence[Tensor]) -> tuple[list[Labels], Labels]:
    """The labels of every operand's dimensions, and of the result's."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    for part in (*terms, right):
        if not all(c.isascii() and c.isalpha() for c in part.replace("...", "", 1)):
            raise ValueError(f"einsum: equation {equation!r} may hold letters, commas, a '...' for each and one '->'")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: equation {equation!r} names {len(terms)} operands, {len(operands)} were given")
    inputs = []
    for i, (term, x) in enumerate(zip(terms, operands, strict=True)):
        head, dots, tail = term.partition("...")
        hidden = x.ndim - len(head) - len(tail)
        if hidden < 0 or (hidden and not dots):
            raise ValueError(
                f"einsum: equation {equation!r} gives operand {i} {len(head) + len(tail)} letters, its shape {x.shape} "
                f"has {x.ndim} dimensions"
            )
        inputs.append((*head, *range(-hidden, 0), *tail))
    most = max((-a for labels in inputs for a in labels if isinstance(a, int)), default=0)
    ellipsis = tuple(range(-most, 0))
    if not arrow:
        letters = [a for labels in inputs for a in labels if isinstance(a, str)]
        return inputs, (*ellipsis, *sorted(a for a in set(letters) if letters.count(a) == 1))
    head, dots, tail = right.partition("...")
    output = (*head, *(ellipsis if dots else ()), *tail)
    known = {a for labels in inputs for a in labels}
    if len(set(output)) < len(output) or not set(output) <= known:
        raise ValueError(f"einsum: each letter right of the arrow in {equation!r} must stand there once, and left, too")
    return inputs, output


def _sizes(equation: str, inputs: Sequence[Labels], operands: Sequence[Tensor]) -> dict[Any, int]:
    sizes: dict[Any, int] = {}
    for labels, x in zip(inputs, operands, strict=True):
        for a, n in zip(labels, x.shape, strict=True):
            if sizes.setdefault(a, n) == 1:
                sizes[a] = n
            elif n not in (1, sizes[a]):
                word = f"letter {a!r}" if isinstance(a, str) else "a dimension of the ellipsis"
                raise ValueError(
                    f"einsum: {word} in {equation!r} has the sizes {sizes[a]} and {n}; the shapes are "
                    f"{', '.join(str(t.shape) for t in operands)}"
                )
    return sizes


def _distinct(x: Tensor, labels: Labels, sizes: dict[Any, int]) -> tuple[Tensor, Labels]:
    """x with every label once: the diagonal of a repeated one, and none of size 1 where others are longer."""
    while len(set(labels)) < len(labels):
        a = next(a for a in labels if labels.count(a) > 1)
        places = [i for i, b in enumerate(labels) if b == a]
        if len({x.shape[i] for i in places}) > 1:
            raise ValueError(f"einsum: the letter {a!r} names the diagonal of shape {x.shape}, whose sizes differ")
        # the repeated dimensions first, where indexing with arrays leaves theirs
        rest = [i for i in range(x.ndim) if i not in places]
        where = np.arange(x.shape[places[0]])
        x = getitem(permute(x, dims=(*places, *rest)), index=(*(where,) * len(places), ...))
        labels = (a, *(labels[i] for i in rest))
    long = [i for i, a in enumerate(labels) if x.shape[i] == sizes[a]]
    return reshape(x, shape=tuple([x.shape[i] for i in long])), tuple([labels[i] for i in long])


def _summed(x: Tensor, labels: Labels, wanted: set[Any]) -> tuple[Tensor, Labels]:
    """x summed over every label that nobody wants."""
    gone = tuple([i for i, a in enumerate(labels) if a not in wanted])
    return (sum(x, gone), tuple([a for a in labels if a in wanted])) if gone else (x, labels)


def _contract(x: Tensor, xs: Labels, y: Tensor, ys: Labels, wanted: set[Any]) -> tuple[Tensor, Labels]:
    """The product of two terms as (batch, M, K) (batch, K, N), summed over what neither the result nor others want."""
    x, xs = _summed(x, xs, wanted | {*ys})
    y, ys = _summed(y, ys, wanted | {*xs})
    size = dict(zip((*xs, *ys), (*x.shape, *y.shape), strict=True))
    batch = [a for a in xs if a in ys and a in wanted]
    inner = [a for a in xs if a in ys and a not in wanted]
    rows = [a for a in xs if a not in ys]
    columns = [a for a in ys if a not in xs]

    def stack(t: Tensor, labels: Labels, *groups: list[Any]) -> Tensor:
        ordered = permute(t, dims=tuple([labels.index(a) for group in groups for a in group]))
        return reshape(ordered, shape=tuple([math.prod([size[a] for a in group]) for group in groups]))

    z = matmul(stack(x, xs, batch, rows, inner), stack(y, ys, batch, inner, columns))
    kept = (*batch, *rows, *columns)
    return reshape(z, shape=tuple([size[a] for a in kept])), kept
