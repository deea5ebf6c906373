// A fiber: a stack of its own and a place where it stands. switch_to(from, to) leaves one and goes on in the other.
//
// On x86-64 that is the dozen instructions below: push what a function must preserve, exchange the stack pointer, pop.
// Elsewhere (or with -DEMU_UCONTEXT) the C library's swapcontext does the same, with a system call each time.
#pragma once
#include <stdint.h>

#if defined(__x86_64__) && !defined(EMU_UCONTEXT)

struct Context {
    void* sp = nullptr;
};

extern "C" void emu_switch(void** from, void* to);
asm(R"(
.text
emu_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

inline void switch_to(Context& from, Context& to) { emu_switch(&from.sp, to.sp); }

inline void prepare(Context& fiber, char* low, char* high, void (*start)()) {
    void** top = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(high) & ~uintptr_t(15));
    *--top = nullptr;  // start() finds the stack as after a call
    *--top = reinterpret_cast<void*>(start);
    for (int i = 0; i < 6; ++i) *--top = nullptr;
    fiber.sp = top;
    (void)low;
}

#else
#include <ucontext.h>

struct Context {
    ucontext_t state;
};

inline void switch_to(Context& from, Context& to) { swapcontext(&from.state, &to.state); }

inline void prepare(Context& fiber, char* low, char* high, void (*start)()) {
    getcontext(&fiber.state);
    fiber.state.uc_stack.ss_sp = low;
    fiber.state.uc_stack.ss_size = high - low;
    fiber.state.uc_link = nullptr;
    makecontext(&fiber.state, start, 0);
}

#endif
