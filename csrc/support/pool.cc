#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace minigen {
namespace {

struct Job {
    Task* run;
    const void* body;
    ptrdiff_t tasks;
    std::atomic<ptrdiff_t> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr error;  // written by whoever sets `failed` first

    ptrdiff_t work() {  // how many tasks this thread has done
        ptrdiff_t done = 0;
        for (ptrdiff_t task; !failed && (task = next++) < tasks; ++done) {
            try {
                run(body, task);
            } catch (...) {
                if (!failed.exchange(true)) error = std::current_exception();
            }
        }
        return done;
    }
};

thread_local bool inside = false;  // is this thread running a task?

typedef std::chrono::steady_clock Clock;
constexpr std::chrono::microseconds SPIN(30);  // so long a wait is watched; a longer one is slept through

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// True as soon as `ready()`, false if it is not within SPIN. To be woken takes as long as a small kernel.
template <class Ready> bool watch(const Ready& ready) {
    const Clock::time_point end = Clock::now() + SPIN;
    do
        for (int i = 0; i < 32; ++i) {
            if (ready()) return true;
            pause();
        }
    while (Clock::now() < end);
    return false;
}

// Helpers whose processor has other work may be stopped in the middle of a task while everybody waits, or take turns with the
// caller on one processor. A kernel that they made no faster does without them for a while, twice as long each time; when they
// help it again, the next such while is a quarter shorter. So they are asked seldom where they fail more than two times in seven.
class Patience {
public:
    bool gone() const { return rest.count() > 0 && Clock::now() < until; }
    bool lasts() const { return rest.count() == 0; }
    void learn(bool helped) {
        constexpr std::chrono::milliseconds FIRST(1), MOST(32);
        if (helped) {
            rest = rest > FIRST ? rest * 3 / 4 : Clock::duration::zero();
            return;
        }
        rest = lasts() ? FIRST : rest < MOST ? 2 * rest : rest;
        until = Clock::now() + rest;
    }

private:
    Clock::duration rest{0};
    Clock::time_point until;
};

class Pool {
public:
    std::mutex in_use;  // held by the one caller that may hand out a job

    void run(Job& job, int helpers) {
        Patience& patience = of_kernel[(reinterpret_cast<size_t>(job.run) >> 4) % KERNELS];
        if (patience.gone()) {
            job.work();
            return;
        }
        while (workers < helpers && start_worker()) {
        }
        if (helpers > workers) helpers = workers;
        helper_at = -1;
        {
            std::lock_guard<std::mutex> lock(mutex);
            current = &job;
            wanted = running = helpers;
        }
        wake.notify_all();
        const Clock::time_point begin = Clock::now();
        const ptrdiff_t own = job.work();
        const Clock::duration own_time = Clock::now() - begin;
        std::unique_lock<std::mutex> lock(mutex);
        running -= wanted;  // who has not come by now is not needed any more
        wanted = 0;
        if (running > 0) {
            lock.unlock();
            if (patience.lasts()) watch([&] { return running == 0; });
            lock.lock();
            done.wait(lock, [&] { return running == 0; });
        }
        current = nullptr;
        const bool sooner = own == job.tasks || own * (Clock::now() - begin) < job.tasks * own_time;  // than alone
        patience.learn(sooner && helper_at != sched_getcpu());
    }

private:
    static constexpr size_t KERNELS = 128;  // those that share a place share their patience

    std::mutex mutex;
    std::condition_variable wake, done;
    Job* current = nullptr;
    int workers = 0;
    std::atomic<int> wanted{0}, running{0};  // changed with the mutex held, watched without
    std::atomic<int> helper_at{-1};                // the processor of the helper that came last
    Patience of_kernel[KERNELS];

    bool start_worker() {
        sigset_t all, old;  // signals such as Ctrl-C belong to Python's threads
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        bool started = true;
        try {
            std::thread([this] { serve(); }).detach();
            ++workers;
        } catch (const std::system_error&) {  // the system has no thread left: fewer must do
            started = false;
        }
        pthread_sigmask(SIG_SETMASK, &old, nullptr);
        return started;
    }

    void serve() {
        inside = true;  // a worker that starts tasks of its own runs them alone
        std::unique_lock<std::mutex> lock(mutex);
        for (int misses = 0;;) {
            if (wanted == 0 && misses < 4) {
                lock.unlock();
                misses = watch([&] { return wanted > 0; }) ? 0 : misses + 1;
                lock.lock();
            }
            const Clock::time_point asleep = Clock::now();
            wake.wait(lock, [&] { return wanted > 0; });
            if (Clock::now() - asleep < 2 * SPIN) misses = 0;  // work comes often enough to watch for it
            --wanted;
            Job* job = current;
            lock.unlock();
            helper_at = sched_getcpu();
            job->work();
            lock.lock();
            if (--running == 0) done.notify_one();
        }
    }
};

Pool* pool = nullptr;  // never destroyed: its workers may still be asleep in it when the process ends
std::mutex creating;

// A forked child has none of its parent's workers and may inherit locked mutexes: it starts again with a new pool.
void after_fork_in_child() {
    pool = new Pool;
    inside = false;
}

Pool& the_pool() {
    std::lock_guard<std::mutex> lock(creating);
    if (!pool) {
        pool = new Pool;
        pthread_atfork([] { creating.lock(); }, [] { creating.unlock(); },
                       [] {
                           creating.unlock();
                           after_fork_in_child();
                       });
    }
    return *pool;
}

int available_cpus() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    const unsigned n = std::thread::hardware_concurrency();
    return n ? static_cast<int>(n) : 1;
}

int default_threads() {
    if (const char* text = std::getenv("MINIGEN_NUM_THREADS")) {
        const int n = std::atoi(text);
        if (n >= 1 && n <= 1024) return n;
    }
    return available_cpus();
}

std::atomic<int> threads{0};  // 0: not asked yet

}  // namespace

void set_num_threads(int n) { threads = n; }

int get_num_threads() {
    if (threads == 0) threads = default_threads();
    return threads;
}

void run_parallel(ptrdiff_t tasks, Task* run, const void* body) {
    const ptrdiff_t useful = tasks < get_num_threads() ? tasks : get_num_threads();
    std::unique_lock<std::mutex> lock;
    if (useful > 1 && !inside) lock = std::unique_lock<std::mutex>(the_pool().in_use, std::try_to_lock);
    if (!lock) {
        for (ptrdiff_t task = 0; task < tasks; ++task) run(body, task);
        return;
    }
    Job job{run, body, tasks};
    inside = true;
    pool->run(job, static_cast<int>(useful) - 1);
    inside = false;
    lock.unlock();
    if (job.failed) std::rethrow_exception(job.error);
}

}  // namespace minigen
