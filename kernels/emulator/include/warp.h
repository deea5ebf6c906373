// What the 32 threads of a warp do together: shuffles and votes. Each waits until every lane of its mask has come.
#pragma once

namespace emu {

template <class T>
T shuffle(unsigned mask, T value, int source, const char* what, const char* file, int line) {
    static_assert(sizeof(T) <= 8, "a shuffle moves 4 or 8 bytes");
    const char* all = emu_exchange(mask, &value, sizeof value, what, file, line);
    T result;
    __builtin_memcpy(&result, all + 32 * source, sizeof result);
    return result;
}

inline unsigned vote(unsigned mask, bool yes, const char* what, const char* file, int line) {
    const char* all = emu_exchange(mask, &yes, 1, what, file, line);
    unsigned votes = 0;
    for (int lane = 0; lane < 32; ++lane)
        if (mask >> lane & 1) votes |= unsigned(all[32 * lane] != 0) << lane;
    return votes;
}

}  // namespace emu

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMU_HERE) {
    const int lane = emu_self()->lane;
    return emu::shuffle(mask, value, (lane & ~(width - 1)) + (source & (width - 1)), "__shfl_sync", file, line);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int flip, int width = 32, EMU_HERE) {
    const int lane = emu_self()->lane, source = lane ^ flip;
    const bool inside = source < (lane & ~(width - 1)) + width;  // a lower part of the warp may be read, as on a GPU
    return emu::shuffle(mask, value, inside ? source : lane, "__shfl_xor_sync", file, line);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, EMU_HERE) {
    const int lane = emu_self()->lane, source = lane - int(by);
    return emu::shuffle(mask, value, source >= (lane & ~(width - 1)) ? source : lane, "__shfl_up_sync", file, line);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, EMU_HERE) {
    const int lane = emu_self()->lane, source = lane + int(by);
    const bool inside = source < (lane & ~(width - 1)) + width;
    return emu::shuffle(mask, value, inside ? source : lane, "__shfl_down_sync", file, line);
}

inline unsigned __ballot_sync(unsigned mask, int yes, EMU_HERE) {
    return emu::vote(mask, yes != 0, "__ballot_sync", file, line);
}
inline int __any_sync(unsigned mask, int yes, EMU_HERE) {
    return emu::vote(mask, yes != 0, "__any_sync", file, line) != 0;
}
inline int __all_sync(unsigned mask, int yes, EMU_HERE) {
    return emu::vote(mask, yes != 0, "__all_sync", file, line) == mask;
}

// The instructions that ptx.cuh wraps.
#include "ptx_emulated.h"
