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
// A kernel asks for `Column(problem, number)` once, for `Step(problem, k)` as it goes along k, and then for elements.
#pragma once

struct Conv {
    int N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw, groups;
    __device__ int channels() const { return C / groups; }  // of a group
    __device__ int outputs() const { return O / groups; }
};

// Of every problem: k from `begin` to `end` is this block's share, and `group` its group of channels.
struct Forward : Conv {
    static const bool ALONG_K = false;  // neighbouring columns, not neighbouring k, lie side by side in b
    const float *x, *w;
    float* y;
    int group, rows, columns, begin, end;
    __device__ Forward(Conv conv, const float* x, const float* w, float* y)
        : Conv(conv), x(x), w(w), y(y), group(blockIdx.z), rows(outputs()), columns(N * OH * OW), begin(0),
          end(channels() * KH * KW) {}
    struct Column {
        int h, v;
        const float* image;
        __device__ Column(const Forward& f, int m) {
            const int place = m % (f.OH * f.OW), n = m / (f.OH * f.OW);
            h = place / f.OW * f.sh - f.ph, v = place % f.OW * f.sw - f.pw;
            image = f.x + ((long long)n * f.C + f.group * f.channels()) * f.H * f.W;
        }
    };
    struct Step {
        int k, c, h, v;
        __device__ Step(const Forward& f, int k) : k(k) {
            const int tap = k % (f.KH * f.KW);
            c = k / (f.KH * f.KW), h = tap / f.KW * f.dh, v = tap % f.KW * f.dw;
        }
    };
    __device__ float a(int o, const Step& s) const { return w[((long long)group * rows + o) * end + s.k]; }
    __device__ float b(const Column& m, const Step& s) const {
        const int h = m.h + s.h, v = m.v + s.v;
        return (unsigned)h < (unsigned)H && (unsigned)v < (unsigned)W ? m.image[((long long)s.c * H + h) * W + v] : 0.0f;
    }
    __device__ void store(int o, int m, float value) const {
        const int area = OH * OW;
        y[((long long)(m / area) * O + group * rows + o) * area + m % area] = value;
    }
};

// With stride s, an element of x at h meets only the taps p with (h + ph - p dh) divisible by s. So x is parted into
// sh sw classes by (h + ph) mod sh and (v + pw) mod sw, each a dense product with its own taps p0, p0 + step, ...:
// for stride 2 and a 4x4 kernel, four convolutions with 2x2 taps each, in place of one with 16 taps, 12 of them zeros.
struct Taps {
    int first, step, count, origin, size, base, back;
    // remainder: of (h + padding) mod stride; the class holds h = origin, origin + stride, ..., `size` of them. Tap t of
    // its number u meets the output base + u - t back.
    __device__ Taps(int remainder, int length, int kernel, int stride, int padding, int dilation) {
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

struct Input : Conv {
    static const bool ALONG_K = false;
    const float *g, *w;
    float* dx;
    Taps down, across;
    int group, rows, columns, begin, end;
    __device__ Input(Conv conv, const float* g, const float* w, float* dx)
        : Conv(conv), g(g), w(w), dx(dx), down(blockIdx.z / groups / sw, H, KH, sh, ph, dh),
          across(blockIdx.z / groups % sw, W, KW, sw, pw, dw), group(blockIdx.z % groups), rows(channels()),
          columns(N * down.size * across.size), begin(0), end(down.count * across.count * outputs()) {}
    struct Column {
        int i, j;
        const float* image;
        __device__ Column(const Input& f, int m) {
            const int place = m % (f.down.size * f.across.size), n = m / (f.down.size * f.across.size);
            i = f.down.base + place / f.across.size, j = f.across.base + place % f.across.size;
            image = f.g + ((long long)n * f.O + f.group * f.outputs()) * f.OH * f.OW;
        }
    };
    struct Step {
        int o, i, j, tap;
        __device__ Step(const Input& f, int k) {
            const int t = k / f.outputs(), wide = max(f.across.count, 1);  // a class may have no taps
            const int t_down = t / wide, t_across = t % wide;
            o = k % f.outputs(), i = t_down * f.down.back, j = t_across * f.across.back;
            tap = (f.down.first + t_down * f.down.step) * f.KW + f.across.first + t_across * f.across.step;
        }
    };
    __device__ float a(int c, const Step& s) const {
        return w[(((long long)group * outputs() + s.o) * rows + c) * (KH * KW) + s.tap];
    }
    __device__ float b(const Column& m, const Step& s) const {
        const int i = m.i - s.i, j = m.j - s.j;
        const bool there = (unsigned)i < (unsigned)OH && (unsigned)j < (unsigned)OW;
        return there ? m.image[((long long)s.o * OH + i) * OW + j] : 0.0f;
    }
    __device__ void store(int c, int m, float value) const {
        const int place = m % (down.size * across.size), n = m / (down.size * across.size);
        const int h = down.origin + place / across.size * sh, v = across.origin + place % across.size * sw;
        dx[(((long long)n * C + group * rows + c) * H + h) * W + v] = value;
    }
};

// k runs over all places of all images, 50,000 for a batch of 64 digits, while rows and columns are few: so k is split
// among `splits` blocks, each writes a dw of its own, and reduce/columns adds them up, in the same order in every run.
struct Weight : Conv {
    static const bool ALONG_K = true;
    const float *g, *x;
    float* dw_parts;
    int group, rows, columns, begin, end;
    __device__ Weight(Conv conv, const float* g, const float* x, float* dw_parts, int splits)
        : Conv(conv), g(g), x(x), dw_parts(dw_parts), group(blockIdx.z % groups), rows(outputs()),
          columns(channels() * KH * KW) {
        const int all = N * OH * OW, each = (all + splits - 1) / splits;
        begin = min((int)blockIdx.z / groups * each, all), end = min(begin + each, all);
    }
    struct Column {
        int h, v;
        const float* plane;
        __device__ Column(const Weight& f, int m) {
            const int tap = m % (f.KH * f.KW), c = f.group * f.channels() + m / (f.KH * f.KW);
            h = tap / f.KW * f.dh - f.ph, v = tap % f.KW * f.dw - f.pw;
            plane = f.x + (long long)c * f.H * f.W;
        }
    };
    struct Step {
        int n, place, h, v;
        __device__ Step(const Weight& f, int k) {
            n = k / (f.OH * f.OW), place = k % (f.OH * f.OW);
            h = place / f.OW * f.sh, v = place % f.OW * f.sw;
        }
    };
    __device__ float a(int o, const Step& s) const {
        return g[((long long)s.n * O + group * rows + o) * (OH * OW) + s.place];
    }
    __device__ float b(const Column& m, const Step& s) const {
        const int h = m.h + s.h, v = m.v + s.v;
        const bool there = (unsigned)h < (unsigned)H && (unsigned)v < (unsigned)W;
        return there ? m.plane[((long long)s.n * C * H + h) * W + v] : 0.0f;
    }
    __device__ void store(int o, int m, float value) const {
        const long long part = blockIdx.z / groups, row = group * rows + o;
        dw_parts[(part * O + row) * columns + m] = value;
    }
};
