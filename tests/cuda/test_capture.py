"""Capturing with CuPy's streams, as far as it can be tried without one: the order of calls, and that CuPy has them."""

import contextlib
import types

import numpy as np
import pytest

from minigen.backend.cuda.capture import CapturedStream


class Recorder:
    """A CuPy that notes what is asked of it."""

    def __init__(self):
        self.calls, self.pool = [], "all"
        calls = self.calls

        class Stream:
            def __init__(self, non_blocking):
                assert non_blocking

            def __enter__(self):
                calls.append("enter")
                return self

            def __exit__(self, *error):
                calls.append("leave")

            def begin_capture(self, mode):
                calls.append(f"begin {mode}")

            def end_capture(self):
                calls.append("end")
                return types.SimpleNamespace(launch=lambda stream: calls.append("launch"))

            def synchronize(self):
                calls.append("wait")

        @contextlib.contextmanager
        def using_allocator(allocate):
            before, self.pool = self.pool, allocate
            calls.append(f"pool {allocate}")
            yield
            self.pool = before

        pools = iter(("own", "constants"))

        def empty(shape, dtype):
            calls.append(f"array of {self.pool}")
            return types.SimpleNamespace(set=lambda host: calls.append(f"fill {host.tolist()}"))

        runtime = types.SimpleNamespace(
            deviceSynchronize=lambda: calls.append("all wait"), streamCaptureModeRelaxed="relaxed"
        )
        self.cuda = types.SimpleNamespace(
            Stream=Stream,
            MemoryPool=lambda: types.SimpleNamespace(malloc=next(pools)),
            using_allocator=using_allocator,
            runtime=runtime,
        )
        self.empty = empty


def test_a_step_is_captured_on_a_stream_and_a_pool_of_its_own():
    cupy = Recorder()
    stream = CapturedStream(cupy)
    assert stream.run(lambda: cupy.calls.append("step") or 1) == 1
    assert cupy.calls == ["all wait", "enter", "pool own", "step", "leave", "wait"]
    cupy.calls.clear()
    assert stream.capture(lambda: stream.upload(np.array([1, 2])) and 2) == 2
    assert cupy.calls == [
        "all wait", "enter", "pool own", "begin relaxed", "pool constants", "array of constants", "end", "leave",
        "wait", "fill [1, 2]", "all wait",
    ]  # fmt: skip
    cupy.calls.clear()
    stream.replay()
    assert cupy.calls == ["all wait", "launch", "wait"]


def test_a_capture_that_fails_is_ended():
    cupy = Recorder()
    with pytest.raises(ZeroDivisionError):
        CapturedStream(cupy).capture(lambda: 1 / 0)
    assert "end" in cupy.calls and cupy.calls[-1] == "leave"


def test_cupy_has_what_is_asked_of_it():
    cupy = pytest.importorskip("cupy", reason="NOT RUN: CuPy is not installed (pip install 'minigen[cuda-check]')")
    names = (
        "RawModule.compile", "RawModule.get_function", "RawKernel.max_dynamic_shared_size_bytes",
        "cuda.Stream.begin_capture", "cuda.Stream.end_capture", "cuda.Stream.synchronize", "cuda.Graph.launch",
        "cuda.MemoryPool.malloc", "cuda.using_allocator", "cuda.Event.record", "cuda.Event.synchronize",
        "cuda.get_elapsed_time", "cuda.runtime.streamCaptureModeRelaxed", "cuda.runtime.deviceSynchronize",
        "cuda.runtime.getDeviceProperties", "cuda.runtime.getDeviceCount", "cuda.runtime.driverGetVersion",
        "cuda.runtime.runtimeGetVersion", "cuda.nvrtc.getVersion", "get_default_memory_pool",
        "ndarray.set", "ndarray.get",
    )  # fmt: skip
    for name in names:
        found = cupy
        for part in name.split("."):
            found = getattr(found, part)
