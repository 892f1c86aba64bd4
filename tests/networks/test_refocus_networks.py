"""What the networks of the refocus track have in common."""

import pytest
import torch
from safetensors.torch import load, save

from focusbench import networks
from focusbench.errors import InputError

THIN = {
    "mfpinet": {"width": 4, "planes": 3},
    "deep_z": {"width": 4},
    "srgan": {"width": 4, "blocks": 2},
    "refocus_naf": {"width": 4, "planes": 3, "skip": False},
}
CHANNELS = {"deep_z": 4}
LEAST = {"mfpinet": -1, "deep_z": 0, "srgan": 0, "refocus_naf": -1}


@pytest.fixture(params=THIN)
def name(request):
    return request.param


def thin(name, seed=0):
    torch.manual_seed(seed)
    network = networks.build(name, **THIN[name])
    for label, parameter in network.named_parameters():
        if label.endswith("factor"):  # they start at 0, and hide what lies before them
            parameter.data.uniform_(0.5, 1.0)
    return network


def images(name, number=2, shape=(16, 16)):
    torch.manual_seed(9)
    return torch.rand(number, CHANNELS.get(name, 3), *shape)


def test_every_parameter_and_every_pixel_counts(name):
    network = thin(name).double().eval()
    for label, parameter in network.named_parameters():
        if label == "end.0.bias":
            parameter.data += 9  # all is let through Deep-Z's last ReLU
        elif label.endswith("bias"):
            parameter.data.zero_()  # features of both signs, for the slopes of every PReLU
    given = (images(name).double() - 0.5).requires_grad_()
    result = network(given)
    (result * torch.rand_like(result)).sum().backward()
    assert (given.grad != 0).all()
    for label, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), label
        assert parameter.grad.abs().sum() > 0, label


def test_images_of_a_batch_do_not_meet_in_use(name):
    network = thin(name).eval()
    given = images(name, 3)
    for image, result in zip(given, network(given), strict=True):
        torch.testing.assert_close(network(image[None])[0], result, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "depth", "reach"),
    [
        ("mfpinet", {"planes": 1}, 218),
        ("deep_z", {"in_channels": 1, "out_channels": 1}, 123),
        ("srgan", {"blocks": 16}, 40),
        ("srgan", {"blocks": 5}, 18),
        ("refocus_naf", {"planes": 1}, 68),
    ],
)
def test_reach(name, depth, reach):
    """What tiles without seams need: a NaN spoils what depends on its pixel, and nothing else."""
    network = networks.build(name, width=1, **depth).double().eval()
    channels = next(network.parameters()).shape[1]
    found = []
    for column in range(240, 256):
        given = torch.zeros(1, channels, 16, 496, dtype=torch.float64)
        given[..., column] = torch.nan
        with torch.no_grad():
            spoilt = network(given)[0, 0].isnan().any(dim=0).nonzero().flatten()
        scale = 1 if name == "deep_z" else 2
        found.append((spoilt // scale - column).abs().max().item())
    assert max(found) == reach


def test_range(name):
    network = thin(name).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 3
    result = network(images(name))
    assert (result >= LEAST[name]).all()
    assert name == "deep_z" or (result <= 1).all()


def test_seed_and_safetensors(name):
    given = images(name)
    one, two, other = thin(name, 3).eval(), thin(name, 3).eval(), thin(name, 4).eval()
    assert torch.equal(one(given), two(given))
    assert not torch.equal(one(given), other(given))
    other.load_state_dict(load(save(one.state_dict())))
    assert torch.equal(one(given), other(given))


def test_bfloat16_ends_in_float32(name):
    with torch.autocast("cpu", torch.bfloat16):
        assert thin(name)(images(name)).dtype == torch.float32


@pytest.mark.parametrize("shape", [(1, 5, 16, 16), (3, 16, 16)])
def test_bad_images(name, shape):
    channels = CHANNELS.get(name, 3)
    line = rf"^images: shape \({', '.join(map(str, shape))}\); {name} accepts \(N, {channels}, Y, X"
    with pytest.raises(InputError, match=line):
        thin(name)(torch.rand(shape))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(name):
    results = []
    for device in ("cpu", "cuda"):
        network = thin(name).double().to(device)
        result = network(images(name, shape=(17, 24)).double().to(device))
        result.square().sum().backward()
        slopes = [parameter.grad.cpu() for parameter in network.parameters()]
        results.append((result.detach().cpu(), slopes))
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-8)
