// Memory for arrays: blocks that start at a multiple of 64 bytes (a cache line, an AVX-512 vector) and are used again.
//
// Memory fresh from the system costs a page fault per 4 KB: the kernel enters, finds a page and clears it. A training step
// frees the arrays that the next step asks for, of the same sizes, so keeping freed blocks in lists by size saves that, and
// the memory is still in the cache. Berger et al. 2000 (Hoard) and PyTorch's caching allocator do the same.
#pragma once
#include <cstddef>

namespace minigen {

void* take_block(size_t bytes, bool zeroed);  // null: there is no memory
void* resize_block(void* block, size_t bytes);
void give_block(void* block);  // null is fine

struct PoolUse {
    size_t kept, limit;    // bytes of free blocks that wait for their next use; what they may sum up to
    size_t fresh, reused;  // large blocks that came from the system, and from the lists, since the start
};
PoolUse pool_use();
void limit_pool(size_t bytes);  // frees what is above it; 0 empties the pool

}  // namespace minigen
