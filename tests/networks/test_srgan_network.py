import pytest
import torch
from torch import nn
from torch.nn import functional

from focusbench import networks
from focusbench.errors import InputError
from focusbench.networks.srgan import Srgan


@pytest.mark.parametrize(("blocks", "parameters"), [(5, 586_506), (16, 1_401_749)])
def test_sizes(blocks, parameters):
    with torch.device("meta"):
        network = networks.build("srgan", blocks=blocks)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert len([m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]) == 2 * blocks + 1
    slopes = [m.num_parameters for m in network.modules() if isinstance(m, nn.PReLU)]
    assert slopes == [1] * (blocks + 2)


def test_16_blocks_by_default():
    with torch.device("meta"):
        network = networks.build("srgan")
        assert len(network.blocks) == 16
        assert network(torch.empty(2, 3, 384, 384)).shape == (2, 3, 768, 768)
    kernels = [m.kernel_size[0] for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [9, *[3] * 32, 3, 3, 9]
    assert all(m.bias is not None for m in network.modules() if isinstance(m, nn.Conv2d))


def recomputed(images, network):
    given = {name: iter(part.state_dict().values()) for name, part in network.named_children()}

    def conv(x, part):
        weight, bias = next(given[part]), next(given[part])
        return functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)

    def norm(x, part):
        weight, bias, mean, variance, _ = (next(given[part])[..., None, None] for _ in range(5))
        return weight * (x - mean) / (variance + 1e-5).sqrt() + bias

    def prelu(x, part):
        return torch.where(x > 0, x, next(given[part]) * x)

    first = prelu(conv(images, "head"), "head")
    x = first
    for _ in range(len(network.blocks)):
        y = prelu(norm(conv(x, "blocks"), "blocks"), "blocks")
        x = x + norm(conv(y, "blocks"), "blocks")
    x = first + norm(conv(x, "bottom"), "bottom")
    x = conv(x, "up")
    n, c, height, width = x.shape
    x = x.reshape(n, c // 4, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
    x = prelu(x.reshape(n, c // 4, 2 * height, 2 * width), "up")
    x = (torch.tanh(conv(x, "end")) + 1) / 2
    assert all(next(rest, None) is None for rest in given.values())
    return x


def test_agrees_with_a_second_writing_down():
    torch.manual_seed(0)
    network = Srgan(width=4, blocks=2).double()
    images = torch.rand(2, 3, 9, 12, dtype=torch.float64)
    network(images)  # running statistics move
    network.eval()
    torch.testing.assert_close(network(images), recomputed(images, network), rtol=0, atol=1e-13)


def test_values():
    torch.manual_seed(0)
    network = Srgan(width=4, blocks=1)
    network.end.weight.data.zero_()
    for bias, value in ((-40.0, 0.0), (0.0, 0.5), (40.0, 1.0)):
        network.end.bias.data.fill_(bias)
        assert (network(torch.rand(2, 3, 8, 8)) == value).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, "width is 0; a whole number from 1"),
        ({"blocks": -1}, "blocks is -1; a whole number from 0"),
        ({"channels": 1.0}, "channels is 1.0"),
    ],
)
def test_bad_sizes(wrong, message):
    with pytest.raises(InputError, match=message):
        Srgan(**wrong)
