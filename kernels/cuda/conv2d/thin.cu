// A convolution with few rows: an image of one to four channels, whose tile of 64 rows would be mostly zeros.
//
// 32 neighbouring columns belong to the lanes of a warp, each of which keeps all rows of its column; a block's four warps
// share k. The steps of 128 k and their weights stand in shared memory, so an element of b costs one load, and a lane has
// eight of them on their way.
#include "conv.cuh"

constexpr int LANES = 32, QUARTERS = 4, CHUNK = LANES * QUARTERS;

template <int ROWS, class Problem>
__device__ __forceinline__ void product(const Problem& f, const float* bias, float slope) {
    __shared__ Step steps[CHUNK];
    __shared__ float weights[ROWS][CHUNK], sums[QUARTERS][ROWS][LANES];
    const int lane = threadIdx.x % LANES, quarter = threadIdx.x / LANES, column = blockIdx.x * LANES + lane;
    if (blockIdx.x * LANES >= f.columns) return;  // all threads of the block alike
    const Column mine = column < f.columns ? f.column(column) : Column{0, FAR, 0};
    float sum[ROWS] = {};
    for (int k0 = f.begin; k0 < f.end; k0 += CHUNK) {
        const int k = k0 + threadIdx.x;
        const bool there = k < f.end;
        const Step step = there ? f.step(k) : Step{0, 0, FAR, 0};
        __syncthreads();  // whoever comes here has finished with the chunk before
        steps[threadIdx.x] = step;
#pragma unroll
        for (int r = 0; r < ROWS; ++r) weights[r][threadIdx.x] = there && r < f.rows ? f.a(r, step) : 0.0f;
        __syncthreads();
#pragma unroll 4
        for (int i = quarter * LANES; i < (quarter + 1) * LANES; ++i) {
            const float b = f.b(mine, steps[i]);
#pragma unroll
            for (int r = 0; r < ROWS; ++r) sum[r] += weights[r][i] * b;
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; ++r) sums[quarter][r][lane] = sum[r];
    __syncthreads();
    if (quarter >= f.rows || column >= f.columns) return;
    const float total = (sums[0][quarter][lane] + sums[1][quarter][lane]) + (sums[2][quarter][lane] + sums[3][quarter][lane]);
    const float v = bias ? total + bias[f.group * f.rows + quarter] : total;
    *f.out(quarter, column) = v < 0 ? slope * v : v;  // warp r writes row r
}

template <class Problem>
__device__ __forceinline__ void few(const Problem& f, const float* bias, float slope) {
    if (f.rows == 1) product<1>(f, bias, slope);
    else product<4>(f, bias, slope);
}

// With a bias, y = max(v, slope v) for v = sum + bias; slope 1 leaves v.
extern "C" __global__ void __launch_bounds__(CHUNK) conv2d_thin(const float* x, const float* w, float* y,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups, const float* bias, float slope) {
    few(Forward({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, x, w, y), bias, slope);
}

extern "C" __global__ void __launch_bounds__(CHUNK) conv2d_input_thin(const float* g, const float* w, float* dx,
    int N, int C, int H, int W, int O, int KH, int KW, int OH,
    int OW, int sh, int sw, int ph, int pw, int dh, int dw, int groups) {
    __shared__ Taps taps[2];
    few(Input({N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups}, g, w, dx, taps), nullptr, 1);
}
