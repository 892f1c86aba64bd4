import pytest
import torch
from torch import nn

from focusbench.errors import InputError
from focusbench.networks.keras_counts import counted
from focusbench.networks.vgg16 import Vgg16


def test_order_of_layers():
    """Simonyan and Zisserman 2014, Table 1, column D."""
    with torch.device("meta"):
        network = Vgg16()
    words = []
    for layer in network.layers:
        if isinstance(layer, nn.Conv2d):
            assert layer.kernel_size == (3, 3)
            words.append(str(layer.out_channels))
        elif isinstance(layer, nn.MaxPool2d):
            words.append("pool")
    blocks = ["64 64", "128 128", "256 256 256", "512 512 512", "512 512 512"]
    assert " ".join(words) == " pool ".join(blocks) + " pool"
    dense = [m for m in network.head if isinstance(m, nn.Linear)]
    assert [m.in_features for m in dense] == [2 * 2 * 512, 4096, 4096]
    assert isinstance(network.head[-1], nn.Linear)  # no activation on the logits


def test_size_at_its_original_input():
    """138,357,544: ImageNet's 224 x 224 x 3 and 1000 classes, as printed by Keras."""
    with torch.device("meta"):
        network = Vgg16(classes=1000, in_channels=3, size=224)
        assert network(torch.empty(1, 3, 224, 224)).shape == (1, 1000)
    assert counted(network).total == 138_357_544


@pytest.mark.parametrize("size", [32, 42, 63, 64, 168])
def test_other_sizes(size):
    network = Vgg16(width=1 / 64, size=size)
    assert network(torch.rand(1, 1, size, size)).shape == (1, 12)


@pytest.mark.parametrize("shape", [(42, 42), (84, 85), (110, 84)])
def test_another_size_than_built_for(shape):
    network = Vgg16(width=1 / 64)
    line = f"^patches have {shape[0]} x {shape[1]} pixels; this vgg16 accepts 84 x 84$"
    with pytest.raises(InputError, match=line):
        network(torch.rand(1, 1, *shape))


def test_too_small_to_build():
    with pytest.raises(InputError, match="size is 31; a whole number from 32 up"):
        Vgg16(size=31)
