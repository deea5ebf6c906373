// Convolution and its two gradients as matrix products whose matrices are never stored ("implicit GEMM").
//
// The trilinear form S(x, w, g) = sum g[n,o,i,j] w[o,c,p,q] x[n, c, i sh + p dh - ph, j sw + q dw - pw] has three partial
// derivatives, and each is a product of matrices a (rows, k) and b (k, columns), within each group of channels:
//
//              rows   columns                  k               a           b
//     Forward  o      places of y (n, i, j)    (c, p, q)       w           x, 0 beyond its edges
//     Input    c      places of x (n, h, v)    (tap, o)        w           g
//     Weight   o      (c, p, q)                (n, i, j)       g           x, 0 beyond its edges
//
// Where an element lies is a sum of offsets: those of a row and of k in a, those of a column and of k in b. A kernel asks
// for f.column(number) and f.step(k), once each, and then for elements.
#pragma once

struct Conv {
    int N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups;
    __device__ int channels() const { return C / groups; }  // of a group
    __device__ int outputs() const { return O / groups; }
};

// Offsets have 32 bits: the arrays have less than 2^31 elements. A step is read as one quad of numbers.
constexpr int FAR = -(1 << 30);  // a place outside of every plane, twice as well
struct Column { int at, h, v; };               // of b: where it begins, and its place in a plane
struct __align__(16) Step { int a, at, h, v; };  // of k: how far it leads in a, in b, and in b's planes

// k from `begin` to `end` is this block's share, and `group` its group of channels.
struct Product : Conv {
    const float *left, *right;  // a's and b's first elements in this group
    int row;                    // from one row of a to the next
    int high, wide;             // b's planes
    int group, rows, columns, begin, end;
    __device__ explicit Product(const Conv& conv) : Conv(conv) {}
    // Where a result has too few elements to keep a GPU busy, k is dealt out among `splits` blocks; each writes a result
    // of its own, and conv2d_parts adds them up, in the same order in every run.
    __device__ void deal(int all, int part, int splits) {
        const int each = ((all + splits - 1) / splits + 15) / 16 * 16;  // begins at 16 bytes
        begin = min(part * each, all), end = min(begin + each, all);
    }
    __device__ bool inside(int h, int v) const { return (unsigned)h < (unsigned)high && (unsigned)v < (unsigned)wide; }
    __device__ float a(int o, const Step& s) const { return left[o * row + s.a]; }
    __device__ float b(const Column& m, const Step& s) const {
        return inside(m.h + s.h, m.v + s.v) ? right[m.at + s.at] : 0.0f;
    }
};

struct Forward : Product {
    static const bool ALONG_K = false;  // neighbouring columns, not neighbouring k, lie side by side in b
    static const bool A_ALONG_K = true;
    float* y;
    __device__ Forward(const Conv& conv, const float* x, const float* w, float* parts) : Product(conv) {
        const int part = blockIdx.z / groups;
        group = blockIdx.z % groups, rows = outputs(), columns = N * OH * OW, row = channels() * KH * KW;
        deal(row, part, gridDim.z / groups);
        y = parts + (long long)part * columns * O;
        left = w + group * rows * row, right = x + group * channels() * H * W, high = H, wide = W;
    }
    __device__ Column column(int m) const {
        const int place = m % (OH * OW), n = m / (OH * OW), h = place / OW * sh - ph, v = place % OW * sw - pw;
        return {(n * C * H + h) * W + v, h, v};
    }
    __device__ Step step(int k) const {
        const int tap = k % (KH * KW), c = k / (KH * KW), h = tap / KW * dh, v = tap % KW * dw;
        return {k, (c * H + h) * W + v, h, v};
    }
    __device__ bool neighbours() const { return sw == 1 && OW % 4 == 0; }  // are 4 columns from a 4th one 4 neighbours?
    __device__ float* out(int o, int m) const {
        const int area = OH * OW;
        return y + ((long long)(m / area) * O + group * rows + o) * area + m % area;
    }
    __device__ bool outs() const { return OH * OW % 4 == 0; }  // and in the result?
};

