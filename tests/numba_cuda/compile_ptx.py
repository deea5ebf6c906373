"""Compiles every Numba rung to PTX for sm_80 and sm_90, which takes no GPU; what the simulator lets pass fails here.

The types are those that the CUDA C++ file declares; a pointer that may be null is tried as None, too.
"""

import gc
import importlib
import sys
from types import SimpleNamespace
from unittest import mock

import numpy as np
from numba import cuda, from_dtype, types

from minigen.backend.cuda.in_numba import rungs
from minigen.backend.cuda.launch import parameters

MAY_BE_NULL = ("weight", "bias")
SPLIT = ("conv2d_v1_direct", "conv2d_v3_gemm")  # all of their remainders come from split(), in 32 bits
SHARED = ("v1_tree", "v2_warp", "v2_shared", "v3", "v4", "v5")


def signatures(declared):
    def kinds(null):
        for name, kind, pointer in declared:
            if pointer:
                yield types.none if null and name in MAY_BE_NULL else from_dtype(np.dtype(kind))[::1]
            else:
                yield from_dtype(np.dtype(kind))

    return dict.fromkeys(tuple(kinds(null)) for null in (False, True))


def compile_for(version, kernel, signature):
    for known in gc.get_objects():  # what kernels call was compiled for the version before
        if isinstance(known, cuda.dispatcher.CUDADispatcher):
            known.overloads.clear()
    pretended = SimpleNamespace(compute_capability=version)  # of whom Numba asks, for functions that kernels call
    with mock.patch("numba.cuda.dispatcher.get_current_device", lambda: pretended):
        return cuda.compile_ptx(kernel.py_func, signature, cc=version)[0]


for file in sys.argv[1:] or rungs():
    module = importlib.import_module(f"minigen.kernels.numba_cuda.{file.replace('/', '.')}")
    for name, declared in parameters(file).items():
        for signature in signatures(declared):
            for version in ((8, 0), (9, 0)):
                ptx = compile_for(version, getattr(module, name), signature)
                assert f".target sm_{version[0]}{version[1]}" in ptx, ptx[:300]
                assert ".f64" not in ptx, f"{name}: not in float32 throughout"
                assert "fma.rn.f32" in ptx or file.startswith("reduce/"), f"{name}: no multiply-add"
                assert (".shared" in ptx) == file.split("/")[1].startswith(SHARED), f"{name}: shared memory"
                assert ("shfl.sync.bfly" in ptx) == file.endswith("v2_warp"), f"{name}: shuffles"
                assert ".local" not in ptx, f"{name}: local memory"
                assert "rem.s64" not in ptx or name not in SPLIT, f"{name}: a remainder of 64 bits"
        print("compiled", name)
