"""The CUDA backend: NumpyBackend on a GPU's arrays, with the kernels of ``minigen.kernels.cuda`` where they are chosen.

It is written over an array module ``xp`` and a launcher ``launch(kernel, grid, block, args)``: CuPy and its compiler on
a GPU, NumPy and the emulator in tests. What the specification says in NumPy's functions runs on CuPy's arrays as it
stands, for NumPy hands a call over to the arrays that it is given (NEP 13, 18 and 35).

    composed.py      the rest of the specification for a GPU, and which of our kernels computes what
    rows.py          sums, softmax, cross-entropy, layer norm, embedding, dropout
    channels.py      batch and group norm
    convolution.py   convolution and its gradients
    updates.py       products of matrices, Adam
    pointwise.py     activations, binary cross-entropy
    launch.py        how a kernel is started, and the checks before it; in_numba.py: the rungs in Numba
    pretend.py       a GPU for tests; loading.py: which of them there is
"""

from __future__ import annotations

from .pointwise import Pointwise


class CudaBackend(Pointwise):
    """NumpyBackend on the arrays of ``xp``."""
