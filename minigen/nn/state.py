"""What a Module's parameters and buffers hold: modes, gradients, types, and the dict they are saved as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .. import dtypes
from ..tensor import Tensor, on_host, placed

Self = TypeVar("Self", bound="State")


class IncompatibleKeys(NamedTuple):
    """What load_state_dict did not find, and what it did not want."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class State:
    """The half of Module that changes values; Module itself is the tree."""

    _own_parameters: Any
    _own_buffers: Any
    _buffers: dict[str, bool]
    modules: Any
    named_modules: Any
    parameters: Any
    buffers: Any

    # modes ----------------------------------------------------------------------------------------
    def train(self: Self, mode: bool = True) -> Self:
        """Training mode (dropout acts, batch norm uses the batch), for the whole tree."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode must be True or False, got {mode!r:.40}")
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self: Self) -> Self:
        """Evaluation mode."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Freeze or unfreeze every parameter."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for p in self.parameters():
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                p.grad.zero_()

    # types ----------------------------------------------------------------------------------------
    def to(self: Self, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False) -> Self:
        """Move parameters, their gradients and buffers, in place, to another device, and convert those that are
        floating to another floating dtype."""
        for t in [*self.parameters(), *self.buffers()]:
            converted = t.detach().to(*args, dtype=dtype, device=device)
            if not t.is_floating_point():
                converted = t.detach().to(converted.device)
            elif not converted.is_floating_point():
                raise TypeError(f"{type(self).__name__}.to: dtype must be floating, got {converted.dtype}")
            if converted.array is not t.array:
                gradient, t.grad = t.grad, None
                t.array = converted.array
                t._written()  # a graph that kept the old values must not be walked with the new ones
                t.grad = None if gradient is None else gradient.detach().to(converted)
        return self

    def type(self: Self, dst_type: Any) -> Self:
        """``to(dst_type)``."""
        return self.to(dst_type)

    def double(self: Self) -> Self:
        """Parameters and buffers as float64."""
        return self.to(dtypes.float64)

    def float(self: Self) -> Self:
        """Parameters and buffers as float32."""
        return self.to(dtypes.float32)

    def half(self: Self) -> Self:
        """Parameters and buffers as float16."""
        return self.to(dtypes.float16)

    def bfloat16(self: Self) -> Self:
        """Parameters and buffers as bfloat16."""
        return self.to(dtypes.bfloat16)

    def cuda(self: Self, device: Any = None) -> Self:
        """``to("cuda")``: ValueError where there is no GPU; ``to(device)`` runs on any."""
        return self.to(device="cuda" if device is None else device)

    def cpu(self: Self) -> Self:
        """``to("cpu")``."""
        return self.to(device="cpu")

    # saving ---------------------------------------------------------------------------------------
    def _entries(self) -> Iterator[tuple[str, Tensor]]:
        """Per module its parameters, then its persistent buffers; a shared one appears under each of its names."""
        for path, module in self.named_modules(remove_duplicate=False):
            saved = ((k, b) for k, b in module._own_buffers() if module._buffers[k])
            for name, t in (*module._own_parameters(), *saved):
                yield (f"{path}.{name}" if path else name), t

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted name, in PyTorch's order; the tensors share memory with the
        module (``keep_vars``: they are the parameters themselves)."""
        return {prefix + k: t if keep_vars else t.detach() for k, t in self._entries()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values in by name: Tensors, arrays, or whatever NumPy reads as an array, converted to the type that is
        there. Returns (missing_keys, unexpected_keys), which raise a ValueError if ``strict``.

        Nothing is changed unless everything fits: names, shapes (ValueError), numbers (TypeError).
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: state_dict must be a mapping, got {type(state_dict).__name__}")
        own = dict(self._entries())
        found = IncompatibleKeys([k for k in own if k not in state_dict], [k for k in state_dict if k not in own])
        if strict and any(found):
            raise ValueError(
                f"load_state_dict: this is not a state of {type(self).__name__}: missing {sorted(found.missing_keys)}, "
                f"unexpected {sorted(found.unexpected_keys)}; strict=False ignores both"
            )
        values = {}
        for k in own.keys() & state_dict.keys():
            v = state_dict[k]
            values[k] = v = on_host(v.array) if isinstance(v, Tensor) else np.asarray(v)
            if v.shape != own[k].shape:
                raise ValueError(
                    f"load_state_dict: {k} has shape {v.shape} in the state and {own[k].shape} in "
                    f"{type(self).__name__}: another model's state?"
                )
            if not (v.dtype.kind in "biuf" or dtypes.is_floating(v.dtype)):
                raise TypeError(f"load_state_dict: {k} holds no real numbers but {v.dtype}")
        for k, v in values.items():
            own[k].array[...] = placed(v.astype(own[k].dtype, copy=False), own[k].device)
            own[k]._written()
        return found


def type_name(value: Any) -> str:
    return value.__class__.__name__
