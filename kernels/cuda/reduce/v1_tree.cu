// The sum of each row: x (rows, n) -> y (rows). First rung: a tree in shared memory.
//
// One block per row. Each thread adds every 256th element, then half of the threads add the other half's sums, then a
// quarter, and so on: log2(256) = 8 rounds, with a barrier after each, for a thread reads what another one wrote.
// Threads beyond the half do nothing, so whole warps retire early: the stride halves from above (M. Harris,
// "Optimizing Parallel Reduction in CUDA", 2007, kernel 3), and no two threads of a warp meet in one bank.
#define THREADS 256

extern "C" __global__ void reduce_v1_tree(const float* x, float* y, int rows, int n) {
    __shared__ float part[THREADS];
    const float* row = x + (long long)blockIdx.x * n;
    float sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += row[i];
    part[threadIdx.x] = sum;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) y[blockIdx.x] = part[0];
}
