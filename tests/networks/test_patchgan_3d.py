from itertools import product

import pytest
import torch
from safetensors.torch import load, save

from focusbench import networks
from focusbench.errors import InputError
from focusbench.networks import patchgan_3d
from focusbench.networks.patchgan_3d import MultiScalePatchgan, Patchgan3d


def convolutions(network):
    return [m for m in network.modules() if isinstance(m, torch.nn.Conv3d)]


def test_paper_size():
    """665,825 parameters: what the 61.3 % of Lim et al. 2020, V-C, leave for a third of a D."""
    with torch.device("meta"):
        network = networks.build("patchgan_3d")
        several = networks.build("multi_scale_patchgan_3d")
    assert sum(p.numel() for p in network.parameters()) == 665_825
    assert sum(p.numel() for p in several.parameters()) == 3 * 665_825
    layers = [(c.in_channels, c.out_channels, *c.stride[:1]) for c in convolutions(network)]
    assert layers == [(1, 32, 2), (32, 64, 2), (64, 128, 2), (128, 1, 1)]
    assert {c.kernel_size for c in convolutions(network)} == {(4, 4, 4)}
    assert not isinstance(network.layers[1], torch.nn.InstanceNorm3d)  # none after the first
    assert sum(isinstance(m, torch.nn.InstanceNorm3d) for m in network.modules()) == 2
    assert {m.negative_slope for m in network.modules() if hasattr(m, "negative_slope")} == {0.2}


@pytest.mark.parametrize(
    ("shape", "scores"),
    [
        ((64, 64, 64), (7, 7, 7)),
        ((32, 32, 32), (3, 3, 3)),
        ((16, 16, 16), (1, 1, 1)),
        ((16, 40, 71), (1, 4, 7)),
        ((5, 1, 24), (1, 1, 2)),
    ],
)
def test_maps(shape, scores):
    torch.manual_seed(0)
    network = Patchgan3d(width=2)
    result = network(torch.rand(2, 1, *shape))
    assert result.shape == (2, 1, *scores)
    result.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_the_three_see_parts_of_three_sizes():
    torch.manual_seed(0)
    network = MultiScalePatchgan(width=2)
    seen = []
    for scale in network.scales:
        scale.register_forward_hook(lambda module, given, result: seen.append(given[0]))
    patches = torch.rand(2, 1, 64, 64, 64)
    maps = network(patches, torch.Generator().manual_seed(0))
    assert [tuple(m.shape) for m in maps] == [(2, 1, n, n, n) for n in (7, 3, 1)]
    assert torch.equal(seen[0], patches)
    assert [tuple(part.shape[2:]) for part in seen[1:]] == [(32, 32, 32), (16, 16, 16)]
    for part, side in ((seen[1], 32), (seen[2], 16)):
        places = [place(patch[0], one[0], side) for patch, one in zip(patches, part, strict=True)]
        assert None not in places  # cut out, not shrunk
        assert places[0] != places[1]  # each volume of a batch at a place of its own


def place(whole, part, side):
    """Where `part` was cut out."""
    for corner in (whole[: 65 - side, : 65 - side, : 65 - side] == part[0, 0, 0]).nonzero():
        cut = tuple(slice(c, c + side) for c in corner.tolist())
        if torch.equal(whole[cut], part):
            return tuple(corner.tolist())
    return None


def test_the_three_are_independent():
    torch.manual_seed(0)
    network = MultiScalePatchgan(width=2)
    own = [scale.layers[0].weight for scale in network.scales]
    assert not any(torch.equal(a, b) for a, b in ((own[0], own[1]), (own[1], own[2])))
    maps = network(torch.rand(1, 1, 32, 32, 32), torch.Generator())
    maps[1].sum().backward()
    reached = [scale.layers[0].weight.grad is not None for scale in network.scales]
    assert reached == [False, True, False]


def test_the_generator_alone_chooses():
    torch.manual_seed(0)
    network = MultiScalePatchgan(width=2)
    patches = torch.rand(1, 1, 48, 48, 48)

    def scores(seed):
        torch.rand(seed)  # the common generator must not matter
        return torch.cat([m.flatten() for m in network(patches, torch.Generator().manual_seed(7))])

    assert torch.equal(scores(1), scores(2))
    other = network(patches, torch.Generator().manual_seed(8))
    assert not torch.equal(scores(1), torch.cat([m.flatten() for m in other]))


def test_every_place_is_as_likely():
    number = torch.arange(18.0 * 17 * 16).reshape(1, 1, 18, 17, 16)
    generator = torch.Generator().manual_seed(0)
    draws = 6000
    corners = [patchgan_3d._parts(number, 4, generator)[0, 0, 0, 0, 0].item() for _ in range(draws)]
    expected = [272.0 * z + 16 * y for z, y in product(range(3), range(2))]
    counts = [corners.count(value) for value in expected]
    assert sum(counts) == draws
    chi_square = sum((count - draws / 6) ** 2 for count in counts) / (draws / 6)
    assert chi_square < 20.5  # 5 degrees of freedom: exceeded once in a thousand seeds


def test_parts_are_never_too_small():
    network = MultiScalePatchgan(width=2)
    seen = []
    for scale in network.scales:
        scale.register_forward_hook(lambda module, given, result: seen.append(given[0].shape[2:]))
    network(torch.rand(1, 1, 12, 40, 24), torch.Generator())
    assert [tuple(shape) for shape in seen] == [(12, 40, 24), (12, 20, 16), (12, 16, 16)]


def test_safetensors():
    torch.manual_seed(0)
    one, two = MultiScalePatchgan(width=2, in_channels=2), MultiScalePatchgan(2, 2)
    two.load_state_dict(load(save(one.state_dict())))
    patches = torch.rand(1, 2, 32, 32, 32)
    pairs = zip(one(patches, torch.Generator()), two(patches, torch.Generator()), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["width", "in_channels"])
def test_bad_sizes(name):
    with pytest.raises(InputError, match=f"{name} is 0; a whole number from 1"):
        Patchgan3d(**{name: 0})
