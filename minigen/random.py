"""Random tensors from Philox4x32-10: the same bits on every device and for any number of threads.

(seed, offset) is the whole state. Uniforms are multiples of 2^-bits in [0, 1), with as many bits as the type's
significand has: 8 (bfloat16), 11 (float16), 24 (float32) or 53 (float64). Normals come from pairs of uniforms (Box and
Muller 1958): n1 = sqrt(-2 ln(1 - u1)) cos(2 pi u2), n2 the same with sin.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import dtypes
from .backend import capturing, of, state
from .tensor import Tensor, placed
from .tensor import device as Device


class Generator:
    """A stream of random numbers. ``get_state()`` is (seed, offset); the offset counts blocks of four words."""

    def __init__(self, seed: int = 0, *, device: Any = None) -> None:
        if device is not None:
            Device(device)  # ValueError for one that this version has not
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of ``seed`` (0 <= seed < 2^64) at its beginning."""
        if not isinstance(seed, (int, np.integer)) or not 0 <= int(seed) < 2**64:
            raise ValueError(f"manual_seed: seed must be an integer from 0 to 2^64 - 1, got {seed!r}")
        self._seed, self.offset = int(seed), 0
        return self

    def seed(self) -> int:
        """Start the stream of a seed that the operating system draws, and return it."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little"))._seed

    def initial_seed(self) -> int:
        """The seed that the stream was started with."""
        return self._seed

    def get_state(self) -> tuple[int, int]:
        """(seed, offset): everything that decides the numbers to come."""
        return self._seed, self.offset

    def set_state(self, state: tuple[int, int]) -> None:
        """Continue where ``get_state`` was called."""
        if not isinstance(state, (tuple, list)) or len(state) != 2:
            raise TypeError(f"set_state: state must be (seed, offset) from get_state, got {state!r:.80}")
        seed, offset = state
        if not isinstance(offset, (int, np.integer)) or not 0 <= int(offset) < 2**64:
            raise ValueError(f"set_state: offset must be an integer from 0 to 2^64 - 1, got {offset!r}")
        self.manual_seed(seed)
        self.offset = int(offset)

    def words(self, n: int) -> np.ndarray:
        """The next ``n`` uint32 words."""
        if capturing():
            raise RuntimeError(
                "graph: a captured step would draw the same numbers in every replay, for the CPU makes them; draw them "
                "outside and hand them in (dropout is drawn on the GPU)"
            )
        out = state.backend.philox(self._seed, self.offset, n)
        self.offset = (self.offset + -(-n // 4)) % 2**64
        return out

    def dropout_mask(self, n: int, p: float, like: Any = None) -> Any:
        """``n`` float32 numbers, 0 where ``uniform`` would be below p, else 1 / (1 - p), on the device of ``like``."""
        be = state.backend if like is None else of(like)
        out = be.dropout_mask(self._seed, self.offset, n, p)
        if (capture := capturing()) is not None:
            capture.draws(self, self.offset, -(-n // 4))
        self.offset = (self.offset + -(-n // 4)) % 2**64
        return out

    def uniform(self, n: int, dtype: np.dtype) -> np.ndarray:
        """``n`` numbers uniform in [0, 1)."""
        if dtype == np.float64:
            pairs = self.words(2 * n).reshape(n, 2).astype(np.uint64)
            return ((pairs[:, 0] >> np.uint64(5)) * np.float64(67108864.0) + (pairs[:, 1] >> np.uint64(6))) * 2.0**-53
        bits = {dtypes.bfloat16: 8, dtypes.float16: 11}.get(dtype, 24)  # more would round up to 1
        return ((self.words(n) >> np.uint32(32 - bits)) * np.float32(2.0**-bits)).astype(dtype, copy=False)

    def normal(self, n: int, dtype: np.dtype) -> np.ndarray:
        """``n`` standard normal numbers."""
        exact = np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)
        half = -(-n // 2)
        u = self.uniform(2 * half, exact)
        radius = np.sqrt(-2 * np.log1p(-u[:half]))
        angle = exact.type(2 * np.pi) * u[half:]
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:n].astype(dtype, copy=False)

    def integers(self, low: int, high: int, n: int) -> np.ndarray:
        """``n`` integers in [low, high): 64 random bits modulo the range (a bias below range / 2^64)."""
        pairs = self.words(2 * n).reshape(n, 2).astype(np.uint64)
        drawn = (pairs[:, 0] << np.uint64(32)) | pairs[:, 1]
        if high - low < 2**64:
            drawn %= np.uint64(high - low)
        return drawn.astype(np.int64) + np.int64(low)

    def permutation(self, n: int) -> np.ndarray:
        """The numbers 0 to n - 1 in random order: sorted by 64 random bits each."""
        pairs = self.words(2 * n).reshape(n, 2).astype(np.uint64)
        return np.argsort((pairs[:, 0] << np.uint64(32)) | pairs[:, 1], kind="stable").astype(np.int64)


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, which layers' initial values and ``randn`` use without ``generator=``."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator at a seed that the operating system draws, and return it: note it down."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator was started with."""
    return default_generator.initial_seed()


