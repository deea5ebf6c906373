"""Learned vectors for numbers, and the angle between vectors."""

from __future__ import annotations

from .. import functional as F
from .. import random
from ..autograd import no_grad
from ..tensor import Tensor
from .linear import check_sizes, parameter, placed
from .module import Module, Parameter


class Embedding(Module):
    """y[...] = w[input[...]]: int64 (...) -> (..., embedding_dim), w (num_embeddings, embedding_dim) from N(0, 1).

    Row ``padding_idx`` starts as zeros and is not trained.
    """

    @placed
    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, _weight: Tensor | None = None
    ) -> None:
        super().__init__()
        check_sizes(self, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"Embedding: padding_idx {padding_idx} is out of range for {num_embeddings} rows")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        if _weight is None:
            self.weight = parameter(num_embeddings, embedding_dim)
            with no_grad():
                self.weight.copy_(random.randn(num_embeddings, embedding_dim))
                if padding_idx is not None:
                    self.weight[padding_idx] = 0.0
        else:
            self.weight = Parameter(_weight)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> Embedding:
        """An Embedding whose table is ``embeddings`` (V, D), shared and by default not trained."""
        if not isinstance(embeddings, Tensor) or embeddings.ndim != 2:
            shape = getattr(embeddings, "shape", type(embeddings).__name__)
            raise ValueError(f"Embedding.from_pretrained: embeddings must be a Tensor (V, D), got {shape}")
        V, D = embeddings.shape
        found = cls(V, D, padding_idx, _weight=embeddings)
        found.weight.requires_grad_(not freeze)
        return found

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"


class CosineSimilarity(Module):
    """<x1, x2> / (||x1|| ||x2||) along ``dim``, no length below ``eps``."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
