"""Tensor: an array, and the node of the graph that made it. Its mathematics is installed by ``minigen.ops``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .backend import ON_CPU, gpu
from .node import Node, last_write, tick


class device(str):
    """Where data lives: ``"cpu"``, or ``"cuda"``, the one GPU that minigen uses (CUDA_VISIBLE_DEVICES chooses it).

    ValueError for any other, and for a GPU that cannot be used, with the reason and its remedy.
    """

    def __new__(cls, name: str = "cpu", index: int | None = None) -> device:
        kind, _, number = str(name).partition(":")
        number = number or ("" if index is None else str(index))
        if kind not in ("cpu", "cuda"):
            raise ValueError(f"device: {name!r} is not available; minigen computes on 'cpu' and on 'cuda'")
        if kind == "cuda":
            if number not in ("", "0"):
                raise ValueError(
                    f"device: {name!r} is not available; minigen computes on 'cpu' and on one GPU, 'cuda': choose it "
                    f"with CUDA_VISIBLE_DEVICES={number}"
                )
            try:
                gpu()
            except RuntimeError as error:
                raise ValueError(f"device: {name!r} is not available, only 'cpu' is: {error}") from None
        return super().__new__(cls, kind)

    @property
    def type(self) -> str:
        return str(self)

    @property
    def index(self) -> int | None:  # type: ignore[override]
        return 0 if self == "cuda" else None

    def __repr__(self) -> str:
        return f"device(type='{self}')" if self == "cpu" else "device(type='cuda', index=0)"


_CPU = device("cpu")


def placed(array: Any, where: Any) -> Any:
    """``array`` in the memory of the device ``where`` (None: where it is), copied if it lies elsewhere."""
    here = isinstance(array, ON_CPU)
    if where is None or (where := device(where)) == ("cpu" if here else "cuda"):
        return array
    return gpu().upload(array) if here else gpu().fetch(array)


def module_of(where: Any) -> Any:
    """The module that makes arrays in the memory of the device ``where``: NumPy for the CPU and for None."""
    return np if where is None or device(where) == "cpu" else gpu().xp


def on_host(array: Any) -> np.ndarray:
    """The values in the CPU's memory: ``array`` itself, or a copy if it lies on a GPU."""
    return array if isinstance(array, ON_CPU) else gpu().fetch(array)


