// What bends each number by itself: activations and binary cross-entropy, forward and backward, one launch each.
//
// Composed of array functions, a leaky ReLU takes three launches and reads and writes five arrays; here it is two. A thread
// makes four neighbours, in 16-byte loads and stores. `kind` chooses the function: all threads take the same way.
#include "quad.cuh"
#define THREADS 256
#define FAR 1e4f  // beyond it, what multiplies x is 0; and infinity times 0 would be NaN

enum Kind { RELU, LEAKY_RELU, TANH, SIGMOID, SILU, GELU, GELU_TANH };  // minigen/backend/cuda/pointwise.py has them, too

__device__ __forceinline__ float sigmoid(float x) {
    const float e = expf(-fabsf(x));  // in (0, 1]: no overflow on either side
    return (x >= 0 ? 1.0f : e) / (1.0f + e);
}

__device__ __forceinline__ float normal_cdf(float x) { return 0.5f * erfcf(x * -0.70710678f); }

__device__ __forceinline__ float inner(float x) { return 0.79788456f * (x + 0.044715f * x * x * x); }

__device__ __forceinline__ float bent(float x, int kind, float slope) {
    switch (kind) {
        case RELU: return x < 0 ? 0.0f : x;  // NaN stays visible
        case LEAKY_RELU: return x > 0 ? x : slope * x;
        case TANH: return tanhf(x);
        case SIGMOID: return sigmoid(x);
        case SILU: return (x < -FAR ? -FAR : x) * sigmoid(x);
        case GELU: return (x < -FAR ? -FAR : x) * normal_cdf(x);
        default: return (x < -FAR ? -FAR : x) * (0.5f + 0.5f * tanhf(inner(x)));
    }
}

// The derivative, from the result y for ReLU, tanh and sigmoid, else from x.
__device__ __forceinline__ float derivative(float v, int kind, float slope) {
    const float x = fminf(fmaxf(v, -FAR), FAR);
    switch (kind) {
        case RELU: return v <= 0 ? 0.0f : 1.0f;
        case LEAKY_RELU: return v > 0 ? 1.0f : slope;
        case TANH: return 1.0f - v * v;
        case SIGMOID: return v * (1.0f - v);
        case SILU: {
            const float s = sigmoid(v);
            return s + s * (x * (1.0f - s));
        }
        case GELU: return normal_cdf(v) + x * (0.39894228f * expf(-0.5f * x * x));
        default: {
            const float t = tanhf(inner(v));
            return 0.5f + 0.5f * t + x * (0.5f * (1.0f - t * t) * (0.79788456f * (1.0f + 3 * 0.044715f * x * x)));
        }
    }
}

extern "C" __global__ void pointwise(const float* x, float* y, long long n, int kind, float slope) {
    const long long first = 4 * ((long long)blockIdx.x * THREADS + threadIdx.x);
    if (first + 4 <= n) {  // x and y begin at multiples of 16 bytes
        const float4 v = load4(x + first);
        *reinterpret_cast<float4*>(y + first) = make_float4(bent(v.x, kind, slope), bent(v.y, kind, slope),
                                                            bent(v.z, kind, slope), bent(v.w, kind, slope));
        return;
    }
    for (long long i = first; i < n; ++i) y[i] = bent(x[i], kind, slope);
}

extern "C" __global__ void pointwise_vjp(const float* delta, const float* saved, float* dx, long long n, int kind,
                                         float slope) {
    const long long first = 4 * ((long long)blockIdx.x * THREADS + threadIdx.x);
    if (first + 4 <= n) {
        const float4 d = load4(delta + first), v = load4(saved + first);
        *reinterpret_cast<float4*>(dx + first) =
            make_float4(d.x * derivative(v.x, kind, slope), d.y * derivative(v.y, kind, slope),
                        d.z * derivative(v.z, kind, slope), d.w * derivative(v.w, kind, slope));
        return;
    }
    for (long long i = first; i < n; ++i) dx[i] = delta[i] * derivative(saved[i], kind, slope);
}

// l = max(x, 0) - x y + log(1 + e^-|x|): -y log s(x) - (1 - y) log(1 - s(x)) without an overflow.
extern "C" __global__ void pointwise_bce(const float* x, const float* y, float* loss, long long n) {
    const long long i = (long long)blockIdx.x * THREADS + threadIdx.x;
    if (i < n) loss[i] = (x[i] < 0 ? 0.0f : x[i]) - x[i] * y[i] + log1pf(expf(-fabsf(x[i])));
}

// dl/dx = s(x) - y, dl/dy = -x; either may be unwanted.
extern "C" __global__ void pointwise_bce_vjp(const float* delta, const float* x, const float* y, float* dx, float* dy,
                                             long long n) {
    const long long i = (long long)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    if (dx) dx[i] = delta[i] * (sigmoid(x[i]) - y[i]);
    if (dy) dy[i] = -delta[i] * x[i];
}
