"""A differentiable operation: forward on arrays, one vector-Jacobian product per input on Tensors.

    @op(broadcasts=True)
    def mul(be, x, y):
        return be.mul(x, y)
    mul.vjps(lambda delta, _z, _x, y: delta * y,    # dC/dx = delta y
             lambda delta, _z, x, _y: delta * x)    # dC/dy = delta x

Only what a rule that will run names is kept; a name that starts with ``_`` gets shape and dtype alone.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import anomaly, dtypes
from .backend import NumpyBackend, on_gpu, state
from .node import NO_ATTRS, Node, like
from .tensor import Tensor


class Op:
    """A differentiable function of arrays. See ``op``."""

    def __init__(
        self, forward: Callable, broadcasts: bool, floats: bool, view: bool, promotes: int,
        names: Sequence[str] = ("input", "other"),
    ) -> None:  # fmt: skip
        functools.update_wrapper(self, forward)
        self.forward, self.name = forward, forward.__name__
        self.broadcasts, self.floats, self.view, self.promotes = broadcasts, floats, view, promotes
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.arity = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        self.attrs = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        self.defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        self.names = list(names[: self.arity])  # what callers may call the inputs, and what help() shows
        if not self.variadic and len(self.names) == self.arity:
            shown = [p.replace(name=name) for p, name in zip(parameters, self.names, strict=False)]
            self.__signature__ = inspect.Signature(
                [*shown, *[p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in parameters[self.arity :]]]
            )
        self.rules: list[Callable] | None = None
        self.optional = False  # may an input be None?

    def vjps(self, *rules: Callable) -> None:
        """One rule per input: ``rule(delta, z, *inputs, *, attributes)``, all on Tensors; ``_names`` are not kept."""
        self.rules = list(rules)
        self.wants: list[list[str]] = []
        self.keeps: list[list[bool]] = []
        for rule in rules:
            parameters = inspect.signature(rule).parameters.values()
            self.wants.append([p.name for p in parameters if p.kind is p.KEYWORD_ONLY])
            self.keeps.append([not p.name.startswith("_") for p in parameters if p.kind is not p.KEYWORD_ONLY][1:])
        self.plans: dict[tuple[bool, ...], tuple[tuple[bool, ...], bool, list[bool]]] = {}

    def plan(self, needs: tuple[bool, ...]) -> tuple[tuple[bool, ...], bool, list[bool]]:
        """(needs, keep the output? keep each input?) for the rules that will run: of the inputs that need a gradient.

        All nodes of one plan share its ``needs``.
        """
        if self.variadic:
            out, *inputs = [self.keeps[0][0], *[self.keeps[0][1]] * len(needs)]
        else:
            running = [k for k, needed in zip(self.keeps, needs, strict=True) if needed]
            out, *inputs = [any(column) for column in zip(*running, strict=True)]
        self.plans[needs] = needs, out, inputs
        return self.plans[needs]

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self) -> str:
        return vars(self)["__qualname__"]  # copied and pickled by its name, as functions are: a module may keep one

    def bind(self, args: tuple, attrs: dict[str, Any]) -> tuple[Sequence[Tensor | None], dict[str, Any]]:
        """Inputs as Tensors of the promoted type; positional values beyond the inputs become attributes in order."""
        if not self.variadic and len(args) != self.arity:
            if len(args) > self.arity + len(self.attrs):
                raise TypeError(f"{self.name}: takes at most {self.arity + len(self.attrs)} arguments, got {len(args)}")
            if len(args) > self.arity:
                attrs = {**dict(zip(self.attrs, args[self.arity :], strict=False)), **attrs}
                args = args[: self.arity]
            else:
                args, attrs = self.named(args, attrs)
        if self.attrs:
            attrs = {**self.defaults, **attrs}
        if self.broadcasts or self.floats:
            return _promote(self, args), attrs
        for x in args:
            if type(x) is not Tensor and not isinstance(x, Tensor) and not (x is None and self.optional):
                raise TypeError(
                    f"{self.name}: arguments must be Tensors, got {type(x).__name__}; use minigen.tensor or "
                    "minigen.from_numpy"
                )
        return args, attrs

    def named(self, args: tuple, attrs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Inputs given by name, ``maximum(x, other=y)``, behind those given by position."""
        found = {name: attrs[name] for name in self.names[len(args) :] if name in attrs}
        if (count := len(args) + len(found)) < self.arity:
            known = f" ({', '.join(self.names)})" if self.names else ""
            raise TypeError(f"{self.name}: takes {self.arity} tensors{known}, got {count}")
        return (*args, *found.values()), {name: value for name, value in attrs.items() if name not in found}

    def __call__(self, *args: Any, **attrs: Any) -> Any:
        inputs, attrs = self.bind(args, attrs)
        watch = state.profile
        began = watch and watch.clock()
        be, arrays = state.backend, [None if x is None else x.array for x in inputs]
        for a in arrays:
            if type(a) is not np.ndarray and a is not None:
                be, arrays = on_gpu(self.name, inputs, self.broadcasts)
                break
        try:
            array = state.quietly(self.forward, be, *arrays, **attrs)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(self, inputs, error) from None
        except (MemoryError, RuntimeError) as error:
            if (known := be.explained(self.name, error)) is error:
                raise
            raise known from error
        if isinstance(array, np.generic):
            array = np.asarray(array)  # NumPy's 0-d results are numbers
        out = Tensor(array)
        if self.view and inputs[0] is not None and np.may_share_memory(array, inputs[0].array):
            out._log = inputs[0]._writes()
        if state.grad_enabled and self.rules is not None:
            parents = [None if x is None else x.node for x in inputs]
            if parents.count(None) < len(parents) and dtypes.is_floating(array.dtype):
                self.record(out, inputs, parents, attrs, be)
        if watch:
            watch.op(self.name, began, inputs, [out])
        if state.anomaly:
            anomaly.look(self, inputs, [out], out.node)
        return out

    def record(
        self, out: Tensor, inputs: Sequence[Tensor | None], parents: list, attrs: dict[str, Any], be: NumpyBackend
    ) -> None:
        """Give ``out`` a node that keeps what the rules of those inputs need that have one."""
        mask = tuple([p is not None for p in parents])
        needs, keep_out, keeps = self.plans.get(mask) or self.plan(mask)
        kept = [
            x if keep or x is None else like(x.array.shape, x.array.dtype)
            for x, keep in zip(inputs, keeps)  # noqa: B905, asking takes as long as the loop
        ]
        out.node = node = Node(self, parents, kept, attrs or NO_ATTRS, needs)
        node.backend = be
        if keep_out:
            node.out = (out.array, out._writes())

    def backward(self, node: Node, delta: Any, needs: Sequence[bool]) -> list[Tensor | None]:
        """dC/d(input) for each input that needs it."""
        assert self.rules is not None
        kept, z = node.kept, None if node.out is None else Tensor(node.out[0], node, node.out[1])
        if self.variadic:
            attrs = {k: node.attrs[k] for k in self.wants[0] if k != "i"}
            return [self.rules[0](delta, z, kept, **attrs, i=i) if needed else None for i, needed in enumerate(needs)]
        grads: list[Tensor | None] = []
        for needed, rule, wants, x in zip(needs, self.rules, self.wants, kept):  # noqa: B905, asking takes as long
            if not needed:
                grads.append(None)
                continue
            g = rule(delta, z, *kept, **{k: node.attrs[k] for k in wants}) if wants else rule(delta, z, *kept)
            if self.broadcasts and g.array.shape != x.shape:
                g = g.sum_to(shape=x.shape)
            grads.append(g)
        return grads


