"""The discriminators of the refocus track."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from focusbench import networks
from focusbench.errors import InputError

PARAMETERS = {
    "mfpinet_discriminator": 5_181_377,
    "deep_z_discriminator": 93_952_657,
    "srgan_discriminator": 5_215_425,
}
INPUTS = {"mfpinet_discriminator": 33, "deep_z_discriminator": 3, "srgan_discriminator": 3}


@pytest.fixture(params=PARAMETERS)
def name(request):
    return request.param


def small(name, **parameters):
    torch.manual_seed(0)
    return networks.build(name, width=2, in_channels=6, **parameters)


def layers(network):
    """Kind, and channels before and after, kernel and stride, or slope, of each layer in order."""
    found = []
    for m in network.modules():
        if isinstance(m, nn.Conv2d):
            found.append(("conv", m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]))
            assert m.padding == (m.kernel_size[0] // 2,) * 2
            assert m.bias is not None
        elif isinstance(m, nn.Linear):
            found.append(("dense", m.in_features, m.out_features))
        elif isinstance(m, nn.LeakyReLU):
            found.append(("leaky", m.negative_slope))
        elif not list(m.children()):
            found.append((type(m).__name__,))
    return found


def test_sizes(name):
    with torch.device("meta"):
        network = networks.build(name)
        result = network(torch.empty(2, INPUTS[name], 768, 768))
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]
    assert result.shape == (2, 1)


def test_layers_of_mfpinets():
    with torch.device("meta"):
        network = networks.build("mfpinet_discriminator")
    relu, pool = ("ReLU",), ("MaxPool2d",)

    def conv(before, after, kernel=3):
        return ("conv", before, after, kernel, 1)

    one = [conv(33, 64, 7), relu, conv(64, 64), pool]
    two = [conv(64, 128), relu, conv(128, 128), relu, pool]
    three = [conv(128, 256), relu, conv(256, 256), relu, conv(256, 256, 1), relu, pool]
    four = [conv(256, 512), relu, conv(512, 512), relu, conv(512, 512, 1)]
    score = [("dense", 512, 128), relu, ("dense", 128, 1)]
    assert layers(network) == [*one, *two, *three, *four, *score]


def test_layers_of_deep_zs():
    with torch.device("meta"):
        network = networks.build("deep_z_discriminator")
    widths = [(3, 48, 1), (48, 48, 1), (48, 96, 2), (96, 192, 1), (192, 384, 2), (384, 384, 1)]
    widths += [(384, 768, 2), (768, 768, 1), (768, 1536, 2), (1536, 1536, 1), (1536, 3072, 2)]
    expected = []
    for before, after, stride in widths:
        expected += [("conv", before, after, 3, stride), ("leaky", 0.01)]
    dense = [("dense", 3072, 3072), ("dense", 3072, 1)]
    assert layers(network) == [*expected[:-1], *dense]


def test_layers_of_srgans():
    with torch.device("meta"):
        network = networks.build("srgan_discriminator")
    widths = [(64, 64, 2), (64, 128, 1), (128, 128, 2), (128, 256, 1), (256, 256, 2)]
    widths += [(256, 512, 1), (512, 512, 2)]
    leaky = ("leaky", 0.2)
    expected = [("conv", 3, 64, 3, 1), leaky]
    for before, after, stride in widths:
        expected += [("conv", before, after, 3, stride), ("BatchNorm2d",), leaky]
    dense = [("dense", 512, 1024), leaky, ("dense", 1024, 1)]
    assert layers(network) == [*expected, *dense]


def test_probability_of_the_score_of_the_mean(name):
    planes = torch.rand(3, 6, 24, 17)
    network, logits = small(name).eval(), small(name, logits=True).eval()
    logits.load_state_dict(network.state_dict())
    with torch.no_grad():
        expected = logits.score(logits.layers(planes).flatten(2).mean(dim=2))
        assert torch.equal(logits(planes), expected)
        assert expected.shape == (3, 1)
        assert torch.equal(network(planes), torch.sigmoid(expected))


def test_every_parameter_learns(name):
    network = small(name, logits=True).double()
    planes = torch.rand(4, 6, 16, 16, dtype=torch.float64, requires_grad=True)
    wanted = torch.tensor([[0.0], [1.0], [0.0], [1.0]], dtype=torch.float64)
    functional.binary_cross_entropy_with_logits(network(planes), wanted).backward()
    assert planes.grad.abs().sum() > 0
    for label, parameter in network.named_parameters():
        # a bias before batch normalisation changes nothing while that uses the batch's own mean
        idle = name == "srgan_discriminator" and label.startswith("layers") and "bias" in label
        assert torch.isfinite(parameter.grad).all(), label
        assert idle or parameter.grad.abs().sum() > 0, label


def test_logits_are_allowed_in_mixed_precision(name):
    with torch.autocast("cpu", torch.bfloat16):
        scores = small(name, logits=True)(torch.rand(2, 6, 16, 16))
        assert scores.dtype == torch.float32
        functional.binary_cross_entropy_with_logits(scores, torch.ones(2, 1)).backward()


def test_bad_planes(name):
    line = rf"^images: shape \(1, 3, 16, 16\); {name} accepts \(N, 6, Y, X\)"
    with pytest.raises(InputError, match=line):
        small(name)(torch.rand(1, 3, 16, 16))


def test_sides_that_poolings_leave_nothing_of():
    line = "^images have 7 x 20 pixels; mfpinet_discriminator accepts sides from 8 up"
    with pytest.raises(InputError, match=line):
        small("mfpinet_discriminator")(torch.rand(1, 6, 7, 20))


@pytest.mark.parametrize("wrong", ["width", "in_channels"])
def test_bad_sizes(name, wrong):
    with pytest.raises(InputError, match=f"^{wrong} is 0; a whole number from 1"):
        networks.build(name, **{wrong: 0})
