"""What training does with a module's parameters: clip gradients, take all values at once, bound a layer's slope."""

from .clip import clip_grad_norm_, clip_grad_value_
from .spectral import remove_spectral_norm, spectral_norm
from .vector import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "remove_spectral_norm", "spectral_norm",
    "vector_to_parameters",
]  # fmt: skip
