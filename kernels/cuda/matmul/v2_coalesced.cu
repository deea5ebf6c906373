// v2: x and y change places: a thread's neighbour computes the number to the right.
//
// Why it gains: a warp holds 32 columns j of one row. Its loads of b and its stores are 128 neighbouring bytes, 4 sectors
// where v1 needed 32, and all its lanes read the same element of a, which is one sector for all. Not one addition is
// saved. Expect about 6 times v1 (Boehm 2022, "global memory coalescing"). What is left: every number of a and b is
// fetched again for every number of c that it goes into.
extern "C" __global__ void matmul_v2_coalesced(const float* a, const float* b, float* c, int M, int N, int K, int a_row,
                                               int a_col, long long a_batch, int b_row, int b_col, long long b_batch) {
    const int i = blockIdx.x * blockDim.y + threadIdx.y;
    const int j = blockIdx.y * blockDim.x + threadIdx.x;
    if (i >= M || j >= N) return;
    a += blockIdx.z * a_batch + (long long)i * a_row;
    b += blockIdx.z * b_batch + (long long)j * b_col;
    float sum = 0;
    for (int k = 0; k < K; ++k) sum += a[(long long)k * a_col] * b[(long long)k * b_row];
    c[((long long)blockIdx.z * M + i) * N + j] = sum;
}
