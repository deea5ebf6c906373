"""Convolution. Second rung: a patch of x in shared memory; see ``v2_shared.cu``."""

from ..shim import at, cuda, float32, kernel, split

TILE, CHANNELS = 16, 8


@kernel
def conv2d_v2_shared(x, w, y, N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups):  # noqa: E741
    shared = cuda.shared.array(0, float32)  # as much as the launch gives
    outputs, channels, across = O // groups, C // groups, (OW + TILE - 1) // TILE
    tx, ty = cuda.threadIdx.x % TILE, cuda.threadIdx.x // TILE
    i0, j0 = cuda.blockIdx.x // across * TILE, cuda.blockIdx.x % across * TILE  # the block's first place
    blocks = (outputs + CHANNELS - 1) // CHANNELS
    group, o0, n = cuda.blockIdx.y // blocks, cuda.blockIdx.y % blocks * CHANNELS, cuda.blockIdx.z
    rows, columns = (TILE - 1) * sh + (KH - 1) * dh + 1, (TILE - 1) * sw + (KW - 1) * dw + 1
    kernels = rows * columns  # the patch (rows, columns) comes first, then the kernels (CHANNELS, KH, KW)
    total = cuda.local.array(CHANNELS, float32)
    for o in range(CHANNELS):
        total[o] = 0
    for c in range(channels):
        plane = (n * C + group * channels + c) * H * W
        for e in range(cuda.threadIdx.x, rows * columns, TILE * TILE):
            i, j = split(e, columns)
            h, v = i0 * sh - ph + i, j0 * sw - pw + j
            shared[at(e)] = x[at(plane + h * W + v)] if h >= 0 and h < H and v >= 0 and v < W else float32(0)
        for e in range(cuda.threadIdx.x, CHANNELS * KH * KW, TILE * TILE):
            o, tap = split(e, KH * KW)
            if o0 + o < outputs:
                kernel_at = ((group * outputs + o0 + o) * channels + c) * (KH * KW)
                shared[at(kernels + e)] = w[at(kernel_at + tap)]
            else:
                shared[at(kernels + e)] = 0
        cuda.syncthreads()
        for p in range(KH):
            for q in range(KW):
                value = shared[at((ty * sh + p * dh) * columns + tx * sw + q * dw)]
                for o in range(CHANNELS):
                    total[o] += value * shared[at(kernels + (o * KH + p) * KW + q)]
        cuda.syncthreads()
    i, j = i0 + ty, j0 + tx
    for o in range(CHANNELS):
        if i < OH and j < OW and o0 + o < outputs:
            y[at(((n * O + group * outputs + o0 + o) * OH + i) * OW + j)] = total[o]
