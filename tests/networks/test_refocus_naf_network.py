import pytest
import torch
from torch import nn
from torch.nn import functional

from focusbench import networks
from focusbench.errors import InputError
from focusbench.evaluation.flops import counted
from focusbench.networks.planes_head import PlanesHead
from focusbench.networks.refocus_naf import RefocusNaf


def paper_size(name="refocus_naf", **parameters):
    with torch.device("meta"):
        return networks.build(name, **parameters)


def test_costs_what_mfpinet_costs():
    network = paper_size()
    for side in (256, 384):
        ours = counted(network, (1, 3, side, side))
        theirs = counted(paper_size("mfpinet"), (1, 3, side, side))
        assert ours.gflops == pytest.approx(theirs.gflops, rel=0.01)
    assert round(ours.gflops, 1) == 263.0
    assert sum(p.numel() for p in network.parameters()) == 7_898_209


def test_end_of_mfpinet():
    ours, theirs = paper_size().end, paper_size("mfpinet").end
    assert isinstance(ours, PlanesHead)
    shapes = [[(k, v.shape) for k, v in end.state_dict().items()] for end in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_shapes():
    assert paper_size()(torch.empty(2, 3, 384, 384, device="meta")).shape == (2, 33, 768, 768)
    given = torch.empty(1, 1, 19, 30, device="meta")
    assert paper_size(planes=5, channels=1)(given).shape == (1, 5, 38, 60)
    assert paper_size(planes=5, channels=1, scale=1)(given).shape == (1, 5, 19, 30)


def recomputed(images, network):
    """The network written down a second time, with the weights in their order."""
    state = network.state_dict()

    def conv(x, name, **settings):
        return functional.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), **settings)

    def shuffle(x):
        n, c, height, width = x.shape
        x = x.reshape(n, c // 4, 2, 2, height, width).permute(0, 1, 4, 2, 5, 3)
        return x.reshape(n, c // 4, 2 * height, 2 * width)

    def norm(x, name):
        x = x - x.mean(dim=1, keepdim=True)
        x = x / (x.square().mean(dim=1, keepdim=True) + 1e-6).sqrt()
        weight, bias = (state[f"{name}.{part}"][:, None, None] for part in ("weight", "bias"))
        return weight * x + bias

    def step(x, name, around):
        width = x.shape[1]
        y = conv(norm(x, f"{name}.layers.0"), f"{name}.layers.1")
        if around:
            y = conv(y, f"{name}.layers.2", padding=1, groups=2 * width)
        y = y[:, :width] * y[:, width:]
        return x + state[f"{name}.factor"] * conv(y, f"{name}.layers.{4 if around else 3}")

    def blocks(x, name, number):
        for i in range(number):
            x = step(x, f"{name}.{2 * i}", around=True)
            x = step(x, f"{name}.{2 * i + 1}", around=False)
        return x

    x = conv(images, "head", padding=3)
    x1 = blocks(x, "down.0", 1)
    x2 = blocks(conv(x1, "descent.0", stride=2), "down.1", 2)
    x = blocks(conv(x2, "descent.1", stride=2), "middle", 1)
    x = blocks(shuffle(conv(x, "ascent.0.0")) + x2, "up.0", 2)
    x = blocks(shuffle(conv(x, "ascent.1.0")) + x1, "up.1", 1)
    x = conv(shuffle(conv(x, "end.expand", padding=1)), "end.refine.0", padding=1)
    x = torch.where(x > 0, x, state["end.refine.1.weight"][:, None, None] * x)
    return torch.tanh(conv(x, "end.planes", padding=1))


def test_agrees_with_a_second_writing_down():
    torch.manual_seed(0)
    network = RefocusNaf(width=4, blocks=[1, 2], middle=1, planes=2, skip=False).double()
    with torch.no_grad():
        for label, parameter in network.named_parameters():
            if label.endswith("factor") or ".layers.0." in label:
                parameter.uniform_(0.3, 1.5)
    images = 2 * torch.rand(2, 3, 8, 12, dtype=torch.float64) - 1
    expected = recomputed(images, network)
    assert expected.std() > 0.01
    torch.testing.assert_close(network(images), expected, rtol=0, atol=1e-13)


def test_blocks_start_as_nothing():
    torch.manual_seed(0)
    network = RefocusNaf(width=2, planes=1)
    given = torch.rand(1, 2, 8, 8)
    assert torch.equal(network.down[0](given), given)
    assert all((p == 0).all() for k, p in network.named_parameters() if k.endswith("factor"))


def test_nothing_looks_at_the_whole_image():
    network = paper_size()
    kinds = {type(m).__name__ for m in network.modules() if not list(m.children())}
    assert kinds == {"Conv2d", "_ChannelNorm", "_Gate", "PReLU", "PixelShuffle"}
    assert not list(network.buffers())


@pytest.mark.parametrize("shape", [(9, 17), (1, 1)])
def test_padding_is_the_mirror_image(shape):
    torch.manual_seed(0)
    network = RefocusNaf(width=2, planes=1, blocks=[1, 1], skip=False)
    assert network.multiple == 4
    images = torch.rand(1, 3, *shape)
    whole = images
    for axis in (2, 3):
        wanted = -(-images.shape[axis] // 4) * 4
        while whole.shape[axis] < wanted:
            whole = torch.cat([whole, whole.flip(axis)], dim=axis)
        whole = whole.narrow(axis, 0, wanted)
    result = network(images)
    assert result.shape == (1, 3, 2 * shape[0], 2 * shape[1])
    assert torch.equal(result, network(whole)[..., : 2 * shape[0], : 2 * shape[1]])


@pytest.mark.parametrize("scale", [1, 2])
def test_with_the_skip_it_starts_as_the_enlarged_image_in_every_plane(scale):
    torch.manual_seed(0)
    images = 1.8 * torch.rand(1, 3, 12, 16) - 0.9
    network = RefocusNaf(width=2, planes=4, scale=scale)
    wide = images
    if scale == 2:
        wide = functional.interpolate(images, scale_factor=2, mode="bicubic")
    result = network(images)
    assert (result - wide.repeat(1, 4, 1, 1)).abs().max() < 0.05
    without = RefocusNaf(width=2, planes=4, scale=scale, skip=False)
    without.load_state_dict(network.state_dict())
    assert torch.allclose(without(images) + wide.repeat(1, 4, 1, 1), result, atol=1e-6)


def test_no_halving():
    network = RefocusNaf(width=2, blocks=[], middle=1, planes=1)
    assert network(torch.rand(1, 3, 5, 3)).shape == (1, 3, 10, 6)
    assert sum(isinstance(m, nn.Conv2d) for m in network.modules()) == 1 + 5 + 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, "^width is 0; a whole number from 1"),
        ({"middle": -1}, "^middle is -1; a whole number from 0"),
        ({"blocks": [1, -1]}, r"^blocks is \[1, -1\]; a list of whole numbers from 0"),
        ({"blocks": 3}, "^blocks is 3; a list"),
        ({"planes": 1.5}, "^planes is 1.5"),
        ({"channels": True}, "^channels is True"),
        ({"scale": 0}, "^scale is 0"),
    ],
)
def test_bad_sizes(wrong, message):
    with pytest.raises(InputError, match=message):
        RefocusNaf(**wrong)
