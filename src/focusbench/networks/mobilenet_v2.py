"""MobileNetV2 (Sandler et al. 2018), as He et al. 2020 compare with it."""

from __future__ import annotations

from torch import Tensor, nn

from focusbench.networks.keras_layers import (
    BatchNorm,
    SameConv2d,
    check_classifier,
    check_share,
    start,
)

FIRST = 32
LAST = 1280
STAGES = (
    # expansion, channels, blocks, stride of the first block: Sandler et al. 2018, Table 2
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobilenetV2(nn.Module):
    """A 3x3 convolution, 17 inverted residual blocks, a 1x1 convolution, global mean, dense layer.

    Convolutions have no bias, and batch normalisation after them; ReLU6 follows but where a block
    ends. 2,238,668 parameters (2,272,780 in Keras' count), the 2.3 million of He et al. 2020,
    Table 2. No dropout, as in Keras without its own last layer.

    Parameters
    ----------
    width
        Factor of all channels (Keras' `alpha`), which become multiples of 8, from 8 up; the 1280 of
        the last convolution grow with it but do not shrink.
    classes, in_channels
        11 levels and `bg`; channels of the patch.
    keras_momentum
        Of batch normalisation; that of Keras' MobileNetV2.
    """

    def __init__(
        self,
        width: float = 1.0,
        classes: int = 12,
        in_channels: int = 1,
        keras_momentum: float = 0.999,
    ) -> None:
        super().__init__()
        check_classifier(width, classes, in_channels)
        check_share("keras_momentum", keras_momentum)
        before = multiple_of_8(FIRST * width)
        layers = _convolution(in_channels, before, 3, 2, keras_momentum)
        for expansion, channels, blocks, stride in STAGES:
            after = multiple_of_8(channels * width)
            for number in range(blocks):
                step = 1 if number else stride
                layers.append(_Block(before, after, step, expansion, keras_momentum))
                before = after
        last = multiple_of_8(LAST * max(width, 1.0))
        layers += _convolution(before, last, 1, 1, keras_momentum)
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(last, classes)
        start(self)

    def forward(self, patches: Tensor) -> Tensor:
        """Map (N, in_channels, Y, X), any Y and X, to logits (N, classes)."""
        features = self.layers(patches).mean(dim=(2, 3))
        return self.head(features).to(patches.dtype)  # autocast must not coarsen the result


class _Block(nn.Module):
    """Wide, filtered channel by channel, narrow; added to the input where that has the same shape.

    An expansion of 1 leaves out the convolution that widens.
    """

    def __init__(
        self, before: int, after: int, stride: int, expansion: int, keras_momentum: float
    ) -> None:
        super().__init__()
        wide = before * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += _convolution(before, wide, 1, 1, keras_momentum)
        layers += _convolution(wide, wide, 3, stride, keras_momentum, groups=wide)
        layers += _convolution(wide, after, 1, 1, keras_momentum)[:-1]
        self.layers = nn.Sequential(*layers)
        self.added = stride == 1 and before == after

    def forward(self, features: Tensor) -> Tensor:
        result = self.layers(features)
        return features + result if self.added else result


def multiple_of_8(channels: float) -> int:
    """Nearest multiple of 8, halves up, from 8 up, but the next one if over a tenth is lost."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def _convolution(
    before: int, after: int, kernel: int, stride: int, keras_momentum: float, groups: int = 1
) -> list[nn.Module]:
    return [
        SameConv2d(before, after, kernel, stride, groups=groups, bias=False),
        BatchNorm(after, keras_momentum),
        nn.ReLU6(inplace=True),
    ]
