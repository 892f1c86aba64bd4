import pytest
import torch
from torch import nn

from focusbench.networks.inception_v3 import InceptionV3
from focusbench.networks.keras_counts import counted

CHANNELS = (192, 256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048)


def kernels(layers):
    return [m.kernel_size for m in layers.modules() if isinstance(m, nn.Conv2d)]


@pytest.mark.parametrize(
    ("side", "sides"),
    [
        (299, (35, 35, 35, 35, 17, 17, 17, 17, 17, 8, 8, 8)),
        (84, (8, 8, 8, 8, 3, 3, 3, 3, 3, 1, 1, 1)),
    ],
)
def test_maps_of_the_blocks(side, sides):
    """Szegedy et al. 2016, Table 1 (whose 299 pixels become 35, 17 and 8); 84 x 84 end as one."""
    with torch.device("meta"):
        network = InceptionV3()
        seen = []
        for layer in network.layers:
            layer.register_forward_hook(lambda layer, given, result: seen.append(result.shape[1:]))
        network(torch.empty(2, 1, side, side))
    assert tuple(shape[0] for shape in seen) == CHANNELS
    assert tuple(shape[1] for shape in seen) == sides


def test_size_at_its_original_input():
    """23,851,784, with 34,432 that are not trained: ImageNet's channels and classes, by Keras."""
    with torch.device("meta"):
        assert counted(InceptionV3(classes=1000, in_channels=3)) == (23_817_352, 23_851_784)


def test_94_convolutions_with_unscaled_normalisation():
    with torch.device("meta"):
        network = InceptionV3()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 94
    assert all(c.bias is None for c in convolutions)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all([name for name, _ in m.named_parameters()] == ["bias"] for m in norms)


def test_rows_and_columns_in_turn():
    """The 7x7 branches go row, column and column, row, column, row (Keras' order)."""
    with torch.device("meta"):
        network = InceptionV3()
    for block in network.layers[5:9]:
        row, column = (1, 7), (7, 1)
        assert kernels(block[1]) == [(1, 1), row, column]
        assert kernels(block[2]) == [(1, 1), column, row, column, row]


def test_means_of_what_lies_inside():
    pools = [m for m in InceptionV3(1 / 16).modules() if isinstance(m, nn.AvgPool2d)]
    assert len(pools) == 9
    for pool in pools:
        assert torch.equal(pool(torch.ones(1, 1, 4, 5)), torch.ones(1, 1, 4, 5))


def test_two_patches_or_more_to_learn():
    """A single pixel of a single patch has no variance: torch says so in plain words."""
    network = InceptionV3(1 / 16)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.rand(1, 1, 84, 84))
    assert network(torch.rand(1, 1, 168, 168)).isfinite().all()
