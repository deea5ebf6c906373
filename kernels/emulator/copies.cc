// cp.async: a thread's copies to shared memory arrive when it waits for their group, and not a moment earlier.
//
// A GPU may write the bytes at any time between the copy and the wait. Here the place is spoilt at the copy (emu_promise)
// and filled at the wait, by the kernel's own code, so that a checked launch sees both: whoever reads without the wait,
// or still reads what was there before, does it without a barrier between (PTX ISA, "cp.async.wait_group").
#include <vector>

#include "runtime.h"

namespace {

struct Waiting {
    EmuCopy copy;
    int group;
};
struct Queue {
    std::vector<Waiting> all;
    size_t first;   // of those before, all have arrived
    int committed;  // groups
};
Queue queues[emu::MAX_THREADS];

Queue& mine() {
    const EmuThread& t = *emu_self();
    return queues[(t.threadIdx.z * t.blockDim.y + t.threadIdx.y) * t.blockDim.x + t.threadIdx.x];
}

}  // namespace

extern "C" {

void emu_copy_later(void* to, const void* bytes, int size) {
    EmuCopy copy = {to, size};
    memcpy(&copy.value, bytes, size);
    Queue& queue = mine();
    queue.all.push_back({copy, queue.committed});
    emu_promise(to, size, __builtin_return_address(0));
}

void emu_commit_copies() { ++mine().committed; }

int emu_copy_due(int left, EmuCopy* copy) {
    Queue& queue = mine();
    if (queue.first < queue.all.size() && queue.all[queue.first].group < queue.committed - left) {
        *copy = queue.all[queue.first++].copy;
        return 1;
    }
    queue.all.erase(queue.all.begin(), queue.all.begin() + queue.first);
    queue.first = 0;
    return 0;
}

void emu_forget_copies(int thread) { queues[thread] = {}; }
}
