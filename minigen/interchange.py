"""Sharing memory with other libraries: DLPack, in which they hand arrays to each other without copying."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .creation import from_numpy
from .tensor import Tensor

_CPU = 1  # kDLCPU, of DLPack's list of devices


def from_dlpack(x: Any) -> Tensor:
    """A Tensor that shares the memory of ``x``, any object with ``__dlpack__`` on the CPU: of PyTorch, JAX, NumPy, ...

    Writes through x are not seen by the version check. Raises TypeError for an object without ``__dlpack__`` or with a
    type of elements that NumPy does not know (bfloat16), BufferError for other devices and whatever x refuses.
    """
    if isinstance(x, Tensor):
        return x.detach()
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise TypeError(
            f"from_dlpack: expects an object with __dlpack__, got {type(x).__name__}; minigen.tensor takes lists and "
            "numbers"
        )
    if x.__dlpack_device__()[0] != _CPU:
        raise BufferError("from_dlpack: the data does not lie in the CPU's memory; copy it there, with x.cpu(), say")
    try:
        array = np.from_dlpack(x)
    except RuntimeError as error:
        raise TypeError(
            f"from_dlpack: NumPy cannot take this ({error}); convert it to a type that it knows (bfloat16 to float32, "
            "say)"
        ) from None
    return from_numpy(array)


def _dlpack(
    self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
) -> Any:
    """A capsule through which another library shares this tensor's memory; called by its ``from_dlpack``.

    Raises BufferError for a tensor that requires a gradient, for memory that must not be written (DLPack's readers do
    not ask), for views that run backwards (``x[::-1]``), and for bfloat16, which NumPy cannot hand on.
    """
    if self.device != "cpu":
        raise BufferError("__dlpack__: this tensor lies on the GPU; take .cpu(), or .array, which is CuPy's own")
    if self.node is not None:
        raise BufferError("__dlpack__: this tensor requires a gradient, which nobody else would see; use .detach()")
    if stream is not None:
        raise BufferError(f"__dlpack__: stream must be None for data on the CPU, got {stream!r}")
    if self.dtype == dtypes.bfloat16:
        raise BufferError("__dlpack__: bfloat16 is no type that NumPy can share; convert it with .float()")
    if not self.array.flags.writeable and not copy:
        raise BufferError(
            "__dlpack__: this memory must not be written (an expanded view or a read-only array), and the reader would "
            "not know; .clone() it first"
        )
    if any(s < 0 for s in self.array.strides) and self.numel() > 1 and not copy:
        raise BufferError(
            f"__dlpack__: this view runs backwards (strides {self.array.strides} in bytes), which crashes readers that "
            "know no such strides; .clone() it first"
        )
    return self.array.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)


def _dlpack_device(self: Tensor) -> tuple[int, int]:
    """(1, 0): the CPU."""
    return _CPU, 0


Tensor.__dlpack__ = _dlpack  # type: ignore[attr-defined]
Tensor.__dlpack_device__ = _dlpack_device  # type: ignore[attr-defined]
