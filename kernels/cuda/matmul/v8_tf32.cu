// v8: tensor cores. One instruction, mma.sync, multiplies 16 x 8 by 8 x 8 numbers, a whole warp together.
//
// Why it gains: a tensor core does 1024 fmas where a warp's 32 lanes do 32. So all that is not a multiplication has to
// shrink: (1) tiles go from global to shared memory by cp.async, past the registers, and lie there as they lie in the
// matrix; three of them, so that two are on their way while one is used. (2) A warp has 64 x 64 numbers of c and reads
// the operands of its 32 multiplications by 8 to 24 instructions, 8 k ahead of their use; the tiles' rows are 4 or 8
// longer than the tile, because then the lanes of one load find their numbers in 32 different banks. (3) The first
// operand of mma.sync is b's side, of which one load takes two neighbouring columns where b is row-major.
//
// The price is exactness: a tensor core reads 10 bits of a number's fraction (TF32), not 23. The other 13 are cut off and
// not rounded, because that costs nothing, and as cuBLAS has it: rounding would be one more instruction for each
// multiplication, or four with the care that infinity and NaN want. A number is off by up to 2^-10, a product by 2^-9;
// sums are kept in float32. The rung is therefore asked for by name and never the default. A bound of about 0.65 of
// cuBLAS is known for mma.sync on Hopper, whose own instruction is wgmma; an H200 reached 0.59 at 4096^3, and 0.22 when the
// tiles still went through registers. Source: PTX ISA, "mma.m16n8k8", "cp.async", "ldmatrix"; CUTLASS, "efficient GEMM".
#include "panel.cuh"
#include "ptx.cuh"
#include "quad.cuh"

constexpr int BM = 128, BK = 32, WARP = 64, STAGES = 3, STEPS = BK / 8;

// The tile as the matrix has it: neighbours along k, tile[o][k], or along o, tile[k][o].
template <bool ALONG_K, int OUTERS>
struct Tile {
    static constexpr bool K_NEXT = ALONG_K;
    static constexpr int STRIDE = ALONG_K ? BK + 4 : OUTERS + 8, SIZE = STRIDE * (ALONG_K ? OUTERS : BK);
};

__device__ __forceinline__ bool by_four(const Panel& p) {
    return aligned(p.data) && (p.inner == 1 ? p.outer % 4 == 0 && p.K % 4 == 0
                                            : p.outer == 1 && p.inner % 4 == 0 && p.count % 4 == 0);
}

// A thread's part of every tile, four neighbours at a time. Beyond the matrix's edges stands 0.
template <bool ALONG_K, int OUTERS, int THREADS>
struct Fours : Tile<ALONG_K, OUTERS> {
    static constexpr int IN_LINE = (ALONG_K ? BK : OUTERS) / 4, LINES = THREADS / IN_LINE;
    static constexpr int COUNT = OUTERS * BK / 4 / THREADS;
    const float* from;
    long long step, onward;  // to this thread's next four, to the next tile
    int to, o_left, k_left;

    __device__ __forceinline__ Fours(const Panel& p, int o0) {
        const int x = threadIdx.x % IN_LINE * 4, y = threadIdx.x / IN_LINE;
        const int o = o0 + (ALONG_K ? y : x), k = ALONG_K ? x : y;
        from = p.data + (long long)o * p.outer + (long long)k * p.inner;
        step = (long long)LINES * (ALONG_K ? p.outer : p.inner);
        onward = (long long)BK * p.inner;
        to = y * Tile<ALONG_K, OUTERS>::STRIDE + x;
        o_left = p.count - o, k_left = p.K - k;
    }

    // Starts one of the STEPS parts of this tile's way.
    __device__ __forceinline__ void copy(float* tile, int part) const {
#pragma unroll
        for (int n = part * COUNT / STEPS; n < (part + 1) * COUNT / STEPS; ++n) {
            const bool there = ALONG_K ? 0 < k_left && n * LINES < o_left : 0 < o_left && n * LINES < k_left;
            copy_async<16>(tile + to + n * LINES * Tile<ALONG_K, OUTERS>::STRIDE, from + n * step, there);
        }
    }
    __device__ __forceinline__ void advance() { from += onward, k_left -= BK; }
};

// The same for a matrix of any strides and alignment, one number at a time, into tile[o][k].
template <int OUTERS, int THREADS>
struct Ones : Tile<true, OUTERS> {
    static constexpr int COUNT = OUTERS * BK / THREADS;
    const float* from;
    long long step, onward;
    int to, to_step, o_step, k_step, o_left, k_left;

