#include "blocks.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace minigen {
namespace {

constexpr size_t LINE = 64, PAGE = 4096;
constexpr size_t LARGE = size_t(1) << 16;  // what is smaller is malloc's, which has lists of its own for it
constexpr size_t HUGE_PAGES = size_t(1) << 22, LARGEST = size_t(1) << 47;  // the address space of a process
constexpr int FIRST = 16, CLASSES = 4 * (48 - FIRST);  // four sizes per power of two: at most a quarter is wasted

struct Header {  // stands in the cache line before the block
    size_t capacity;
    void* memory;  // what malloc returned; null for a large block
    Header* next;  // in a list of free blocks
    int size_class;
};
static_assert(sizeof(Header) <= LINE, "the header must fit in front of the block");

Header* header(void* block) { return reinterpret_cast<Header*>(static_cast<char*>(block) - LINE); }
void* block_of(Header* h) { return reinterpret_cast<char*>(h) + LINE; }

// Class 4 k + q holds blocks of (4 + q) / 4 * 2^(FIRST + k) bytes; a page more is mapped, for the header.
size_t class_bytes(int c) { return (size_t(4 + c % 4) << (FIRST + c / 4)) / 4; }
size_t mapped_bytes(int c) { return class_bytes(c) + PAGE; }
int class_for(size_t bytes) {
    int c = 4 * (63 - __builtin_clzll(bytes) - FIRST);
    while (class_bytes(c) < bytes) ++c;
    return c;
}

struct Pool {
    std::mutex mutex;
    Header* free[CLASSES] = {};
    size_t asked[CLASSES] = {}, clock = 0;  // when each size was last asked for
    PoolUse use = {0, size_t(1024) << 20, 0, 0};
};
Pool& pool() {
    static Pool* const the = [] {  // never destroyed: arrays may outlive everything else
        Pool* p = new Pool;
        // a child must not inherit a mutex that some other thread of the parent holds
        pthread_atfork([] { pool().mutex.lock(); }, [] { pool().mutex.unlock(); }, [] { pool().mutex.unlock(); });
        return p;
    }();
    return *the;
}

// Takes free blocks off the lists until `bytes` more may wait, those sizes first that nobody has asked for the longest: what another
// model or batch size has left must not stand in the way of this one.
Header* make_room(Pool& p, size_t bytes) {
    Header* dropped = nullptr;
    while (p.use.kept + bytes > p.use.limit) {
        int oldest = -1;
        for (int c = 0; c < CLASSES; ++c)
            if (p.free[c] && (oldest < 0 || p.asked[c] < p.asked[oldest])) oldest = c;
        if (oldest < 0) break;
        Header* const h = p.free[oldest];
        p.free[oldest] = h->next;
        p.use.kept -= mapped_bytes(oldest);
        h->next = dropped;
        dropped = h;
    }
    return dropped;
}

void unmap(Header* list) {
    while (list) {
        Header* const next = list->next;
        munmap(list, mapped_bytes(list->size_class));
        list = next;
    }
}

void* map(size_t bytes) {
    void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return nullptr;
#ifdef MADV_HUGEPAGE
    if (bytes >= HUGE_PAGES) madvise(p, bytes, MADV_HUGEPAGE);  // one fault per 2 MB, as NumPy asks for, too
#endif
    return p;
}

void* take_large(size_t bytes, bool zeroed) {
    if (bytes > LARGEST) return nullptr;
    const int c = class_for(bytes);
    Pool& p = pool();
    Header* h;
    {
        std::lock_guard<std::mutex> lock(p.mutex);
        p.asked[c] = ++p.clock;
        h = p.free[c];
        if (h) {
            p.free[c] = h->next;
            p.use.kept -= mapped_bytes(c);
        }
        ++(h ? p.use.reused : p.use.fresh);
    }
    if (h) {
        if (zeroed) std::memset(block_of(h), 0, bytes);
        return block_of(h);
    }
    void* memory = map(mapped_bytes(c));  // all zeros
    if (!memory) {
        const size_t limit = pool_use().limit;
        limit_pool(0);  // what other sizes keep may be enough
        memory = map(mapped_bytes(c));
        limit_pool(limit);
        if (!memory) return nullptr;
    }
    h = new (memory) Header{class_bytes(c), nullptr, nullptr, c};
    return block_of(h);
}

}  // namespace

void* take_block(size_t bytes, bool zeroed) {
    if (bytes >= LARGE) return bytes > PTRDIFF_MAX - LINE ? nullptr : take_large(bytes, zeroed);
    void* const memory = zeroed ? std::calloc(1, bytes + 2 * LINE) : std::malloc(bytes + 2 * LINE);
    if (!memory) return nullptr;
    char* const block = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(memory) / LINE + 2) * LINE);
    new (header(block)) Header{bytes, memory, nullptr, -1};
    return block;
}

void give_block(void* block) {
    if (!block) return;
    Header* const h = header(block);
    if (h->memory) return std::free(h->memory);
    Pool& p = pool();
    const size_t bytes = mapped_bytes(h->size_class);
    Header* dropped = nullptr;
    {
        std::lock_guard<std::mutex> lock(p.mutex);
        if (bytes <= p.use.limit) {
            dropped = make_room(p, bytes);
            h->next = p.free[h->size_class];
            p.free[h->size_class] = h;
            p.use.kept += bytes;
        } else {
            h->next = nullptr;
            dropped = h;
        }
    }
    unmap(dropped);
}

void* resize_block(void* block, size_t bytes) {
    if (!block) return take_block(bytes, false);
    const size_t capacity = header(block)->capacity;
    if (bytes <= capacity && bytes >= capacity / 2) return block;
    void* const moved = take_block(bytes, false);
    if (!moved) return nullptr;
    std::memcpy(moved, block, bytes < capacity ? bytes : capacity);
    give_block(block);
    return moved;
}

PoolUse pool_use() {
    Pool& p = pool();
    std::lock_guard<std::mutex> lock(p.mutex);
    return p.use;
}

void limit_pool(size_t bytes) {
    Pool& p = pool();
    Header* dropped = nullptr;
    {
        std::lock_guard<std::mutex> lock(p.mutex);
        p.use.limit = bytes;
        dropped = make_room(p, 0);
    }
    unmap(dropped);
}

}  // namespace minigen
