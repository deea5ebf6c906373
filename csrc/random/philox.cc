// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): ten rounds of multiply, exclusive-or and
// swap turn a counter into four random words. Any block can be computed at once from its number alone, so the stream is the
// same for any number of threads.
//
// Counters go through the rounds as lanes of vectors. A word lies in the lower half of a 64-bit lane and the upper half may
// hold anything: the processor's multiplication of lower halves to 64 bits looks at nothing else, so that a round is two
// multiplications, two shifts and four exclusive-ors. CHAINS vectors take turns, for each round waits for the one before.
#include "philox.h"
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace minigen {
namespace VARIANT {
namespace {

constexpr int BLOCKS = VL / 2, CHAINS = VL == 16 ? 4 : 2;
constexpr index STEP = CHAINS * BLOCKS * 4;  // words that are made together

typedef uint64_t wide __attribute__((vector_size(4 * VL)));
typedef uint32_t words __attribute__((vector_size(4 * VL)));
typedef uint32_t words_anywhere __attribute__((vector_size(4 * VL), aligned(4), may_alias));

inline wide times(wide a, uint32_t factor) {  // of the lower halves
    const wide b = factor - wide{};
#if defined(__AVX512F__)
    return (wide)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
    return (wide)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return (wide)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
    return (a & 0xffffffff) * b;
#endif
}

// out: the words of blocks first, first + 1, ..., four of each. The upper half of a counter is 0.
inline void blocks(uint64_t seed, uint64_t first, words out[2 * CHAINS]) {
    wide lane, c0[CHAINS], c1[CHAINS], c2[CHAINS] = {}, c3[CHAINS] = {};
    for (int i = 0; i < BLOCKS; ++i) lane[i] = i;
    for (int k = 0; k < CHAINS; ++k) {
        c0[k] = first + k * BLOCKS + lane;
        c1[k] = c0[k] >> 32;
    }
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        for (int k = 0; k < CHAINS; ++k) {
            const wide p0 = times(c0[k], 0xD2511F53), p1 = times(c2[k], 0xCD9E8D57);
            c0[k] = (p1 >> 32) ^ c1[k] ^ k0;
            c1[k] = p1;
            c2[k] = (p0 >> 32) ^ c3[k] ^ k1;
            c3[k] = p0;
        }
        k0 += 0x9E3779B9;  // the golden ratio
        k1 += 0xBB67AE85;  // sqrt(3) - 1
    }
    wide early, late;  // which of the pairs (c0, c1) and (c2, c3) stand in the first half of the output, and in the second
    for (int i = 0; i < BLOCKS; ++i) {
        early[i] = i / 2 + i % 2 * BLOCKS;
        late[i] = early[i] + BLOCKS / 2;
    }
    for (int k = 0; k < CHAINS; ++k) {
        const wide a = (c0[k] & 0xffffffff) | c1[k] << 32, b = (c2[k] & 0xffffffff) | c3[k] << 32;
        out[2 * k] = (words)__builtin_shuffle(a, b, early);
        out[2 * k + 1] = (words)__builtin_shuffle(a, b, late);
    }
}

// out[i] = f(word i of the stream), f on vectors.
template <class F> void stream(uint64_t seed, uint64_t offset, uint32_t* out, index n, const F& f) {
    constexpr index TASK = 16384;
    parallel(ceil_div(n, TASK), [&](index task) {
        const index end = least((task + 1) * TASK, n);
        for (index i = task * TASK; i < end; i += STEP) {
            words some[2 * CHAINS];
            blocks(seed, offset + static_cast<uint64_t>(i) / 4, some);
            for (words& w : some) w = f(w);
            if (end - i >= STEP)
                for (int v = 0; v < 2 * CHAINS; ++v) *reinterpret_cast<words_anywhere*>(out + i + v * VL) = some[v];
            else
                __builtin_memcpy(out + i, some, sizeof(uint32_t) * (end - i));
        }
    });
}

}  // namespace

void philox(uint64_t seed, uint64_t offset, uint32_t* out, index n) {
    stream(seed, offset, out, n, [](words w) { return w; });
}

void dropout_mask(uint64_t seed, uint64_t offset, uint32_t threshold, float scale, float* out, index n) {
    // the bits of floats, written as words: `stream` stores vectors and bytes, so that nobody reads one as the other
    stream(seed, offset, reinterpret_cast<uint32_t*>(out), n, [=](words w) {
        const vec kept = scale - vec{};
        return (words)((ivec)(w >> 8) >= static_cast<int32_t>(threshold) ? kept : vec{});
    });
}

}  // namespace VARIANT
}  // namespace minigen