class Tensor:
    """An n-dimensional array that remembers how it was computed.

    ``array`` is the ndarray itself; ``node`` is None, a leaf (``requires_grad=True``) or the operation that made it.
    Build one with ``minigen.tensor`` (copies) or ``minigen.from_numpy`` (shares).
    """

    __slots__ = ("__weakref__", "_frozen", "_log", "array", "node")
    __array_ufunc__ = None  # NumPy's operators give way, so that ``ndarray * tensor`` reaches Tensor.__rmul__

    array: Any  # an ndarray, or CuPy's on a GPU
    node: Node | None

    def __init__(self, array: np.ndarray, node: Node | None = None, log: list[int] | None = None) -> None:
        self.array = array
        self.node = node
        self._log = log  # see _writes; None: the storage was not written yet, and no view shares it

    # what it is -----------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    @property
    def device(self) -> device:
        return _CPU if isinstance(self.array, ON_CPU) else device("cuda")

    @property
    def ndim(self) -> int:
        return self.array.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        if dim is None:
            return self.array.shape
        if not isinstance(dim, (int, np.integer)):
            raise TypeError(f"size: dim must be an integer, got {type(dim).__name__}")
        if not -self.ndim <= dim < self.ndim:
            raise IndexError(
                f"size: dim {dim} is out of range for shape {self.shape}; use {-self.ndim} to {self.ndim - 1}"
            )
        return self.array.shape[dim]

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """How many elements lie between neighbours along each dimension, or along one."""
        strides = tuple(step // self.array.itemsize for step in self.array.strides)
        if dim is not None and not -self.ndim <= dim < self.ndim:
            raise IndexError(f"stride: dim {dim} is out of range for shape {self.shape}")
        return strides if dim is None else strides[dim]

    def element_size(self) -> int:
        """Bytes per element."""
        return self.array.itemsize

    def is_contiguous(self) -> bool:
        """True if the elements lie in row-major order without gaps."""
        return self.array.flags.c_contiguous

    def is_floating_point(self) -> bool:
        """True for the types that can carry a gradient."""
        return dtypes.is_floating(self.dtype)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor; use .item() for its value")
        return self.array.shape[0]

    # values out -----------------------------------------------------------------------------------
    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        if self.array.size != 1:
            raise ValueError(
                f"item: only a one-element tensor has one value, this one has shape {self.shape}; index or "
                "reduce it first"
            )
        return on_host(self.array).item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return on_host(self.array).tolist()

    def numpy(self) -> np.ndarray:
        """A read-only view of the values (copy it to write: ``t.numpy().copy()``). TypeError for a tensor of a GPU."""
        if self.device != "cpu":
            raise TypeError("numpy: this tensor lies on the GPU; copy it to the CPU first: t.cpu().numpy()")
        view = self.array.view()
        view.flags.writeable = False
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array if copy else self.numpy(), dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if dtypes.is_floating(self.dtype):
            raise TypeError(
                f"only an integer tensor can be an index, this one is {self.dtype}; convert it with .long()"
            )
        return int(self.item())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ValueError(
                f"the truth of a tensor of shape {self.shape} is ambiguous; reduce it first, say with "
                "(t != 0).sum() > 0"
            )
        return bool(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.array.size == 1 and spec else str(self), spec)

    def __repr__(self) -> str:
        text = np.array2string(on_host(self.array), separator=", ", prefix="tensor(", precision=4, threshold=1000)
        if not self.array.size and self.ndim != 1:
            text += f", size={self.shape}"
        if self.device != "cpu":
            text += ", device='cuda:0'"
        if self.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_):
            text += f", dtype={self.dtype.name}"
        if self.node is not None:
            text += ", requires_grad=True" if self.node.op is None else f", grad_fn=<{self.node.op.name}>"
        return f"tensor({text})"

    __hash__ = object.__hash__

    # copies ---------------------------------------------------------------------------------------
    def __copy__(self) -> Tensor:
        twin = type(self).__new__(type(self))
        Tensor.__init__(twin, self.array, self.node, self._writes())  # the same storage, leaf and gradient
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        twin = memo[id(self)] = _rebuilt(*self.__reduce__()[1])
        twin.array = self.array.copy()
        if self.grad is not None:
            twin.requires_grad_().grad = Tensor(self.grad.array.copy())
            twin.requires_grad_(self.requires_grad)
        return twin

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        if not self.is_leaf:
            raise RuntimeError(
                "only leaves can be deep-copied or pickled, this tensor is the result of an operation; use "
                ".detach().clone(), or .clone() to stay in the graph"
            )
        return _rebuilt, (type(self), self.array, self.requires_grad)

    if TYPE_CHECKING:  # installed by minigen.ops, told to type checkers here

        def __getattr__(self, name: str) -> Any: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __rmod__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __rfloordiv__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __xor__(self, other: Any) -> Tensor: ...
        def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __pos__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __iter__(self) -> Any: ...

    # autograd's side ------------------------------------------------------------------------------
    @property
    def requires_grad(self) -> bool:
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this leaf collect a gradient, or stop collecting."""
        if not self.is_leaf:
            raise RuntimeError(
                "requires_grad can only be changed on a leaf; this tensor is the result of an operation: use .detach()"
            )
        if requires_grad and not dtypes.is_floating(self.dtype):
            raise TypeError(
                f"requires_grad: only floating tensors have gradients, this one is {self.dtype}; convert it "
                "with .float()"
            )
        if requires_grad and self.node is None:
            self.node = getattr(self, "_frozen", None) or Node()
        elif not requires_grad and self.node is not None:
            self.node, self._frozen = None, self.node  # unfreezing finds the same leaf, its gradient and its graphs
        return self

    @property
    def is_leaf(self) -> bool:
        return self.node is None or self.node.op is None

    @property
    def grad_fn(self) -> Node | None:
        return None if self.is_leaf else self.node

    @property
    def grad(self) -> Tensor | None:
        """dC/d(self), collected by ``backward()``."""
        node = self.node or getattr(self, "_frozen", None)
        return None if node is None else node.grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        node = self.node or getattr(self, "_frozen", None)
        if node is None:
            if value is not None:
                raise RuntimeError("grad: this tensor does not require a gradient; call .requires_grad_() first")
            return
        if value is not None and (
            not isinstance(value, Tensor) or value.shape != self.shape or value.dtype != self.dtype
        ):
            raise ValueError(
                f"grad: must be None or a Tensor of shape {self.shape} and type {self.dtype}, got {value!r:.80}"
            )
        node.grad = value

    def retain_grad(self) -> None:
        """Let ``backward()`` store the gradient of this result of an operation in ``.grad`` too."""
        if self.node is None:
            raise RuntimeError("retain_grad: this tensor does not require a gradient")
        self.node.retains = True

    def register_hook(self, hook: Any) -> Any:
        """Call ``hook(grad)`` when the gradient of this tensor is complete; what it returns, if not None, replaces it.

        Returns a handle with ``remove()``.
        """
        if self.node is None:
            raise RuntimeError("register_hook: this tensor does not require a gradient; call .requires_grad_() first")
        return self.node.add_hook(hook)

    def detach(self) -> Tensor:
        """The same storage without history."""
        return Tensor(self.array, None, self._writes())

    @property
    def data(self) -> Tensor:
        """The same storage without history, as in PyTorch; ``t.array`` is the ndarray."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data: must be a Tensor, got {type(value).__name__}")
        if value.array is not self.array:
            if value.shape == self.shape and value.dtype == self.dtype:
                self.array[...] = placed(value.array, self.device)  # parameters keep their addresses
            else:
                self.array = value.array
            self._written()

    @property
    def version(self) -> int:
        """How often the storage was written in place."""
        return 0 if self._log is None else self._log[0]

    def _writes(self) -> list[int]:
        """How often the storage was written in place and when it last was, by the clock of the nodes: one list for all
        views of a storage."""
        if self._log is None:
            self._log = [0, 0]
        return self._log

    def _written(self) -> None:
        """The storage has been written: nodes that are older and kept its values must not use them."""
        log = self._writes()
        log[0] += 1
        log[1] = last_write[0] = tick()


def _rebuilt(kind: type[Tensor], array: np.ndarray, requires_grad: bool) -> Tensor:
    """A new leaf: what a pickle holds."""
    tensor = kind.__new__(kind)
    Tensor.__init__(tensor, array)
    return tensor.requires_grad_(requires_grad)
