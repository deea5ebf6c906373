"""Every operation of the engine on the CUDA backend: value, gradient and second gradient are those of the CPU.

The cases are those of the gradient checks in tests/ops. The arrays refuse what CuPy's refuse (see pretend.py), and the
last test compares how every array function was called with the signatures of CuPy itself.
"""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import test_gradients
from hypothesis import given, settings

import minigen
from minigen.backend.cuda import pretend
from minigen.tensor import Tensor

FILES = sorted((Path(__file__).parents[1] / "ops").glob("cases_*.py"))
TABLES = [test_gradients, *[importlib.import_module(p.stem) for p in FILES]]


def run(function, arrays, device):
    """The results, their gradients and second gradients along fixed directions, as NumPy's arrays."""
    inputs = [minigen.from_numpy(np.array(a)).to(device).requires_grad_() for a in arrays]
    out = function(*inputs)
    found = list(out) if isinstance(out, (tuple, list)) else [out]
    live = [o for o in found if o.requires_grad]
    assert all(o.device.type == device for o in live)
    assert all(isinstance(o, Tensor) for o in found)
    if live:
        rng = np.random.default_rng(0)
        seeds = [minigen.from_numpy(rng.standard_normal(o.shape).astype(o.dtype)).to(device) for o in live]
        first = [g for g in minigen.grad(live, inputs, seeds, allow_unused=True, create_graph=True) if g is not None]
        plain = [g for g in minigen.grad(live, inputs, seeds, allow_unused=True, retain_graph=True) if g is not None]
        found += first + plain
        again = [g for g in first if g.requires_grad]
        if again:
            seeds = [minigen.from_numpy(rng.standard_normal(g.shape)).to(device) for g in again]
            found += [g for g in minigen.grad(again, inputs, seeds, allow_unused=True) if g is not None]
        assert all(g.device.type == device for g in found)
    return [o.detach().cpu().numpy() for o in found]


def compare(function, arrays, moved):
    with minigen.use_backend("numpy"):
        want = run(function, arrays, "cpu")
    with pytest.MonkeyPatch.context() as patch:
        moved(patch)
        got = run(function, arrays, "cuda")
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype
        np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-9)


def on_gpu(patch):
    make = minigen.tensor
    for module in TABLES:
        for name, value in vars(module).items():
            if isinstance(value, Tensor):
                patch.setattr(module, name, value.cuda())
    patch.setattr(minigen, "tensor", lambda data, **options: make(data, **{"device": "cuda", **options}))


@pytest.mark.parametrize("name", sorted(test_gradients.CASES))
def test_equals_the_cpu(name, gpu):
    function, strategy = test_gradients.CASES[name]

    @settings(max_examples=2)
    @given(strategy)
    def check(arrays):
        compare(function, arrays, on_gpu)

    check()


@pytest.mark.parametrize("name", sorted(test_gradients.NOT_DIFFERENTIABLE))
def test_equals_the_cpu_without_a_gradient(name, gpu):
    compare(test_gradients.NOT_DIFFERENTIABLE[name], [np.arange(6.0).reshape(3, 2) - 2], on_gpu)


def bound(name, count, keywords, cupy):
    """Why CuPy would refuse ``name`` with so many positional arguments and these keywords; "" if it would not."""
    function = cupy
    for part in name.split("."):
        if (function := getattr(function, part, None)) is None:
            return "does not exist"
    count += name.startswith("ndarray.")  # self
    if isinstance(function, cupy.ufunc):
        taken = {"out", "dtype", "casting"}
        return "" if set(keywords) <= taken and count <= function.nargs else f"a ufunc takes {taken}"
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # Cython's methods say what they take in their docstrings
        first = (function.__doc__ or "").split("\n")[0]
        taken = re.findall(r"[\w*]+(?=\s*[=,)]|:)", first.partition("(")[2])
        return "" if "*" in first or set(keywords) <= set(taken) else f"it takes {first}"
    try:
        signature.bind(*[None] * count, **dict.fromkeys(keywords))
    except TypeError as error:
        return str(error)
    return ""


def test_every_array_function_exists_in_cupy_with_these_arguments(pretended):
    """Last in this file: the tests before it, and a network's step, have called them."""
    cupy = pytest.importorskip("cupy", reason="NOT RUN: CuPy is not installed (pip install 'minigen[cuda-check]')")
    run(lambda x, w: minigen.functional.conv2d(x, w, padding=1), [np.ones((1, 2, 4, 4)), np.ones((3, 2, 3, 3))], "cuda")
    assert len(pretend.USED) > 40 or not list(test_gradients.CASES)
    wrong = {
        f"{name} with {count} arguments and {keywords}": why
        for name, calls in sorted(pretend.USED.items())
        for count, keywords in sorted(calls)
        if (why := bound(name, count, keywords, cupy))
    }
    assert not wrong
    assert bound("nosuch", 1, (), cupy)
    assert bound("sum", 1, ("initial",), cupy)
    assert bound("ndarray.max", 0, ("initial",), cupy)
    assert bound("add", 2, ("where_else",), cupy)
