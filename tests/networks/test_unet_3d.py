import pytest
import torch
from safetensors.torch import load, save

from focusbench import networks
from focusbench.errors import InputError
from focusbench.networks import depth_in_channels
from focusbench.networks.unet_3d import Unet3d


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)]


def test_paper_size():
    """Lim et al. 2020, III-A: 7 + 7 convolutions of 3x3x3; V-C: about 7 million parameters."""
    with torch.device("meta"):
        network = networks.build("unet_3d")
    assert sum(p.numel() for p in network.parameters()) == 7_005_097
    assert {c.kernel_size for c in convolutions(network)} == {(3, 3, 3)}
    channels = [(c.in_channels, c.out_channels) for c in convolutions(network)]
    encoder = [(1, 42), (42, 42), (42, 84), (84, 84), (84, 168), (168, 168), (168, 336)]
    decoder = [(504, 168), (168, 168), (252, 84), (84, 84), (126, 42), (42, 42), (42, 1)]
    assert channels == encoder + decoder


def test_memory_ratio_of_the_paper():
    """V-C: with a blur kernel, training takes 61.3 % of the parameters of the cycleGAN."""

    def count(name):
        with torch.device("meta"):
            return sum(p.numel() for p in networks.build(name).parameters())

    both = 2 * count("multi_scale_patchgan_3d")
    generator = count("unet_3d")
    ratio = (generator + count("blur_kernel") + both) / (2 * generator + both)
    assert round(100 * ratio, 1) == 61.3


def test_order_of_layers(monkeypatch):
    """Every map that is convolved, pooled or joined, at the paper's patch and a small width."""
    monkeypatch.setattr(depth_in_channels, "LARGEST", 0)  # layers are called that have hooks
    torch.manual_seed(0)
    network = Unet3d(width=2)
    seen = []
    for layer in convolutions(network):
        layer.register_forward_hook(
            lambda layer, given, result: seen.append((*given[0].shape[1:3], *result.shape[1:3]))
        )
    network(torch.rand(1, 1, 64, 64, 64))
    down = [(1, 64, 2, 64), (2, 64, 2, 64), (2, 32, 4, 32), (4, 32, 4, 32)]
    middle = [(4, 16, 8, 16), (8, 16, 8, 16), (8, 8, 16, 8), (24, 16, 8, 16), (8, 16, 8, 16)]
    up = [(12, 32, 4, 32), (4, 32, 4, 32), (6, 64, 2, 64), (2, 64, 2, 64), (2, 64, 1, 64)]
    assert seen == down + middle + up


@pytest.mark.parametrize("shape", [(9, 17, 13), (8, 24, 31), (1, 7, 20), (2, 2, 2), (1, 1, 1)])
@pytest.mark.parametrize("upsampling", ["nearest", "trilinear"])
def test_any_size(shape, upsampling):
    torch.manual_seed(0)
    network = Unet3d(width=2, upsampling=upsampling)
    volume = torch.rand(1, 1, *shape)
    result = network(volume)
    assert result.shape == volume.shape
    assert ((result > 0) & (result < 1)).all()
    result.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_padding_is_the_mirror_image():
    torch.manual_seed(0)
    network = Unet3d(width=2)
    volume = torch.rand(1, 1, 11, 5, 16)
    mirrored = torch.cat([volume, volume.flip(2)[:, :, :5]], dim=2)
    mirrored = torch.cat([mirrored, mirrored.flip(3)[:, :, :, :3]], dim=3)
    assert torch.equal(network(volume), network(mirrored)[:, :, :11, :5])


def test_volumes_of_a_batch_do_not_meet():
    torch.manual_seed(0)
    network = Unet3d(width=3, in_channels=2, out_channels=3)
    volumes = torch.rand(3, 2, 8, 16, 16)
    together = network(volumes)
    assert together.shape == (3, 3, 8, 16, 16)
    for volume, result in zip(volumes, together, strict=True):
        torch.testing.assert_close(network(volume[None])[0], result, rtol=0, atol=1e-5)


def test_normalised_by_own_statistics_without_parameters():
    torch.manual_seed(0)
    network = Unet3d(width=2)
    volume = torch.rand(1, 1, 16, 16, 16)
    assert torch.equal(network(volume), network.eval()(volume))
    # the first convolution is linear but for its bias, so that brightness changes nothing
    torch.testing.assert_close(network(volume * 3), network(volume), rtol=0, atol=1e-2)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.InstanceNorm3d)]
    assert len(norms) == 13
    assert not any(list(norm.parameters()) for norm in norms)


