"""ResNet18 (He et al. 2015), in the build that the size printed by He et al. 2020 points to."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from focusbench.networks.keras_layers import (
    BatchNorm,
    SameConv2d,
    check_classifier,
    check_share,
    max_pool_same,
    scaled,
    start,
)

STAGES = (64, 128, 256, 512)


class Resnet18(nn.Module):
    """A 7x7 convolution, four stages of two residual blocks, global mean, a dense layer.

    He et al. 2020, Table 2, print 12.6 million parameters; the original has 11.2 million. With 3x3
    instead of 1x1 convolutions on the shortcuts, and one in the first stage too, where the original
    has none, there are 12,589,644 (12,599,372 in Keras' count). The order within a block is the
    original's: convolution (without bias), batch normalisation, ReLU.

    Parameters
    ----------
    width
        Factor of all channels.
    classes, in_channels
        11 levels and `bg`; channels of the patch.
    keras_momentum
        Of batch normalisation; Keras' default.
    """

    def __init__(
        self,
        width: float = 1.0,
        classes: int = 12,
        in_channels: int = 1,
        keras_momentum: float = 0.99,
    ) -> None:
        super().__init__()
        check_classifier(width, classes, in_channels)
        check_share("keras_momentum", keras_momentum)
        before = scaled(STAGES[0], width)
        self.stem = _convolution(in_channels, before, 7, 2, keras_momentum)
        blocks: list[nn.Module] = []
        for number, channels in enumerate(STAGES):
            after = scaled(channels, width)
            blocks.append(_Block(before, after, 2 if number else 1, True, keras_momentum))
            blocks.append(_Block(after, after, 1, False, keras_momentum))
            before = after
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, classes)
        start(self)

    def forward(self, patches: Tensor) -> Tensor:
        """Map (N, in_channels, Y, X), any Y and X, to logits (N, classes)."""
        features = max_pool_same(functional.relu(self.stem(patches)), 3, 2)
        features = self.blocks(features).mean(dim=(2, 3))
        return self.head(features).to(patches.dtype)  # autocast must not coarsen the result


class _Block(nn.Module):
    """Two 3x3 convolutions, added to the input or to a 3x3 convolution of it."""

    def __init__(
        self, before: int, after: int, stride: int, convolved: bool, keras_momentum: float
    ) -> None:
        super().__init__()
        self.first = _convolution(before, after, 3, stride, keras_momentum)
        self.second = _convolution(after, after, 3, 1, keras_momentum)
        self.shortcut = nn.Identity()
        if convolved:
            self.shortcut = _convolution(before, after, 3, stride, keras_momentum)

    def forward(self, features: Tensor) -> Tensor:
        change = self.second(functional.relu(self.first(features)))
        return functional.relu(change + self.shortcut(features))


def _convolution(
    before: int, after: int, kernel: int, stride: int, keras_momentum: float
) -> nn.Sequential:
    return nn.Sequential(
        SameConv2d(before, after, kernel, stride, bias=False), BatchNorm(after, keras_momentum)
    )
