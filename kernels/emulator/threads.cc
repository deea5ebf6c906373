// The emulator with real threads, for the compiler's own sanitizers: a program that reads a launch from a file, runs it,
// block after block with an operating-system thread for each CUDA thread, and writes the arrays back.
//
// AddressSanitizer puts forbidden zones around every array, ThreadSanitizer follows who has synchronised with whom.
// This file is compiled without them: what it does between threads must not count as the kernel's synchronisation. So
// __syncthreads and __syncwarp are barriers that ThreadSanitizer knows (pthread_barrier_wait); a shuffle moves registers
// and orders no memory on a GPU, so it waits by means that ThreadSanitizer does not see. See sanitized.py.
#include "include/cuda_emulator.h"

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

extern "C" {
char emu_dynamic[232448] __attribute__((aligned(128)));
extern const emu::Entry emu_kernels[];
// of AddressSanitizer's library, if this is linked with it
__attribute__((weak)) void __asan_poison_memory_region(const volatile void*, size_t);
__attribute__((weak)) void* __asan_get_report_address();
__attribute__((weak)) int __asan_get_report_access_type();
__attribute__((weak)) size_t __asan_get_report_access_size();
}

namespace {

typedef long long Int;

struct Array {  // one stretch of memory, under its argument's name
    Int size, align, item;
    char name[64];
    char* data;
};
struct Argument { Int pointer, array, offset; char bytes[64]; };  // pointer: 0 a number, 1 an array, 2 null
struct Moved { Int array, at, target, offset; };                   // an address that stands in an array

struct Warp {
    char slots[2][32][32];
    int here[2];      // lanes that have come to the exchange of this parity
    int turn[2];      // how many exchanges of this parity are done: what the others wait for
    pthread_barrier_t together;
};

struct Header { Int kernel, grid[3], block[3], dynamic, backwards, arrays, arguments, moved; } head;
std::vector<Array> arrays;
std::vector<Argument> arguments;
std::vector<void*> cells;
pthread_barrier_t all;
Warp warps[32];
int threads, predicates[1024];
void (*body)(void**);

thread_local EmuThread self;
thread_local int parity;

int index_of(const EmuThread& t) { return (t.threadIdx.z * t.blockDim.y + t.threadIdx.y) * t.blockDim.x + t.threadIdx.x; }

[[noreturn]] void stop(const char* text) {
    fprintf(stderr, "emu: %s\n", text);
    _exit(3);
}

// How many lanes this thread's warp has. A rendezvous of only some of them is beyond this file.
int lanes(unsigned mask, const char* what) {
    const int left = threads - index_of(self) / 32 * 32, size = left < 32 ? left : 32;
    if (__builtin_popcount(mask) == size) return size;
    fprintf(stderr, "emu: %s among some of a warp's lanes is not known to the sanitizers' runtime\n", what);
    _exit(3);
}

template <class T>
void read(FILE* file, T* into, size_t count) {
    if (count && fread(into, sizeof(T), count, file) != count) stop("the launch's description ends too early");
}

void* run(void* number) {
    const unsigned u = unsigned(reinterpret_cast<size_t>(number));
    const unsigned grid[3] = {unsigned(head.grid[0]), unsigned(head.grid[1]), unsigned(head.grid[2])};
    const unsigned block[3] = {unsigned(head.block[0]), unsigned(head.block[1]), unsigned(head.block[2])};
    const Int blocks = head.grid[0] * head.grid[1] * head.grid[2];
    const uint3 me = {u % block[0], u / block[0] % block[1], u / block[0] / block[1]};
    char name[16];
    snprintf(name, sizeof name, "%u,%u,%u", me.x, me.y, me.z);
    pthread_setname_np(pthread_self(), name);  // ThreadSanitizer's reports show it
    for (Int n = 0; n < blocks; ++n) {
        const Int b = head.backwards ? blocks - 1 - n : n;
        self = {me, {unsigned(b % grid[0]), unsigned(b / grid[0] % grid[1]), unsigned(b / grid[0] / grid[1])},
                {block[0], block[1], block[2]}, {grid[0], grid[1], grid[2]}, int(u % 32)};
        emu_forget_copies(index_of(self));
        body(cells.data());
        pthread_barrier_wait(&all);
    }
    return nullptr;
}

}  // namespace

extern "C" {

EmuThread* emu_self() { return &self; }

int emu_barrier(int kind, int predicate, const char*, int) {
    if (kind) predicates[index_of(self)] = predicate;
    pthread_barrier_wait(&all);
    if (!kind) return 0;
    int sum = 0;
    for (int i = 0; i < threads; ++i) sum += predicates[i];
    pthread_barrier_wait(&all);
    return kind == 1 ? sum : kind == 2 ? sum == threads : sum > 0;
}

const char* emu_exchange(unsigned mask, const void* value, int size, const char* what, const char*, int) {
    Warp& warp = warps[index_of(self) / 32];
    const int set = parity, want = lanes(mask, what);
    parity ^= 1;
    for (volatile int i = 0; i < size; i = i + 1) warp.slots[set][self.lane][i] = static_cast<const char*>(value)[i];
    const int turn = __atomic_load_n(&warp.turn[set], __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&warp.here[set], 1, __ATOMIC_ACQ_REL) == want) {
        __atomic_store_n(&warp.here[set], 0, __ATOMIC_RELEASE);
        __atomic_add_fetch(&warp.turn[set], 1, __ATOMIC_ACQ_REL);
        syscall(SYS_futex, &warp.turn[set], FUTEX_WAKE_PRIVATE, 32, nullptr, nullptr, 0);
    }
    while (__atomic_load_n(&warp.turn[set], __ATOMIC_ACQUIRE) == turn)
        syscall(SYS_futex, &warp.turn[set], FUTEX_WAIT_PRIVATE, turn, nullptr, nullptr, 0);
    return warp.slots[set][0];
}

