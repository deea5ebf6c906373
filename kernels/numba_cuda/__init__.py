"""The ladder's teaching rungs in Numba: names, parameters and launches are those of the CUDA C++ files.

    from minigen.kernels.numba_cuda.matmul.v3_shared import matmul_v3_shared
    grid, block, _ = RUNGS["v3_shared"].launch(M, N)              # of minigen.kernels.cuda.matmul
    matmul_v3_shared[grid, block](a, b, c, M, N, K, ...)          # a, b, c: flat arrays, as pointers are

Lay a file beside its ``.cu``: line by line it says the same. Numba (``pip install "minigen[numba]"``) compiles Python
for a GPU. Without one, its simulator runs the kernels if NUMBA_ENABLE_CUDASIM=1 is set before Numba is imported.
"""
