"""Runs unmodified CUDA C++ kernels on a CPU, and says in words what is wrong with them.

    module = emulator.load("saxpy.cu")                          # compiles with g++, once: the library is kept
    module.get_function("saxpy")((4,), (256,), (a, x, y, n))    # as cupy.RawKernel: grid, block, arguments

Each CUDA thread is a fiber that runs until it has to wait for others (``runtime.cc``). With ``checked=True`` every
access to memory is looked at (``checks.cc``): what lies outside of an array, what nobody has written, what two threads
touch without a barrier between them. What it cannot show: a GPU's speed, its memory order, and instructions that it
lacks (wgmma, bulk copies, textures, cooperative groups).
"""

from .build import CompileError
from .loading import load
from .module import Kernel, KernelError, Module, empty

__all__ = ["CompileError", "Kernel", "KernelError", "Module", "empty", "load"]
