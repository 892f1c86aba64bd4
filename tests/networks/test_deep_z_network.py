import pytest
import torch
from torch import nn
from torch.nn import functional

from focusbench import networks
from focusbench.errors import InputError
from focusbench.networks.deep_z import DeepZ, with_plane


def count(module):
    return sum(p.numel() for p in module.parameters())


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d)]


def test_paper_size():
    """Ma et al. 2021, Table III: 19.41 million; the original, of one colour, has 19.40."""
    with torch.device("meta"):
        network = networks.build("deep_z")
        original = networks.build("deep_z", in_channels=2, out_channels=1)
    assert count(network) == 19_406_272
    assert count(original) == 19_404_956
    for layer in convolutions(network):
        assert (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1))
        assert layer.bias is not None
    kinds = {type(m).__name__ for m in network.modules() if not list(m.children())}
    assert kinds == {"Conv2d", "ReLU"}  # nothing normalises


def test_sides_of_the_maps():
    with torch.device("meta"):
        network = networks.build("deep_z")
    seen = []
    for layer in convolutions(network):
        layer.register_forward_hook(
            lambda layer, given, result: seen.append(
                (given[0].shape[1], given[0].shape[2], result.shape[1])
            )
        )
    assert network(torch.empty(1, 4, 384, 384, device="meta")).shape == (1, 3, 384, 384)
    down = [(4, 384, 25), (25, 384, 48), (48, 192, 72), (72, 192, 96), (96, 96, 144)]
    down += [(144, 96, 192), (192, 48, 288), (288, 48, 384), (384, 24, 576), (576, 24, 768)]
    up = [(768, 48, 384), (768, 48, 576), (576, 48, 384)]
    up += [(384, 96, 192), (384, 96, 288), (288, 96, 192)]
    up += [(192, 192, 96), (192, 192, 144), (144, 192, 96)]
    up += [(96, 384, 48), (96, 384, 72), (72, 384, 48)]
    assert seen == [*down, *up, (48, 384, 3)]


def recomputed(images, network):
    """The network of the authors, written down from the facts, with the weights in their order."""
    given = {name: iter(part.state_dict().values()) for name, part in network.named_children()}

    def conv(x, part):
        return functional.conv2d(x, next(given[part]), next(given[part]), padding=1)

    x, skips = images, []
    for level in range(5):
        y = conv(conv(x, "down").clamp_min(0), "down").clamp_min(0)
        times = y.shape[1] // x.shape[1]
        x = y + torch.cat([x] * times, dim=1)
        if level < 4:
            skips.append(x)
            x = torch.stack([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(dim=0)
    for skip in reversed(skips):
        u = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        u = conv(u, "ascent")
        v = conv(torch.cat([skip, u], dim=1), "up").clamp_min(0)
        x = u + conv(v, "up").clamp_min(0)
    x = conv(x, "end").clamp_min(0)
    assert all(next(rest, None) is None for rest in given.values())
    return x


@pytest.mark.parametrize(("channels", "width"), [((4, 3), 8), ((2, 1), 6)])
def test_agrees_with_a_second_writing_down(channels, width):
    torch.manual_seed(0)
    network = DeepZ(width, *channels).double()
    images = torch.rand(2, channels[0], 16, 32, dtype=torch.float64)
    network.end[0].bias.data += 0.1
    expected = recomputed(images, network)
    assert expected.std() > 0.001
    torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-13)


def test_channels_are_repeated_set_behind_set():
    """Where the convolutions say nothing, the first skip is the input 3 times, in its order."""
    network = DeepZ(width=12)
    with torch.no_grad():
        for layer in network.down[0]:
            if isinstance(layer, nn.Conv2d):
                layer.weight.zero_()
                layer.bias.zero_()
    seen = []
    network.up[-1].register_forward_hook(lambda layer, given, result: seen.append(given[0]))
    images = torch.rand(1, 4, 16, 16)
    network(images)
    assert torch.equal(seen[0][:, :12], torch.cat([images] * 3, dim=1))


def test_last_relu():
    torch.manual_seed(0)
    network = DeepZ(width=4)
    network.end[0].weight.data.zero_()
    for bias, value in ((-0.5, 0.0), (1.5, 1.5)):
        network.end[0].bias.data.fill_(bias)
        assert (network(torch.rand(1, 4, 16, 16)) == value).all()


@pytest.mark.parametrize("shape", [(17, 5), (1, 1), (24, 33)])
def test_any_size(shape):
    torch.manual_seed(0)
    network = DeepZ(width=4)
    images = torch.rand(1, 4, *shape)
    result = network(images)
    assert result.shape == (1, 3, *shape)
    whole = images
    for axis in (2, 3):
        wanted = -(-images.shape[axis] // 16) * 16
        while whole.shape[axis] < wanted:
            whole = torch.cat([whole, whole.flip(axis)], dim=axis)
        whole = whole.narrow(axis, 0, wanted)
    assert torch.equal(result, network(whole)[..., : shape[0], : shape[1]])


def test_propagation_matrix():
    images = torch.rand(3, 3, 4, 5)
    result = with_plane(images, torch.tensor([-5, 0, 5]))
    assert result.shape == (3, 4, 4, 5)
    assert torch.equal(result[:, :3], images)
    expected = torch.tensor([-4.9999, 1e-4, 5.0001]) / 5
    assert torch.equal(result[:, 3], expected[:, None, None].expand(3, 4, 5))
    assert (with_plane(images, 2)[:, 3] == torch.tensor(2.0001) / 5).all()
    assert (with_plane(images, -1, half_range=2)[:, 3] == torch.tensor(-0.9999) / 2).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"planes": torch.zeros(2)}, r"^planes: shape \(2,\); a number or \(3,\) is needed"),
        ({"planes": 0, "half_range": 0}, "^half_range is 0; a number above 0"),
    ],
)
def test_bad_planes(wrong, message):
    with pytest.raises(InputError, match=message):
        with_plane(torch.rand(3, 3, 4, 4), **wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, "width is 0; a whole number from 1"),
        ({"width": 50}, "width is 50; a multiple of in_channels, 4, is accepted"),
        ({"in_channels": 0}, "in_channels is 0"),
        ({"out_channels": 1.0}, "out_channels is 1.0"),
    ],
)
def test_bad_sizes(wrong, message):
    with pytest.raises(InputError, match=message):
        DeepZ(**wrong)
