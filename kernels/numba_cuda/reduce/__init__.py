"""Sums of rows: v1_tree, v2_warp; see ``kernels/cuda/reduce``."""
