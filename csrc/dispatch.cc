#include "dispatch.h"

#include <atomic>

namespace minigen {

#if defined(__x86_64__)
namespace avx512 {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
#endif
namespace baseline {
extern const Kernels kernels;
}

namespace {

std::vector<const Kernels*> runnable() {
    std::vector<const Kernels*> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2_fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        found.push_back(&avx512::kernels);
    if (avx2_fma) found.push_back(&avx2::kernels);
#endif
    found.push_back(&baseline::kernels);
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

}  // namespace minigen
