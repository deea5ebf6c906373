"""What all optimisers share: groups of parameters, gradients, states, closures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..autograd import enable_grad, no_grad
from ..backend import of
from ..backend import state as _context
from ..ops.inplace import writable
from ..tensor import Tensor, on_host, placed


class Live(NamedTuple):
    """A parameter that has a gradient: what a step reads and writes."""

    w: np.ndarray  # the parameter, written in place
    g: np.ndarray  # its gradient; minus it where the group maximizes. Never written
    state: dict[str, Any]


class Optimizer:
    """w := w - (what ``update`` makes of dC/dw), for parameters in groups, each group with its own settings.

    An optimiser of your own defines ``update(group, live)``, or ``step`` itself as in PyTorch. ``params`` is several
    leaf Tensors, or dicts ``{"params": Tensors, **settings}``. ``state[p]`` is what is remembered of p.
    Raises TypeError for what is no leaf Tensor, ValueError for no parameters, one twice, or a wrong setting.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        name = type(self).__name__
        if isinstance(params, (Tensor, Mapping, set)) or not isinstance(params, Iterable):
            raise TypeError(
                f"{name}: params must be several Tensors in a fixed order, as in model.parameters(), or dicts of them, "
                f"got {type(params).__name__}"
            )
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.steps_taken = 0  # since this object was made: a schedule that runs ahead of its optimiser can say so
        given = list(params)
        if not given:
            raise ValueError(f"{name}: params is empty; pass model.parameters() (an iterator is used up once)")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Train more parameters: ``{"params": Tensors, **settings}``; settings that are not given are the defaults."""
        name = type(self).__name__
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise ValueError(f"{name}: every group must be a dict with the key 'params', got {param_group!r:.80}")
        given = param_group["params"]
        if isinstance(given, set) or not isinstance(given, (Tensor, Iterable)):
            raise TypeError(f"{name}: params of a group must be Tensors in a fixed order, got {type(given).__name__}")
        group = {**self.defaults, **param_group, "params": [given] if isinstance(given, Tensor) else list(given)}
        for p in group["params"]:
            if not isinstance(p, Tensor) or not p.is_leaf:
                what = "the result of an operation: .detach() it" if isinstance(p, Tensor) else type(p).__name__
                raise TypeError(f"{name}: params must be leaf Tensors, as in model.parameters(), got {what}")
        ids = [id(p) for g in (*self.param_groups, group) for p in g["params"]]
        if len(set(ids)) < len(ids):
            raise ValueError(f"{name}: params holds a parameter twice; each step would update it twice")
        self.check(group)
        self.param_groups.append(group)

    def check(self, group: dict[str, Any]) -> None:
        """Raise for a wrong setting in ``group``."""

    def update(self, group: dict[str, Any], live: list[Live]) -> None:
        """Write the next values of ``group``'s parameters that have a gradient."""
        raise NotImplementedError(f"{type(self).__name__} must define update(self, group, live), or step(self)")

    # stepping -------------------------------------------------------------------------------------
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, in place, and return the closure's loss.

        ``closure``, if given, clears the gradients, computes the loss, calls ``backward()`` and returns the loss.
        """
        loss = None
        if closure is not None:
            if not callable(closure):
                raise TypeError(f"{type(self).__name__}.step: closure must be a function, got {type(closure).__name__}")
            with enable_grad():
                loss = closure()
        watch = _context.profile
        began = watch and watch.clock()
        with no_grad():
            _context.quietly(self._update_all)
        self.steps_taken += 1
        if watch:
            watch.step(f"{type(self).__name__}.step", began, [p for g in self.param_groups for p in g["params"]])
        return loss

    def _update_all(self) -> None:
        name = f"{type(self).__name__}.step"
        for group in self.param_groups:
            up = group.get("maximize")
            live = []
            for p in group["params"]:
                if p.grad is not None:
                    w, g = writable(p, name, "a leaf"), p.grad.array
                    live.append(Live(w, np.negative(g, out=np.empty_like(g)) if up else g, self.state[p]))
            if live:
                of(live[0].w).works_on(self, group)
                self.update(group, live)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; with ``set_to_none=False`` they become zeros, and momentum keeps moving."""
        for p in (p for g in self.param_groups for p in g["params"]):
            if set_to_none or p.grad is None:
                p.grad = None
            else:
                with no_grad():
                    p.grad.detach().zero_()

    # saving ---------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """``{"state": {i: what is remembered of parameter i}, "param_groups": settings, with "params": [i, ...]}``.

        Parameters are counted through all groups. The Tensors are the live ones, as in PyTorch: copy.deepcopy keeps
        them from changing. ``minigen.checkpoint.save`` writes it to a file.
        """
        numbers = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = [{**g, "params": [numbers[id(p)] for p in g["params"]]} for g in self.param_groups]
        return {"state": {numbers[id(p)]: dict(s) for p, s in self.state.items() if s}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue bitwise from ``state_dict()``; ValueError, and nothing is changed, if it fits other parameters."""
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: state_dict must be a mapping, got {type(state_dict).__name__}")
        missing = {"param_groups", "state"} - set(state_dict)
        if missing:
            raise ValueError(f"load_state_dict: no {' and no '.join(sorted(missing))}: is it an optimiser's state?")
        groups, states = state_dict["param_groups"], state_dict["state"]
        mine, theirs = ([len(g["params"]) for g in many] for many in (self.param_groups, groups))
        if mine != theirs:
            raise ValueError(
                f"load_state_dict: the state has {len(theirs)} groups of {theirs} parameters, "
                f"{_count(theirs)}, this optimiser {len(mine)} of {mine}, {_count(mine)}"
            )
        new = [{**g, **_settings(h), "params": g["params"]} for g, h in zip(self.param_groups, groups, strict=True)]
        for g in new:
            self.check(g)
        params = {i: p for g, h in zip(new, groups, strict=True) for i, p in zip(h["params"], g["params"], strict=True)}
        unknown = sorted(set(states) - set(params))
        if unknown:
            raise ValueError(f"load_state_dict: the state remembers parameters {unknown} that stand in no group")
        loaded = {params[i]: {k: _remembered(k, v, i, params[i]) for k, v in s.items()} for i, s in states.items()}
        for g, h in zip(self.param_groups, new, strict=True):
            g.update(h)
        self.state = defaultdict(dict, loaded)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}("]
        for i, g in enumerate(self.param_groups):
            settings = ", ".join(f"{k}={v}" for k, v in sorted(g.items()) if k != "params")
            lines.append(f"  group {i}, {len(g['params'])} parameters: {settings}")
        return "\n".join([*lines, ")"])


def memory(state: dict[str, Any], name: str, like: np.ndarray, value: float = 0.0) -> np.ndarray:
    """The array that ``state`` remembers under ``name``; a new one is filled with ``value``."""
    if name not in state:
        state[name] = Tensor(np.full_like(like, value, order="C"))
    return state[name].array


def decayed(live: Live, weight_decay: float) -> np.ndarray:
    """g + weight_decay w: the gradient of C + weight_decay / 2 |w|^2."""
    return live.g + weight_decay * live.w if weight_decay else live.g


def at_least_zero(optimizer: Optimizer, group: dict[str, Any], *names: str) -> None:
    """An error unless these settings are numbers of at least 0."""
    for name in names:
        value = group[name]
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            raise TypeError(f"{type(optimizer).__name__}: {name} must be a number, got {value!r:.60}")
        if not value >= 0:  # written so that NaN is refused
            raise ValueError(f"{type(optimizer).__name__}: {name} must be at least 0, got {value}")


def _count(sizes: list[int]) -> str:
    return f"together {sum(sizes)} parameter{'s' * (sum(sizes) != 1)}"


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    """Lists become tuples again: a file does not tell them apart."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in group.items()}


def _remembered(name: str, value: Any, i: int, p: Tensor) -> Any:
    """A copy of a remembered value in the parameter's type; numbers stay numbers."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    array = on_host(value.array) if isinstance(value, Tensor) else np.asarray(value)
    if name == "step" and not array.ndim:
        return int(array)
    if array.shape != p.shape and array.ndim:
        raise ValueError(f"load_state_dict: {name} of parameter {i} has shape {array.shape}, the parameter {p.shape}")
    copied = np.array(array, p.dtype if dtypes.is_floating(array.dtype) else None, order="C")
    return Tensor(placed(copied, p.device))
