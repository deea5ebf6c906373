#include "dispatch.h"

#include <atomic>

#include "optim/optim.h"

namespace minigen {

// setup.py says which variants were built.
#define DECLARE(variant)            \
    namespace variant {             \
    extern const Kernels kernels;   \
    extern const Optim optimisers;  \
    }
#ifdef HAS_avx512
DECLARE(avx512)
#endif
#ifdef HAS_avx2
DECLARE(avx2)
#endif
#ifdef HAS_baseline
DECLARE(baseline)
#endif

namespace {

std::vector<const Kernels*> runnable() {
    std::vector<const Kernels*> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
#if defined(HAS_avx512) || defined(HAS_avx2)
    const bool avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
#ifdef HAS_avx512
    if (avx2_fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        found.push_back(&avx512::kernels);
#endif
#ifdef HAS_avx2
    if (avx2_fma) found.push_back(&avx2::kernels);
#endif
#ifdef HAS_baseline
    found.push_back(&baseline::kernels);
#endif
    return found;
}

std::atomic<const Kernels*> chosen{nullptr};

}  // namespace

std::vector<std::string> variants() {
    std::vector<std::string> names;
    for (const Kernels* k : runnable()) names.push_back(k->name);
    return names;
}

bool set_variant(const std::string& name) {
    for (const Kernels* k : runnable())
        if (name == k->name) {
            chosen = k;
            return true;
        }
    return false;
}

const Kernels& kernels() {
    const Kernels* k = chosen;
    if (!k) chosen = k = runnable().front();
    return *k;
}

const Optim& optim() {
    const Kernels* const k = &kernels();
#ifdef HAS_avx512
    if (k == &avx512::kernels) return avx512::optimisers;
#endif
#ifdef HAS_avx2
    if (k == &avx2::kernels) return avx2::optimisers;
#endif
#ifdef HAS_baseline
    if (k == &baseline::kernels) return baseline::optimisers;
#endif
    __builtin_unreachable();  // kernels() chooses among these
}

}  // namespace minigen
