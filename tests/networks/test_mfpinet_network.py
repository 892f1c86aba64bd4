import pytest
import torch
from torch import nn
from torch.nn import functional

from focusbench import networks
from focusbench.errors import InputError
from focusbench.networks.mfpinet import Mfpinet, ResidualBlock
from focusbench.networks.planes_head import PlanesHead


def count(module):
    return sum(p.numel() for p in module.parameters())


def paper_size(**parameters):
    with torch.device("meta"):
        return networks.build("mfpinet", **parameters)


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d)]


def test_ledger_of_parameters():
    """Ma et al. 2021, Table III: 2.50 million."""
    network = paper_size()
    assert count(network) == 2_504_737
    assert count(network.head) == 9_472 + 64
    blocks = [m for m in network.modules() if isinstance(m, ResidualBlock)]
    assert [count(block) for block in blocks] == [147_904] * 12
    assert count(network.bottom) == 295_232
    assert [count(layer) for layer in network.joined] == [73_792] * 3
    assert isinstance(network.end, PlanesHead)
    ends = (network.end.expand, network.end.refine, network.end.planes)
    assert [count(layer) for layer in ends] == [147_712, 36_928 + 64, 19_041]


def test_kinds_of_layers():
    network = paper_size()
    kinds = {type(m).__name__ for m in network.modules() if not list(m.children())}
    assert kinds == {"Conv2d", "PReLU", "PixelShuffle"}  # nothing normalises
    assert not list(network.buffers())
    assert {m.num_parameters for m in network.modules() if isinstance(m, nn.PReLU)} == {64}
    for layer in convolutions(network):
        side = layer.kernel_size[0]
        assert layer.bias is not None
        assert (layer.stride, layer.padding) == ((1, 1), (side // 2,) * 2)
        assert layer.padding_mode == "zeros"
    assert [layer.kernel_size[0] for layer in convolutions(network)] == [7] + [3] * 57


def test_shape_of_the_paper():
    """III-A: 384 x 384 pixels of 3 colours become 768 x 768 of 33."""
    result = paper_size()(torch.empty(2, 3, 384, 384, device="meta"))
    assert result.shape == (2, 33, 768, 768)


def test_sides_of_the_maps():
    """Every map that is convolved, with its channels; paper's width, without computing it."""
    network = paper_size()
    seen = []
    for layer in convolutions(network):
        layer.register_forward_hook(
            lambda layer, given, result: seen.append(
                (given[0].shape[1], given[0].shape[2], result.shape[1])
            )
        )
    network(torch.empty(1, 3, 384, 384, device="meta"))

    def pair(side):
        return [(64, side, 64)] * 8

    down = [*pair(384), *pair(192), *pair(96)]
    bottom = [(64, 48, 128), (128, 48, 128), (128, 48, 64)]
    up = [(128, 48, 64), *pair(48), (128, 96, 64), *pair(96), (128, 192, 64), *pair(192)]
    end = [(64, 384, 256), (64, 768, 64), (64, 768, 33)]
    assert seen == [(3, 384, 64), *down, *bottom, *up, *end]


def recomputed(images, network):
    """The network of the authors, written down from the facts, with the weights in their order."""
    given = {name: iter(part.state_dict().values()) for name, part in network.named_children()}

    def conv(x, part):
        weight, bias = next(given[part]), next(given[part])
        return functional.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)

    def prelu(x, part):
        slope = next(given[part])
        assert slope.shape == (x.shape[1],)
        return torch.where(x > 0, x, slope[:, None, None] * x)

    def block(x, part):
        for _ in range(3):
            x = x + prelu(conv(x, part), part)
        return conv(x, part)

    x = prelu(conv(images, "head"), "head")
    skips = []
    for _ in range(3):
        x = block(block(x, "down"), "down")
        x = 0.25 * (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2])
        skips.append(x)
    for _ in range(3):
        x = conv(x, "bottom")
    for skip in reversed(skips):
        x = conv(torch.cat([skip, x], dim=1), "joined")
        x = block(block(x, "up"), "up")
        x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    x = conv(x, "end")
    n, c, height, width = x.shape
    x = x.reshape(n, c // 4, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
    x = x.reshape(n, c // 4, 2 * height, 2 * width)
    x = prelu(conv(x, "end"), "end")
    x = torch.tanh(conv(x, "end"))
    assert all(next(rest, None) is None for rest in given.values())
    return x


def test_agrees_with_a_second_writing_down():
    torch.manual_seed(0)
    network = Mfpinet(width=3, planes=2).double()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.PReLU):
                layer.weight.uniform_(-0.5, 0.8)
    images = 2 * torch.rand(2, 3, 16, 24, dtype=torch.float64) - 1
    expected = recomputed(images, network)
    assert expected.std() > 0.01
    torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-13)


