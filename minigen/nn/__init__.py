"""Modules and layers, by PyTorch's names."""

from .. import functional
from . import init, utils
from .activation import (
    ELU, GELU, GLU, SELU, Dropout, Dropout1d, Dropout2d, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid,
    LogSoftmax, Mish, PReLU, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Softmin, Softplus, Softsign, Tanh,
)  # fmt: skip
from .attention import MultiheadAttention
from .containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .embedding import CosineSimilarity, Embedding
from .linear import Identity, Linear
from .losses import (
    BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, KLDivLoss, L1Loss, MSELoss, NLLLoss, SmoothL1Loss,
)  # fmt: skip
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d, InstanceNorm1d, InstanceNorm2d
from .padding import (
    CircularPad1d, CircularPad2d, ConstantPad1d, ConstantPad2d, Fold, ReflectionPad1d, ReflectionPad2d,
    ReplicationPad1d, ReplicationPad2d, Unfold, ZeroPad1d, ZeroPad2d,
)  # fmt: skip
from .parameter import Parameter
from .pool import (
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d, PixelShuffle, PixelUnshuffle,
    Upsample, UpsamplingBilinear2d, UpsamplingNearest2d,
)  # fmt: skip
from .recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from .sample_norm import GroupNorm, LayerNorm, RMSNorm
from .shape import Flatten, Unflatten

__all__ = [
    "GRU", "LSTM", "RNN",
    "BCELoss", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "Conv2d", "ConvTranspose2d", "CrossEntropyLoss",
    "Dropout", "Flatten",
    "GRUCell", "Identity", "LSTMCell", "LeakyReLU", "Linear", "MSELoss", "Module", "ModuleDict", "ModuleList",
    "MultiheadAttention",
    "Parameter", "ParameterDict", "ParameterList",
    "RNNCell", "ReLU", "Sequential",
    "Sigmoid", "Softmax", "Tanh", "Unflatten", "ZeroPad2d", "functional", "init", "utils",
]  # fmt: skip
__all__ += [
    "ELU", "GELU", "GLU", "SELU", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d",
    "CircularPad1d", "CircularPad2d", "ConstantPad1d", "ConstantPad2d", "Conv1d", "ConvTranspose1d",
    "CosineSimilarity", "Dropout1d", "Dropout2d", "Embedding", "Fold", "GroupNorm", "Hardsigmoid", "Hardswish",
    "Hardtanh", "HuberLoss", "InstanceNorm1d", "InstanceNorm2d", "KLDivLoss", "L1Loss", "LayerNorm", "LogSigmoid",
    "LogSoftmax", "MaxPool1d", "MaxPool2d", "Mish", "NLLLoss", "PReLU", "PixelShuffle", "PixelUnshuffle", "RMSNorm",
    "ReLU6", "ReflectionPad1d", "ReflectionPad2d", "ReplicationPad1d", "ReplicationPad2d", "SiLU", "SmoothL1Loss",
    "Softmin", "Softplus", "Softsign", "Unfold", "Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d",
    "ZeroPad1d",
]  # fmt: skip
