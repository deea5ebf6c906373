// cp.async: a copy from global to shared memory that nobody may count on before its group was waited for.
//
// So that a forgotten wait shows, the emulator copies as late as it may: in the wait. Each thread has its own groups.
#include "runtime.h"

namespace {

struct Copy {
    char* to;
    const char* from;
    int size, read;
    int group;  // the number of the group it belongs to
    const void* code;
};
struct Queue {
    Copy copies[256];
    int begin, end;      // as positions that only grow; modulo 256 in the array
    int groups;          // committed so far
    long long block;     // whose this is: queues are not emptied between blocks
    unsigned epoch;
};
Queue queues[emu::MAX_THREADS];

Queue& queue() {
    using emu::launch;
    Queue& q = queues[launch.now - launch.fibers];
    if (q.block != launch.block + 1 || q.epoch != launch.block_epoch)
        q.begin = q.end = q.groups = 0, q.block = launch.block + 1, q.epoch = launch.block_epoch;
    return q;
}

}  // namespace

extern "C" {

void emu_copy_async(void* shared, const void* global, int size, int bytes_read, const char* file, int line) {
    Queue& q = queue();
    const void* code = __builtin_return_address(0);
    if (q.end - q.begin == 256)
        emu::fail("%s:%d: %s has 256 copies under way by cp.async and waits for none", file, line,
                  emu::words(*emu::launch.now));
    if (bytes_read) emu::on_access(global, bytes_read, false, code);
    q.copies[q.end++ % 256] = {static_cast<char*>(shared), static_cast<const char*>(global), size, bytes_read,
                               q.groups, code};
}

void emu_commit_group() { ++queue().groups; }

void emu_wait_group(int newest_left) {
    Queue& q = queue();
    for (; q.begin < q.end && q.copies[q.begin % 256].group < q.groups - newest_left; ++q.begin) {
        const Copy& copy = q.copies[q.begin % 256];
        emu::on_access(copy.to, copy.size, true, copy.code);
        memcpy(copy.to, copy.from, copy.read);
        memset(copy.to + copy.read, 0, copy.size - copy.read);
    }
}
}