def get_rng_state() -> tuple[int, int]:
    """(seed, offset) of the default generator, which decide all numbers to come. (PyTorch packs them in a Tensor.)"""
    return default_generator.get_state()


def set_rng_state(new_state: tuple[int, int]) -> None:
    """Continue the default generator where ``get_rng_state`` was called."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng() -> Iterator[None]:
    """Inside, draw and seed as you like: afterwards the default generator stands where it stood."""
    before = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(before)


def _shape(name: str, size: tuple, named: Any = None) -> tuple[int, ...]:
    """``zeros(2, 3)``, ``zeros((2, 3))`` and ``zeros(size=(2, 3))`` alike."""
    if named is not None:
        if size:
            raise TypeError(f"{name}: takes size once, got {size} and size={named}")
        size = (named,)
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    if any(not isinstance(n, (int, np.integer)) or n < 0 for n in shape):
        raise ValueError(f"{name}: sizes must be integers of at least 0, got {shape}")
    return tuple(int(n) for n in shape)


def check_like(name: str, input: Any) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}: input must be a Tensor, got {type(input).__name__}; use minigen.tensor")


def check_device(device: Any) -> None:
    """A ValueError for a device that this version has not; None is the CPU."""
    if device is not None:
        Device(device)


def _count(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _floating(name: str, dtype: Any) -> np.dtype:
    found = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not dtypes.is_floating(found):
        raise TypeError(f"{name}: dtype must be floating, got {found}")
    return found


def rand(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1)."""
    check_device(device)
    shape, kind = _shape("rand", sizes, size), _floating("rand", dtype)
    drawn = (generator or default_generator).uniform(_count(shape), kind).reshape(shape)
    return Tensor(placed(drawn, device)).requires_grad_(requires_grad)


def randn(
    *sizes: Any, size: Any = None, generator: Generator | None = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Standard normal numbers."""
    check_device(device)
    shape, kind = _shape("randn", sizes, size), _floating("randn", dtype)
    drawn = (generator or default_generator).normal(_count(shape), kind).reshape(shape)
    return Tensor(placed(drawn, device)).requires_grad_(requires_grad)


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Integers in [low, high), or ``randint(high, size)`` in [0, high)."""
    check_device(device)
    if size is None:
        low, high, size = 0, low, high
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"randint: size must be a tuple, got {size!r}")
    if not all(isinstance(n, (int, np.integer)) for n in (low, high)):
        raise TypeError(f"randint: low and high must be integers, got {low!r} and {high!r}")
    if not -(2**63) <= low < high <= 2**63:
        raise ValueError(f"randint: low must be below high, both within int64, got low={low}, high={high}")
    shape = _shape("randint", (tuple(size),))
    drawn = (generator or default_generator).integers(low, high, _count(shape)).reshape(shape)
    return Tensor(placed(drawn if dtype is None else drawn.astype(dtypes.as_dtype(dtype)), device))


def randperm(n: int, *, generator: Generator | None = None, device: Any = None) -> Tensor:
    """The numbers 0 to n - 1 in random order, int64."""
    check_device(device)
    if not isinstance(n, (int, np.integer)) or n < 0:
        raise ValueError(f"randperm: n must be an integer of at least 0, got {n!r}")
    return Tensor(placed((generator or default_generator).permutation(n), device))


def rand_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """``rand`` of input's shape and type."""
    check_like("rand_like", input)
    device = input.device if device is None else device
    return rand(input.shape, generator=generator, dtype=input.dtype if dtype is None else dtype, device=device)


def randn_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Tensor:
    """``randn`` of input's shape and type."""
    check_like("randn_like", input)
    device = input.device if device is None else device
    return randn(input.shape, generator=generator, dtype=input.dtype if dtype is None else dtype, device=device)


def randint_like(
    input: Tensor,
    low: int,
    high: int | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """``randint`` of input's shape and type."""
    check_like("randint_like", input)
    low, high = (0, low) if high is None else (low, high)
    dtype = input.dtype if dtype is None else dtype
    device = input.device if device is None else device
    return randint(low, high, input.shape, generator=generator, dtype=dtype, device=device)