// With stride s, an element of x at h meets only the taps p with (h + ph - p dh) divisible by s. So x is parted into
// sh sw classes by (h + ph) mod sh and (v + pw) mod sw, each a dense product with its own taps p0, p0 + step, ...:
// for stride 2 and a 4x4 kernel, four convolutions with 2x2 taps each, in place of one with 16 taps, 12 of them zeros.
struct Taps {
    int first, step, count, origin, size, base, back;
    // remainder: of (h + padding) mod stride; the class holds h = origin, origin + stride, ..., `size` of them. Tap t of
    // its number u meets the output base + u - t back.
    __device__ void find(int remainder, int length, int kernel, int stride, int padding, int dilation) {
        origin = (remainder - padding % stride + stride) % stride;
        size = length > origin ? (length - origin + stride - 1) / stride : 0;
        first = 0;
        while (first < stride && (first * dilation) % stride != remainder) first++;
        step = 1;
        while (step * dilation % stride != 0) step++;
        count = first < stride && first < kernel ? (kernel - first + step - 1) / step : 0;
        base = (origin + padding - first * dilation) / stride;  // exact
        back = step * dilation / stride;
    }
};

// TURNED: the weights come as (KH, KW, O, C / groups), so that neighbouring rows of a lie side by side.
template <bool TURNED>
struct InputFrom : Product {
    static const bool ALONG_K = false, A_ALONG_K = false;
    float* dx;
    const Taps &down, &across;
    // The taps are the same for all threads: two find them, and they stay in shared memory, not in everybody's registers.
    __device__ InputFrom(const Conv& conv, const float* g, const float* w, float* parts, Taps* shared)
        : Product(conv), down(shared[0]), across(shared[1]) {
        if (threadIdx.x == 0) shared[0].find(blockIdx.z / groups / sw % sh, H, KH, sh, ph, dh);
        if (threadIdx.x == 1) shared[1].find(blockIdx.z / groups % sw, W, KW, sw, pw, dw);
        __syncthreads();
        const int part = blockIdx.z / (groups * sh * sw);
        group = blockIdx.z % groups, rows = channels(), columns = N * down.size * across.size;
        deal(down.count * across.count * outputs(), part, gridDim.z / (groups * sh * sw));
        dx = parts + (long long)part * N * C * H * W;
        row = TURNED ? 1 : KH * KW, left = w + group * outputs() * rows * row;
        right = g + group * outputs() * OH * OW, high = OH, wide = OW;
    }
    __device__ Column column(int m) const {
        const int place = m % (down.size * across.size), n = m / (down.size * across.size);
        const int i = down.base + place / across.size, j = across.base + place % across.size;
        return {(n * O * OH + i) * OW + j, i, j};
    }
    __device__ Step step(int k) const {
        const int t = k / outputs(), many = max(across.count, 1);  // a class may have no taps
        const int t_down = t / many, t_across = t % many, o = k % outputs();
        const int tap = (down.first + t_down * down.step) * KW + across.first + t_across * across.step;
        const int i = t_down * down.back, j = t_across * across.back;
        const int a = TURNED ? (tap * O + o) * rows : o * rows * row + tap;
        return {a, (o * OH - i) * OW - j, -i, -j};
    }
    __device__ bool neighbours() const { return across.size % 4 == 0; }
    __device__ float* out(int c, int m) const {
        const int place = m % (down.size * across.size), n = m / (down.size * across.size);
        const int h = down.origin + place / across.size * sh, v = across.origin + place % across.size * sw;
        return dx + (((long long)n * C + group * rows + c) * H + h) * W + v;
    }
    __device__ bool outs() const { return sw == 1 && W % 4 == 0; }
};
using Input = InputFrom<false>;

// k runs over all places of all images, 50,000 for a batch of 64 digits, while rows and columns are few.
struct Weight : Product {
    static const bool ALONG_K = true, A_ALONG_K = true;
    float* result;
    __device__ Weight(const Conv& conv, const float* g, const float* x, float* parts, int splits) : Product(conv) {
        const int part = blockIdx.z / groups;
        group = blockIdx.z % groups, rows = outputs(), columns = channels() * KH * KW, row = OH * OW;
        deal(N * row, part, splits);
        result = parts + (long long)part * O * columns;
        left = g + group * rows * row, right = x + group * channels() * H * W, high = H, wide = W;
    }
    __device__ Column column(int m) const {
        const int tap = m % (KH * KW), c = m / (KH * KW), h = tap / KW * dh - ph, v = tap % KW * dw - pw;
        return {(c * H + h) * W + v, h, v};
    }
    __device__ Step step(int k) const {
        const int n = k / (OH * OW), place = k % (OH * OW), h = place / OW * sh, v = place % OW * sw;
        return {n * O * OH * OW + place, (n * C * H + h) * W + v, h, v};
    }
    __device__ bool neighbours() const { return sw == 1 && OW % 4 == 0; }
    __device__ float* out(int o, int m) const {
        return result + (group * rows + o) * columns + m;
    }
    __device__ bool outs() const { return columns % 4 == 0; }
};
