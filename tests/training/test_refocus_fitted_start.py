"""Starting values that hand the image on."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from focusbench import methods
from focusbench.errors import InputError
from focusbench.networks.mfpinet import Mfpinet
from focusbench.training.fitted_start import fit_start
from focusbench.training.focal_fields import FocalFields
from focusbench.training.run import quick_run


def images(count=3, side=32, seed=0):
    """Smooth pictures, as a coarse image is."""
    noise = torch.rand(
        count, 3, side // 4, side // 4, generator=torch.Generator().manual_seed(seed)
    )
    return 1.6 * functional.interpolate(noise, size=(side, side), mode="bicubic").clamp(0, 1) - 0.8


def planes(pictures, scale, number=3):
    """As many planes, each less bright than the one before."""
    wide = functional.interpolate(pictures, scale_factor=scale, mode="bilinear")
    return torch.cat([wide * 0.8**plane for plane in range(number)], dim=1)


def built(width=16, scale=2, seed=0):
    torch.manual_seed(seed)
    return Mfpinet(width, 3, scale=scale)


def started(width=16, scale=2, seed=0):
    network, pictures = built(width, scale, seed), images()
    fit_start(network, pictures, planes(pictures, scale), torch.Generator().manual_seed(1))
    return network


def error(network, scale, seed=5):
    pictures = images(seed=seed)
    with torch.no_grad():
        return float((network(pictures) - planes(pictures, scale)).square().mean())


@pytest.mark.parametrize("scale", [1, 2])
def test_it_starts_with_what_a_linear_layer_can_do_on_images_that_it_did_not_see(scale):
    assert error(built(scale=scale), scale) > 0.05
    assert error(started(scale=scale), scale) < 0.005


def test_more_channels_than_the_planes_have_are_left_as_they_were():
    assert error(started(width=20), 2) < 0.005
    before, after = built(width=20), started(width=20)
    last = 9 * 4  # channels of the first convolution of the end that make the planes' parts
    assert torch.equal(after.end.expand.weight[last:], before.end.expand.weight[last:])


def test_the_network_is_the_same_and_all_of_it_learns():
    network = started()
    assert {n: p.shape for n, p in network.named_parameters()} == {
        n: p.shape for n, p in built().named_parameters()
    }
    pictures = images(seed=7)
    network(pictures).sub(planes(pictures, 2).flip(1)).abs().mean().backward()
    still = [n for n, p in network.named_parameters() if not p.grad.abs().max() > 0]
    assert still == []
    for layer in (*network.bottom, *network.joined):  # nor is any channel cut off
        assert (layer.weight.grad.abs().amax((1, 2, 3)) > 0).all()
    assert not any(part._forward_hooks for part in network.modules())


def test_layers_give_unit_deviations_and_blocks_add_little():
    network, seen = started(), {}
    steps = {step[0] for block in (network.down[1][0], network.up[0][1]) for step in block.added}
    for layer in (*steps, network.bottom[1], network.joined[2], network.down[0][1].last):
        layer.register_forward_hook(lambda layer, given, result: seen.update({layer: result}))
    with torch.no_grad():
        network(images())
    for layer, result in seen.items():
        assert result.std() == pytest.approx(0.1 if layer in steps else 1.0, rel=0.1)
        assert result.mean((0, 2, 3)).abs().max() < 1e-3


def test_it_follows_from_the_seed_of_a_training():
    stack = np.random.default_rng(0).integers(60, 200, (3, 32, 32, 3), dtype=np.uint8)
    data = FocalFields({"one": stack})
    given = {"width": 4, "patch": 16, "epochs": 0, "adversarial_weight": 0, "start": "fitted"}

    def weights(seed, **changed):
        method = methods.build("mfpinet", {**given, **changed})
        return method.fit(data, quick_run(seed)).tensors["generator/joined.0.weight"]

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
    assert not torch.equal(weights(0), weights(0, start="random"))


def test_another_start_is_refused():
    with pytest.raises(InputError, match="start is 'warm'; accepted: random, fitted"):
        methods.build("mfpinet", {"start": "warm"})
