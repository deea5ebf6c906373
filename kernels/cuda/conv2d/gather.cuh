// Implicit GEMM as the matmul ladder's last rungs compute a product: 16-byte loads, warp tiles, two buffers.
//
// A product of matrices walks along rows of memory; a convolution's b does not: each element lies where its column and
// its k say, which takes divisions. So they are done once and kept as offsets, those of the next few k in shared memory
// ("precomputed indices", as cuDNN's IMPLICIT_PRECOMP_GEMM has them), and an element costs two additions and a look at
// the edge. Where four neighbours along k or along columns lie side by side in memory and the first is aligned, they
// come in one load of 16 bytes; at the edges, and for a tap that begins off the boundary, one by one.
// (NVIDIA, CUTLASS, "implicit GEMM convolution"; Chetlur et al. 2014, "cuDNN: efficient primitives for deep learning".)
#pragma once
#include "conv.cuh"
#include "quad.cuh"

constexpr int ROWS = 64, COLUMNS = 128, THREADS = 128;  // of a block: 64 x 128 elements; a warp makes 64 x 32

// A thread's part of a tile of OUTERS x DEEP numbers, on its way from global memory to shared memory: quads of four
// neighbours along k or along o, or as many single numbers. Neighbouring threads take neighbours in memory.
template <int OUTERS, int DEEP, bool ALONG_K>
struct Part {
    static constexpr int COUNT = OUTERS * DEEP / 4 / THREADS;
    static_assert(COUNT * 4 * THREADS == OUTERS * DEEP, "every thread moves as much");
    float value[COUNT][4];

    // Two threads share a sector of 32 bytes along k, and 16 rows follow: into shared memory they go by 32 banks.
    static __device__ __forceinline__ void quad(int n, int& o, int& k) {
        const int e = threadIdx.x + n * THREADS;
        o = ALONG_K ? e / 2 % OUTERS : e % (OUTERS / 4) * 4;
        k = ALONG_K ? (e % 2 + e / (2 * OUTERS) * 2) * 4 : e / (OUTERS / 4);
    }
    static __device__ __forceinline__ void single(int n, int& o, int& k) {
        const int e = threadIdx.x + n * THREADS;
        o = ALONG_K ? e / DEEP : e % OUTERS;
        k = ALONG_K ? e % DEEP : e / OUTERS;
    }

    // from.four(o, k, float[4]) or from.one(o, k)
    template <class From>
    __device__ __forceinline__ void fetch(bool quads, const From& from) {
        int o, k;
        if (quads) {
#pragma unroll
            for (int n = 0; n < COUNT; ++n) quad(n, o, k), from.four(o, k, value[n]);
        } else {
#pragma unroll
            for (int n = 0; n < 4 * COUNT; ++n) single(n, o, k), value[n / 4][n % 4] = from.one(o, k);
        }
    }

    // tile[k][o] = change(number)
    template <int STRIDE, class Change>
    __device__ __forceinline__ void put(bool quads, float (&tile)[DEEP][STRIDE], Change change) const {
        int o, k;
        if (quads && !ALONG_K) {
#pragma unroll
            for (int n = 0; n < COUNT; ++n) {
                quad(n, o, k);
                *reinterpret_cast<float4*>(&tile[k][o]) =
                    make_float4(change(value[n][0]), change(value[n][1]), change(value[n][2]), change(value[n][3]));
            }
        } else if (quads) {
#pragma unroll
            for (int n = 0; n < 4 * COUNT; ++n) quad(n / 4, o, k), tile[k + n % 4][o] = change(value[n / 4][n % 4]);
        } else {
#pragma unroll
            for (int n = 0; n < 4 * COUNT; ++n) single(n, o, k), tile[k][o] = change(value[n / 4][n % 4]);
        }
    }
};

// Elements of a: o counts from the block's first row, k from the tile's first one.
struct Rows {
    const Product& f;
    const Step* steps;
    int row0;
    __device__ __forceinline__ bool there(int o, int k) const { return row0 + o < f.rows && steps[k].a >= 0; }
    __device__ __forceinline__ float one(int o, int k) const { return there(o, k) ? f.a(row0 + o, steps[k]) : 0.0f; }
    __device__ __forceinline__ void four(int o, int k, float (&value)[4]) const {
        split(there(o, k) ? load4(f.left + ((row0 + o) * f.row + steps[k].a)) : make_float4(0, 0, 0, 0), value);
    }
};

