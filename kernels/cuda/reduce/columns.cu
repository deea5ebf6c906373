// The sum of each column: x (rows, n) -> y (splits, n), part s over rows s, s + splits, ...; with splits = 1 the sum.
//
// A warp reads 32 neighbouring columns of a row: one transaction of 128 bytes. Eight warps take every eighth row and
// meet in shared memory, where one adds their sums in order. Few columns and many rows would leave most of the GPU
// idle, so the rows are split among blocks, and a second launch adds the splits: always the same additions in the same
// order, which float atomics would not give.
#define COLUMNS 32
#define WARPS 8

extern "C" __global__ void reduce_columns(const float* x, float* y, int rows, int n, int splits) {
    __shared__ float part[WARPS][COLUMNS];
    const int column = blockIdx.x * COLUMNS + threadIdx.x;
    float sum = 0;
    if (column < n) {
        for (int row = blockIdx.y + splits * threadIdx.y; row < rows; row += splits * WARPS) {
            sum += x[(long long)row * n + column];
        }
    }
    part[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y == 0 && column < n) {
        for (int w = 1; w < WARPS; w++) sum += part[w][threadIdx.x];
        y[(long long)blockIdx.y * n + column] = sum;
    }
}
