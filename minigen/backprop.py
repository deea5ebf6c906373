"""Backpropagation by hand: four equations and gradient descent for a multilayer perceptron, without autograd.

    z^l = W^l a^{l-1} + b^l,   a^l = s(z^l),   a^0 = x                              forward
    δ^L = dC/da^L ⊙ s'(z^L),   δ^l = (W^{l+1})^T δ^{l+1} ⊙ s'(z^l)                  error of a layer, δ^l = dC/dz^l
    dC/dW^l = δ^l (a^{l-1})^T                                                       weight gradient
    dC/db^l = δ^l, summed over the batch                                            bias gradient
    w := w - η dC/dw                                                                gradient descent

A sample is a column and a batch stands side by side, so x is (n_0, N) and every line of code below is its equation. The
product δ^l (a^{l-1})^T sums over the batch by itself; the 1/N of the mean cost sits in δ^L. `W[l]`, `b[l]`, `z[l]`,
`a[l]` are dictionaries, so that an index is the equation's superscript.

The product ⊙ holds where each a_i depends on its own z_i alone. A softmax mixes them, and its transposed Jacobian
stands there instead: see `softmax_error`. NumPy is all that this file needs.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def sigmoid(z: Array) -> Array:
    """s(z) = 1 / (1 + e^-z), written with tanh so that no z overflows."""
    return 0.5 * (1 + np.tanh(0.5 * z))


def softmax(z: Array) -> Array:
    """p_i = e^{z_i} / Σ_k e^{z_k} down each column. Taking the largest z_k off first changes nothing but overflow."""
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


# name: (s, s'), both of z
ACTIVATIONS = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
}
OUTPUTS = ("softmax", *ACTIVATIONS)
COSTS = ("cross_entropy", "quadratic")


def softmax_error(p: Array, dC_dp: Array) -> Array:
    """dC/dz = J^T dC/dp for p = softmax(z), J = diag(p) - p p^T: each z_i moves every p_k, so ⊙ is not enough.

    J is symmetric, and it need not be built:  J^T v = p ⊙ (v - p·v).
    With the cross-entropy C = -Σ_k y_k log p_k, v = -y/p, so p·v = -Σ_k y_k = -1 and all of it collapses to p - y.
    """
    return p * (dC_dp - (p * dC_dp).sum(axis=0))


def one_hot(labels: NDArray[np.integer], classes: int, dtype: type = np.float32) -> Array:
    """Columns y with y_k = 1 at the label: (N,) integers → (classes, N). IndexError for a label past the classes."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"labels must be a row of integers, got {labels.dtype} of shape {labels.shape}")
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size:
        raise IndexError(f"labels holds {outside[0]}, but {classes} classes are numbered 0 to {classes - 1}")
    return np.eye(classes, dtype=dtype)[:, labels]