// Elements of b; four neighbours, along k or along columns, lie in one row of a plane. A thread that moves neighbours
// along columns has one column, or four neighbours, all the time: `mine`.
template <bool ALONG_K>
struct Columns {
    const Product& f;
    const Step* steps;
    const Column *columns, &mine;
    __device__ __forceinline__ const Column& column(int o) const { return ALONG_K ? columns[o] : mine; }
    __device__ __forceinline__ float one(int o, int k) const { return f.b(column(o), steps[k]); }
    __device__ __forceinline__ void four(int o, int k, float (&value)[4]) const {
        const int h = column(o).h + steps[k].h, v = column(o).v + steps[k].v;
        const float* p = f.right + (column(o).at + steps[k].at);
        if (f.inside(h, v) && f.inside(h, v + 3) && aligned(p)) return split(load4(p), value);
#pragma unroll
        for (int n = 0; n < 4; ++n) value[n] = f.inside(h, v + n) ? p[n] : 0.0f;
    }
};

// What becomes of a sum before it is stored.
struct Plain {
    __device__ __forceinline__ float operator()(int, float sum) const { return sum; }
};

// LOOP does the arithmetic: LOOP::add(tile of a, tile of b), and at the end LOOP::each(write(row, column, values)).
template <class Loop, class Problem, class Finish>
__device__ __forceinline__ void product(const Problem& f, const Finish& finish) {
    constexpr int DEEP = Loop::DEEP;
    __shared__ Column columns[Problem::ALONG_K ? COLUMNS : 1];
    __shared__ Step steps[2][DEEP];
    __shared__ __align__(16) float tiles_a[2][DEEP][ROWS + Loop::MORE], tiles_b[2][DEEP][COLUMNS + Loop::MORE];
    const int row0 = blockIdx.y * ROWS, column0 = blockIdx.x * COLUMNS;
    if (column0 >= f.columns || row0 >= f.rows) return;  // all threads of the block alike
    const bool rows_of_four = Problem::A_ALONG_K ? f.row % 4 == 0 : f.row == 1 && f.rows % 4 == 0;
    const bool quads_a = rows_of_four && aligned(f.left), quads_b = f.neighbours();
    Part<ROWS, DEEP, Problem::A_ALONG_K> part_a;
    Part<COLUMNS, DEEP, Problem::ALONG_K> part_b;
    const int m = column0 + (quads_b && !Problem::ALONG_K ? threadIdx.x % (COLUMNS / 4) * 4 : threadIdx.x);
    const Column mine = m < f.columns ? f.column(m) : Column{0, FAR, 0};
    const auto note = [&](int k0, int now) {
        const int k = k0 + threadIdx.x;
        if (threadIdx.x < DEEP) steps[now][threadIdx.x] = k < f.end ? f.step(k) : Step{-1, 0, FAR, 0};
    };
    const auto fetch = [&](int now) {
        part_a.fetch(quads_a, Rows{f, steps[now], row0});
        part_b.fetch(quads_b, Columns<Problem::ALONG_K>{f, steps[now], columns, mine});
    };
    if (Problem::ALONG_K) columns[threadIdx.x] = mine;
    note(f.begin, 0);
    __syncthreads();
    fetch(0);
    Loop loop;
    for (int k0 = f.begin, now = 0; k0 < f.end; k0 += DEEP, now ^= 1) {
        part_a.put(quads_a, tiles_a[now], typename Loop::Change());
        part_b.put(quads_b, tiles_b[now], typename Loop::Change());
        note(k0 + DEEP, now ^ 1);
        __syncthreads();  // whoever comes here has finished with the other buffers, too
        fetch(now ^ 1);
        loop.add(tiles_a[now], tiles_b[now]);
    }
    const bool outs = f.outs();
    loop.each([&](int i, int j, auto& sums) {  // sums of neighbouring columns, two or four
        constexpr int COUNT = sizeof(sums) / sizeof(float);
        const int row = row0 + i, column = column0 + j;
        if (row >= f.rows) return;
#pragma unroll
        for (int n = 0; n < COUNT; ++n) sums[n] = finish(row, sums[n]);
        if (outs && COUNT == 4 && column < f.columns) {
            float* p = f.out(row, column);
            if (aligned(p)) {
                *reinterpret_cast<float4*>(p) = make_float4(sums[0], sums[1], sums[COUNT - 2], sums[COUNT - 1]);
                return;
            }
        }
#pragma unroll
        for (int n = 0; n < COUNT; ++n) {
            const int at = column + n;
            if (at < f.columns) *f.out(row, at) = sums[n];
        }
    });
}
