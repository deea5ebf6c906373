"""Triton's softmax, layer norm and product of matrices, as its own tutorials write them: peers of our kernels on a GPU.

Imported only where Triton is installed. TRITON_INTERPRET=1 runs them on the CPU, which is how they are tested.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

TILE, DEEP = 64, 32


@triton.jit
def _softmax(x, y, n, SIZE: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, SIZE)
    v = tl.load(x + row * n + i, mask=i < n, other=-float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(y + row * n + i, e / tl.sum(e, axis=0), mask=i < n)


@triton.jit
def _layer_norm(x, weight, bias, y, n, eps, SIZE: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, SIZE)
    v = tl.load(x + row * n + i, mask=i < n, other=0.0)
    d = tl.where(i < n, v - tl.sum(v, axis=0) / n, 0.0)
    scale = 1 / tl.sqrt(tl.sum(d * d, axis=0) / n + eps)
    w, b = tl.load(weight + i, mask=i < n, other=0.0), tl.load(bias + i, mask=i < n, other=0.0)
    tl.store(y + row * n + i, d * scale * w + b, mask=i < n)


@triton.jit
def _matmul(a, b, c, M, N, K, PRECISION: tl.constexpr, SIDE: tl.constexpr, DEPTH: tl.constexpr):
    i = tl.program_id(0) * SIDE + tl.arange(0, SIDE)[:, None]
    j = tl.program_id(1) * SIDE + tl.arange(0, SIDE)[None, :]
    total = tl.zeros((SIDE, SIDE), dtype=tl.float32)
    for k0 in range(0, K, DEPTH):
        k = k0 + tl.arange(0, DEPTH)
        x = tl.load(a + i * K + k[None, :], mask=(i < M) & (k[None, :] < K), other=0.0)
        y = tl.load(b + k[:, None] * N + j, mask=(k[:, None] < K) & (j < N), other=0.0)
        total += tl.dot(x, y, input_precision=PRECISION)
    tl.store(c + i * N + j, total, mask=(i < M) & (j < N))


def softmax(x: Any) -> Any:
    y = torch.empty_like(x)
    _softmax[(x.shape[0],)](x, y, x.shape[1], SIZE=triton.next_power_of_2(x.shape[1]))
    return y


def layer_norm(x: Any, weight: Any, bias: Any) -> Any:
    y = torch.empty_like(x)
    _layer_norm[(x.shape[0],)](x, weight, bias, y, x.shape[1], 1e-5, SIZE=triton.next_power_of_2(x.shape[1]))
    return y


def matmul(a: Any, b: Any, precision: str = "ieee") -> Any:
    """``precision``: "ieee" for float32, "tf32" for tensor cores."""
    c = torch.empty(a.shape[0], b.shape[1], device=a.device)
    grid = (triton.cdiv(a.shape[0], TILE), triton.cdiv(b.shape[1], TILE))
    _matmul[grid](a, b, c, a.shape[0], b.shape[1], a.shape[1], PRECISION=precision, SIDE=TILE, DEPTH=DEEP)
    return c
