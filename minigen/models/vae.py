"""Variational autoencoders (Kingma & Welling 2014): an encoder q(z|x) and a decoder p(x|z) learn each other's language.

    D8      ELBO(x)  = E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z))  <=  log p(x)              to be maximised
    IWAE    L_k(x)   = E[log (1/k sum_i w_i)],  w_i = p(x|z_i) p(z_i) / q(z_i|x),  z_i ~ q   (Burda 2016, equation 8)

L_1 is the ELBO, L_k never falls as k grows, and its limit is log p(x) itself: so L_5000 is how a VAE is measured. Here
p(z) = N(0, I), q(z|x) = N(mean, diag e^logvar), and a pixel is black or white with p(x_i = 1|z) = sigmoid(logit_i).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import no_grad
from ..functional import cat, chunk
from ..ops import clamp, exp, logsumexp, one_hot, repeat_interleave
from ..random import Generator, randn
from ..tensor import Tensor

LOG_2PI = math.log(2 * math.pi)
IMAGE = (1, 28, 28)
TEST_SEED = 5000  # of the one binarisation that test digits have


# densities ----------------------------------------------------------------------------------------
def log_normal(z: Tensor, mean: Tensor | float = 0.0, logvar: Tensor | float = 0.0) -> Tensor:
    """log N(z; mean, e^logvar) = -1/2 sum_j [log 2 pi + logvar_j + (z_j - mean_j)^2 e^-logvar_j]: (..., d) -> (...)"""
    difference = z - mean
    scaled = difference * difference * (exp(-logvar) if isinstance(logvar, Tensor) else math.exp(-logvar))
    return -0.5 * (scaled + logvar + LOG_2PI).sum(-1)


def log_bernoulli(x: Tensor, logits: Tensor) -> Tensor:
    """log p(x|z) = sum_i x_i log s(l_i) + (1 - x_i) log(1 - s(l_i)), s the sigmoid: (N, ...) twice -> (N,)"""
    losses = F.binary_cross_entropy_with_logits(logits.flatten(1), x.flatten(1), reduction="none")
    return -losses.sum(1)


def kl_normals(mean: Tensor, logvar: Tensor, mean_p: Tensor, logvar_p: Tensor) -> Tensor:
    """KL(N(mean, e^logvar) || N(mean_p, e^logvar_p)) of each dimension; the divergence of the whole is their sum.

    1/2 [logvar_p - logvar + (e^logvar + (mean - mean_p)^2) / e^logvar_p - 1]
    """
    difference = mean - mean_p
    return 0.5 * (logvar_p - logvar + (exp(logvar) + difference * difference) * exp(-logvar_p) - 1)


def kl_to_prior(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, e^logvar) || N(0, 1)) = 1/2 (mean^2 + e^logvar - logvar - 1) of each dimension: (N, d) -> (N, d)"""
    return 0.5 * (mean * mean + exp(logvar) - logvar - 1)


