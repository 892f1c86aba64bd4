"""What the five networks that tell levels of defocus apart have in common."""

import pytest
import torch
from safetensors.torch import load, save

from focusbench import networks
from focusbench.errors import InputError
from focusbench.networks.keras_layers import BatchNorm

THIN = {
    "delpnet": {"width": 1 / 16},
    "vgg16": {"width": 1 / 32},
    "inception_v3": {"width": 1 / 16},
    "resnet18": {"width": 1 / 16},
    "mobilenet_v2": {"width": 0.1},
}
NORMALISED = [name for name in THIN if name != "vgg16"]


def thin(name, seed=0, **parameters):
    torch.manual_seed(seed)
    return networks.build(name, **THIN[name], **parameters)


def patches(number=2, shape=(84, 84), channels=1):
    torch.manual_seed(9)
    return torch.rand(number, channels, *shape)


@pytest.fixture(params=THIN)
def name(request):
    return request.param


def test_logits_of_12_classes(name):
    """11 levels and `bg` (He et al. 2020, 2.1); no softmax: the cross-entropy has it."""
    network = thin(name).eval()
    logits = network(patches(3))
    assert logits.shape == (3, 12)
    assert (logits < 0).any()
    assert not torch.allclose(logits.sum(dim=1), torch.ones(3))


def test_paper_size_takes_the_papers_patches(name):
    with torch.device("meta"):
        assert networks.build(name)(torch.empty(5, 1, 84, 84)).shape == (5, 12)


def test_classes_and_channels(name):
    network = thin(name, classes=11, in_channels=3)
    assert network.eval()(patches(channels=3)).shape == (2, 11)


@pytest.mark.parametrize("training", [False, True])
def test_every_parameter_learns(name, training):
    parameters = {"dropout": 0.0} if name == "delpnet" else {}
    network = thin(name, **parameters).double().train(training)
    given = patches(4).double().requires_grad_()
    loss = torch.nn.functional.cross_entropy(network(given), torch.tensor([0, 3, 10, 11]))
    loss.backward()
    assert given.grad.abs().sum() > 0
    for label, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), label
        # a bias before batch normalisation changes nothing while that uses the batch's own mean
        idle = training and name == "delpnet" and label.startswith("layers") and "bias" in label
        assert idle or parameter.grad.abs().sum() > 0, label


def test_patches_do_not_meet_in_use(name):
    network = thin(name).eval()
    given = patches(3)
    together = network(given)
    for patch, logits in zip(given, together, strict=True):
        torch.testing.assert_close(network(patch[None])[0], logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(75, 75), (110, 91), (42, 42), (168, 168), (9, 8), (1, 1)])
def test_any_size(name, shape):
    least = {"delpnet": 8, "inception_v3": 75}.get(name, 1)
    if name == "vgg16":
        if shape[0] != shape[1] or shape[0] < 32:
            pytest.skip("its dense layers fix the size")
        network = thin(name, size=shape[0])
    else:
        network = thin(name)
    given = patches(1, shape)
    if min(shape) < least:
        line = f"^patches have {shape[0]} x {shape[1]} pixels; {name} accepts sides from {least} up"
        with pytest.raises(InputError, match=line):
            network.eval()(given)
    else:
        assert network.eval()(given).isfinite().all()


def test_seed_and_safetensors(name):
    given = patches()
    one, two, other = thin(name, 3).eval(), thin(name, 3).eval(), thin(name, 4).eval()
    assert torch.equal(one(given), two(given))
    assert not torch.equal(one(given), other(given))
    other.load_state_dict(load(save(one.state_dict())))
    assert torch.equal(one(given), other(given))


def test_bfloat16_ends_in_float32(name):
    with torch.autocast("cpu", torch.bfloat16):
        assert thin(name)(patches()).dtype == torch.float32


def test_starts_without_biases(name):
    for layer in thin(name).modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear) and layer.bias is not None:
            assert (layer.bias == 0).all()


@pytest.mark.parametrize(
    ("published", "normalised"),
    [(0.6, "delpnet"), (0.99, "inception_v3"), (0.99, "resnet18"), (0.999, "mobilenet_v2")],
)
def test_batch_normalisation(published, normalised):
    """DelpNet's momentum is the paper's (2.2), the others have Keras' own."""
    for network, momentum in [
        (thin(normalised), published),
        (thin(normalised, keras_momentum=0.4), 0.4),
    ]:
        norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
        assert len(norms) == len(convolutions)
        assert all(isinstance(norm, BatchNorm) and norm.eps == 1e-3 for norm in norms)
        assert all(norm.momentum == pytest.approx(1 - momentum, abs=1e-12) for norm in norms)


def test_vgg16_has_no_batch_normalisation():
    assert not list(thin("vgg16").buffers())


@pytest.mark.parametrize("normalised", NORMALISED)
def test_running_mean_of_the_built_network(normalised):
    network = thin(normalised, keras_momentum=0.6)
    norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    seen = []
    norm.register_forward_hook(lambda layer, given, result: seen.append(given[0].detach().clone()))
    network(patches(4) + 1)
    expected = 0.4 * seen[0].double().mean(dim=(0, 2, 3))
    assert expected.abs().min() > 1e-3
    torch.testing.assert_close(norm.running_mean.double(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"width": 0}, "width is 0; a number above 0"),
        ({"classes": 0}, "classes is 0; a whole number from 1"),
        ({"in_channels": 1.5}, "in_channels is 1.5; a whole number from 1"),
    ],
)
def test_bad_sizes(name, wrong, message):
    with pytest.raises(InputError, match=message):
        networks.build(name, **wrong)


@pytest.mark.parametrize("normalised", NORMALISED)
def test_bad_momentum(normalised):
    with pytest.raises(InputError, match="keras_momentum is 1.0; a number from 0 to below 1"):
        thin(normalised, keras_momentum=1.0)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu(name):
    parameters = {"dropout": 0.0} if name == "delpnet" else {}
    given = patches(4)
    results = []
    for device in ("cpu", "cuda"):
        network = thin(name, **parameters).double().to(device)
        logits = network(given.double().to(device))
        logits.square().sum().backward()
        slopes = [parameter.grad.cpu() for parameter in network.parameters()]
        results.append((logits.detach().cpu(), slopes))
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-8)
