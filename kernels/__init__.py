"""The GPU kernels, their ladders and the benchmark harness, imported as `minigen.kernels`.

The folder stands beside `minigen/`, because kernels are read and tuned by themselves: they take arrays and sizes,
never Tensors.
"""
