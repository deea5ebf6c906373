"""Data sets, what is done to their images, and the loader that makes batches of them.

    digits = MNIST(transform=transforms.Compose([transforms.Pad(2), transforms.Normalize(0.5, 0.5)]))
    for images, labels in DataLoader(digits, batch_size=64, shuffle=True):      # (64, 1, 32, 32) in [-1, 1], (64,)
        ...
"""

from . import transforms
from .dataset import TensorDataset, default_collate
from .download import DownloadError
from .folder import ImageFolder
from .loader import DataLoader
from .mnist import MNIST, FashionMNIST, cache_folder

__all__ = [
    "MNIST",
    "DataLoader",
    "DownloadError",
    "FashionMNIST",
    "ImageFolder",
    "TensorDataset",
    "cache_folder",
    "default_collate",
    "transforms",
]
