// A small pool of threads: tasks are handed out by an atomic counter; idle workers watch for a moment, then sleep.
#pragma once
#include <stddef.h>

namespace minigen {

typedef void Task(const void* body, ptrdiff_t task);

// Calls run(body, task) once for every task in [0, tasks) and returns when all have ended. The calling thread works too.
// The first exception that a task throws is thrown again here, after the others have ended. Calls from inside a task, or
// while another thread uses the pool, run in the calling thread alone.
void run_parallel(ptrdiff_t tasks, Task* run, const void* body);

void set_num_threads(int n);  // n >= 1
int get_num_threads();

}  // namespace minigen
