"""The Numba rungs: right in Numba's simulator, accepted by its compiler, and the same as the CUDA C++ files to look at.

Each runs in a process of its own, because Numba decides on import whether it simulates.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_report import COMPILED, SIMULATED
from minigen.kernels.cuda.matmul import RUNGS
from minigen.kernels.source import inlined, kernels

HERE = Path(__file__).parent
NUMBA = importlib.util.find_spec("numba") is not None
INSTALL = "pip install 'minigen[numba]'"
NAMES = ["v1_naive", "v2_coalesced", "v3_shared", "v4_register_1d", "v5_register_2d"]


def run(script: str, **environment: str) -> list[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA")} | environment
    done = subprocess.run([sys.executable, str(HERE / script)], env=env, capture_output=True, text=True)
    if "DynamicLibNotFoundError" in done.stderr or "NvvmSupportError" in done.stderr:
        pytest.skip(f"NOT RUN: Numba finds no compiler ({INSTALL}): {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split()[1] for line in done.stdout.splitlines()]


def test_parameters_are_those_of_the_cuda_files():
    for name in NAMES:
        module = importlib.import_module(f"minigen.kernels.numba_cuda.matmul.{name}")
        function = getattr(module, f"matmul_{name}").py_func
        code = function.__code__
        theirs = [parameter for _, parameter in kernels(inlined(RUNGS[name].path))[f"matmul_{name}"]]
        assert list(code.co_varnames[: code.co_argcount]) == theirs


@pytest.mark.skipif(not NUMBA, reason=f"NOT RUN: Numba is not installed ({INSTALL})")
def test_right_in_the_simulator():
    simulated = run("simulate.py", NUMBA_ENABLE_CUDASIM="1")
    assert simulated == [f"matmul_{name}" for name in NAMES]
    SIMULATED.update(f"numba {name}" for name in simulated)


@pytest.mark.skipif(not NUMBA, reason=f"NOT RUN: Numba is not installed ({INSTALL})")
def test_compiled_to_ptx_without_a_gpu():
    compiled = run("compile_ptx.py")
    assert compiled == [f"matmul_{name}" for name in NAMES]
    COMPILED.update(f"numba {name}" for name in compiled)


@pytest.mark.skipif(NUMBA, reason="Numba is installed")
def test_without_numba_the_launch_says_what_to_install():
    from minigen.kernels.numba_cuda.matmul.v1_naive import matmul_v1_naive

    with pytest.raises(ImportError, match=r"pip install \"minigen\[numba\]\""):
        matmul_v1_naive[(1,), (1,)]