class MLP:
    """A multilayer perceptron with its gradients written out.

    sizes (n_0, ..., n_L): inputs, hidden layers, outputs. hidden: "relu", "tanh", "sigmoid" or "identity".
    output: the same, or "softmax". cost, a mean over the N samples of a batch:
        "cross_entropy"   C = -1/N Σ_n Σ_k y_k log p_k       only with softmax; y is a distribution
        "quadratic"       C = 1/(2N) Σ_n ||a^L - y||²
    Weights start as N(0, 1/n_{l-1}), or N(0, 2/n_{l-1}) for relu, which halves the variance (He et al. 2015); biases
    start at 0.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        hidden: str = "relu",
        output: str = "softmax",
        cost: str = "cross_entropy",
        dtype: type = np.float32,
        seed: int = 0,
    ) -> None:
        if len(sizes) < 2 or any(n < 1 for n in sizes):
            raise ValueError(f"sizes needs inputs and outputs at least, each 1 or more; got {tuple(sizes)}")
        for name, value, known in (("hidden", hidden, ACTIVATIONS), ("output", output, OUTPUTS), ("cost", cost, COSTS)):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
        if cost == "cross_entropy" and output != "softmax":
            raise ValueError(f"cost 'cross_entropy' needs probabilities: use output='softmax' instead of {output!r}")
        if np.dtype(dtype) not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
        self.sizes, self.hidden, self.output, self.cost_name = tuple(sizes), hidden, output, cost
        self.dtype, self.L = np.dtype(dtype), len(sizes) - 1
        rng, gain = np.random.default_rng(seed), 2 if hidden == "relu" else 1
        self.W: dict[int, Array] = {}
        self.b: dict[int, Array] = {}
        for l in range(1, self.L + 1):
            W = rng.standard_normal((sizes[l], sizes[l - 1])) * np.sqrt(gain / sizes[l - 1])
            self.W[l], self.b[l] = W.astype(self.dtype), np.zeros((sizes[l], 1), self.dtype)

    def forward(self, x: Array) -> tuple[dict[int, Array], dict[int, Array]]:
        """z^l = W^l a^{l-1} + b^l and a^l = s(z^l) of every layer; x is (n_0, N). Returns (z, a), with a[0] = x."""
        a: dict[int, Array] = {0: self._columns("x", x, self.sizes[0])}
        z: dict[int, Array] = {}
        for l in range(1, self.L + 1):
            z[l] = self.W[l] @ a[l - 1] + self.b[l]                      # (n_l, N)
            a[l] = self._activation(l)(z[l])
        return z, a

    def cost(self, x: Array, y: Array) -> float:
        """C, the mean cost of a batch: x (n_0, N), y (n_L, N)."""
        z, a = self.forward(x)
        return self._cost(z, a, self._targets(y, a[0].shape[1]))

    def errors(self, z: dict[int, Array], a: dict[int, Array], y: Array) -> dict[int, Array]:
        """δ^l = dC/dz^l, from the output layer backwards; z and a are forward's. Each δ^l is (n_l, N)."""
        L, N = self.L, a[0].shape[1]
        y = self._targets(y, N)
        delta: dict[int, Array] = {}
        if self.cost_name == "cross_entropy":
            delta[L] = (a[L] - y) / N                                    # J^T dC/da^L, collapsed: see softmax_error
        elif self.output == "softmax":
            delta[L] = softmax_error(a[L], (a[L] - y) / N)               # J^T dC/da^L
        else:
            delta[L] = (a[L] - y) / N * self._slope(L)(z[L])             # dC/da^L ⊙ s'(z^L)
        for l in range(L - 1, 0, -1):
            delta[l] = self.W[l + 1].T @ delta[l + 1] * self._slope(l)(z[l])   # ... ⊙ s'(z^l)
        return delta

    def gradients(self, x: Array, y: Array) -> tuple[dict[int, Array], dict[int, Array]]:
        """(dC/dW, dC/db), keyed by layer and shaped like W and b."""
        z, a = self.forward(x)
        return self._gradients(a, self.errors(z, a, y))

    def step(self, x: Array, y: Array, eta: float) -> float:
        """w := w - η dC/dw for every weight and bias; returns the cost before the step."""
        z, a = self.forward(x)
        y = self._targets(y, a[0].shape[1])
        dW, db = self._gradients(a, self.errors(z, a, y))
        for l in self.W:
            self.W[l] -= eta * dW[l]
            self.b[l] -= eta * db[l]
        return self._cost(z, a, y)

    def predict(self, x: Array) -> NDArray[np.integer]:
        """The most likely class of each column of x: (n_0, N) → (N,)."""
        return self.forward(x)[1][self.L].argmax(axis=0)

    def _gradients(self, a: dict[int, Array], delta: dict[int, Array]) -> tuple[dict[int, Array], dict[int, Array]]:
        dW: dict[int, Array] = {}
        db: dict[int, Array] = {}
        for l in range(1, self.L + 1):
            dW[l] = delta[l] @ a[l - 1].T                                # dC/dW^l = δ^l (a^{l-1})^T
            db[l] = delta[l].sum(axis=1, keepdims=True)                  # dC/db^l = δ^l, summed over the batch
        return dW, db

    def _cost(self, z: dict[int, Array], a: dict[int, Array], y: Array) -> float:
        N = y.shape[1]
        if self.cost_name == "quadratic":
            return float(((a[self.L] - y) ** 2).sum() / (2 * N))
        top = z[self.L].max(axis=0)                                      # log p = z - log Σ e^z, as p may round to 0
        log_p = z[self.L] - top - np.log(np.exp(z[self.L] - top).sum(axis=0))
        return float(-(y * log_p).sum() / N)

    def _activation(self, l: int):
        name = self.output if l == self.L else self.hidden
        return softmax if name == "softmax" else ACTIVATIONS[name][0]

    def _slope(self, l: int):
        return ACTIVATIONS[self.output if l == self.L else self.hidden][1]

    def _columns(self, name: str, value: Array, rows: int) -> Array:
        value = np.asarray(value)
        if not np.issubdtype(value.dtype, np.floating):
            raise TypeError(f"{name} holds {value.dtype}: scale it to floats first, as {name}.astype(np.float32) / 255")
        if value.ndim != 2 or value.shape[0] != rows or value.shape[1] == 0:
            hint = f"; samples are columns, so pass {name}.T" if value.ndim == 2 and value.shape[1] == rows else ""
            raise ValueError(f"{name} must be ({rows}, N) with N at least 1, got {value.shape}{hint}")
        return value.astype(self.dtype, copy=False)

    def _targets(self, y: Array, N: int) -> Array:
        y = self._columns("y", y, self.sizes[-1])
        if y.shape[1] != N:
            raise ValueError(f"y has {y.shape[1]} columns and x has {N}: each sample needs its target")
        if self.cost_name == "cross_entropy" and not (np.all(y >= 0) and np.allclose(y.sum(axis=0), 1, atol=1e-4)):
            raise ValueError("y's columns must be distributions (0 or more, sum 1) for the cross-entropy: see one_hot")
        return y