    __device__ __forceinline__ Ones(const Panel& p, int o0) {
        const bool along_k = p.inner <= p.outer;  // neighbouring threads take neighbouring addresses
        const int o = along_k ? threadIdx.x / BK : threadIdx.x % OUTERS;
        const int k = along_k ? threadIdx.x % BK : threadIdx.x / OUTERS;
        o_step = along_k ? THREADS / BK : 0, k_step = along_k ? 0 : THREADS / OUTERS;
        from = p.data + (long long)(o0 + o) * p.outer + (long long)k * p.inner;
        step = (long long)o_step * p.outer + (long long)k_step * p.inner;
        onward = (long long)BK * p.inner;
        to = o * Tile<true, OUTERS>::STRIDE + k, to_step = o_step * Tile<true, OUTERS>::STRIDE + k_step;
        o_left = p.count - o0 - o, k_left = p.K - k;
    }

    __device__ __forceinline__ void copy(float* tile, int part) const {
#pragma unroll 1
        for (int n = part * COUNT / STEPS; n < (part + 1) * COUNT / STEPS; ++n)
            copy_async<4>(tile + to + n * to_step, from + n * step, n * o_step < o_left && n * k_step < k_left);
    }
    __device__ __forceinline__ void advance() { from += onward, k_left -= BK; }
};

// The operands of a warp's 32 multiplications: columns j .. j + 63 and rows i .. i + 63, 8 k of both.
struct Operands {
    unsigned x[WARP / 16][4], y[WARP / 8][2];

    // Row q of x[r] is column j + 16 r + q; of tile[k][j], whose neighbours come together, j + 16 r + (0, 2 .. 14, 1 .. 15).
    template <class T>
    static __device__ __forceinline__ int place_x(int j, int lane) {
        return T::K_NEXT ? (j + lane % 16) * T::STRIDE + lane / 16 * 4 : lane % 4 * T::STRIDE + j + lane / 4 * 2;
    }
    template <class T>
    static __device__ __forceinline__ int place_y(int i, int lane) {
        return T::K_NEXT ? (i + lane / 16 * 8 + lane % 8) * T::STRIDE + lane / 8 % 2 * 4 : lane % 4 * T::STRIDE + i + lane / 4;
    }
    template <class TA, class TB>
    __device__ __forceinline__ void load(const float* a, const float* b, int k) {
#pragma unroll
        for (int r = 0; r < WARP / 16; ++r)
            if (TB::K_NEXT) {
                load_matrices(x[r][0], x[r][1], x[r][2], x[r][3], b + 16 * r * TB::STRIDE + k);
            } else {
#pragma unroll
                for (int q = 0; q < 4; q += 2) {
                    const float2 two = *reinterpret_cast<const float2*>(b + (k + 2 * q) * TB::STRIDE + 16 * r);
                    x[r][q] = __float_as_uint(two.x), x[r][q + 1] = __float_as_uint(two.y);
                }
            }
#pragma unroll
        for (int s = 0; s < WARP / 8; s += 2)
            if (TA::K_NEXT) {
                load_matrices(y[s][0], y[s][1], y[s + 1][0], y[s + 1][1], a + 8 * s * TA::STRIDE + k);
            } else {
#pragma unroll
                for (int q = 0; q < 4; ++q)
                    y[s + q / 2][q % 2] = __float_as_uint(a[(k + q % 2 * 4) * TA::STRIDE + 8 * (s + q / 2)]);
            }
    }
};

__device__ __forceinline__ void store1(float* c, int M, int N, int i, int j, float x) {
    if (i < M && j < N) c[(long long)i * N + j] = x;
}

__device__ __forceinline__ void store2(float* c, int M, int N, int i, int j, float x, float y) {
    if (i >= M) return;
    c += (long long)i * N + j;
    if (j + 1 < N && reinterpret_cast<size_t>(c) % 8 == 0) {
        *reinterpret_cast<float2*>(c) = make_float2(x, y);
        return;
    }
    if (j < N) c[0] = x;
    if (j + 1 < N) c[1] = y;
}