def reparametrise(mean: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z = mean + eps e^(logvar / 2), eps ~ N(0, I): a draw from q through which gradients pass (equation 10)."""
    return mean + eps * exp(0.5 * logvar)


# the model ----------------------------------------------------------------------------------------
class VAE(nn.Module):
    """features: images (N, 1, 28, 28) -> (N, f); posterior: (N, f + classes) -> (N, 2 latent), mean and logvar of q;
    decoder: (N, latent + classes) -> (N, 784), the logits of p.

    With ``classes`` it is conditional, q(z|x, y) and p(x|z, y): the label y, a one-hot vector, stands beside what
    enters posterior and decoder. Raises ValueError for labels that are missing, not wanted, or that name no class.
    """

    def __init__(
        self, features: nn.Module, posterior: nn.Module, decoder: nn.Module, latent: int, classes: int = 0
    ) -> None:
        super().__init__()
        self.features, self.posterior, self.decoder = features, posterior, decoder
        self.latent, self.classes = latent, classes

    def encode(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """mean and logvar of q(z|x), both (N, latent). logvar is cut at 20: an odd picture may say 90, and e^90 is not
        finite."""
        mean, logvar = chunk(self.posterior(self._beside(self.features(x), labels)), 2, 1)
        return mean, clamp(logvar, max=20.0)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of p(x|z): (N, 1, 28, 28)."""
        return self.decoder(self._beside(z, labels)).reshape(-1, *IMAGE)

    def _beside(self, h: Tensor, labels: Tensor | None) -> Tensor:
        """h (N, f) with the one-hot labels beside it, (N, f + classes)."""
        if not self.classes:
            if labels is not None:
                raise ValueError("VAE: labels were given, but this one is unconditional; build it with classes=10")
            return h
        if labels is None:
            raise ValueError(f"VAE: this one is conditional, labels from 0 to {self.classes - 1} are needed")
        if labels.shape != h.shape[:1]:
            raise ValueError(f"VAE: {len(h)} images or codes want labels of shape ({len(h)},), got {labels.shape}")
        values = labels.array
        wrong = values[(values < 0) | (values >= self.classes)]
        if wrong.size:
            raise ValueError(f"VAE: there is no class {wrong[0]}; the labels are 0 to {self.classes - 1}")
        return cat([h, one_hot(labels, self.classes).to(h.dtype)], 1)


# the bounds ---------------------------------------------------------------------------------------
class Bound(NamedTuple):
    """What one batch says: the bound on log p(x) and its parts, in nats."""

    value: Tensor  # (N,), to be maximised
    reconstruction: Tensor  # (N,), log p(x|z), the mean over the draws of z
    kl: Tensor  # (N, latent), KL(q(z|x) || p(z)) of each dimension
    mean: Tensor  # (N, latent), of q


def elbo(
    net: VAE, x: Tensor, labels: Tensor | None = None, *, beta: float = 1.0, generator: Generator | None = None
) -> Bound:
    """D8 with one draw of z: log p(x|z) - beta KL(q(z|x) || p(z)). x holds zeros and ones: (N, 1, 28, 28).

    beta > 1 buys codes whose dimensions are less entangled with blurrier pictures (beta-VAE, Higgins 2017, equation 4);
    below 1 it is no bound any more.
    """
    mean, logvar = net.encode(x, labels)
    z = reparametrise(mean, logvar, randn(*mean.shape, generator=generator, dtype=mean.dtype))
    reconstruction = log_bernoulli(x, net.decode(z, labels))
    kl = kl_to_prior(mean, logvar)
    return Bound(reconstruction - beta * kl.sum(1), reconstruction, kl, mean)


def iwae(net: VAE, x: Tensor, labels: Tensor | None = None, *, k: int = 5, generator: Generator | None = None) -> Bound:
    """The importance-weighted bound log 1/k sum_i w_i of k draws; for k = 1, the ELBO with its KL estimated, too.

    Its gradient weighs the draws by w_i / sum_j w_j: a q that misses some of the posterior is punished less than by D8.
    """
    mean, logvar = net.encode(x, labels)
    log_w, reconstruction = log_weights(net, x, mean, logvar, labels, k=k, generator=generator)
    value = logsumexp(log_w, 1) - math.log(k)
    return Bound(value, reconstruction.mean(1), kl_to_prior(mean, logvar), mean)


def log_weights(
    net: VAE, x: Tensor, mean: Tensor, logvar: Tensor, labels: Tensor | None = None, *, k: int,
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """log w_i = log p(x|z_i) + log p(z_i) - log q(z_i|x) of k draws for each image, and log p(x|z_i): (N, k) each.

    With z = mean + eps e^(logvar/2), log q(z|x) = log N(eps; 0, I) - 1/2 sum_j logvar_j.
    """
    if k < 1:
        raise ValueError(f"log_weights: k must be at least 1 draw, got {k}")
    N, d = mean.shape
    eps = randn(N, k, d, generator=generator, dtype=mean.dtype)
    z = reparametrise(mean.reshape(N, 1, d), logvar.reshape(N, 1, d), eps)
    many = x, labels
    if k > 1:
        many = repeat_interleave(x, k, 0), None if labels is None else repeat_interleave(labels, k, 0)
    reconstruction = log_bernoulli(many[0], net.decode(z.reshape(N * k, d), many[1])).reshape(N, k)
    log_q = log_normal(eps) - 0.5 * logvar.sum(1, keepdim=True)
    return reconstruction + log_normal(z) - log_q, reconstruction


# what a run is judged by --------------------------------------------------------------------------
class Likelihood(NamedTuple):
    """Estimates of log p(x) per image, in nats, as float64 arrays (N,)."""

    log_p: np.ndarray  # log 1/k sum w: L_k
    elbo: np.ndarray  # the mean log w: L_1
    variance: np.ndarray  # of log_p over draws of z, by the delta method: sum w^2 / (sum w)^2 - 1/k

    @property
    def nll(self) -> float:
        """-mean log p(x), in nats."""
        return -float(self.log_p.mean())

    @property
    def standard_error(self) -> float:
        """Of ``nll`` as an estimate for all digits that there could be: the spread over the images / sqrt(N)."""
        return float(self.log_p.std(ddof=1) / math.sqrt(len(self.log_p))) if len(self.log_p) > 1 else math.nan

    @property
    def monte_carlo_error(self) -> float:
        """Of ``nll`` as an estimate for these images: what other draws of z would change."""
        return float(math.sqrt(self.variance.sum()) / len(self.log_p))

    def summary(self, k: int) -> dict[str, float]:
        return {"nll": self.nll, "standard_error": self.standard_error, "monte_carlo_error": self.monte_carlo_error,
                "negative_elbo": -float(self.elbo.mean()), "digits": len(self.log_p), "draws": k}  # fmt: skip


def log_likelihood(
    net: VAE, x: Tensor, labels: Tensor | None = None, *, k: int = 5000, rows: int = 1000, seed: int = 0
) -> Likelihood:
    """log p(x) of each image by importance sampling with k draws from q(z|x): L_k, about variance / 2 below it.

    The encoder sees an image once; its k codes go through the decoder ``rows`` at a time, so that a layer is one matrix
    product whose result stays in the cache. log(1/k sum w) is gathered in float64, relative to the largest weight.
    Image i draws from the stream of ``seed`` + i: a part of a test set gives the same estimates as the whole.
    """
    if k < 1 or rows < 1:
        raise ValueError(f"log_likelihood: k and rows must be at least 1, got {k} and {rows}")
    estimates = np.empty((3, len(x)))
    with no_grad():
        for i in range(len(x)):
            image, label = x[i : i + 1], None if labels is None else labels[i : i + 1]
            mean, logvar = net.encode(image, label)
            generator, parts = Generator(seed + i), [min(rows, k - start) for start in range(0, k, rows)]
            log_w = np.concatenate([
                log_weights(net, image, mean, logvar, label, k=n, generator=generator)[0].numpy()[0] for n in parts
            ]).astype(np.float64)  # fmt: skip
            top = log_w.max()
            w = np.exp(log_w - top)
            variance = np.square(w).sum() / w.sum() ** 2 - 1 / k
            estimates[:, i] = top + math.log(w.mean()), log_w.mean(), variance
    return Likelihood(*estimates)


def binarised_test(images: np.ndarray) -> np.ndarray:
    """Grey images in [0, 1] as black and white ones, pixel i white with probability x_i; always the same draw."""
    uniform = Generator(TEST_SEED).uniform(images.size, np.dtype(np.float32)).reshape(images.shape)
    return (uniform < images).astype(np.float32)


def active_units(mean: np.ndarray, least: float = 0.01) -> int:
    """How many codes answer to the image: Var_x(E_q[z_j|x]) > ``least``, from means (N, latent). Burda 2016, 5.2."""
    return int((np.var(mean, axis=0) > least).sum())


# networks -----------------------------------------------------------------------------------------
class Residual(nn.Module):
    """x + second(SiLU(first(SiLU(x)))), (N, ...) -> the same (He 2016b, figure 4e). It starts as the identity."""

    def __init__(self, first: nn.Linear | nn.Conv2d, second: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.SiLU(), first, nn.SiLU(), second)
        nn.init.zeros_(second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def dense_block(width: int) -> Residual:
    return Residual(nn.Linear(width, width), nn.Linear(width, width))


def conv_block(channels: int) -> Residual:
    return Residual(*(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2)))


def dense_stack(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), dense_block(width), nn.SiLU(), nn.Linear(width, outputs))


def conv_decoder(inputs: int, channels: int) -> nn.Sequential:
    """A code makes 7 x 7 cells, the cells see each other, and each writes 8 x 8 pixels, 4 apart.

    So most of the work is done on 49 cells instead of 784 pixels, where a 3 x 3 kernel reaches far.
    """
    return nn.Sequential(
        nn.Linear(inputs, channels * 49), nn.Unflatten(1, (channels, 7, 7)), conv_block(channels),
        nn.SiLU(), nn.ConvTranspose2d(channels, 1, 8, 4, 2), nn.Flatten(),
    )  # fmt: skip


def n4(latent: int = 20, classes: int = 0) -> VAE:
    """N4: 784-400-(20, 20) and 20-400-784, ReLU."""
    posterior = nn.Sequential(nn.Linear(784 + classes, 400), nn.ReLU(), nn.Linear(400, 2 * latent))
    decoder = nn.Sequential(nn.Linear(latent + classes, 400), nn.ReLU(), nn.Linear(400, 784))
    return VAE(nn.Flatten(), posterior, decoder, latent, classes)


def dense(latent: int = 40, classes: int = 0, width: int = 500) -> VAE:
    """Four layers each way, two of them a residual block: 784-w-[w-w]-(40, 40) and 40-w-[w-w]-784."""
    posterior = dense_stack(784 + classes, width, 2 * latent)
    return VAE(nn.Flatten(), posterior, dense_stack(latent + classes, width, 784), latent, classes)


def conv(latent: int = 40, classes: int = 0, channels: int = 32, width: int = 256) -> VAE:
    """Convolutions both ways: the encoder reads 8 x 8 patches into 7 x 7 cells, as the decoder writes them."""
    cells = nn.Sequential(nn.Conv2d(1, channels, 8, 4, 2), conv_block(channels), nn.SiLU(), nn.Flatten())
    posterior = dense_stack(49 * channels + classes, width, 2 * latent)
    return VAE(cells, posterior, conv_decoder(latent + classes, channels), latent, classes)


def mixed(latent: int = 40, classes: int = 0, channels: int = 32, width: int = 500) -> VAE:
    """The dense encoder and the convolutional decoder, a tenth of the weights of a dense one."""
    posterior = dense_stack(784 + classes, width, 2 * latent)
    return VAE(nn.Flatten(), posterior, conv_decoder(latent + classes, channels), latent, classes)


NETWORKS = {"n4": n4, "dense": dense, "conv": conv, "mixed": mixed}
