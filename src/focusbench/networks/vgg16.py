"""VGG16 (Simonyan and Zisserman 2014, configuration D), as He et al. 2020 compare with it."""

from __future__ import annotations

from torch import Tensor, nn

from focusbench.errors import InputError
from focusbench.networks.keras_layers import SameConv2d, check_classifier, scaled, start
from focusbench.parameters import check_whole

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
DENSE = 4096
LEAST = 2 ** len(BLOCKS)
"""Shortest side that the poolings leave a pixel of."""


class Vgg16(nn.Module):
    """Thirteen 3x3 convolutions and three dense layers, with ReLU between all of them.

    Maximum pooling by 2 follows each of five blocks. The dense layers are the two of 4096 of the
    original: with them the network has 39,936,716 parameters on patches of 84 x 84 pixels, the
    39.9 million of He et al. 2020, Table 2. No dropout and no batch normalisation, as in Keras.

    Parameters
    ----------
    width
        Factor of all channels and of the two dense layers.
    classes, in_channels
        11 levels and `bg`; channels of the patch.
    size
        Side of the square patches, in pixels, from 32 up: the first dense layer depends on it.
    """

    def __init__(
        self, width: float = 1.0, classes: int = 12, in_channels: int = 1, size: int = 84
    ) -> None:
        super().__init__()
        check_classifier(width, classes, in_channels)
        check_whole("size", size, LEAST)
        self.size = size
        layers: list[nn.Module] = []
        before = in_channels
        for block in BLOCKS:
            for channels in block:
                after = scaled(channels, width)
                layers += [SameConv2d(before, after, 3), nn.ReLU(inplace=True)]
                before = after
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)
        dense = scaled(DENSE, width)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(before * (size // LEAST) ** 2, dense),
            nn.ReLU(inplace=True),
            nn.Linear(dense, dense),
            nn.ReLU(inplace=True),
            nn.Linear(dense, classes),
        )
        start(self)

    def forward(self, patches: Tensor) -> Tensor:
        """Map (N, in_channels, size, size) to logits (N, classes).

        Raises
        ------
        InputError
            Patches of another size.
        """
        y, x = patches.shape[2:]
        if (y, x) != (self.size, self.size):
            raise InputError(
                f"patches have {y} x {x} pixels; this vgg16 accepts {self.size} x {self.size}"
            )
        return self.head(self.layers(patches)).to(patches.dtype)  # float32 under autocast too
