// Looks at every access to memory that a kernel makes: does it lie inside an array, has anybody written what it reads,
// and has another thread touched the same bytes without a barrier in between?
//
// g++ -fsanitize=thread calls a function before each access and -fsanitize=bounds one for each index outside of an array
// whose size is known; the functions that they call are these (hooks.cc leads here), not a sanitizer's library. Because
// one fiber runs at a time and barriers are counted, a race is found by its definition, without luck: two threads, one
// of them writing, no barrier between. The wrong result need not happen.
#include "checks.h"

#include <stdlib.h>
#include <sys/mman.h>

extern "C" __attribute__((visibility("hidden"))) char __bss_start, _end;

namespace emu {
namespace {

// One access: at which barrier's epoch, by which thread, where in the code.
struct Touch {
    unsigned epoch, warp_epoch, code;
    short thread;
    unsigned char bytes;  // which of the cell's four
};
// What is known of four bytes of memory in this launch.
struct Cell {
    Touch write, read[2], before;  // the last write, two readers of this block, a reader of an earlier block
    unsigned known_in;             // the block (its first epoch) in which `known` was written; for shared memory
    unsigned char known;
};

struct Shadow {
    Cell* cells;
    long size;  // of the mapping, in bytes
};
Shadow shadows[MAX_ARGUMENTS], static_shadow, dynamic_shadow;
bool fenced;  // __threadfence was called: blocks may be talking to each other, as they should

Cell* cells_for(Shadow& shadow, long bytes) {
    const long size = (bytes / 4 + 2) * long(sizeof(Cell));
    if (shadow.cells) munmap(shadow.cells, shadow.size);
    void* all = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    shadow = {all == MAP_FAILED ? nullptr : static_cast<Cell*>(all), size};
    return shadow.cells;
}

// "element 64 of `x`", "elements 64 to 67 of `x`"
const char* element(const Range& range, const char* at, long size) {
    static char texts[2][200];
    static int next = 0;
    char* text = texts[next ^= 1];
    const long item = range.item ? range.item : 1, byte = at - range.low;
    const long first = (byte >= 0 ? byte : byte - item + 1) / item, last = first + (size > item ? size / item - 1 : 0);
    if (first == last) snprintf(text, 200, "element %ld of `%s`", first, range.name);
    else snprintf(text, 200, "elements %ld to %ld of `%s`", first, last, range.name);
    return text;
}

struct Found {
    const Range* range;
    Cell* cells;  // that of the access's first byte
    bool shared;
};

Range dynamic_range() { return {emu_dynamic, emu_dynamic + launch.dynamic_size, "dynamic shared memory", 0, 4}; }

[[noreturn]] void outside(const char* at, long size, bool write, const void* code) {
    const Fiber& me = *launch.now;
    const char* verb = write ? "writes" : "reads";
    if (at < reinterpret_cast<const char*>(4096))
        fail("{at:%ld}: %s %s at address %p: a null pointer", offset(code), words(me), verb, at);
    if (at >= emu_dynamic && at < emu_dynamic + 232448)
        fail("{at:%ld}: %s %s byte %ld of dynamic shared memory, of which the launch gives %ld bytes", offset(code),
             words(me), verb, long(at - emu_dynamic), launch.dynamic_size);
    const Range* nearest = nullptr;
    long least = -1;
    const bool in_shared = at >= &__bss_start && at < &_end;
    const Range* ranges = in_shared ? launch.shared : launch.arguments;
    for (int i = 0; i < (in_shared ? launch.shared_count : launch.argument_count); ++i) {
        const long d = at < ranges[i].low ? ranges[i].low - at : at - ranges[i].high;
        if (least < 0 || d < least) nearest = &ranges[i], least = d;
    }
    if (!nearest) fail("{at:%ld}: %s %s %ld bytes where no array is", offset(code), words(me), verb, size);
    const long item = nearest->item ? nearest->item : 1, count = (nearest->high - nearest->low) / item;
    fail("{at:%ld}: %s %s %ld bytes %s of %s `%s`: %s, which has %ld", offset(code), words(me), verb, size,
         at < nearest->low ? "before the beginning" : "past the end", in_shared ? "shared array" : "argument",
         nearest->name, element(*nearest, at, size), count);
}

bool known_elsewhere(const char* at, long size) {
    for (int i = 0; i < launch.constant_count; ++i)
        if (at >= launch.constants[i].low && at + size <= launch.constants[i].high) return true;
    return false;
}

Cell* cell(int shadow, const char* at) {
    const uintptr_t low = reinterpret_cast<uintptr_t>(launch.arguments[shadow].low) & ~uintptr_t(3);
    return shadows[shadow].cells + (reinterpret_cast<uintptr_t>(at) - low) / 4;
}

// The array that holds the access; range = nullptr: memory that needs no looking after (a stack, a constant).
Found find(const char* at, long size, bool write, const void* code) {
    const Fiber& me = *launch.now;
    if (at >= me.low && at < me.high) return {};
    for (int i = 0; i < launch.shared_count; ++i)
        if (at >= launch.shared[i].low && at < launch.shared[i].high) {
            if (at + size > launch.shared[i].high) outside(at, size, write, code);
            return {&launch.shared[i], static_shadow.cells + (at - launch.shared[0].low) / 4, true};
        }
    if (at >= emu_dynamic && at + size <= emu_dynamic + launch.dynamic_size) {
        static Range whole;
        whole = dynamic_range();
        return {&whole, dynamic_shadow.cells + (at - emu_dynamic) / 4, true};
    }
    for (int i = 0; i < launch.argument_count; ++i)
        if (at >= launch.arguments[i].low && at + size <= launch.arguments[i].high)
            return {&launch.arguments[i], cell(launch.arguments[i].shadow, at), false};
    if (at >= emu_base() && at < &_end)  // the library itself: constants, and the runtime's own variables
        if (at < &__bss_start || own_memory(at) || known_elsewhere(at, size)) return {};
    outside(at, size, write, code);
}

// Are the two accesses in an order that the program guarantees?
bool ordered(const Touch& earlier, const Touch& now) {
    if (!earlier.epoch || earlier.thread == now.thread || !(earlier.bytes & now.bytes)) return true;
    if (earlier.epoch != now.epoch) return true;
    return earlier.thread / 32 == now.thread / 32 && earlier.warp_epoch != now.warp_epoch;  // by a __syncwarp
}

[[noreturn]] void race(const Found& found, const char* at, long size, bool write, const void* code, const Touch& other,
                       bool other_wrote, bool same_block) {
    const Fiber& me = *launch.now;
    char whom[200];
    if (same_block) snprintf(whom, sizeof whom, "%s", words(launch.fibers[other.thread]));
    else snprintf(whom, sizeof whom, "a thread of another block");
    fail("{at:%ld}: %s %s %s, which %s %s at {at:%u}, and %s", offset(code), words(me), write ? "writes" : "reads",
         element(*found.range, at, size), whom, other_wrote ? "writes" : "reads", other.code,
         same_block ? "no __syncthreads stands between the two: either may come first"
                    : "blocks run in any order: either may come first");
}

void record(const Found& found, Cell& cell, const Touch& now, const char* at, long size, bool write, const void* code) {
    const bool write_here = cell.write.epoch >= launch.block_epoch;
    if (write_here ? !ordered(cell.write, now) : cell.write.epoch && !found.shared && !fenced)
        race(found, at, size, write, code, cell.write, true, write_here);
    for (Touch& read : cell.read)  // what an earlier block read
        if (read.epoch && read.epoch < launch.block_epoch) cell.before = read, read.epoch = 0;
    if (write) {
        for (const Touch& read : cell.read)
            if (!ordered(read, now)) race(found, at, size, write, code, read, false, true);
        if (cell.before.epoch && !found.shared && !fenced) race(found, at, size, write, code, cell.before, false, false);
        cell.write = now;
        if (cell.known_in != launch.block_epoch) cell.known_in = launch.block_epoch, cell.known = 0;
        cell.known |= now.bytes;
        return;
    }
    for (Touch& read : cell.read)  // mine, or one that a barrier has made irrelevant; two others are witnesses enough
        if (!read.epoch || read.thread == now.thread || read.epoch != now.epoch) {
            read = now;
            break;
        }
}

void check_written(const Found& found, const Cell& cell, unsigned char bytes, const char* at, long size,
                   const void* code) {
    bool bad;
    if (found.shared) bad = cell.known_in != launch.block_epoch || (bytes & ~cell.known);
    else {
        unsigned value = 0;
        const bool whole = found.range->poisoned && size % 4 == 0 && reinterpret_cast<uintptr_t>(at) % 4 == 0;
        if (whole) memcpy(&value, at, 4);
        bad = whole && value == POISON;
    }
    if (bad)
        fail("{at:%ld}: %s reads %s, which no thread%s has written", offset(code), words(*launch.now),
             element(*found.range, at, size), found.shared ? " of this block" : "");
}

}  // namespace

void on_launch() {
    fenced = false;
    for (int i = 0; i < launch.argument_count; ++i) {
        Range& range = launch.arguments[i];
        range.shadow = i;
        for (int j = 0; j < i; ++j)  // the same array given twice has one shadow
            if (launch.arguments[j].low <= range.low && range.high <= launch.arguments[j].high) {
                range.shadow = launch.arguments[j].shadow;
                break;
            }
        if (range.shadow == i) cells_for(shadows[i], range.high - range.low);
    }
    const int n = launch.shared_count;
    cells_for(static_shadow, n ? launch.shared[n - 1].high - launch.shared[0].low : 0);
    cells_for(dynamic_shadow, launch.dynamic_size);
    on_count_launch();
}
void on_block() {}
void on_barrier() { on_count_flush(); }
void on_end() {}
void on_fence() { fenced = true; }

void on_access(const void* address, long size, bool write, const void* code) {
    const char* at = static_cast<const char*>(address);
    const Found found = find(at, size, write, code);
    if (!found.range) return;
    Touch now = {launch.epoch, launch.now->epoch, unsigned(offset(code)), short(launch.now - launch.fibers), 0};
    Cell* cell = found.cells;
    for (long done = 0; done < size; ++cell) {  // the parts of the access that lie in one cell each
        const long in_cell = (reinterpret_cast<uintptr_t>(at) + done) % 4;
        const long part = size - done < 4 - in_cell ? size - done : 4 - in_cell;
        now.bytes = ((1 << part) - 1) << in_cell;
        if (!write) check_written(found, *cell, now.bytes, at + done, part, code);
        record(found, *cell, now, at + done, part, write, code);
        done += part;
    }
    if (launch.counting) on_count(*found.range, at, size, write, found.shared, code);
}

void on_promise(const void* address, long size, const void* code) {
    const bool counting = launch.counting;
    launch.counting = false;  // the copy is counted when it arrives
    on_access(address, size, true, code);
    launch.counting = counting;
    Cell* cell = find(static_cast<const char*>(address), size, true, code).cells;
    for (long i = 0; cell && i < size / 4; ++i) cell[i].known = 0;
}

void on_atomic(const void* address, int size, const void* code) {
    const Found found = find(static_cast<const char*>(address), size, true, code);
    if (launch.counting && found.range) on_count(*found.range, static_cast<const char*>(address), size, true, found.shared, code);
}

}  // namespace emu
