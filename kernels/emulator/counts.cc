// Counts what a kernel asks of memory, warp by warp, and how much arithmetic it does.
//
// A warp's 32 threads execute a load together, and the hardware fetches the 32-byte sectors that the 32 addresses fall
// into: 4 if they are neighbours, up to 32 if not. Shared memory has 32 banks of 4 bytes: addresses in the same bank, but
// not in the same word, wait for each other. Fibers do not run in step, so accesses are noted with their number (the
// thread's n-th execution of this instruction) and those with the same number are put together at the next barrier.
#include <algorithm>
#include <tuple>
#include <vector>

#include "checks.h"

namespace emu {
namespace {

constexpr int SITES = 1024;

struct Site {  // one instruction; Python reads these
    long code;
    int shared, write;
    long long threads, bytes;     // executions by threads, bytes that they moved
    long long warps;              // executions by warps
    long long sectors, lines;     // global: 32-byte sectors and 128-byte lines
    long long waves, least_waves;  // shared: passes through the banks, and as many as there had to be
    char array[32];
};
Site sites[SITES];
int site_count;
unsigned numbers[SITES][MAX_THREADS];

struct Note {
    unsigned number;
    short site, thread;
    unsigned size;
    const char* at;
};
std::vector<Note> notes;

constexpr long CODE = 1 << 20;
unsigned visits[CODE];  // how often each piece of straight-line code was entered, by the offset of its beginning
long long flops;        // what the runtime has computed for the kernel

int site_of(const void* code, const Range& range, bool shared, bool write) {
    static int last = 0;
    const long at = offset(code);
    auto is = [&](const Site& site) { return site.code == at && !strncmp(site.array, range.name, 31); };
    if (last < site_count && is(sites[last])) return last;
    for (int i = 0; i < site_count; ++i)
        if (is(sites[i])) return last = i;
    if (site_count == SITES) return -1;
    sites[site_count] = {at, shared, write};
    strncpy(sites[site_count].array, range.name, 31);
    return last = site_count++;
}

template <class Key>
long distinct(const Note* begin, const Note* end, long unit, Key key) {
    static std::vector<unsigned long> seen;
    seen.clear();
    for (const Note* n = begin; n < end; ++n)
        for (unsigned long u = reinterpret_cast<uintptr_t>(n->at) / unit,
                           last = (reinterpret_cast<uintptr_t>(n->at) + n->size - 1) / unit; u <= last; ++u)
            if (key(u)) seen.push_back(u);
    std::sort(seen.begin(), seen.end());
    return std::unique(seen.begin(), seen.end()) - seen.begin();
}

// How often the banks must be asked for these lanes, at most 128 bytes at once: the fullest bank's distinct words.
long waves(const Note* begin, const Note* end) {
    long most = 0;
    for (unsigned long bank = 0; bank < 32; ++bank)
        most = std::max(most, distinct(begin, end, 4, [bank](unsigned long word) { return word % 32 == bank; }));
    return most;
}

void count_warp(const Note* begin, const Note* end) {
    Site& site = sites[begin->site];
    ++site.warps;
    site.threads += end - begin;
    for (const Note* n = begin; n < end; ++n) site.bytes += n->size;
    if (!site.shared) {
        site.sectors += distinct(begin, end, 32, [](unsigned long) { return true; });
        site.lines += distinct(begin, end, 128, [](unsigned long) { return true; });
        return;
    }
    // 8 bytes a lane: half a warp at once; 16 bytes: a quarter
    const int lanes = begin->size <= 4 ? 32 : 128 / std::min(begin->size, 16u);
    for (const Note* n = begin; n < end;) {
        const Note* stop = n;
        while (stop < end && stop->thread / lanes == n->thread / lanes) ++stop;
        site.waves += waves(n, stop);
        ++site.least_waves;
        n = stop;
    }
}

}  // namespace

void on_count_launch() {
    if (!launch.counting) return;
    site_count = flops = 0;
    notes.clear();
    memset(numbers, 0, sizeof numbers);
    memset(visits, 0, sizeof visits);
}

void on_count(const Range& range, const char* at, long size, bool write, bool shared, const void* code) {
    const int site = site_of(code, range, shared, write);
    if (site < 0) return;
    if (notes.size() > 4000000) on_count_flush();  // a warp's access that is cut in two here counts as two
    const short thread = launch.now - launch.fibers;
    notes.push_back({numbers[site][thread]++, short(site), thread, unsigned(size), at});
}

void on_count_flush() {
    if (notes.empty()) return;
    auto key = [](const Note& n) { return std::make_tuple(n.site, n.thread / 32, n.number, n.thread); };
    std::sort(notes.begin(), notes.end(), [key](const Note& a, const Note& b) { return key(a) < key(b); });
    for (size_t i = 0, j; i < notes.size(); i = j) {
        for (j = i; j < notes.size() && notes[j].site == notes[i].site && notes[j].number == notes[i].number &&
                    notes[j].thread / 32 == notes[i].thread / 32;)
            ++j;
        count_warp(&notes[i], &notes[0] + j);
    }
    notes.clear();
    for (int i = 0; i < site_count; ++i) memset(numbers[i], 0, sizeof numbers[i]);
}

}  // namespace emu

#define EXPORT __attribute__((visibility("default")))

extern "C" {
void __sanitizer_cov_trace_pc() {
    const long at = emu::offset(__builtin_return_address(0));
    if (++emu::launch.steps > emu::MAX_STEPS)
        emu::fail("{at:%ld}: %s is still running after %lld steps: a loop without an end, or it waits for "
                  "something that another thread would have to write", at, emu::words(*emu::launch.now), emu::MAX_STEPS);
    if (emu::launch.counting && at < emu::CODE) ++emu::visits[at];
}
void emu_flops(long long n) { emu::flops += n; }

EXPORT int emu_counts(const emu::Site** first) {
    *first = emu::sites;
    return emu::site_count;
}
EXPORT unsigned* emu_visits() { return emu::visits; }
EXPORT long long* emu_counted_flops() { return &emu::flops; }
}
