"""The training steps that are timed: networks and fixed batches, float32; each loss is read in every step."""

from .gan import N1, N2
from .lstm import LSTM
from .mlp import MLP
from .transformer import TRANSFORMER
from .unet import UNET
from .vae import VAE
from .wavenet import WAVENET
from .workload import Means, Phase, Workload

WORKLOADS = {w.name: w for w in (N1, N2, VAE, LSTM, TRANSFORMER, UNET, WAVENET, MLP)}

__all__ = ["WORKLOADS", "Means", "Phase", "Workload"]
