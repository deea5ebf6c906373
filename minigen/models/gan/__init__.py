"""Generative adversarial networks (Goodfellow 2014): G makes images of noise z, D tells them from real images x.

    D5   min_G max_D  V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))]
    D6   L_D = -E_x[log D(x)] - E_z[log(1 - D(G(z)))]
    D7   L_G = -E_z[log D(G(z))]          (non-saturating; the minimax form is E_z[log(1 - D(G(z)))])
    D11  L_C = -E[log P(C = c | x)]       (classification, of the auxiliary-classifier GAN)

losses.py has these and four more; listings.py the networks N1 and N2; networks.py a small pair that is trained fast.
"""

from .listings import (
    NETWORKS,
    DCDiscriminator,
    DCGenerator,
    KerasDiscriminator,
    KerasGenerator,
    dcgan_init,
)
from .losses import (
    GAMES,
    Game,
    classification_loss,
    clip_weights_,
    critic_generator_loss,
    critic_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    hinge_discriminator_loss,
    least_squares_discriminator_loss,
    least_squares_generator_loss,
    minimax_generator_loss,
    r1_penalty,
)
from .networks import CONDITIONS, NORMS, Discriminator, Generator

__all__ = [
    "CONDITIONS",
    "GAMES",
    "NETWORKS",
    "NORMS",
    "DCDiscriminator",
    "DCGenerator",
    "Discriminator",
    "Game",
    "Generator",
    "KerasDiscriminator",
    "KerasGenerator",
    "classification_loss",
    "clip_weights_",
    "critic_generator_loss",
    "critic_loss",
    "dcgan_init",
    "discriminator_loss",
    "generator_loss",
    "gradient_penalty",
    "hinge_discriminator_loss",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "minimax_generator_loss",
    "r1_penalty",
]
