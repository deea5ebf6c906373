"""Module: a tree of parameters, buffers and submodules, found by looking at attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..node import Handle
from ..tensor import Tensor
from .hooks import Hook, call, register
from .parameter import Parameter
from .state import State

__all__ = ["Module", "Parameter"]
Self = TypeVar("Self", bound="Module")


class Module(State):
    """A layer or a network. Write ``forward``; assign Parameters, Modules and buffers as attributes and they are
    found by name."""

    training: bool = True
    _forward_pre_hooks: dict[int, Hook] | None = None  # a module without hooks spends one look on them
    _forward_hooks: dict[int, Hook] | None = None

    def __init__(self) -> None:
        self._buffers: dict[str, bool] = {}  # name -> is it saved?

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, ...)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._forward_hooks and not self._forward_pre_hooks:
            return self.forward(*args, **kwargs)
        return call(self, self._forward_pre_hooks or {}, self._forward_hooks or {}, args, kwargs)

    # attributes -----------------------------------------------------------------------------------
    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module)):
            if "_buffers" not in self.__dict__:
                raise AttributeError(f"{type(self).__name__}: call super().__init__() before assigning {name!r}")
            self._buffers.pop(name, None)
        elif value is not None and not isinstance(self.__dict__.get(name), (Parameter, Module)):
            if name in self.__dict__.get("_buffers", ()) and not isinstance(value, Tensor):
                raise TypeError(f"{self._path(name)} is a buffer: assign a Tensor or None, not {type(value).__name__}")
        elif value is not None:
            kind = "parameter" if isinstance(self.__dict__[name], Parameter) else "module"
            remedy = "assign a Parameter, or copy_ values into it under no_grad()"
            raise TypeError(
                f"{self._path(name)} is a {kind}, which a {type(value).__name__} cannot replace; "
                + (remedy if kind == "parameter" else "assign a Module or None")
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._buffers.pop(name, None)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name[:1].isdigit()]

    def _path(self, name: str) -> str:
        return f"{type(self).__name__}.{name}"

    def _free(self, function: str, name: str, mine: bool) -> None:
        """An error unless ``name`` can be registered: it is new, None, or (``mine``) of the same kind already."""
        if "_buffers" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before {function}")
        if not isinstance(name, str):
            raise TypeError(f"{function}: name must be a str, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{function}: name {name!r} must not be empty nor contain a dot: dots lead to submodules")
        if hasattr(self, name) and not mine and self.__dict__.get(name, self) is not None:
            raise KeyError(f"{function}: {self._path(name)} exists already and is something else; choose another name")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Keep a tensor that belongs to the module but is not trained; it is saved with it if ``persistent``."""
        self._free("register_buffer", name, name in self.__dict__.get("_buffers", ()))
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name} must be a Tensor or None, got {type(tensor).__name__}")
        object.__setattr__(self, name, tensor)
        self._buffers[name] = persistent

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set a parameter (None: the layer has none of that name)."""
        self._free("register_parameter", name, isinstance(self.__dict__.get(name), Parameter))
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"register_parameter: {name} must be a Parameter or None, got {type(param).__name__}; "
                "use nn.Parameter(tensor)"
            )
        setattr(self, name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set a submodule under a name that need not be an identifier."""
        self._free("add_module", name, isinstance(self.__dict__.get(name), Module))
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: element {name} must be a Module, got {type(module).__name__}")
        setattr(self, name, module)

    register_module = add_module

    # hooks ----------------------------------------------------------------------------------------
    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call ``hook(module, args)`` before forward; what it returns, if not None, replaces the arguments.

        With ``with_kwargs``: ``hook(module, args, kwargs)`` returns None or both. The handle's ``remove()`` ends it.
        """
        hooks = self._forward_pre_hooks or {}
        handle = register("register_forward_pre_hook", hooks, hook, prepend, with_kwargs)
        object.__setattr__(self, "_forward_pre_hooks", hooks)
        return handle

    def register_forward_hook(self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False) -> Handle:
        """Call ``hook(module, args, output)`` after forward; what it returns, if not None, replaces the output.

        With ``with_kwargs``: ``hook(module, args, kwargs, output)``. The handle's ``remove()`` ends it.
        """
        hooks = self._forward_hooks or {}
        handle = register("register_forward_hook", hooks, hook, prepend, with_kwargs)
        object.__setattr__(self, "_forward_hooks", hooks)
        return handle

    # the tree -------------------------------------------------------------------------------------
    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Direct submodules, each once."""
        seen: set[int] = set()
        for name, module in list(self.__dict__.items()):
            if isinstance(module, Module) and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """Direct submodules, without names."""
        return (m for _, m in self.named_children())

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with dotted names; a module that is reached twice counts once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in list(self.__dict__.items()):
            if isinstance(child, Module):
                yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (m for _, m in self.named_modules())

    def _named(
        self, members: Callable[[Module], Iterator[tuple[str, Any]]], prefix: str, recurse: bool, once: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=once) if recurse else iter([(prefix, self)])
        for path, module in modules:
            for name, value in members(module):
                if not (once and id(value) in seen):
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def _own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        return ((k, v) for k, v in list(self.__dict__.items()) if isinstance(v, Parameter))

    def _own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return ((k, self.__dict__[k]) for k in list(self._buffers) if self.__dict__[k] is not None)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, with its dotted name."""
        return self._named(Module._own_parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Every buffer once, with its dotted name."""
        return self._named(Module._own_buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def _get(self, function: str, target: str, kind: type) -> Any:
        found: Any = self
        for i, name in enumerate(parts := target.split(".")):
            if not isinstance(found, Module) or name not in found.__dict__:
                raise AttributeError(
                    f"{function}: {type(self).__name__} has no {target!r}: nothing is called {name!r} in "
                    f"{'.'.join(parts[:i]) or 'it'}"
                )
            found = found.__dict__[name]
        if not isinstance(found, kind):
            raise AttributeError(f"{function}: {target!r} is a {type(found).__name__}, no {kind.__name__}")
        return found

    def get_submodule(self, target: str) -> Module:
        """The module of that dotted name; "" is this module. AttributeError says where the path ends."""
        return self._get("get_submodule", target, Module) if target else self

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of that dotted name."""
        return self._get("get_parameter", target, Parameter)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of that dotted name."""
        path, _, name = target.rpartition(".")
        if name not in self.get_submodule(path)._buffers:
            raise AttributeError(f"get_buffer: {type(self).__name__} has no buffer {target!r}")
        return self._get("get_buffer", target, Tensor)

    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on every module, children first: for initial values."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # words ----------------------------------------------------------------------------------------
    def extra_repr(self) -> str:
        """The arguments shown between the parentheses."""
        return ""

    def __repr__(self) -> str:
        children = [(k, m) for k, m in self.__dict__.items() if isinstance(m, Module)]
        lines = [f"({k}): " + repr(m).replace("\n", "\n  ") for k, m in children]
        inside = self.extra_repr()
        if not lines and "\n" not in inside:
            return f"{type(self).__name__}({inside})"
        lines = [*(inside.split("\n") if inside else []), *lines]
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"