void emu_sync_warp(unsigned mask, const char*, int) {
    lanes(mask, "__syncwarp");
    pthread_barrier_wait(&warps[index_of(self) / 32].together);
}

unsigned emu_active() {
    const int left = threads - index_of(self) / 32 * 32;
    return left >= 32 ? 0xffffffffu : (1u << left) - 1;
}

void emu_atomic(const void*, int, const void*) {}
void emu_flops(long long) {}
void emu_promise(void*, int, const void*) {}
void emu_fence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void emu_trap(const char*, int) { stop("a thread calls __trap"); }

// AddressSanitizer calls this in the thread that did it, before its own report: whose array was it?
void __asan_on_error() {
    const char* at = static_cast<const char*>(__asan_get_report_address());
    const uint3 &t = self.threadIdx, &b = self.blockIdx;
    fprintf(stderr, "emu: thread (%u,%u,%u) of block (%u,%u,%u) %s %d bytes", t.x, t.y, t.z, b.x, b.y, b.z,
            __asan_get_report_access_type() ? "writes" : "reads", int(__asan_get_report_access_size()));
    const Array* nearest = nullptr;
    Int least = 4096;
    for (const Array& a : arrays) {
        const Int away = at < a.data ? a.data - at : at - (a.data + a.size) + 1;
        if (away < least) nearest = &a, least = away;
    }
    const Int beyond = at - emu_dynamic - head.dynamic;
    if (at >= emu_dynamic && at < emu_dynamic + sizeof emu_dynamic)
        fprintf(stderr, " beyond the %lld bytes of dynamic shared memory, at byte %lld", head.dynamic, beyond + head.dynamic);
    else if (nearest)
        fprintf(stderr, " %s of argument `%s`: element %lld, it has %lld", at < nearest->data ? "before the beginning" : "past the end",
                nearest->name, (at - nearest->data - (at < nearest->data ? nearest->item - 1 : 0)) / nearest->item,
                nearest->size / nearest->item);
    else fprintf(stderr, " outside of an array");
    fprintf(stderr, "\n");
}
}

int main(int, char** given) {
    FILE* in = fopen(given[1], "rb");
    if (!in) stop("the launch's description can't be read");
    alarm(100);  // a thread that waits for one that has returned
    read(in, &head, 1);
    arrays.resize(head.arrays), arguments.resize(head.arguments), cells.resize(head.arguments);
    for (Array& a : arrays) {
        read(in, &a.size, 3);
        read(in, a.name, sizeof a.name);
        void* all_of_it = nullptr;
        if (posix_memalign(&all_of_it, 256, a.align + a.size)) stop("no memory");
        a.data = static_cast<char*>(all_of_it) + a.align;
        if (a.align && __asan_poison_memory_region) __asan_poison_memory_region(all_of_it, a.align);
        read(in, a.data, a.size);
        fprintf(stderr, "emu: array %s %p %lld\n", a.name, static_cast<void*>(a.data), a.size);
    }
    for (int i = 0; i < head.arguments; ++i) {
        Argument& argument = arguments[i];
        read(in, &argument, 1);
        if (argument.pointer) {
            char* at = argument.pointer == 1 ? arrays[argument.array].data + argument.offset : nullptr;
            memcpy(argument.bytes, &at, sizeof at);
        }
        cells[i] = argument.bytes;
    }
    for (Int i = 0; i < head.moved; ++i) {
        Moved moved;
        read(in, &moved, 1);
        char* at = arrays[moved.target].data + moved.offset;
        memcpy(arrays[moved.array].data + moved.at, &at, sizeof at);
    }
    fclose(in);
    if (__asan_poison_memory_region) __asan_poison_memory_region(emu_dynamic + head.dynamic, sizeof emu_dynamic - head.dynamic);
    body = emu_kernels[head.kernel].call;
    threads = int(head.block[0] * head.block[1] * head.block[2]);
    pthread_barrier_init(&all, nullptr, threads);
    for (int w = 0; 32 * w < threads; ++w)
        pthread_barrier_init(&warps[w].together, nullptr, threads - 32 * w < 32 ? threads - 32 * w : 32);
    std::vector<pthread_t> made(threads);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    for (int i = 0; i < threads; ++i)
        if (pthread_create(&made[i], &small, run, reinterpret_cast<void*>(size_t(i)))) stop("no thread can be made");
    for (pthread_t thread : made) pthread_join(thread, nullptr);
    FILE* out = fopen(given[2], "wb");
    for (const Array& a : arrays)
        if (a.size && fwrite(a.data, 1, a.size, out) != size_t(a.size)) stop("the arrays can't be written");
    fclose(out);
    return 0;
}
