"""Convolution and its gradients: v1_direct, v2_shared (forward alone), v3_gemm; see ``kernels/cuda/conv2d``."""
