// One step of Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019) for all parameters in one launch:
//
//     m := b1 m + (1 - b1) g     v := b2 v + (1 - b2) g^2     w := w - lr / c1 m / (sqrt(v) / sqrt(c2) + eps)
//
// A network has dozens of small parameters, and each launch costs microseconds: so the kernel gets a table of their
// addresses, and block b works on chunk b. where[2 b] is the parameter's number, where[2 b + 1] the chunk's in it.
// hyper = (lr, step) lies on the GPU: a captured training step is replayed with other values. The corrections
// c = 1 - b^step are found in double precision by one thread of each block.
#define THREADS 256
#define CHUNK 4096

extern "C" __global__ void adam(const unsigned long long* table, const int* where, const int* sizes, int count,
                                const double* hyper, double beta1, double beta2, float eps, float decay, int decoupled) {
    __shared__ float step_size, root_c2, kept_w;
    if (threadIdx.x == 0) {
        const double lr = hyper[0], step = hyper[1];
        step_size = (float)(lr / (1.0 - pow(beta1, step)));
        root_c2 = (float)sqrt(1.0 - pow(beta2, step));
        kept_w = decoupled ? (float)(1.0 - lr * decay) : 1.0f;
    }
    __syncthreads();
    const int p = where[2 * blockIdx.x], first = where[2 * blockIdx.x + 1] * CHUNK;
    float* w = (float*)table[p];
    const float* g = (const float*)table[count + p];
    float* m = (float*)table[2 * count + p];
    float* v = (float*)table[3 * count + p];
    const float b1 = (float)beta1, b2 = (float)beta2, a1 = (float)(1.0 - beta1), a2 = (float)(1.0 - beta2);
    const int end = min(first + CHUNK, sizes[p]);
    for (int i = first + threadIdx.x; i < end; i += THREADS) {
        float wi = w[i], gi = g[i];
        if (decoupled) wi *= kept_w; else gi += decay * wi;
        const float mi = b1 >= 0.5f ? m[i] + a1 * (gi - m[i]) : b1 * m[i] + a1 * gi;  // each rounds less in its range
        const float vi = b2 * v[i] + a2 * gi * gi;
        m[i] = mi, v[i] = vi;
        w[i] = wi - step_size * mi / (sqrtf(vi) / root_c2 + eps);
    }
}

// A captured step counts by itself: step += 1, and what the random numbers of one replay use up is added to the offset.
extern "C" __global__ void advance(double* hyper, long long* later, long long blocks) {
    if (hyper) hyper[1] += 1.0;
    if (later) *later += blocks;
}
