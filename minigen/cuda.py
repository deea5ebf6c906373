"""The GPU: is there one, and what does it do just now?

    device = minigen.device("cuda" if minigen.cuda.is_available() else "cpu")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .backend import available, gpu, state
from .backend.cuda.capture import Capture
from .modes import no_grad
from .random import default_generator
from .tensor import Tensor


def is_available() -> bool:
    """Can ``device="cuda"`` be used? ``why_not()`` says what is missing."""
    return not why_not()


def why_not() -> str:
    """What is missing, and its remedy, in words; "" if nothing is."""
    return available()["cuda"]


def device_count() -> int:
    """1 with a GPU that can be used (CUDA_VISIBLE_DEVICES chooses it), else 0."""
    return int(is_available())


def manual_seed(seed: int) -> None:
    """``minigen.manual_seed``, for one stream serves every device. Without a GPU nothing."""
    if is_available():
        default_generator.manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """``manual_seed``."""
    manual_seed(seed)


def synchronize() -> None:
    """Wait until the GPU has done all it was asked for."""
    gpu().synchronize()


def empty_cache() -> None:
    """Give the memory of freed arrays back to the driver. Without a GPU nothing."""
    if is_available():
        gpu().empty_cache()


class graph:
    """``step``, captured on its second call and replayed from then on: one launch in place of hundreds.

        step = minigen.cuda.graph(train_step)
        for x, y in loader:
            loss = step(x, y)

    ``step`` takes Tensors and returns Tensors (or lists, tuples and dicts of them); it may compute gradients and call
    an optimiser's ``step``. The first call runs it as it is, with our own kernels (CuPy's matrix products cannot be
    captured). The second one notes what it launches; it and all later calls copy their inputs to the same place,
    replay, and return the same Tensors with new values. Adam's step number and learning rate and dropout's random
    numbers advance. What else is a Python number stays as it was: where a setting of the optimiser changes, or its
    state is loaded, the step is captured again. Inputs of other shapes are a ValueError; a step that asks for values
    (``.item()``, ``print``, ``if``), or that draws random numbers on the CPU, a RuntimeError that says so.
    """

    def __init__(self, step: Callable[..., Any]) -> None:
        if not callable(step):
            raise TypeError(f"graph: step must be a function, got {type(step).__name__}")
        self.step = step
        self._stream: Any = None
        self._capture: Any = None
        self._inputs: list[Tensor] = []
        self._outputs: Any = None
        self._offset = 0  # what `later` holds on the GPU
        self._settings: list[dict[str, Any]] = []
        self._rates: list[float] = []
        self._states: list[tuple[Any, Any]] = []  # optimisers, and their states that the launches write to

    def __call__(self, *inputs: Tensor) -> Any:
        """One step."""
        for x in inputs:
            if not isinstance(x, Tensor):
                raise TypeError(f"graph: the inputs of a captured step are Tensors, got {type(x).__name__}")
        if self._stream is None:
            be = gpu()
            self._stream = be.stream()
            self._inputs = [x.detach().to("cuda").clone() for x in inputs]
            with _computing_with(be.ours()):
                return self._stream.run(lambda: self.step(*self._inputs))
        self._copy(inputs)
        loaded = any(optimizer.state is not state for optimizer, state in self._states)
        if self._capture is None or loaded or self._settings != self._settings_now():
            return self._captured()
        self._advance()
        self._stream.replay()
        return self._outputs

    def _copy(self, inputs: tuple[Tensor, ...]) -> None:
        mine, theirs = ([(x.shape, x.dtype) for x in many] for many in (self._inputs, inputs))
        if mine != theirs:
            raise ValueError(f"graph: the step was captured for inputs {mine}, got {theirs}; make another graph")
        for kept, x in zip(self._inputs, inputs, strict=True):
            with no_grad():
                kept.copy_(x.detach())

    def _captured(self) -> Any:
        be = gpu()
        self._stream = be.stream()
        self._capture = capture = Capture(be, self._stream)
        try:
            with _computing_with(be.ours(capture)) as ours:
                self._outputs = self._stream.capture(lambda: self._noted(ours, capture))
        except RuntimeError as error:
            self._capture = None
            if "captur" not in str(error).lower():
                raise
            raise RuntimeError(
                f"graph: the step cannot be captured ({error}): nothing is computed while it is noted, so it may not "
                "ask for values: no .item(), float(), print, `if` on a Tensor, boolean index, nonzero or unique"
            ) from error
        self._offset = capture.blocks
        self._settings, self._rates = self._settings_now(), [float(group["lr"]) for _, group in capture.hypers]
        self._states = [(optimizer, optimizer.state) for optimizer in capture.optimizers]
        if not self._stream.runs:
            self._stream.replay()
        return self._outputs

    def _noted(self, be: Any, capture: Capture) -> Any:
        outputs = self.step(*self._inputs)
        if capture.blocks:
            be.launch("adam/adam", "advance", (1,), (1,), [None, capture.later, capture.blocks])
        return outputs

    def _settings_now(self) -> list[dict[str, Any]]:
        """The optimisers' settings that are numbers of the captured launches; Adam's learning rate is none."""
        live = [id(group) for _, group in self._capture.hypers]
        groups = [group for groups in self._capture.optimizers.values() for group in groups]
        return [{k: v for k, v in g.items() if k != "params" and (k != "lr" or id(g) not in live)} for g in groups]

    def _advance(self) -> None:
        """What Python does in a step beside launching: counting, and the numbers that have changed since."""
        capture = self._capture
        for i, (hyper, group) in enumerate(capture.hypers):
            if (rate := float(group["lr"])) != self._rates[i]:
                hyper[0] = rate
                self._rates[i] = rate
        if capture.blocks:
            wanted = capture.generator.offset - capture.begin
            if wanted != self._offset:
                capture.later[...] = wanted
            capture.generator.offset = (capture.generator.offset + capture.blocks) % 2**64
            self._offset = wanted + capture.blocks
        for optimizer, groups in capture.optimizers.items():
            optimizer.steps_taken += 1
            for p in [p for group in groups for p in group["params"] if p.grad is not None]:
                p._written()
                if "step" in optimizer.state[p]:
                    optimizer.state[p]["step"] += 1


class _computing_with:
    """The GPU's arrays are computed with ``be`` inside."""

    def __init__(self, be: Any) -> None:
        self.be = be

    def __enter__(self) -> Any:
        self.before, state.cuda = state.cuda, self.be
        return self.be

    def __exit__(self, *error: Any) -> None:
        state.cuda = self.before
