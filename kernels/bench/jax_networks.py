"""The timed networks in plain JAX. Weights carry the names and shapes that they have in the workloads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from .workloads import transformer, wavenet

Weights = dict[str, Any]
NHWC = ("NHWC", "OIHW", "NHWC")  # XLA's own convolutions on a CPU want channels last


def linear(w: Weights, name: str, x: Any) -> Any:
    y = x @ w[f"{name}.weight"].T
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def conv(w: Weights, name: str, x: Any, stride: int = 1, padding: int = 0) -> Any:
    pads = [(padding, padding)] * 2
    y = lax.conv_general_dilated(x, w[f"{name}.weight"], (stride, stride), pads, dimension_numbers=NHWC)
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def conv_transpose(w: Weights, name: str, x: Any) -> Any:
    """Kernel 4, stride 2, padding 1, as one product and overlap-add: dilating x with zeros was several times slower."""
    weight = w[f"{name}.weight"]  # (C, O, 4, 4)
    N, H, W, C = x.shape
    O = weight.shape[1]  # noqa: E741
    taps = (x.reshape(-1, C) @ weight.reshape(C, -1)).reshape(N, H, W, O, 2, 2, 2, 2)  # tap (2 a + i, 2 b + j)
    out: Any = 0.0
    for a in range(2):
        for b in range(2):
            out = out + jnp.pad(taps[:, :, :, :, a, :, b, :], [(0, 0), (a, 1 - a), (b, 1 - b), (0, 0), (0, 0), (0, 0)])
    wide = out.transpose(0, 1, 4, 2, 5, 3).reshape(N, 2 * H + 2, 2 * W + 2, O)
    return wide[:, 1:-1, 1:-1]


def batch_norm(w: Weights, name: str, x: Any) -> Any:
    mean = x.mean((0, 1, 2))
    var = jnp.square(x - mean).mean((0, 1, 2))
    return (x - mean) * lax.rsqrt(var + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def layer_norm(w: Weights, name: str, x: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    var = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def group_norm(w: Weights, name: str, x: Any) -> Any:
    N, H, W, C = x.shape
    groups = x.reshape(N, H * W, 8, C // 8)
    mean = groups.mean((1, 3), keepdims=True)
    var = jnp.square(groups - mean).mean((1, 3), keepdims=True)
    y = ((groups - mean) * lax.rsqrt(var + 1e-5)).reshape(x.shape)
    return y * w[f"{name}.weight"] + w[f"{name}.bias"]


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Classes last."""
    return (jax.nn.logsumexp(logits, -1) - jnp.take_along_axis(logits, labels[..., None], -1)[..., 0]).mean()


def bce(logits: Any, target: Any) -> Any:
    return jnp.maximum(logits, 0) - logits * target + jnp.log1p(jnp.exp(-jnp.abs(logits)))


# N1 -----------------------------------------------------------------------------------------------
def generator(w: Weights, z: Any) -> Any:
    first = w["main.0.weight"]  # (100, 256, 4, 4): on one pixel a transposed convolution is a product
    x = (z.reshape(len(z), -1) @ first.reshape(len(first), -1)).reshape(len(z), *first.shape[1:]).transpose(0, 2, 3, 1)
    for i in (3, 6, 9):
        x = conv_transpose(w, f"main.{i}", jax.nn.relu(batch_norm(w, f"main.{i - 2}", x)))
    return jnp.tanh(x)


def discriminator(w: Weights, x: Any) -> Any:
    x = jax.nn.leaky_relu(conv(w, "main.0", x, 2, 1), 0.2)
    for i in (2, 5):
        x = jax.nn.leaky_relu(batch_norm(w, f"main.{i + 1}", conv(w, f"main.{i}", x, 2, 1)), 0.2)
    return conv(w, "main.8", x).reshape(-1)


def adversarial(weights: list[Weights], batch: dict[str, Any]) -> Iterator:
    """D on real and generated images, then G through the new D on the same images."""
    D: Any
    G, D = weights
    x = batch["x"].transpose(0, 2, 3, 1)
    fakes, back = jax.vjp(lambda w: generator(w, batch["z"]), G)

    def of_discriminator(w: Weights) -> Any:
        return bce(discriminator(w, x), 1.0).mean() + bce(discriminator(w, fakes), 0.0).mean()

    D = yield (1, *jax.value_and_grad(of_discriminator)(D))
    loss, delta = jax.value_and_grad(lambda images: bce(discriminator(D, images), 1.0).mean())(fakes)
    yield 0, loss, back(delta)[0]


# One network, one loss ----------------------------------------------------------------------------
def single(objective: Callable) -> Callable:
    def gradients(weights: list[Weights], batch: dict[str, Any]) -> Iterator:
        yield (0, *jax.value_and_grad(objective)(weights[0], **batch))

    return gradients


def mlp(w: Weights, x: Any, labels: Any) -> Any:
    h = jax.nn.relu(linear(w, "2", jax.nn.relu(linear(w, "0", x))))
    return cross_entropy(linear(w, "4", h), labels)


