"""The Numba rungs: right in Numba's simulator, accepted by its compiler, and the same as the CUDA C++ files to look at.

Numba decides on import whether it simulates, so each has a process of its own; they run side by side.
"""

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kernel_report import COMPILED, SIMULATED

from minigen.backend.cuda import CudaBackend
from minigen.backend.cuda.composed import OURS
from minigen.backend.cuda.in_numba import InNumba, rungs
from minigen.backend.cuda.launch import Emulated, parameters

HERE = Path(__file__).parent
NUMBA = importlib.util.find_spec("numba") is not None
INSTALL = "pip install 'minigen[numba]'"
needs_numba = pytest.mark.skipif(not NUMBA, reason=f"NOT RUN: Numba is not installed ({INSTALL})")
KERNELS = [(file, name) for file in rungs() for name in parameters(file)]


def test_every_ladder_has_rungs_in_numba():
    assert {file.split("/")[0] for file in rungs()} == {"conv2d", "layer_norm", "matmul", "reduce", "softmax"}


@pytest.mark.parametrize(("file", "name"), KERNELS)
def test_parameters_are_those_of_the_cuda_file(file, name):
    module = importlib.import_module(f"minigen.kernels.numba_cuda.{file.replace('/', '.')}")
    code = getattr(module, name).py_func.__code__
    assert list(code.co_varnames[: code.co_argcount]) == [parameter for parameter, _, _ in parameters(file)[name]]


@pytest.fixture(scope="module")
def finished():
    """{script: its exit status, output, complaints}"""
    plain = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = {
        script: subprocess.Popen([sys.executable, str(HERE / script)], env=env, **pipes)
        for script, env in (("simulate.py", {**plain, "NUMBA_ENABLE_CUDASIM": "1"}), ("compile_ptx.py", plain))
    }
    try:
        said = {script: process.communicate() for script, process in running.items()}
        yield {script: (process.returncode, *said[script]) for script, process in running.items()}
    finally:
        for process in running.values():
            process.kill()


def names(status, output, complaints):
    """The kernels that a script's lines name."""
    if "DynamicLibNotFoundError" in complaints or "NvvmSupportError" in complaints:
        pytest.skip(f"NOT RUN: Numba finds no compiler ({INSTALL}): {complaints.splitlines()[-1]}")
    assert status == 0, output + complaints
    return {line.split()[1] for line in output.splitlines()}


@needs_numba
@pytest.mark.slow
def test_right_in_the_simulator(finished):
    simulated = names(*finished["simulate.py"])
    assert simulated == {name for _, name in KERNELS}
    SIMULATED.update(f"numba {name}" for name in simulated)


@needs_numba
@pytest.mark.slow
def test_compiled_to_ptx_without_a_gpu(finished):
    compiled = names(*finished["compile_ptx.py"])
    assert compiled == {name for _, name in KERNELS}
    COMPILED.update(f"numba {name}" for name in compiled)


def test_what_has_no_rung_in_numba_runs_elsewhere():
    launcher = InNumba(np, Emulated())
    x = np.ones((2, 5), np.float32)
    be = CudaBackend(np, launcher, "emulator", "cpu", OURS).with_kernel("sum", "v3_vector")
    assert be.sum(x, (1,), False, np.dtype(np.float32)).tolist() == [5, 5]
    assert not launcher.launched


@pytest.mark.parametrize("shape", [(2, 3), (4, 1), (1,)])
def test_arrays_go_flat_to_numba(shape):
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    flat = InNumba(np, Emulated()).flat(x.T)
    assert flat.tolist() == x.ravel().tolist() and np.shares_memory(flat, x)


WITHOUT = """
import sys
sys.modules["numba"] = None        # as if it were not there
from minigen.kernels.numba_cuda.matmul.v1_naive import matmul_v1_naive
matmul_v1_naive[(1,), (1,)]
"""


def test_without_numba_the_launch_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=120)
    words = 'ImportError: matmul_v1_naive needs Numba: pip install "minigen[numba]"'
    assert done.returncode == 1 and words in done.stderr