// A block makes 128 x BN numbers, a warp 64 x 64. Shared memory holds STAGES times a tile of a and a tile of b.
template <class A, class B>
__device__ __forceinline__ void product(const Panel& rows, const Panel& columns, float* c, int M, int N, int j0, float* shared) {
    constexpr int STAGE = A::SIZE + B::SIZE;
    const int i0 = blockIdx.x * BM, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int i = warp % (BM / WARP) * WARP, j = warp / (BM / WARP) * WARP;
    const float* const mine_a = shared + Operands::place_y<A>(i, lane);
    const float* const mine_b = shared + A::SIZE + Operands::place_x<B>(j, lane);
    A copies_a(rows, i0);
    B copies_b(columns, j0);
    float sum[WARP / 16][WARP / 8][4] = {};
    Operands operands[2];
    for (int stage = 0; stage < STAGES - 1; ++stage) {
#pragma unroll
        for (int part = 0; part < STEPS; ++part) {
            copies_a.copy(shared + stage * STAGE, part);
            copies_b.copy(shared + stage * STAGE + A::SIZE, part);
        }
        copies_a.advance(), copies_b.advance();
        commit_copies();
    }
    wait_copies<STAGES - 2>();  // the first tile has come, as far as this thread has copied it
    __syncthreads();            // and as far as the others have
    operands[0].load<A, B>(mine_a, mine_b, 0);
    int now = 0, next = (STAGES - 1) * STAGE;
    for (int k0 = 0; k0 < rows.K; k0 += BK) {
#pragma unroll
        for (int step = 0; step < STEPS; ++step) {
            copies_a.copy(shared + next, step);
            copies_b.copy(shared + next + A::SIZE, step);
            if (step == STEPS - 1) {  // whoever comes to this barrier has read all of this tile
                commit_copies();
                wait_copies<STAGES - 2>();
                __syncthreads();
                copies_a.advance(), copies_b.advance();
                next = now;
                now = now == (STAGES - 1) * STAGE ? 0 : now + STAGE;
            }
            operands[(step + 1) % 2].load<A, B>(mine_a + now, mine_b + now, (step + 1) % STEPS * 8);
#pragma unroll
            for (int r = 0; r < WARP / 16; ++r)
#pragma unroll
                for (int s = 0; s < WARP / 8; ++s) mma_tf32(sum[r][s], operands[step % 2].x[r], operands[step % 2].y[s]);
        }
    }
    const int g = lane / 4, t = lane % 4;
#pragma unroll
    for (int r = 0; r < WARP / 16; ++r)
#pragma unroll
        for (int s = 0; s < WARP / 8; ++s)
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                const int row = i0 + i + 8 * s + 2 * t + h, column = j0 + j + 16 * r;
                if (B::K_NEXT) {
                    store1(c, M, N, row, column + g, sum[r][s][h]);
                    store1(c, M, N, row, column + g + 8, sum[r][s][h + 2]);
                } else {
                    store2(c, M, N, row, column + 2 * g, sum[r][s][h], sum[r][s][h + 2]);
                }
            }
}

// The operands' layouts decide, the same way for all threads.
template <int BN>
__device__ __forceinline__ void choose(const Panel& a, const Panel& b, float* c, int M, int N, float* shared) {
    constexpr int THREADS = BM / WARP * (BN / WARP) * 32;
    const int j0 = blockIdx.y * BN;
    if (!by_four(a) || !by_four(b))
        product<Ones<BM, THREADS>, Ones<BN, THREADS>>(a, b, c, M, N, j0, shared);
    else if (a.inner == 1 && b.inner == 1)
        product<Fours<true, BM, THREADS>, Fours<true, BN, THREADS>>(a, b, c, M, N, j0, shared);
    else if (a.inner == 1)
        product<Fours<true, BM, THREADS>, Fours<false, BN, THREADS>>(a, b, c, M, N, j0, shared);
    else if (b.inner == 1)
        product<Fours<false, BM, THREADS>, Fours<true, BN, THREADS>>(a, b, c, M, N, j0, shared);
    else
        product<Fours<false, BM, THREADS>, Fours<false, BN, THREADS>>(a, b, c, M, N, j0, shared);
}

extern "C" __global__ void __launch_bounds__(128, 2)
    matmul_v8_tf32(const float* a, const float* b, float* c, int M, int N, int K, int a_row, int a_col,
                   long long a_batch, int b_row, int b_col, long long b_batch) {
    extern __shared__ __align__(16) float shared[];
    const Panel rows = {a + blockIdx.z * a_batch, M, K, a_row, a_col};
    const Panel columns = {b + blockIdx.z * b_batch, N, K, b_col, b_row};
    choose<128>(rows, columns, c + (long long)blockIdx.z * M * N, M, N, shared);
}

// Tiles of 128 x 256 where there are enough of them: a number from global memory serves up to twice as often.
extern "C" __global__ void __launch_bounds__(256, 1)
    matmul_v8_tf32_wide(const float* a, const float* b, float* c, int M, int N, int K, int a_row, int a_col,
                        long long a_batch, int b_row, int b_col, long long b_batch) {
    extern __shared__ __align__(16) float shared[];
    const Panel rows = {a + blockIdx.z * a_batch, M, K, a_row, a_col};
    const Panel columns = {b + blockIdx.z * b_batch, N, K, b_col, b_row};
    choose<256>(rows, columns, c + (long long)blockIdx.z * M * N, M, N, shared);
}
