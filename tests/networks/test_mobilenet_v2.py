import pytest
import torch
from torch import nn

from focusbench.networks.keras_counts import counted
from focusbench.networks.mobilenet_v2 import MobilenetV2, multiple_of_8


@pytest.mark.parametrize(
    ("width", "sizes"),
    [(0.35, (411_212, 425_292)), (1.0, (2_238_668, 2_272_780)), (1.4, (4_336_428, 4_384_364))],
)
def test_size_at_other_widths(width, sizes):
    """As Keras 3.15 counts its own, with one input channel and 12 classes."""
    with torch.device("meta"):
        assert counted(MobilenetV2(width)) == sizes


def test_size_at_its_original_input():
    """3,538,984, with 34,112 that are not trained: ImageNet's channels and classes, by Keras."""
    with torch.device("meta"):
        assert counted(MobilenetV2(classes=1000, in_channels=3)) == (3_504_872, 3_538_984)


@pytest.mark.parametrize(
    ("side", "sides"), [(224, (112, 112, 56, 28, 14, 14, 7, 7)), (84, (42, 42, 21, 11, 6, 6, 3, 3))]
)
def test_maps_of_the_stages(side, sides):
    """Sandler et al. 2018, Table 2."""
    with torch.device("meta"):
        network = MobilenetV2()
        seen = []
        for layer in network.layers:
            layer.register_forward_hook(lambda layer, given, result: seen.append(result.shape[1:]))
        network(torch.empty(1, 1, side, side))
    stem, *blocks = [shape for shape, layer in zip(seen, network.layers, strict=True)
                     if not isinstance(layer, nn.BatchNorm2d | nn.ReLU6)][:-1]  # fmt: skip
    ends = [blocks[number - 1] for number in (1, 3, 6, 10, 13, 16, 17)]
    assert [shape[0] for shape in (stem, *ends)] == [32, 16, 24, 32, 64, 96, 160, 320]
    assert tuple(shape[1] for shape in (stem, *ends)) == sides
    assert seen[-1][0] == 1280


def test_which_blocks_add_their_input():
    """All but the first of each stage (Sandler et al. 2018, 3.3: same shape)."""
    with torch.device("meta"):
        added = [block.added for block in MobilenetV2().layers if hasattr(block, "added")]
    assert added == [number > 0 for blocks in (1, 2, 3, 4, 3, 3, 1) for number in range(blocks)]


def test_block_adds_its_input():
    torch.manual_seed(0)
    block = next(b for b in MobilenetV2(0.1).layers if getattr(b, "added", False)).eval()
    nn.init.zeros_(block.layers[-2].weight)
    features = torch.randn(1, 8, 5, 5)
    assert torch.equal(block(features), features)
    assert isinstance(block.layers[-1], nn.BatchNorm2d)  # the narrow end stays linear


@pytest.mark.parametrize(
    ("channels", "multiple"),
    [(1.6, 8), (8, 8), (11.2, 16), (12, 16), (18.9, 24), (20, 24), (33.6, 32), (44.8, 48)],
)
def test_multiple_of_8(channels, multiple):
    """The nearest loses over a tenth of 11.2 and 18.9; halves go up."""
    assert multiple_of_8(channels) == multiple
