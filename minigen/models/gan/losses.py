"""What the two players minimise. D's output on real images is ``real`` (N), on generated ones ``fake`` (M).

    name           L_D                                             L_G                    source
    nonsaturating  -E[log D(x)] - E[log(1 - D(G(z)))]              -E[log D(G(z))]        D6, D7, Goodfellow 2014
    minimax        the same                                        E[log(1 - D(G(z)))]    D5
    least-squares  E[(d(x) - 1)^2]/2 + E[d(G(z))^2]/2              E[(d(G(z)) - 1)^2]/2   Mao 2017, equation 9
    wgan, wgan-gp  E[d(G(z))] - E[d(x)]                            -E[d(G(z))]            Arjovsky, Gulrajani 2017
    hinge          E[max(0, 1 - d(x))] + E[max(0, 1 + d(G(z)))]    -E[d(G(z))]            Miyato 2018, equations 16, 17

d is the network's plain output, D = sigmoid(d): log D = -log(1 + e^-d) stays finite where D itself rounds to 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ... import functional as F
from ... import nn
from ...autograd import grad, no_grad
from ...creation import ones_like, zeros_like
from ...ops import norm
from ...random import rand
from ...tensor import Tensor


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """D6, from the logits of real images and of generated ones."""
    loss_real = F.binary_cross_entropy_with_logits(real, ones_like(real))  # -E[log D(x)]
    loss_fake = F.binary_cross_entropy_with_logits(fake, zeros_like(fake))  # -E[log(1 - D(G(z)))]
    return loss_real + loss_fake


def generator_loss(fake: Tensor) -> Tensor:
    """D7, non-saturating: -E[log D(G(z))]. Its gradient is strong where D is sure that the images are generated."""
    return F.binary_cross_entropy_with_logits(fake, ones_like(fake))


def minimax_generator_loss(fake: Tensor) -> Tensor:
    """D5's second term, E[log(1 - D(G(z)))], which G minimises: its gradient vanishes where D is sure."""
    return -F.binary_cross_entropy_with_logits(fake, zeros_like(fake))


def least_squares_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E[(d(x) - 1)^2] / 2 + E[d(G(z))^2] / 2: real images shall give 1, generated ones 0."""
    return ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2


def least_squares_generator_loss(fake: Tensor) -> Tensor:
    """E[(d(G(z)) - 1)^2] / 2."""
    return ((fake - 1) ** 2).mean() / 2


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E[d(G(z))] - E[d(x)]: minus the distance of the two distributions, if d has slopes of at most 1."""
    return fake.mean() - real.mean()


def critic_generator_loss(fake: Tensor) -> Tensor:
    """-E[d(G(z))]."""
    return -fake.mean()


def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - d(x))] + E[max(0, 1 + d(G(z)))]: images that are told apart by a margin of 1 teach no more."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


@dataclass(frozen=True)
class Game:
    """The losses of both players, and whether sigmoid(d) is a probability in it."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    probability: bool = False


GAMES = {
    "nonsaturating": Game(discriminator_loss, generator_loss, True),
    "minimax": Game(discriminator_loss, minimax_generator_loss, True),
    "least-squares": Game(least_squares_discriminator_loss, least_squares_generator_loss),
    "wgan": Game(critic_loss, critic_generator_loss),
    "wgan-gp": Game(critic_loss, critic_generator_loss),
    "hinge": Game(hinge_discriminator_loss, critic_generator_loss),
}


# what keeps D's slopes small ----------------------------------------------------------------------
def clip_weights_(D: nn.Module, c: float = 0.01) -> None:
    """w := min(max(w, -c), c) for every parameter of the critic (WGAN, Arjovsky 2017, algorithm 1)."""
    with no_grad():
        for p in D.parameters():
            p.clamp_(-c, c)


def gradient_penalty(
    D: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, epsilon: Tensor | None = None
) -> Tensor:
    """E[(||grad_x d(x^)|| - 1)^2], x^ = e x + (1 - e) G(z), e uniform in [0, 1) for each pair (Gulrajani 2017).

    real, fake: (N, C, H, W). epsilon: (N, 1, 1, 1), drawn if None. The result is differentiable with respect to D's
    parameters: to minimise it, the gradient of a gradient is taken. D must treat the images of a batch one by one, so
    it has no batch norm.
    """
    epsilon = rand(len(real), 1, 1, 1) if epsilon is None else epsilon
    between = (epsilon * real.detach() + (1 - epsilon) * fake.detach()).requires_grad_()
    return ((norm(_slopes(D, between), dim=1) - 1) ** 2).mean()


def r1_penalty(D: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E[||grad_x d(x)||^2] / 2 at real images (Mescheder 2018, equation 9): D shall be flat where the data lies."""
    return (_slopes(D, real.detach().requires_grad_()) ** 2).sum(1).mean() / 2


def _slopes(D: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """grad_x d(x) of each image, (N, C H W): of the sum over the batch, each image has its own gradient."""
    (slope,) = grad(D(x).sum(), x, create_graph=True)
    assert slope is not None  # every image has one
    return slope.flatten(1)


def classification_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """D11's third loss, -E[log P(C = c | x)]: both players of an auxiliary-classifier GAN minimise it, D on real images
    (N, classes) with their labels, G on its own with the labels that were asked for (Odena 2017, equation 3)."""
    return F.cross_entropy(logits, labels)
