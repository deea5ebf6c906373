// Benchmarks run a kernel several times in one call from Python, so that the call does not count.
#pragma once
#include <chrono>

namespace minigen {

struct Repeat {
    long calls = 0;  // 0: run once and don't look at the clock, which is what everybody but a benchmark wants
    double seconds = 0;
};

inline Repeat& repeat() {
    thread_local Repeat state;
    return state;
}

template <class F> void repeated(const F& f) {
    Repeat& r = repeat();
    if (r.calls == 0) return f();
    const auto start = std::chrono::steady_clock::now();
    for (long i = 0; i < r.calls; ++i) f();
    r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace minigen