def vae(w: Weights, x: Any, eps: Any) -> Any:
    h = jax.nn.relu(linear(w, "encode", x))
    mean, log_variance = linear(w, "mean", h), linear(w, "log_variance", h)
    z = mean + eps * jnp.exp(0.5 * log_variance)
    logits = linear(w, "pixels", jax.nn.relu(linear(w, "decode", z)))
    return bce(logits, x).sum() - 0.5 * (1 + log_variance - mean * mean - jnp.exp(log_variance)).sum()


def lstm(w: Weights, tokens: Any, targets: Any) -> Any:
    x = w["embedding.weight"][tokens]  # (T, N, 128)
    for layer in range(2):
        w_ih, w_hh, b_ih, b_hh = (w[f"lstm.{n}_l{layer}"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        inputs = x @ w_ih.T + (b_ih + b_hh)  # one product for all steps

        def cell(state: tuple, gates: Any, w_hh: Any = w_hh) -> tuple:
            h, c = state
            i, f, g, o = jnp.split(gates + h @ w_hh.T, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros((x.shape[1], w_hh.shape[1]), x.dtype)
        _, x = lax.scan(cell, (start, start), inputs)
    return cross_entropy(linear(w, "head", x), targets)


def gpt(w: Weights, tokens: Any, targets: Any) -> Any:
    x = w["token.weight"][tokens] + w["place.weight"]
    N, T, d = x.shape
    seen = jnp.tril(jnp.ones((T, T), bool))
    for i in range(transformer.BLOCKS):
        block = f"blocks.{i}"
        qkv = linear(w, f"{block}.qkv", layer_norm(w, f"{block}.norm1", x))
        q, k, v = qkv.reshape(N, T, 3, transformer.HEADS, -1).transpose(2, 0, 3, 1, 4)
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
        y = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), -1) @ v
        x = x + linear(w, f"{block}.out", y.swapaxes(1, 2).reshape(N, T, d))
        h = jax.nn.gelu(linear(w, f"{block}.up", layer_norm(w, f"{block}.norm2", x)), approximate=False)
        x = x + linear(w, f"{block}.down", h)
    return cross_entropy(linear(w, "head", layer_norm(w, "norm", x)), targets)


def residual(w: Weights, name: str, x: Any, e: Any) -> Any:
    h = conv(w, f"{name}.conv1", jax.nn.silu(group_norm(w, f"{name}.norm1", x)), padding=1)
    h = h + linear(w, f"{name}.embed", jax.nn.silu(e))[:, None, None]
    h = conv(w, f"{name}.conv2", jax.nn.silu(group_norm(w, f"{name}.norm2", h)), padding=1)
    return h + (conv(w, f"{name}.skip", x) if f"{name}.skip.weight" in w else x)


def ddpm(w: Weights, x: Any, t: Any, noise: Any, signal: Any, level: Any) -> Any:
    x = (signal * x + level * noise).transpose(0, 2, 3, 1)
    angles = t[:, None] * 10000.0 ** (-jnp.arange(32) / 32)
    e = linear(w, "time1", jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], 1))
    e = linear(w, "time2", jax.nn.silu(e))
    h1 = residual(w, "down.0.0", conv(w, "first", x, padding=1), e)
    h2 = residual(w, "down.1.0", conv(w, "shrink.0", h1, 2, 1), e)
    h = residual(w, "middle2", residual(w, "middle1", conv(w, "shrink.1", h2, 2, 1), e), e)
    for i, skip in ((1, h2), (0, h1)):
        h = conv(w, f"grow.{i}", h.repeat(2, 1).repeat(2, 2), padding=1)
        h = residual(w, f"up.{i}.0", jnp.concatenate([h, skip], -1), e)
    h = conv(w, "last", jax.nn.silu(group_norm(w, "norm", h)), padding=1)
    return jnp.square(h - noise.transpose(0, 2, 3, 1)).mean()


def waveform(w: Weights, samples: Any, targets: Any) -> Any:
    """Channels last: a convolution of kernel 2 is two products, of x and of the earlier x."""

    def one(name: str, x: Any) -> Any:
        return x @ w[f"{name}.weight"][:, :, 0].T + w[f"{name}.bias"]

    x, skips = w["embedding.weight"][samples], 0.0  # (N, T, 32)
    for i, dilation in enumerate(wavenet.DILATIONS):
        layer = f"layers.{i}"
        earlier = jnp.pad(x, ((0, 0), (dilation, 0), (0, 0)))[:, : x.shape[1]]
        both = jnp.concatenate([earlier, x], -1)
        weight = w[f"{layer}.dilated.weight"].transpose(2, 1, 0).reshape(both.shape[-1], -1)
        f, g = jnp.split(both @ weight + w[f"{layer}.dilated.bias"], 2, -1)
        z = jnp.tanh(f) * jax.nn.sigmoid(g)
        skips = skips + one(f"{layer}.skip", z)
        x = x + one(f"{layer}.residual", z) if f"{layer}.residual.weight" in w else x
    h = jax.nn.relu(one("head1", jax.nn.relu(skips)))
    return cross_entropy(one("head2", h), targets)


GRADIENTS: dict[str, Callable] = {
    "N1": adversarial, "MLP": single(mlp), "VAE": single(vae), "LSTM": single(lstm), "Transformer": single(gpt),
    "U-Net": single(ddpm), "WaveNet": single(waveform),
}  # fmt: skip
