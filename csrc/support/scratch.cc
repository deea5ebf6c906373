#include "scratch.h"

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
        constexpr size_t page = 4096;
        if (bytes > PTRDIFF_MAX - page) throw std::bad_alloc();
        const size_t rounded = (bytes / page + 1) * page;
        std::free(b.memory);  // nobody may rely on the old contents
        b.bytes = 0;
        b.memory = std::aligned_alloc(64, rounded);
        if (!b.memory) throw std::bad_alloc();
        b.bytes = rounded;
    }
    return b.memory;
}

}  // namespace minigen