def op(
    forward: Callable | None = None,
    *, broadcasts: bool = False, floats: bool = False, view: bool = False, promotes: int = 0,
    names: Sequence[str] = ("input", "other"), kind: type[Op] = Op,
) -> Any:  # fmt: skip
    """Make ``forward(be, *arrays, *, attributes)`` a differentiable operation on Tensors.

    ``broadcasts``: inputs (from number ``promotes`` on) are promoted to a common type, and the engine sums broadcast
    gradients back. ``floats``: integers become the default floating type first. ``view``: the result may share its
    input's memory. ``names``: of the inputs, for callers who write ``maximum(x, other=y)``. ``kind``: the op's class.
    """
    make = functools.partial(kind, broadcasts=broadcasts, floats=floats, view=view, promotes=promotes, names=names)
    return make if forward is None else make(forward)


def _promote(self: Op, args: Sequence[Any]) -> Sequence[Tensor]:
    """Inputs as Tensors of one type.

    A mixed type goes through a recorded cast, so that a float32 leaf gets a float32 gradient.
    """
    from_ = self.promotes
    chosen = args[from_:] if from_ else args
    for x in args[:from_]:
        if not isinstance(x, Tensor):
            raise TypeError(f"{self.name}: the first argument must be a Tensor, got {type(x).__name__}")
    first: Any = chosen[0].array.dtype if isinstance(chosen[0], Tensor) else None
    alike = all([isinstance(x, Tensor) and x.array.dtype is first for x in chosen])
    if alike and (not self.floats or dtypes.is_floating(first)):
        return args
    if len(args) == 2 and type(args[1]) in (int, float) and first is not None and dtypes.is_floating(first):
        return args[0], Tensor(np.array(args[1], first))  # x * 2, the most frequent of the rest, without the search
    scalars = []
    for x in chosen:
        if isinstance(x, Tensor):
            continue
        if not isinstance(x, (bool, int, float, np.bool_, np.number)):
            raise TypeError(
                f"{self.name}: cannot combine a Tensor with {type(x).__name__}; use minigen.tensor or "
                "minigen.from_numpy"
            )
        scalars.append(dtypes.scalar_category(x))
    tensors = [x.array for x in chosen if isinstance(x, Tensor)]
    common = dtypes.result_type(
        [a.dtype for a in tensors if a.ndim], scalars, zero_dims=[a.dtype for a in tensors if not a.ndim]
    )
    if self.floats and not dtypes.is_floating(common):
        common = dtypes.get_default_dtype()
    converted = [
        (x if x.array.dtype == common else x.cast(dtype=common))
        if isinstance(x, Tensor)
        else Tensor(_number(x, common))
        for x in chosen
    ]
    return [*args[:from_], *converted]


