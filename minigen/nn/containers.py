"""Modules and parameters in lists and dicts, so that they are found by name."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ..tensor import Tensor
from .module import Module
from .parameter import Parameter

Self = TypeVar("Self", bound="_Listed")


class _Listed(Module):
    """Elements under the names "0", "1", ...: what lists of modules and of parameters share."""

    kind: Any = Module

    def _names(self) -> list[str]:
        return [k for k, v in self.__dict__.items() if isinstance(v, self.kind)]

    def _put(self, name: str, value: Any) -> None:
        self.add_module(name, value)

    def _renumber(self, values: Iterable[Any]) -> None:
        values = list(values)
        for name in self._names():
            delattr(self, name)
        for i, value in enumerate(values):
            self._put(str(i), value)

    def _at(self, i: Any) -> int:
        i, n = operator.index(i), len(self)
        if not -n <= i < n:
            raise IndexError(f"{type(self).__name__}: index {i} is out of range for {n} elements")
        return i % n

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator[Any]:
        return iter([self.__dict__[name] for name in self._names()])

    def __contains__(self, value: Any) -> bool:
        return any(value is v for v in self)

    def __getitem__(self, i: int | slice) -> Any:
        names = self._names()
        if isinstance(i, slice):
            make: Any = type(self)
            return make([self.__dict__[name] for name in names[i]])
        return self.__dict__[names[self._at(i)]]

    def __setitem__(self, i: int, value: Any) -> None:
        self._put(self._names()[self._at(i)], value)

    def __delitem__(self, i: int | slice) -> None:
        values = list(self)
        del values[i if isinstance(i, slice) else self._at(i)]
        self._renumber(values)

    def append(self: Self, module: Any) -> Self:
        """One more at the end."""
        self._put(str(len(self)), module)
        return self

    def extend(self: Self, modules: Iterable[Any]) -> Self:
        """Several more at the end."""
        if isinstance(modules, Tensor) or not isinstance(modules, Iterable):
            raise TypeError(f"{type(self).__name__}: extend takes a list of elements, got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __iadd__(self: Self, modules: Iterable[Any]) -> Self:
        return self.extend(modules)

    def insert(self: Self, index: int, module: Any) -> Self:
        """One more before the element at ``index``."""
        values = list(self)
        values.insert(operator.index(index), module)
        self._renumber(values)
        return self

    def pop(self, key: int = -1) -> Any:
        """Take the element at ``key`` out and return it."""
        value = self[key]
        del self[key]
        return value


class ModuleList(_Listed):
    """A list of modules. It has no forward of its own: index or iterate it."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        groups: list[tuple[int, int, str]] = []  # neighbours that read alike share a line
        for i, words in enumerate(map(repr, self)):
            if groups and groups[-1][2] == words:
                groups[-1] = (groups[-1][0], i, words)
            else:
                groups.append((i, i, words))
        lines = [f"({a}): {w}" if a == b else f"({a}-{b}): {b - a + 1} x {w}" for a, b, w in groups]
        inside = "".join("\n  " + line.replace("\n", "\n  ") for line in lines)
        return f"{type(self).__name__}({inside}\n)" if lines else f"{type(self).__name__}()"


class Sequential(_Listed):
    """Modules one after the other: ``Sequential(a, b)(x) = b(a(x))``; a dict gives them names."""

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named: Any = modules[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(modules))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in list(self.__dict__.values()):
            if isinstance(module, Module):
                input = module(input)
        return input

    def __getitem__(self, i: int | slice) -> Any:
        if isinstance(i, slice):  # a part keeps its names
            return type(self)({name: self.__dict__[name] for name in self._names()[i]})
        return super().__getitem__(i)

    def __add__(self, other: Iterable[Module]) -> Sequential:
        return Sequential(*self, *other)


class ParameterList(_Listed):
    """A list of parameters; a plain Tensor becomes one."""

    kind = Parameter

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        if values is not None:
            self.extend(values)

    def _put(self, name: str, value: Any) -> None:
        self.register_parameter(name, value if isinstance(value, Parameter) else Parameter(value))

    def __repr__(self) -> str:
        return _parameters(self, ((str(i), p) for i, p in enumerate(self)))


class _Named(Module):
    """Elements under names of their own: what dicts of modules and of parameters share."""

    kind: Any = Module

    def __init__(self, values: Any = None) -> None:
        super().__init__()
        if values is not None:
            self.update(values)

    def _put(self, name: str, value: Any) -> None:
        self.add_module(name, value)

    def keys(self) -> list[str]:
        """The names, in the order of their first assignment."""
        return [k for k, v in self.__dict__.items() if isinstance(v, self.kind)]

    def values(self) -> list[Any]:
        """The elements."""
        return [self.__dict__[k] for k in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """Pairs of name and element."""
        return [(k, self.__dict__[k]) for k in self.keys()]

    def update(self, values: Any) -> None:
        """Set several: a dict, or pairs."""
        if not isinstance(values, (Mapping, _Named, Iterable)):
            raise TypeError(f"{type(self).__name__}: needs a dict or pairs, got {type(values).__name__}")
        for name, value in values.items() if hasattr(values, "items") else values:
            self[name] = value

    def clear(self) -> None:
        """Take everything out."""
        for k in self.keys():
            delattr(self, k)

    def pop(self, key: str) -> Any:
        """Take the element called ``key`` out and return it."""
        value = self[key]
        del self[key]
        return value

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(f"{type(self).__name__}: there is no {key!r}; it has {self.keys()}")
        return self.__dict__[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())


class ModuleDict(_Named):
    """Modules by name. A name must not be one of Module's own attributes (``forward``, ``values``, ...)."""

    def __init__(self, modules: Any = None) -> None:
        super().__init__(modules)


class ParameterDict(_Named):
    """Parameters by name; a plain Tensor becomes one."""

    kind = Parameter

    def __init__(self, parameters: Any = None) -> None:
        super().__init__(parameters)

    def _put(self, name: str, value: Any) -> None:
        self.register_parameter(name, value if isinstance(value, Parameter) else Parameter(value))

    def __repr__(self) -> str:
        return _parameters(self, self.items())


def _parameters(owner: Module, items: Iterable[tuple[str, Parameter]]) -> str:
    lines = [f"  ({k}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]" for k, p in items]
    return f"{type(owner).__name__}(\n" + "\n".join(lines) + "\n)" if lines else f"{type(owner).__name__}()"
