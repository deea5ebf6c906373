"""WaveNet (van den Oord et al. 2016): a sequence's next value from all before it, by causal convolutions.

    p(x) = prod_t p(x_t | x_1, ..., x_{t-1})                                       (equation 1)
    z = tanh(W_f * x) sigmoid(W_g * x),   x' = x + W_r z,   skips += W_s z         (equation 2, figure 4)

Layer i of a stack looks back 2^i times, so that n layers see 2^n values with n small kernels. Times are rows here,
(N, T, channels): a shift in time then moves whole rows. The weights are those of ``Conv1d``, so that what was trained
elsewhere fits.
"""

from __future__ import annotations

from .. import functional as F
from .. import nn
from ..tensor import Tensor


class GatedResidual(nn.Module):
    """One unit: (N, T, channels) and the skips so far -> both, a step further. See ``functional.gated_residual``."""

    def __init__(
        self, channels: int, skip_channels: int, kernel_size: int = 2, dilation: int = 1, last: bool = False
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.dilated = nn.Conv1d(channels, 2 * channels, kernel_size, dilation=dilation)
        self.skip = nn.Conv1d(channels, skip_channels, 1)
        self.residual = None if last else nn.Conv1d(channels, channels, 1)  # nobody reads the last x

    def forward(self, x: Tensor, skips: Tensor | None = None) -> tuple[Tensor, Tensor]:
        out_weight, out_bias = (None, None) if self.residual is None else (self.residual.weight, self.residual.bias)
        return F.gated_residual(
            x, skips, self.dilated.weight, self.dilated.bias, out_weight, out_bias, self.skip.weight, self.skip.bias,
            self.dilation,
        )  # fmt: skip


class WaveNet(nn.Module):
    """Values (N, T) of 0 .. num_classes - 1 -> logits (N, T, num_classes) of the value after each.

    ``stacks`` x ``layers`` units with dilations 1, 2, ..., 2^(layers - 1), again in each stack; the sum of their skips
    goes through ReLU, 1 x 1, ReLU, 1 x 1 (figure 4).
    """

    def __init__(
        self, num_classes: int = 256, channels: int = 32, skip_channels: int = 64, stacks: int = 2, layers: int = 8,
        kernel_size: int = 2,
    ) -> None:  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(num_classes, channels)
        self.layers = nn.ModuleList(
            GatedResidual(channels, skip_channels, kernel_size, 2**i, last=(s, i) == (stacks - 1, layers - 1))
            for s in range(stacks)
            for i in range(layers)
        )
        self.head1 = nn.Conv1d(skip_channels, skip_channels, 1)
        self.head2 = nn.Conv1d(skip_channels, num_classes, 1)

    @property
    def receptive_field(self) -> int:
        """How many values, the newest included, a prediction depends on."""
        return 1 + sum((layer.dilated.kernel_size[0] - 1) * layer.dilation for layer in self.layers)

    def forward(self, values: Tensor) -> Tensor:
        x, skips = self.layers[0](self.embedding(values))
        for layer in list(self.layers)[1:]:
            x, skips = layer(x, skips)
        h = F.linear(F.relu(skips), self.head1.weight.squeeze(2), self.head1.bias)
        return F.linear(F.relu(h), self.head2.weight.squeeze(2), self.head2.bias)

    def loss(self, values: Tensor, target: Tensor) -> Tensor:
        """-log p(target), the mean over (N, T): cross-entropy at every time."""
        logits = self(values)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten())
