"""Sums and maxima of a block of threads, in an order that never changes; see ``block.cuh``."""

from typing import Any

from .shim import cuda, device, float32

WARP, ALL_LANES = 32, 0xFFFFFFFF


@device
def add(a, b):
    return a + b


@device
def larger(a, b):
    return a if a > b or a != a else b  # NaN wins


def over(op: Any) -> Any:
    """``of_block`` for one operation: what ``of_block<Op>`` is in C++."""

    @device
    def of_warp(value):
        step = WARP // 2
        while step > 0:
            value = op(value, cuda.shfl_xor_sync(ALL_LANES, value, step))
            step //= 2
        return value

    @device
    def of_block(value, shared, nothing):
        value = of_warp(value)
        lane, warp, warps = cuda.threadIdx.x % WARP, cuda.threadIdx.x // WARP, cuda.blockDim.x // WARP
        cuda.syncthreads()  # an earlier result may still be read
        if lane == 0:
            shared[warp] = value
        cuda.syncthreads()
        return of_warp(shared[lane] if lane < warps else nothing)

    return of_block


max_of_block, added = over(larger), over(add)


@device
def sum_of_block(value, shared):
    return added(value, shared, float32(0))
