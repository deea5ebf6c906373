// v1: a thread computes one number of c = a b, and its neighbour the one below.
//
// Batch z of a has element (i, k) at a[z * a_batch + i * a_row + k * a_col], b likewise; c is (batches, M, N), contiguous.
// It is slow because of who sits beside whom: the 32 threads of a warp run in step, and here they hold 32 rows i. Their
// loads of a and their stores lie a whole row apart, so that one instruction fetches 32 sectors of 32 bytes and uses 4
// bytes of each. Measured rungs of this kind reach 1-2% of cuBLAS (Boehm, "How to optimize a CUDA matmul kernel", 2022).
extern "C" __global__ void matmul_v1_naive(const float* a, const float* b, float* c, int M, int N, int K, int a_row,
                                           int a_col, long long a_batch, int b_row, int b_col, long long b_batch) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    const int j = blockIdx.y * blockDim.y + threadIdx.y;
    if (i >= M || j >= N) return;
    a += blockIdx.z * a_batch + (long long)i * a_row;
    b += blockIdx.z * b_batch + (long long)j * b_col;
    float sum = 0;
    for (int k = 0; k < K; ++k) sum += a[(long long)k * a_col] * b[(long long)k * b_row];
    c[((long long)blockIdx.z * M + i) * N + j] = sum;
}
