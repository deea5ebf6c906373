"""Do the next few jobs in the background, and hand the results over in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any


def prefetched(work: Callable[[Any], Any], jobs: Iterable[Any], ahead: int) -> Generator[Any, None, None]:
    """work(job) of each job, in order, while one thread has up to `ahead` of them ready or under way.

    The caller asks for a job only when it takes a result, so the two queues never hold more than `ahead`. An exception
    of `work` is raised here, with its own traceback. When the loop ends, early or not, the thread ends too: at once,
    or after the job it is at. It is a daemon, so not even a job that hangs keeps the program from ending.
    """
    if ahead == 0:
        for job in jobs:
            yield work(job)
        return
    todo: SimpleQueue = SimpleQueue()
    done: SimpleQueue = SimpleQueue()
    remaining, waiting = iter(jobs), 0
    try:
        for job in islice(remaining, ahead):
            todo.put((job,))
            waiting += 1
        Thread(target=_serve, args=(work, todo, done), name="minigen-prefetch", daemon=True).start()
        while waiting:
            result, error = done.get()
            if error is not None:
                raise error
            waiting -= 1
            for job in islice(remaining, 1):
                todo.put((job,))
                waiting += 1
            yield result
    finally:
        _stop(todo)


def _serve(work: Callable[[Any], Any], todo: SimpleQueue, done: SimpleQueue) -> None:
    while (job := todo.get()) is not None:
        try:
            done.put((work(*job), None))
        except BaseException as error:  # whatever it is, the caller must see it
            done.put((None, error))


def _stop(todo: SimpleQueue) -> None:
    try:
        while True:
            todo.get_nowait()
    except Empty:
        todo.put(None)