def _number(x: Any, dtype: np.dtype) -> np.ndarray:
    try:
        return np.asarray(x, dtype)
    except OverflowError:  # -1 among unsigned bytes is 255, as in PyTorch
        return np.asarray(x).astype(dtype)


def explained(self: Op, inputs: Sequence[Tensor | None], error: Exception) -> Exception:
    """The error with the op's name, shapes and types: what NumPy or a kernel says knows nothing of the op."""
    text = str(error)
    if text.startswith(self.name):
        return error
    given = [x for x in inputs if x is not None]
    shapes, types = (" and ".join(str(getattr(x, what)) for x in given) for what in ("shape", "dtype"))
    if isinstance(error, TypeError):
        if "ufunc" in text or "numpy boolean" in text:  # NumPy has no such function of these types
            remedy = "bools take & | ~, .long() makes them numbers" if "bool" in types else "convert with .to(dtype)"
            return TypeError(f"{self.name}: is not defined for {types}; {remedy}")
        return TypeError(f"{self.name}: {text}")
    if self.broadcasts and "broadcast" in text:
        return ValueError(
            f"{self.name}: shapes {shapes} do not broadcast; counted from the right, sizes must be equal or 1: "
            "reshape or expand one of them"
        )
    kind = IndexError if isinstance(error, IndexError) else ValueError
    return kind(f"{self.name}: {text}; the inputs have the shapes {shapes}")