def test_depends_on_every_voxel_and_every_path():
    torch.manual_seed(0)
    network = Unet3d(width=2).double()
    volume = torch.rand(1, 1, 16, 16, 16, dtype=torch.float64, requires_grad=True)
    (network(volume) * torch.rand(16, 16, 16)).sum().backward()
    assert (volume.grad != 0).all()
    assert all(c.weight.grad.abs().sum() > 0 for c in convolutions(network))


def test_safetensors_and_seed():
    torch.manual_seed(3)
    one = Unet3d(width=2)
    torch.manual_seed(3)
    two = Unet3d(width=2)
    volume = torch.rand(1, 1, 8, 8, 16)
    assert torch.equal(one(volume), two(volume))
    torch.manual_seed(4)
    other = Unet3d(width=2)
    assert not torch.equal(one(volume), other(volume))
    other.load_state_dict(load(save(one.state_dict())))
    assert torch.equal(one(volume), other(volume))


def test_bfloat16_ends_in_float32():
    with torch.autocast("cpu", torch.bfloat16):
        result = Unet3d(width=2)(torch.rand(1, 1, 8, 8, 8))
    assert result.dtype == torch.float32


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, "width is 0; a whole number from 1"),
        ({"in_channels": 1.0}, "in_channels is 1.0"),
        ({"out_channels": -1}, "out_channels is -1"),
        ({"upsampling": "cubic"}, "upsampling is 'cubic'; accepted: nearest, trilinear"),
    ],
)
def test_bad_sizes(wrong, message):
    with pytest.raises(InputError, match=message):
        Unet3d(**wrong)


@pytest.mark.parametrize("shape", [(1, 3, 7, 8, 9), (3, 2, 4, 5, 6), (2, 1, 1, 1, 3)])
def test_depth_in_channels_is_the_same_convolution(shape):
    torch.manual_seed(0)
    layer = torch.nn.Conv3d(shape[1], 5, 3, padding=1).double()
    volume = torch.rand(shape, dtype=torch.float64, requires_grad=True)
    assert depth_in_channels.suits(layer, volume)
    one, two = depth_in_channels.convolved(layer, volume), layer(volume)
    torch.testing.assert_close(one, two, rtol=0, atol=1e-13)
    inputs = (volume, *layer.parameters())
    upstream = torch.rand_like(two)
    for a, b in zip(
        torch.autograd.grad(one, inputs, upstream),
        torch.autograd.grad(two, inputs, upstream),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11)


def test_both_ways_are_the_same_network(monkeypatch):
    torch.manual_seed(0)
    network = Unet3d(width=2).double()
    volume = torch.rand(2, 1, 12, 16, 20, dtype=torch.float64)
    upstream = torch.rand_like(volume)
    results = []
    for largest in (0, 2**21):
        monkeypatch.setattr(depth_in_channels, "LARGEST", largest)
        made = network(volume)
        weights = [c.weight for c in convolutions(network)]  # of most biases nothing depends
        results.append([made, *torch.autograd.grad(made, weights, upstream)])
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        torch.nn.Conv3d(1, 1, 3),
        torch.nn.Conv3d(1, 1, 5, padding=1),
        torch.nn.Conv3d(1, 1, 3, 2, padding=1),
        torch.nn.Conv3d(2, 2, 3, padding=1, groups=2),
        torch.nn.Conv3d(1, 1, 3, padding=1, dilation=2),
        torch.nn.Conv3d(1, 1, 3, padding=1, bias=False),
        torch.nn.Conv3d(1, 1, 3, padding=1, padding_mode="replicate"),
    ],
)
def test_depth_in_channels_is_for_one_kind_of_layer(layer):
    assert not depth_in_channels.suits(layer, torch.rand(1, layer.in_channels, 4, 4, 4))
    plain = torch.nn.Conv3d(1, 1, 3, padding=1)
    assert depth_in_channels.suits(plain, torch.rand(1, 1, 4, 4, 4))
    assert not depth_in_channels.suits(plain, torch.rand(1, 1, 129, 128, 128))
    with torch.autocast("cpu", torch.bfloat16):
        assert not depth_in_channels.suits(plain, torch.rand(1, 1, 4, 4, 4))
