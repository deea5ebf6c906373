"""How the rungs see their operands: number (o, k) of count x K stands at data[first + o * outer + k * inner]."""

from ..shim import at, cuda, device, float32


@device
def fill(tile, threads, outers, depth, data, first, count, K, outer, inner, o0, k0):
    """tile[k, o] = number (o0 + o, k0 + k) of the panel, 0 beyond its edges; neighbours take neighbouring addresses."""
    for e in range(cuda.threadIdx.x, outers * depth, threads):
        if inner == 1:
            o, k = e // depth, e % depth
        else:
            o, k = e % outers, e // outers
        if o0 + o < count and k0 + k < K:
            tile[k, o] = data[at(first + (o0 + o) * outer + (k0 + k) * inner)]
        else:
            tile[k, o] = float32(0)