def test_nothing_leads_past_at_full_size():
    """Without the last decoder, all that is left of the image is gone: no skip from 384 pixels."""
    torch.manual_seed(0)
    network = Mfpinet(width=2, planes=1)
    with torch.no_grad():
        network.up[-1][-1].last.weight.zero_()
        network.up[-1][-1].last.bias.zero_()
        results = [network(torch.rand(1, 3, 8, 8)) for _ in range(2)]
    assert torch.equal(*results)


@pytest.mark.parametrize("skip", range(3))
def test_each_skip_is_used_once(skip):
    """The features of each size, behind the pooling, reach their own decoder stage."""
    torch.manual_seed(0)
    network = Mfpinet(width=2, planes=1)
    images = torch.rand(1, 3, 16, 16)
    seen = []
    network.joined[skip].register_forward_hook(
        lambda layer, given, result: seen.append(given[0][:, :2])
    )
    made = []
    for pair in network.down:
        pair.register_forward_hook(lambda layer, given, result: made.append(result))
    network(images)
    assert torch.equal(seen[0], functional.avg_pool2d(made[2 - skip], 2))


@pytest.mark.parametrize("shape", [(9, 17), (1, 1), (8, 13)])
def test_padding_is_the_mirror_image(shape):
    torch.manual_seed(0)
    network = Mfpinet(width=2, planes=2)
    images = torch.rand(1, 3, *shape)
    result = network(images)
    assert result.shape == (1, 6, 2 * shape[0], 2 * shape[1])
    whole = images
    for axis in (2, 3):
        wanted = -(-images.shape[axis] // 8) * 8
        while whole.shape[axis] < wanted:
            whole = torch.cat([whole, whole.flip(axis)], dim=axis)
        whole = whole.narrow(axis, 0, wanted)
    assert torch.equal(result, network(whole)[..., : 2 * shape[0], : 2 * shape[1]])


def test_colours_of_a_plane_stand_together():
    """The order that reshaping to (N, planes, channels, Y, X) undoes."""
    torch.manual_seed(0)
    network = Mfpinet(width=2, planes=4, channels=2)
    with torch.no_grad():
        network.end.planes.weight.zero_()
        network.end.planes.bias.copy_(torch.arange(8.0) / 10)
    planes = network(torch.rand(1, 2, 8, 8)).reshape(1, 4, 2, 16, 16)
    torch.testing.assert_close(planes[0, 3, 1], torch.full((16, 16), 0.7).tanh())


def test_input_of_full_resolution():
    network = paper_size(scale=1)
    assert network(torch.empty(1, 3, 64, 40, device="meta")).shape == (1, 33, 64, 40)
    assert count(network) == 2_393_953 == 2_504_737 - (147_712 - 36_928)


def test_planes_and_colours():
    network = paper_size(planes=5, channels=1)
    assert network(torch.empty(1, 1, 16, 16, device="meta")).shape == (1, 5, 32, 32)


@pytest.mark.parametrize("name", ["width", "planes", "channels", "scale"])
def test_bad_sizes(name):
    with pytest.raises(InputError, match=f"^{name} is 0; a whole number from 1"):
        Mfpinet(**{name: 0})
