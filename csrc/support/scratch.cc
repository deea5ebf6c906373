#include "scratch.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

namespace minigen {
namespace {

struct Block {
    void* memory = nullptr;
    size_t bytes = 0;
    ~Block() { std::free(memory); }
};

}  // namespace

void* scratch(Scratch block, size_t bytes) {
    thread_local Block blocks[static_cast<int>(Scratch::count)];
    Block& b = blocks[static_cast<int>(block)];
    if (bytes > b.bytes || !b.memory) {
        constexpr size_t huge = size_t(2) << 20;
        const size_t page = bytes < huge ? 4096 : huge;
        if (bytes > PTRDIFF_MAX - huge) throw std::bad_alloc();
        const size_t rounded = (bytes / page + 1) * page;
        std::free(b.memory);  // nobody may rely on the old contents
        b.bytes = 0;
        b.memory = std::aligned_alloc(page, rounded);
        if (!b.memory) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
        if (page == huge) madvise(b.memory, rounded, MADV_HUGEPAGE);  // kernels stride through it: pages of 4 KB overflow the TLB
#endif
        b.bytes = rounded;
    }
    return b.memory;
}

}  // namespace minigen
