// What the runtime's parts share: the threads of the block that runs now, and how a wrong kernel is stopped.
#pragma once
#include "fiber.h"
#include "include/cuda_emulator.h"

#undef threadIdx
#undef blockIdx
#undef blockDim
#undef gridDim

namespace emu {

constexpr int MAX_THREADS = 1024, SLOT = 32, MAX_ARGUMENTS = 64;
constexpr long STACK = 64 << 10, GUARD = 64 << 10, STEP = GUARD + STACK;
constexpr long long MAX_STEPS = 5000000;
constexpr unsigned POISON = 0xffa5ffa5u;  // a NaN that no arithmetic produces: memory that nobody has written

enum State { READY, AT_BARRIER, AT_WARP, DONE };

struct Fiber {
    EmuThread thread;
    Context context;
    State state;
    char *low, *high;  // its stack
    // where it waits, and for whom
    int kind, predicate, result, line;
    const char *file, *what;
    unsigned mask;
    int parity;       // which of its warp's two sets of slots the next exchange uses
    unsigned epoch;   // how many waits this thread's warp has passed together; orders its lanes' accesses
};

struct Range {
    const char *low, *high;
    const char* name;
    int poisoned;  // does it begin with elements that nobody has written?
    int item;      // bytes of an element
    int shadow;    // set by checks.cc
};

struct Launch {
    Fiber* fibers;
    int threads;
    Fiber* now;
    long long block;   // its number in the grid
    unsigned epoch;    // how many barriers have been passed, over all blocks of this launch
    unsigned block_epoch;  // the epoch at which this block began
    Range arguments[MAX_ARGUMENTS];
    int argument_count;
    Range shared[256], constants[256];
    int shared_count, constant_count;
    long dynamic_size;
    bool counting;
    long long steps;  // pieces of straight-line code entered since the thread last waited, in the checking build
    char failure[4096];
};

extern Launch launch;

// Writes the message, leaves the running fiber for good and ends the launch. In the text, {at:ADDRESS} stands for the
// source line of the instruction before ADDRESS (an offset from the library's beginning), which Python looks up.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
// "thread (3,0,0) of block (1,0,0)"; valid until the fourth next call.
const char* words(const Fiber& fiber);
long offset(const void* code);

// The checking build's hooks (checks.cc); empty in the fast build (unchecked.cc).
void on_launch();
void on_block();
void on_barrier();  // all threads of the block have arrived
void on_end();
void on_access(const void* address, long size, bool write, const void* code);  // code = nullptr: the runtime itself
void on_atomic(const void* address, int size, const void* code);
void on_promise(const void* address, long size, const void* code);  // written some time from now on, by a copy
void on_fence();

}  // namespace emu
