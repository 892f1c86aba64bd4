import pytest
import torch
from torch import nn

from focusbench import networks
from focusbench.networks.keras_counts import counted
from focusbench.networks.keras_layers import BatchNorm

SIZES = {
    "delpnet": (2_333_388, 2_336_204),
    "vgg16": (39_936_716, 39_936_716),
    "inception_v3": (21_792_364, 21_826_796),
    "resnet18": (12_589_644, 12_599_372),
    "mobilenet_v2": (2_238_668, 2_272_780),
}


def sizes(name, **parameters):
    with torch.device("meta"):
        return counted(networks.build(name, **parameters))


@pytest.mark.parametrize("name", SIZES)
def test_paper_size(name):
    assert sizes(name) == SIZES[name]


PRINTED = {
    "vgg16": 39.9,
    "inception_v3": 21.8,
    "resnet18": 12.6,
    "mobilenet_v2": 2.3,
    "delpnet": 2.3,
}


@pytest.mark.parametrize("name", PRINTED)
def test_size_printed_by_the_paper(name):
    """He et al. 2020, Table 2, "#params"."""
    assert round(sizes(name).total / 1e6, 1) == PRINTED[name]


@pytest.mark.parametrize("name", SIZES)
def test_one_class_less(name):
    """Without `bg` only the last dense layer is smaller: one weight per feature, and one bias."""
    features = {"delpnet": 512, "vgg16": 4096, "resnet18": 512, "mobilenet_v2": 1280}
    less = sizes(name, classes=11)
    fewer = features.get(name, 2048) + 1
    assert less == tuple(size - fewer for size in SIZES[name])


def test_what_is_counted():
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 5, bias=False))
    assert counted(network) == (2 * 3 * 9 + 3 + 6 + 15, 2 * 3 * 9 + 3 + 6 + 15 + 6)
    network[0].requires_grad_(False)  # not trained, but Keras counts it
    assert counted(network) == (6 + 15, 2 * 3 * 9 + 3 + 6 + 15 + 6)


def test_norm_without_scale_and_without_statistics():
    assert counted(BatchNorm(4, 0.99, scale=False)) == (4, 12)
    assert counted(nn.BatchNorm2d(4, track_running_stats=False)) == (8, 8)
