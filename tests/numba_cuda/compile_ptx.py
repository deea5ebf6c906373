"""Compiles every Numba rung to PTX for sm_80 and sm_90, which takes no GPU; what the simulator lets pass fails here."""

from types import SimpleNamespace
from unittest import mock

from minigen.kernels.numba_cuda.matmul.panel import fill
from numba import cuda, float32, int32
from simulate import NAMES, function

SIGNATURE = (float32[::1],) * 3 + (int32,) * 9

for name in NAMES:
    for version in ((8, 0), (9, 0)):
        fill.overloads.clear()
        pretended = SimpleNamespace(compute_capability=version)  # of whom Numba asks, for functions that kernels call
        with mock.patch("numba.cuda.dispatcher.get_current_device", lambda pretended=pretended: pretended):
            ptx, _ = cuda.compile_ptx(function(name).py_func, SIGNATURE, cc=version)
        assert f".target sm_{version[0]}{version[1]}" in ptx, ptx[:300]
        assert "fma.rn.f32" in ptx and ".f64" not in ptx, f"{name}: not in float32 throughout"
        assert (".shared" in ptx) == (name > "v3"), name
    print("compiled", f"matmul_{name}")
