import pytest
import torch
from torch import nn

from focusbench.networks.keras_counts import counted
from focusbench.networks.resnet18 import Resnet18


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d)]


def test_convolutions():
    """He et al. 2015, Table 1, with 3x3 convolutions on the shortcuts of all four stages."""
    with torch.device("meta"):
        network = Resnet18()
    shapes = [
        (c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0])
        for c in convolutions(network)
    ]
    expected = [(1, 64, 7, 2)]
    before = 64
    for after, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        first = [(before, after, 3, stride), (after, after, 3, 1), (before, after, 3, stride)]
        expected += first + [(after, after, 3, 1)] * 2
        before = after
    assert shapes == expected


def test_size_with_biases():
    """12,604,236: what the same network counts where convolutions have biases too."""
    with torch.device("meta"):
        network = Resnet18()
    assert all(c.bias is None for c in convolutions(network))
    biases = sum(c.out_channels for c in convolutions(network))
    assert counted(network).total + biases == 12_604_236


def test_size_of_the_original():
    """Without the first shortcut, and 1x1 ones, 11,176,512 parameters and 1000 x 513 are left."""
    with torch.device("meta"):
        network = Resnet18(classes=1000, in_channels=3)
    shortcuts = [block.shortcut[0] for block in network.blocks if len([*block.shortcut.children()])]
    extra = shortcuts[0].weight.numel() + 2 * 64  # with its normalisation
    extra += sum(c.weight.numel() * 8 // 9 for c in shortcuts[1:])
    assert counted(network).trainable - extra == 11_689_512


@pytest.mark.parametrize(
    ("side", "sides"),
    [(224, (112, 56, 28, 14, 7)), (84, (42, 21, 11, 6, 3)), (51, (26, 13, 7, 4, 2))],
)
def test_sides_of_the_maps(side, sides):
    """Half of it, rounded up, at each stride."""
    network = Resnet18(width=1 / 32)
    seen = [[], []]
    network.stem.register_forward_hook(lambda layer, given, result: seen[0].append(result.shape[2]))
    for block in network.blocks[::2]:
        block.register_forward_hook(lambda layer, given, result: seen[1].append(result.shape[2]))
    network(torch.rand(2, 1, side, side))
    assert (*seen[0], *seen[1]) == sides


def test_second_block_adds_its_input():
    torch.manual_seed(0)
    block = Resnet18(width=1 / 16).blocks[1].eval()
    nn.init.zeros_(block.second[0].weight)
    features = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(features), features.relu())


def test_first_block_adds_a_convolution_of_its_input():
    torch.manual_seed(0)
    block = Resnet18(width=1 / 16).blocks[0].eval()
    nn.init.zeros_(block.second[0].weight)
    features = torch.randn(1, 4, 5, 5)
    plain = nn.functional.conv2d(features, block.shortcut[0].weight, padding=1) / 1.001**0.5
    torch.testing.assert_close(block(features), plain.relu(), rtol=0, atol=1e-6)
