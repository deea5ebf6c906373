// Runs a grid: block after block, the threads of a block as fibers, each until it must wait for others.
//
// A block's threads are visited warp by warp, forwards or backwards. When nobody can go on, everybody must be waiting at
// one and the same __syncthreads: otherwise some thread would wait for ever on a GPU, and the launch ends with words.
#include "checks.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

extern "C" {
char emu_dynamic[232448] __attribute__((aligned(128)));  // as much as Hopper gives a block
}
extern "C" char __ehdr_start;  // the linker's name for the library's beginning

namespace emu {

Launch launch;

namespace {

Fiber fibers[MAX_THREADS];
char slots[MAX_THREADS / 32][2][32][SLOT];
int waiting[MAX_THREADS / 32];  // how many lanes of each warp wait for others of it
Context scheduler;
void (*body)(void**);
void** parameters;
bool backwards, failed;

void start() {
    body(parameters);
    launch.now->state = DONE;
    switch_to(launch.now->context, scheduler);
    __builtin_unreachable();
}

void wait(State state) {
    launch.now->state = state;
    switch_to(launch.now->context, scheduler);
}

void resume(Fiber& fiber) {
    launch.now = &fiber;
    launch.steps = 0;
    switch_to(scheduler, fiber.context);
}

// Everybody has arrived at one barrier: give each its result and let all go on.
void release() {
    int sum = 0;
    for (int i = 0; i < launch.threads; ++i) sum += fibers[i].predicate;
    for (int i = 0; i < launch.threads; ++i) {
        const int kind = fibers[i].kind;
        fibers[i].result = kind == 1 ? sum : kind == 2 ? sum == launch.threads : sum > 0;
        fibers[i].state = READY;
    }
    on_barrier();
    ++launch.epoch;
}

bool same(const char* file, const char* other) { return file == other || !strcmp(file, other); }

void describe_wait(char* text, size_t size, const Fiber& fiber) {
    if (fiber.state == DONE) snprintf(text, size, "%s has returned", words(fiber));
    else snprintf(text, size, "%s waits at %s in %s:%d", words(fiber), fiber.what, fiber.file, fiber.line);
}

// Nobody can go on, and not all wait at the same barrier. Says for whom the first one waits.
void report_stuck() {
    const Fiber* waiting = nullptr;
    for (int i = 0; i < launch.threads && !waiting; ++i)
        if (fibers[i].state == AT_WARP) waiting = &fibers[i];
    for (int i = 0; i < launch.threads && !waiting; ++i)
        if (fibers[i].state == AT_BARRIER) waiting = &fibers[i];
    char other[512] = "nobody else comes";
    const int first = waiting->state == AT_WARP ? (waiting - fibers) / 32 * 32 : 0;
    const int end = waiting->state == AT_WARP && first + 32 < launch.threads ? first + 32 : launch.threads;
    for (int i = first; i < end; ++i) {
        const bool wanted = waiting->state == AT_BARRIER || (waiting->mask >> (i - first) & 1);
        const bool here = fibers[i].state == waiting->state && fibers[i].line == waiting->line &&
                          same(fibers[i].file, waiting->file) && fibers[i].mask == waiting->mask;
        if (wanted && !here) {
            describe_wait(other, sizeof other, fibers[i]);
            break;
        }
    }
    if (waiting->state == AT_WARP)
        snprintf(launch.failure, sizeof launch.failure,
                 "%s:%d: %s waits for ever: %s with mask 0x%08x needs every lane of the mask at the same call, but %s",
                 waiting->file, waiting->line, words(*waiting), waiting->what, waiting->mask, other);
    else
        snprintf(launch.failure, sizeof launch.failure,
                 "%s:%d: not all threads of the block reach this %s: %s waits there, but %s", waiting->file,
                 waiting->line, waiting->what, words(*waiting), other);
    failed = true;
}

bool same_barrier() {
    for (int i = 0; i < launch.threads; ++i)
        if (fibers[i].state != AT_BARRIER || fibers[i].line != fibers[0].line || fibers[i].kind != fibers[0].kind ||
            !same(fibers[i].file, fibers[0].file))
            return false;
    return true;
}

// One visit to every warp: its ready lanes run until none is ready. Were there any?
bool visit() {
    bool any = false;
    const int warps = (launch.threads + 31) / 32;
    for (int v = 0; v < warps; ++v) {
        const int w = backwards ? warps - 1 - v : v;
        for (bool again = true; again;) {
            again = false;
            for (int j = 0; j < 32; ++j) {
                const int i = 32 * w + (backwards ? 31 - j : j);
                if (i >= launch.threads || fibers[i].state != READY) continue;
                resume(fibers[i]);
                if (failed) return false;
                again = any = true;
            }
        }
    }
    return any;
}

void run_block() {
    for (int i = 0; i < launch.shared_count; ++i) {
        const Range& r = launch.shared[i];
        char* p = const_cast<char*>(r.low);
        for (; p + 4 <= r.high; p += 4) memcpy(p, &POISON, 4);
    }
    for (long i = 0; i + 4 <= launch.dynamic_size; i += 4) memcpy(emu_dynamic + i, &POISON, 4);
    for (int i = 0; i < launch.threads; ++i) {
        Fiber& f = fibers[i];
        prepare(f.context, f.low, f.high, start);
        f.state = READY, f.parity = 0, f.epoch = 0, f.mask = 0;
        emu_forget_copies(i);
    }
    memset(waiting, 0, sizeof waiting);
    launch.block_epoch = ++launch.epoch;
    on_block();
    for (;;) {
        if (visit()) continue;
        if (failed) return;
        bool done = true;
        for (int i = 0; i < launch.threads; ++i) done = done && fibers[i].state == DONE;
        if (done) return on_barrier();
        if (!same_barrier()) return report_stuck();
        release();
    }
}

void on_signal(int number, siginfo_t*, void*) {
    if (!launch.now) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    fail("%s stops the program: %s. Load the kernel with checked=True to learn the line", words(*launch.now),
         number == SIGFPE ? "an integer is divided by zero" : "it touches memory that it may not touch, or its local "
                                                              "arrays are larger than the emulator's stack of 64 KB");
}

// While a grid runs, a crash is an error of the kernel and not the end of the program.
struct Signals {
    struct sigaction before[3];
    stack_t stack_before;
    static constexpr int numbers[3] = {SIGSEGV, SIGBUS, SIGFPE};
    Signals() {
        static char stack[64 << 10];
        stack_t own = {};
        own.ss_sp = stack, own.ss_size = sizeof stack;
        sigaltstack(&own, &stack_before);
        struct sigaction action = {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        for (int i = 0; i < 3; ++i) sigaction(numbers[i], &action, &before[i]);
    }
    ~Signals() {
        for (int i = 0; i < 3; ++i) sigaction(numbers[i], &before[i], nullptr);
        sigaltstack(&stack_before, nullptr);
    }
};
constexpr int Signals::numbers[3];

}  // namespace

bool own_memory(const char* at) {
    auto within = [at](const auto& whole) {
        const char* low = reinterpret_cast<const char*>(&whole);
        return at >= low && at < low + sizeof whole;
    };
    return within(fibers) || within(slots);
}

long offset(const void* code) { return static_cast<const char*>(code) - &__ehdr_start; }

const char* words(const Fiber& fiber) {
    static char texts[4][96];
    static int next = 0;
    char* text = texts[next = (next + 1) % 4];
    const uint3 &t = fiber.thread.threadIdx, &b = fiber.thread.blockIdx;
    snprintf(text, sizeof texts[0], "thread (%u,%u,%u) of block (%u,%u,%u)", t.x, t.y, t.z, b.x, b.y, b.z);
    return text;
}

void fail(const char* format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(launch.failure, sizeof launch.failure, format, values);
    va_end(values);
    failed = true;
    wait(DONE);
    __builtin_unreachable();
}

}  // namespace emu

using namespace emu;

extern "C" {

EmuThread* emu_self() { return &launch.now->thread; }

int emu_barrier(int kind, int predicate, const char* file, int line) {
    static const char* const names[] = {"__syncthreads", "__syncthreads_count", "__syncthreads_and", "__syncthreads_or"};
    Fiber& me = *launch.now;
    me.kind = kind, me.predicate = predicate, me.file = file, me.line = line, me.what = names[kind], me.mask = 0;
    wait(AT_BARRIER);
    return me.result;
}

static void rendezvous(unsigned mask, const char* what, const char* file, int line) {
    Fiber& me = *launch.now;
    const int first = (&me - fibers) / 32 * 32;
    if (!(mask >> me.thread.lane & 1))
        fail("%s:%d: %s calls %s with mask 0x%08x, in which its own lane %d is missing", file, line, words(me), what,
             mask, me.thread.lane);
    if (launch.threads - first < 32 && mask >> (launch.threads - first))
        fail("%s:%d: %s calls %s with mask 0x%08x, but its warp has only %d threads", file, line, words(me), what, mask,
             launch.threads - first);
    me.mask = mask, me.file = file, me.line = line, me.what = what, me.state = AT_WARP;
    int& count = waiting[first / 32];
    if (++count < __builtin_popcount(mask)) return wait(AT_WARP);
    for (int lane = 0; lane < 32; ++lane) {
        const Fiber& f = fibers[first + lane];
        if ((mask >> lane & 1) && !(f.state == AT_WARP && f.line == line && f.mask == mask && same(f.file, file)))
            return wait(AT_WARP);
    }
    for (int lane = 0; lane < 32; ++lane)  // the last one has come: all go on
        if (mask >> lane & 1) fibers[first + lane].state = READY;
    count -= __builtin_popcount(mask);
}

const char* emu_exchange(unsigned mask, const void* value, int size, const char* what, const char* file, int line) {
    Fiber& me = *launch.now;
    auto& set = slots[(&me - fibers) / 32][me.parity];
    me.parity ^= 1;  // a fast lane's next value must not overwrite what a slow one has yet to read
    memcpy(set[me.thread.lane], value, size);
    rendezvous(mask, what, file, line);
    return set[0];
}

void emu_sync_warp(unsigned mask, const char* file, int line) {
    rendezvous(mask, "__syncwarp", file, line);
    ++launch.now->epoch;
}

unsigned emu_active() {
    const int first = (launch.now - fibers) / 32 * 32;
    unsigned active = 0;
    for (int lane = 0; lane < 32 && first + lane < launch.threads; ++lane)
        active |= unsigned(fibers[first + lane].state != DONE) << lane;
    return active;
}

void emu_atomic(const void* address, int size, const void* code) { on_atomic(address, size, code); }
void emu_fence() { on_fence(); }
void emu_promise(void* to, int size, const void* code) {
    on_promise(to, size, code);
    for (int i = 0; i < size; i += 4) memcpy(static_cast<char*>(to) + i, &POISON, 4);
}
void emu_trap(const char* file, int line) { fail("%s:%d: %s calls __trap", file, line, words(*launch.now)); }

// Python's side: sets up the arguments and ranges, then launches. 0: all went well; 1: emu_failure() has the words.
EXPORT char* emu_make_stacks() {
    void* all = mmap(nullptr, MAX_THREADS * STEP, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return nullptr;
    for (int i = 0; i < MAX_THREADS; ++i)  // a stack that is too small stops here: -fstack-clash-protection steps over none
        mprotect(static_cast<char*>(all) + i * STEP, GUARD, PROT_NONE);
    return static_cast<char*>(all);
}
// All libraries use one set of stacks.
EXPORT void emu_set_stacks(char* all) {
    for (int i = 0; i < MAX_THREADS; ++i) {
        fibers[i].low = all + i * STEP + GUARD;
        fibers[i].high = all + (i + 1) * STEP - i % 32 * 192;  // not all in the same sets of the processor's cache
    }
}
EXPORT void emu_set_arguments(int count, const Range* ranges) {
    launch.argument_count = count;
    for (int i = 0; i < count; ++i) launch.arguments[i] = ranges[i];
}
EXPORT void emu_set_shared(int count, const Range* ranges) {
    launch.shared_count = count;
    for (int i = 0; i < count; ++i) launch.shared[i] = ranges[i];
}
EXPORT void emu_set_constants(int count, const Range* ranges) {
    launch.constant_count = count;
    for (int i = 0; i < count; ++i) launch.constants[i] = ranges[i];
}
EXPORT const char* emu_failure() { return launch.failure; }
EXPORT char* emu_base() { return &__ehdr_start; }

EXPORT int emu_launch(void (*call)(void**), void** arguments, const unsigned* grid, const unsigned* block, long dynamic_size,
               int reverse, int counting) {
    launch.failure[0] = 0;
    body = call, parameters = arguments, backwards = reverse, failed = false;
    launch.fibers = fibers;
    launch.threads = block[0] * block[1] * block[2];
    launch.dynamic_size = dynamic_size;
    launch.counting = counting;
    launch.epoch = 0;
    on_launch();
    const Signals signals;
    const long long blocks = 1LL * grid[0] * grid[1] * grid[2];
    for (long long n = 0; n < blocks && !failed; ++n) {
        const long long b = launch.block = backwards ? blocks - 1 - n : n;
        for (int i = 0; i < launch.threads; ++i) {
            const unsigned u = i;
            fibers[i].thread = {{u % block[0], u / block[0] % block[1], u / block[0] / block[1]},
                                {unsigned(b % grid[0]), unsigned(b / grid[0] % grid[1]), unsigned(b / grid[0] / grid[1])},
                                {block[0], block[1], block[2]},
                                {grid[0], grid[1], grid[2]},
                                i % 32};
        }
        run_block();
    }
    on_end();
    launch.now = nullptr;
    return failed;
}
}
