// Rows of a table by number, y[i] = w[ids[i]], and the gradient: dw[v] = sum of delta[i] over all i with ids[i] = v.
//
// Adding with atomics would give other roundings in every run. Here a block owns one row of the table: its threads look
// through the ids together, a block's worth at a time, and whoever finds the row's number notes its place in shared
// memory, in order; then each thread adds its columns of those rows of delta. The ids are read once per row of the
// table, from the second-level cache: n V / 256 steps. Row `padding` gets zeros; -1: no row does.
#include "block.cuh"
#define THREADS 256

extern "C" __global__ void embedding(const float* w, const long long* ids, float* y, int n, int columns) {
    const int i = blockIdx.x;
    const float* row = w + ids[i] * columns;
    for (int d = threadIdx.x; d < columns; d += THREADS) y[(long long)i * columns + d] = row[d];
}

extern "C" __global__ void embedding_vjp(const float* delta, const long long* ids, float* dw, int n, int columns,
                                         int padding) {
    __shared__ int places[THREADS];
    __shared__ int counts[THREADS / WARP];
    const int v = blockIdx.x, lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    float* row = dw + (long long)v * columns;
    for (int d = threadIdx.x; d < columns; d += THREADS) row[d] = 0;
    if (v == padding) return;
    for (int start = 0; start < n; start += THREADS) {
        const int i = start + threadIdx.x;
        const bool mine = i < n && ids[i] == v;
        const unsigned found = __ballot_sync(ALL_LANES, mine);  // bit l: did lane l find one?
        if (lane == 0) counts[warp] = __popc(found);
        __syncthreads();
        int before = 0, total = 0;
        for (int w = 0; w < THREADS / WARP; w++) {
            before += w < warp ? counts[w] : 0;
            total += counts[w];
        }
        if (mine) places[before + __popc(found & ((1u << lane) - 1))] = i;
        __syncthreads();
        for (int d = threadIdx.x; d < columns; d += THREADS) {
            float sum = row[d];
            for (int k = 0; k < total; k++) sum += delta[(long long)places[k] * columns + d];
            row[d] = sum;
        }  // the next round writes places and counts where all have passed one barrier more
    }
}
