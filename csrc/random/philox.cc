// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): ten rounds of multiply, exclusive-or and
// swap turn a counter into four random words. Any block can be computed at once from its number alone, so the stream is the
// same for any number of threads.
#include "philox.h"

namespace minigen {
namespace VARIANT {
namespace {

constexpr int BLOCKS = 16;  // counters that go through the rounds together, as lanes of vectors

// words[i] = the four words of counter first + i; the counter's upper half is 0.
void blocks(uint64_t seed, uint64_t first, uint32_t words[BLOCKS][4]) {
    uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS] = {}, c3[BLOCKS] = {};
    for (int i = 0; i < BLOCKS; ++i) {
        c0[i] = static_cast<uint32_t>(first + i);
        c1[i] = static_cast<uint32_t>((first + i) >> 32);
    }
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < BLOCKS; ++i) {
            const uint64_t p0 = uint64_t(0xD2511F53) * c0[i], p1 = uint64_t(0xCD9E8D57) * c2[i];
            c0[i] = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
            c1[i] = static_cast<uint32_t>(p1);
            c2[i] = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
            c3[i] = static_cast<uint32_t>(p0);
        }
        k0 += 0x9E3779B9;  // the golden ratio
        k1 += 0xBB67AE85;  // sqrt(3) - 1
    }
    for (int i = 0; i < BLOCKS; ++i) {
        words[i][0] = c0[i];
        words[i][1] = c1[i];
        words[i][2] = c2[i];
        words[i][3] = c3[i];
    }
}

}  // namespace

void philox(uint64_t seed, uint64_t offset, uint32_t* out, index n) {
    constexpr index STEP = 4 * BLOCKS, TASK = 256 * STEP;
    parallel(ceil_div(n, TASK), [&](index task) {
        const index end = least((task + 1) * TASK, n);
        for (index i = task * TASK; i < end; i += STEP) {
            uint32_t words[BLOCKS][4];
            blocks(seed, offset + static_cast<uint64_t>(i) / 4, words);
            __builtin_memcpy(out + i, words, sizeof(uint32_t) * least(STEP, end - i));
        }
    });
}

}  // namespace VARIANT
}  // namespace minigen
