"""Matrix products: v1_naive, v2_coalesced, v3_shared, v4_register_1d, v5_register_2d; see ``kernels/cuda/matmul``."""
