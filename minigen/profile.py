"""Where the time goes: every op, forward and backward, with its calls, bytes and kernels.

    with minigen.profile() as p:
        train()
    print(p.table())                # where the time went
    p.save_trace("trace.json")      # and when: for Perfetto (ui.perfetto.dev) or chrome://tracing

Nothing is measured while no profile is open: an op then asks one attribute of ``state``.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .backend import state, watch_kernels


class Event(NamedTuple):
    """Something that took time, from ``start`` to ``end`` in nanoseconds of one clock."""

    kind: str  # op, vjp, pass (a whole backward pass), step (an optimiser's) or kernel (a compiled one)
    name: str
    thread: int
    start: int
    end: int
    backend: str = ""
    bytes: int = 0  # of the arrays that go in and come out
    shapes: tuple = ()  # (shape, dtype) of those that go in


@dataclass
class Row:
    """All calls of one op in one phase. ``time`` is in seconds, with all that the op called."""

    name: str
    phase: str  # forward, backward, update (an optimiser's step), or "" for a kernel that no op called
    calls: int = 0
    time: float = 0.0
    bytes: int = 0
    kernels: dict[str, float] = field(default_factory=dict)  # backend and rung -> seconds inside; NumPy's are not timed


class profile:
    """Record what ops do inside ``with minigen.profile() as p``.

    All threads are recorded, or, with ``all_threads=False``, the one that opened the block. Profiles may be nested:
    each records what happens inside it. Recording costs a few microseconds per op, between the ops for the most part.
    Raises RuntimeError if one profile is opened twice at once.
    """

    def __init__(self, *, all_threads: bool = True) -> None:
        self.all_threads = all_threads
        self.events: list[Event] = []
        self.threads: dict[int, str] = {}  # the names of those that did something
        self._start = self._end = 0
        self._thread = 0

    def __enter__(self) -> profile:
        with _lock:
            if self in _open:
                raise RuntimeError("profile: it is open already; make another one with minigen.profile()")
            self.events, self.threads, self._thread, self._end = [], {}, threading.get_ident(), 0
            _set((*_open, self))
        self._start = time.perf_counter_ns()
        return self

    def __exit__(self, *error: Any) -> None:
        self._end = time.perf_counter_ns()
        with _lock:
            _set(tuple(p for p in _open if p is not self))

    @property
    def total(self) -> float:
        """Seconds from the block's beginning to its end, or to now."""
        return ((self._end or time.perf_counter_ns()) - self._start) / 1e9 if self._start else 0.0

    # tables ---------------------------------------------------------------------------------------
    def rows(self, sort_by: str = "time") -> list[Row]:
        """One Row per op and phase, the largest first by 'time', 'calls' or 'bytes'."""
        if sort_by not in ("time", "calls", "bytes"):
            raise ValueError(f"rows: sort_by must be 'time', 'calls' or 'bytes', got {sort_by!r:.60}")
        found: dict[tuple[str, str], Row] = {}
        for event, above in _nested(self.events):
            owner = next((e for e in above if e.kind in ("op", "vjp", "step")), None)  # the outermost one
            if event.kind == "kernel":
                row = found.setdefault(key := _key(owner or event, above), Row(*key))
                label, seconds = f"{event.backend} {event.name}", (event.end - event.start) / 1e9
                row.kernels[label] = row.kernels.get(label, 0.0) + seconds
                if owner is None:  # random numbers, say: no op asked for them
                    row.calls, row.time = row.calls + 1, row.time + seconds
            elif event.kind != "pass" and owner is None:
                row = found.setdefault(key := _key(event, above), Row(*key))
                row.calls += 1
                row.time += (event.end - event.start) / 1e9
                row.bytes += event.bytes
                if event.backend == "numpy":
                    row.kernels.setdefault("numpy", 0.0)
        return sorted(found.values(), key=lambda row: getattr(row, sort_by), reverse=True)

    def table(self, sort_by: str = "time", limit: int | None = None) -> str:
        """The rows as text: calls, time, its share of the whole, bytes in and out, and the kernels that ran.

        No kernel is named where NumPy did the work. What remains of the time is Python between the ops.
        """
        rows, total = self.rows(sort_by), max(self.total, 1e-12)
        lines = [("op", "phase", "calls", "time", "share", "per call", "bytes", "kernel")]
        for r in rows[:limit]:
            kernels = sorted(r.kernels, key=r.kernels.__getitem__, reverse=True) or ["numpy"]
            more = f" +{len(kernels) - 1}" if len(kernels) > 1 else ""
            numbers = (f"{r.calls:,}", _seconds(r.time), f"{r.time / total:.1%}", _seconds(r.time / max(r.calls, 1)))
            lines.append((r.name, r.phase, *numbers, _bytes(r.bytes), kernels[0] + more))
        if limit is not None and len(rows) > limit:
            rest = sum(r.time for r in rows[limit:])
            lines.append((f"{len(rows) - limit} more", "", "", _seconds(rest), f"{rest / total:.1%}", "", "", ""))
        mine = sum(e.end - e.start for e, above in _nested(self.events)
                   if e.thread == self._thread and not any(a.kind != "pass" for a in above) and e.kind != "pass") / 1e9
        between = max(total - mine, 0.0)
        lines.append(("between the ops", "", "", _seconds(between), f"{between / total:.1%}", "", "", ""))
        lines.append(("total", "", "", _seconds(total), "100.0%", "", "", ""))
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        sides = "<<>>>>><"  # words to the left, numbers to the right
        text = ["  ".join(f"{c:{s}{w}}" for c, s, w in zip(line, sides, widths, strict=True)) for line in lines]
        rule = "-" * max(map(len, text))
        return "\n".join(line.rstrip() for line in [text[0], rule, *text[1:-2], rule, *text[-2:]])

    # traces ---------------------------------------------------------------------------------------
    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events as JSON in Chrome's Trace Event Format: one row per thread, what an op called below it.

        ``ts`` and ``dur`` are microseconds since the block began. Open the file in ui.perfetto.dev or chrome://tracing.
        """
        pid = os.getpid()
        trace: list[dict[str, Any]] = [
            {"name": "thread_name", "ph": "M", "pid": pid, "tid": t, "args": {"name": name}}
            for t, name in self.threads.items()
        ]
        for e in sorted(self.events, key=lambda e: (e.thread, e.start, -e.end)):
            args: dict[str, Any] = {}
            if e.shapes:
                args["inputs"] = [f"{np.dtype(d).name} {list(s)}" for s, d in e.shapes]
            if e.backend:
                args["backend"] = e.backend
            if e.bytes:
                args["bytes"] = e.bytes
            trace.append({
                "name": f"backward of {e.name}" if e.kind == "vjp" else e.name, "cat": e.kind, "ph": "X", "pid": pid,
                "tid": e.thread, "ts": (e.start - self._start) / 1e3, "dur": (e.end - e.start) / 1e3, "args": args,
            })  # fmt: skip
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": trace, "displayTimeUnit": "ms"}, file)


# what the engine calls ----------------------------------------------------------------------------
class _Watch:
    """Takes the events of all threads and gives each open profile its own."""

    clock = staticmethod(time.perf_counter_ns)

    def __init__(self, profiles: tuple[profile, ...]) -> None:
        self.profiles = profiles

    def _record(self, kind: str, name: str, began: int, backend: str = "", given: Any = (), made: Any = ()) -> None:
        end, thread = time.perf_counter_ns(), threading.get_ident()
        ins, outs = list(_arrays(given)), list(_arrays(made))
        size = sum(a.nbytes for a in ins) + sum(a.nbytes for a in outs)
        event = Event(kind, name, thread, began, end, backend, size, tuple((a.shape, a.dtype) for a in ins))
        self._give(event)

    def _give(self, event: Event) -> None:
        for p in self.profiles:
            if event.start >= p._start and not p._end and (p.all_threads or event.thread == p._thread):
                if event.thread not in p.threads:
                    p.threads[event.thread] = threading.current_thread().name
                p.events.append(event)

    def op(self, name: str, began: int, inputs: Any, outs: Any) -> None:
        self._record("op", name, began, state.backend.name, inputs, outs)

    def vjp(self, node: Any, delta: Any, needs: Sequence[bool]) -> Any:
        kept = [] if node.op.name == "pick" else [delta, node.kept]
        began = time.perf_counter_ns()
        grads = node.op.backward(node, delta, needs)
        self._record("vjp", node.op.name, began, node.backend.name, kept, [] if node.op.name == "pick" else grads)
        return grads

    def whole_pass(self, began: int) -> None:
        self._record("pass", "backward pass", began)

    def step(self, name: str, began: int, params: Any) -> None:
        self._record("step", name, began, state.backend.name, [[p, p.grad] for p in params], params)

    def kernel(self, name: str, start: int, end: int) -> None:
        self._give(Event("kernel", name, threading.get_ident(), start, end, state.backend.name))


def _arrays(values: Any) -> Iterator[np.ndarray]:
    """The arrays of Tensors in a nest of lists; what is None or was not kept has none."""
    for v in values:
        if isinstance(v, (list, tuple)):
            yield from _arrays(v)
        elif isinstance(getattr(v, "array", None), np.ndarray):
            yield v.array


_lock = threading.Lock()
_open: tuple[profile, ...] = ()


def _set(profiles: tuple[profile, ...]) -> None:
    """Make these the open profiles, for all threads: the attribute is the class's, not the thread's."""
    global _open
    watch = _Watch(profiles) if profiles else None
    if bool(profiles) != bool(_open):
        watch_kernels(_kernel if profiles else None)
    _open = profiles
    type(state).profile = watch


def _kernel(name: str, start: int, end: int) -> None:
    watch = state.profile
    if watch:
        watch.kernel(name, start, end)


# reading events -----------------------------------------------------------------------------------
def _nested(events: list[Event]) -> Iterator[tuple[Event, list[Event]]]:
    """Each event with those around it, the outermost first: an op inside of a rule, a kernel inside of an op."""
    above: list[Event] = []
    for event in sorted(events, key=lambda e: (e.thread, e.start, -e.end)):
        while above and (above[-1].thread != event.thread or above[-1].end < event.end):
            above.pop()
        yield event, above
        above.append(event)


def _key(event: Event, above: list[Event]) -> tuple[str, str]:
    """The row that an event belongs to."""
    if event.kind in ("step", "kernel"):
        return event.name, "update" if event.kind == "step" else ""
    if event.kind == "op" and any(e.kind == "pass" for e in above):  # in a backward pass, but in no rule
        return "sum of deltas" if event.name == "add" else event.name, "backward"
    return event.name, "forward" if event.kind == "op" else "backward"


def _seconds(t: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if t * scale >= 1 or unit == "us":
            return f"{t * scale:.{0 if t * scale >= 100 else 1 if t * scale >= 10 else 2}f} {unit}"
    raise AssertionError


def _bytes(n: float) -> str:
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "B" or n >= 100 else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"
