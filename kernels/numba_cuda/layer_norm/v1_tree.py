"""Layer norm of each row: y = (x - mean) / sqrt(var + eps) * weight + bias. First rung: trees; see ``v1_tree.cu``."""

from ..norm import statistics
from ..shim import at, cuda, device, float32, kernel

THREADS = 256


@device
def tree(value, part):
    cuda.syncthreads()  # an earlier sum may still be read
    part[cuda.threadIdx.x] = value
    cuda.syncthreads()
    half = THREADS // 2
    while half > 0:
        if cuda.threadIdx.x < half:
            part[cuda.threadIdx.x] += part[cuda.threadIdx.x + half]
        cuda.syncthreads()
        half //= 2
    return part[0]


@kernel
def layer_norm_v1_tree(x, weight, bias, y, mean, rstd, rows, n, eps):
    part = cuda.shared.array(THREADS, float32)
    row, start = cuda.blockIdx.x, cuda.blockIdx.x * n
    total, d_sum, d2_sum = float32(0), float32(0), float32(0)
    for i in range(cuda.threadIdx.x, n, THREADS):
        total += x[at(start + i)]
    high = tree(total, part) / float32(n)
    for i in range(cuda.threadIdx.x, n, THREADS):
        d = x[at(start + i)] - high
        d_sum += d
        d2_sum += d * d
    d_sum = tree(d_sum, part)
    low, scale = statistics(d_sum, tree(d2_sum, part), n, eps)
    for i in range(cuda.threadIdx.x, n, THREADS):
        value = ((x[at(start + i)] - high) - low) * scale
        if weight is not None:
            value *= weight[at(i)]
        if bias is not None:
            value += bias[at(i)]
        y[at(start + i)] = value
    if cuda.threadIdx.x == 0:
        mean[2 * row], mean[2 * row + 1], rstd[row] = high, low, scale
