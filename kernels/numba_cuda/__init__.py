"""The ladders' teaching rungs in Numba: names, parameters and launches are those of the CUDA C++ files.

    from minigen.kernels.numba_cuda.matmul.v3_shared import matmul_v3_shared
    grid, block, _ = RUNGS["v3_shared"].launch(M, N)              # of minigen.kernels.cuda.matmul
    matmul_v3_shared[grid, block](a, b, c, M, N, K, ...)          # a, b, c: flat arrays, as pointers are

Lay a file beside its ``.cu``: line by line it says the same. Numba (``pip install "minigen[numba]"``) compiles Python
for a GPU. Without one, its simulator runs the kernels if NUMBA_ENABLE_CUDASIM=1 is set before Numba is imported.

What stays in CUDA C++ alone: the rungs that move 16 bytes in one instruction (Numba's arrays have no float4) and those
on tensor cores (no mma.sync). Two habits of Numba's show in every file: int32 / int32 and int * float are float64, so
sizes are turned into float32 by name; and the size of a shared or local array must be a constant.
"""
