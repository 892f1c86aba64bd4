import pytest
import torch
from torch.nn import functional

from focusbench import networks
from focusbench.networks import skip_3d
from focusbench.networks.skip_3d import Skip3d


def test_paper_size():
    """Azevedo et al. 2024 by their public code: 3 scales, 128 channels, 4 skip channels."""
    network = networks.build("skip_3d")
    assert sum(p.numel() for p in network.parameters()) == 3_639_617
    kernels = [
        (c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0])
        for c in network.modules()
        if isinstance(c, torch.nn.Conv3d)
    ]
    outermost = [(1, 4, 1, 1), (1, 128, 3, 2), (128, 128, 3, 1), (132, 128, 3, 1), (128, 128, 1, 1)]
    inner = [(128, 4, 1, 1), (128, 128, 3, 2), *outermost[2:]]
    assert sorted(kernels) == sorted([*outermost, *inner, *inner, (128, 1, 1, 1)])
    norms = [n.num_features for n in network.modules() if isinstance(n, torch.nn.BatchNorm3d)]
    # one after each convolution but the last, and one on what is joined in each scale
    assert sorted(norms) == sorted([4] * 3 + [128] * 12 + [132] * 3)
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("shape", [(11, 13, 10), (11, 9, 16), (1, 7, 7), (2, 2, 2), (1, 1, 1)])
def test_any_size(shape):
    torch.manual_seed(0)
    network = Skip3d(width=6, scales=3, skip=2)
    volume = torch.rand(1, 1, *shape)
    result = network(volume)
    assert result.shape == volume.shape
    assert ((result > 0) & (result < 1)).all()
    result.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_channels_and_batches():
    torch.manual_seed(0)
    network = Skip3d(width=4, scales=2, skip=1, in_channels=2, out_channels=3)
    assert network(torch.rand(5, 2, 4, 6, 7)).shape == (5, 3, 4, 6, 7)


def test_evaluation_normalises_as_training_does():
    torch.manual_seed(0)
    network = Skip3d(width=4, scales=2)
    volume = torch.rand(1, 1, 4, 8, 8)
    assert torch.equal(network(volume), network.eval()(volume))
    # and each scale's last features have mean 0 and variance 1, at the first weights 1 and 0
    seen = []
    network.body.norm.register_forward_hook(lambda module, given, result: seen.append(result))
    network(volume)
    assert seen[0].mean(dim=(0, 2, 3, 4)).abs().max() < 1e-5
    assert (seen[0].var(dim=(0, 2, 3, 4), unbiased=False) - 1).abs().max() < 1e-2


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(11, 8, 9), (3, 3, 4)])
def test_slices_as_channels_is_the_same_convolution(shape, stride):
    torch.manual_seed(0)
    layer = torch.nn.Conv3d(5, 7, 3, stride).double()
    volume = torch.rand(1, 5, *shape, dtype=torch.float64, requires_grad=True)
    mixed = skip_3d._convolved(layer, volume)
    plain = layer(volume)
    assert volume[..., 0].numel() <= skip_3d.FALLBACK_SIZE  # else the ways are one
    assert torch.allclose(mixed, plain, rtol=0, atol=1e-13)
    upstream = torch.rand_like(plain)
    inputs = (volume, *layer.parameters())
    for one, two in zip(
        torch.autograd.grad(mixed, inputs, upstream),
        torch.autograd.grad(plain, inputs, upstream),
        strict=True,
    ):
        assert torch.allclose(one, two, rtol=0, atol=1e-11)


def test_padding():
    volume = torch.arange(12.0).reshape(1, 1, 1, 3, 4)
    padded = skip_3d._padded(volume, 1)
    assert padded.shape == (1, 1, 3, 5, 6)
    mirrored = functional.pad(volume[0], (1, 1, 1, 1), mode="reflect")[None]
    for z in range(3):  # a single slice is repeated
        assert torch.equal(padded[:, :, z], mirrored[:, :, 0])


def test_bfloat16_ends_in_float32():
    network = Skip3d(width=4, scales=1)
    with torch.autocast("cpu", torch.bfloat16):
        result = network(torch.rand(1, 1, 3, 4, 4))
    assert result.dtype == torch.float32


@pytest.mark.parametrize("name", ["width", "scales", "skip"])
def test_bad_sizes(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        Skip3d(**{name: 0})
