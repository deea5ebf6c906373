"""Transposed convolutions whose output padding is smaller than the stride or only than the dilation, with gradients."""

import itertools

import numpy as np
import pytest
import torch

import minigen
import minigen.functional as F

CASES = [(s, d, e) for s, d in itertools.product((1, 2, 3), (1, 2, 4)) for e in range(max(s, d))]


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_output_padding(backend, near, numbers, n, padding, dtype):
    x, w = (numbers(*shape).astype(dtype) for shape in ((2, 3, *(5, 4)[:n]), (3, 2, *(2, 3)[:n])))
    tolerance = 1e-5 if dtype == np.float32 else 1e-10
    for stride, dilation, extra in CASES:
        how = {"stride": stride, "padding": padding, "output_padding": extra, "dilation": dilation}
        mine = [minigen.tensor(a).requires_grad_() for a in (x, w)]
        theirs = [torch.tensor(a, requires_grad=True) for a in (x, w)]
        try:
            want = getattr(torch.nn.functional, f"conv_transpose{n}d")(*theirs, **how)
        except RuntimeError:  # the padding removes everything
            with pytest.raises(ValueError, match="removes all of it"):
                getattr(F, f"conv_transpose{n}d")(*mine, **how)
            continue
        got = getattr(F, f"conv_transpose{n}d")(*mine, **how)
        near(f"value, {how}", got, want, tolerance)
        u = numbers(*got.shape).astype(dtype)
        (got * minigen.tensor(u)).sum().backward()
        (want * torch.tensor(u)).sum().backward()
        for a, b in zip(mine, theirs, strict=True):
            near(f"gradient, {how}", a.grad, b.grad, tolerance)
