"""Deep-Z and SRGAN: what they learn from, by which losses, and what they make of an image."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from focusbench.errors import InputError
from focusbench.files import sha256
from focusbench.methods.deep_z import DeepZ
from focusbench.methods.mfpinet_hr_input import MfpinetHrInput
from focusbench.methods.srgan import Srgan
from focusbench.networks.deep_z import with_plane
from focusbench.problem import Problem
from focusbench.training import perceptual
from focusbench.training.focal_fields import FocalFields
from focusbench.training.run import quick_run
from focusbench.training.srgan_learner import total_variation
from focusbench.training.state import FileState

PLANES = 5
TINY = {"epochs": 2, "patches": 8, "foreground": False, "precision": "float32"}
TINY_DEEP_Z = {**TINY, "patch": 16, "batch_size": 2, "width": 4, "discriminator_width": 1}
TINY_SRGAN = {**TINY, "patch": 32, "batch_size": 2, "width": 4, "discriminator_width": 2}


@pytest.fixture(autouse=True)
def one_thread_in_all(one_thread):
    """In every test of this file."""


def deep_z(**parameters):
    return DeepZ(**{**TINY_DEEP_Z, **parameters})


def srgan(**parameters):
    return Srgan(**{**TINY_SRGAN, "blocks": 1, **parameters})


def fields(scale, **more):
    """Two fields, 5 planes; plane p is about 40 + 40 p, so that it is known by its grey value."""
    rng = np.random.default_rng(4)
    grey = 40 + 40 * np.arange(PLANES)[:, None, None, None]
    stacks = [grey + rng.integers(-5, 6, (PLANES, 40, 36, 3)) for _ in range(2)]
    one, two = (stack.astype(np.uint8) for stack in stacks)
    return FocalFields({"one": one, "two": two}, scale=scale, validation=one, **more)


def problem(shape=(1, 12, 10, 3), scale=1):
    image = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    _, y, x, _ = shape
    shapes = tuple((count, scale * y, scale * x, 3) for count in (PLANES, 1))
    return Problem("refocus", image, "ZYXC", (1.0, 1.0, 1.0), estimates=shapes)


def counted(network):
    return sum(p.numel() for p in network.parameters())


def test_sizes_and_rates_of_the_papers():
    with torch.device("meta"):
        assert counted(DeepZ().network(11)) == 19_406_272
        assert counted(DeepZ().discriminator(11)) == 93_952_657
        assert counted(Srgan().network(11)) == 1_401_749
        assert counted(Srgan(blocks=5).network(11)) == 586_506
        assert counted(Srgan().discriminator(11)) == 5_215_425
    learner = deep_z().learner(fields(1), quick_run())
    rates = {name: one.param_groups[0]["lr"] for name, one in learner.optimizers.items()}
    assert rates == {"generator": 1e-4, "discriminator": 3e-5}
    learner = srgan().learner(fields(2), quick_run())
    assert {one.param_groups[0]["lr"] for one in learner.optimizers.values()} == {1e-3}
    assert (DeepZ().patch, DeepZ().epochs, DeepZ().adversarial_weight) == (384, 20, 0.01)
    assert Srgan().rate(50_000) == 1  # never halved
    assert DeepZ().rate(2 * DeepZ().steps_per_epoch) == 0.5


def test_deep_z_is_told_the_plane_that_it_learns():
    learner = deep_z(batch_size=8).learner(fields(1), quick_run(3))
    seen = set()
    for learner.done in range(6):
        images, wanted, planes = learner.load_crops()
        given = learner.given(images, planes)
        assert given.shape == (8, 4, 16, 16)
        assert wanted.shape == (8, 3, 16, 16)
        assert torch.equal(given[:, :3], images)
        for (plane,), one, aim in zip(planes, given, wanted, strict=True):
            assert torch.all(one[3] == (plane - 2 + torch.tensor(1e-4)) / 2)
            assert round((255 * aim.mean().item() - 40) / 40) == plane
            assert round((255 * one[:3].mean().item() - 40) / 40) == 2  # the input: the middle
            seen.add(plane)
    assert seen == set(range(PLANES))


def test_deep_z_takes_other_planes_in_other_runs_and_steps():
    first, other = (deep_z().learner(fields(1), quick_run(seed)) for seed in (1, 2))
    sequences = [[learner.planes(step) for step in range(20)] for learner in (first, other)]
    assert sequences[0] != sequences[1]
    assert len({str(planes) for planes in sequences[0]}) > 5
    again = deep_z().learner(fields(1), quick_run(1))
    assert [again.planes(step) for step in range(20)] == sequences[0]


def test_deep_z_loss_is_least_squares_of_probabilities():
    learner = deep_z().learner(fields(1), quick_run())
    real, made = torch.tensor([[0.9], [0.7]]), torch.tensor([[0.2], [0.4]])
    assert learner.told(real, made).item() == pytest.approx(0.5 * 0.05 + 0.5 * 0.1)
    assert learner.fooled(made).item() == pytest.approx(0.5 * (0.64 + 0.36) / 2)
    score = learner.networks["discriminator"](torch.rand(2, 3, 16, 16))
    assert ((score > 0) & (score < 1)).all()


def test_deep_z_makes_a_plane_with_each_pass():
    method = deep_z()
    weights = method.fit(fields(1), quick_run())
    seen = problem()
    estimate = method.restore(seen, quick_run(), weights).estimate
    assert estimate.shape == (PLANES, 12, 10, 3)
    assert estimate.dtype == np.uint8
    network = method.loaded(weights)
    image = torch.from_numpy(seen.observed[0]).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        for plane in range(PLANES):
            made = network(with_plane(image, plane - 2, 2))[0].permute(1, 2, 0)
            expected = made.mul(255).round().clamp(0, 255).numpy()
            assert np.abs(estimate[plane] - expected).max() <= 1
    assert np.ptp(estimate.astype(float), axis=0).max() > 0  # the planes differ


def test_losses_fall():
    method = deep_z(epochs=3, patches=16, learning_rate=5e-3)
    weights = method.fit(fields(1), quick_run())
    curve = weights.details["curve"]
    assert curve[-1]["distance"] < 0.6 * curve[0]["distance"]
    assert {"fooled", "told"} <= curve[0].keys()
    method = srgan(epochs=2, patches=10, learning_rate=3e-3)
    weights = method.fit(fields(2), quick_run())
    curve = weights.details["curve"]
    assert curve[-1]["square"] < 0.6 * curve[0]["square"]
    assert {"fooled", "told", "variation"} <= curve[0].keys()


def test_without_an_adversary():
    for method, scale in ((deep_z, 1), (srgan, 2)):
        learner = method(adversarial_weight=0).learner(fields(scale), quick_run())
        loss = learner.step()
        assert list(learner.networks) == ["generator"]
        assert "fooled" not in learner.losses
        distance = learner.losses.get("distance", learner.losses.get("square"))
        assert loss == pytest.approx(distance + learner.losses.get("variation", 0))


def test_srgan_makes_the_middle_plane_of_a_finer_pixel():
    method = srgan()
    learner = method.learner(fields(2), quick_run())
    images, wanted, _ = learner.load_crops()
    assert images.shape == (2, 3, 16, 16)
    assert wanted.shape == (2, 3, 32, 32)
    assert round((255 * wanted.mean().item() - 40) / 40) == 2
    weights = method.fit(fields(2), quick_run())
    estimate = method.restore(problem(scale=2), quick_run(), weights).estimate
    assert estimate.shape == (1, 24, 20, 3)
    assert weights.description["planes"] == PLANES
    data = fields(2)
    learner = method.learner(data, quick_run())
    assert data.score(learner.estimate().numpy()) > 0


def test_srgan_losses_are_those_of_the_code():
    learner = srgan().learner(fields(2), quick_run())
    real, made = torch.tensor([[0.9], [0.7]]), torch.tensor([[0.2], [0.4]])
    assert learner.told(real, made).item() == pytest.approx(1 - 0.8 + 0.3)
    assert learner.fooled(made).item() == pytest.approx(0.7)
    ramp = torch.arange(12.0).reshape(1, 1, 3, 4)  # neighbours differ by 4 along y, by 1 along x
    assert total_variation(ramp).item() == 2 * (16 + 1)
    parts = learner.terms(ramp.expand(1, 3, 3, 4), torch.zeros(1, 3, 3, 4))
    assert parts["variation"].item() == pytest.approx(2e-8 * 34)
    assert parts["square"].item() == pytest.approx(np.square(np.arange(12)).mean())


def test_srgan_restores_with_running_statistics():
    """An image's estimate does not depend on what else is in it."""
    method = srgan(blocks=2)
    weights = method.fit(fields(2), quick_run())
    network = method.loaded(weights)
    assert any(name.endswith("running_var") for name in weights.tensors)
    image = np.random.default_rng(5).integers(0, 256, (1, 60, 60, 3), np.uint8)
    other = image.copy()
    other[:, 40:] = 0
    assert method.halo == 12
    one, two = (method.refocused(network, part[0], PLANES, quick_run()) for part in (image, other))
    assert np.array_equal(one[:, :56], two[:, :56])
    assert not np.array_equal(one[:, 56:80], two[:, 56:80])


def test_srgan_learns_from_single_crops():
    method = srgan(batch_size=1, patches=2, epochs=1)
    weights = method.fit(fields(2), quick_run())
    assert all(value.isfinite().all() for value in weights.tensors.values())
    with pytest.raises(InputError, match="normalisation gets one value of a channel; a larger"):
        srgan(batch_size=1, patch=16)
    srgan(batch_size=1, patch=16, adversarial_weight=0)


@pytest.mark.parametrize(("method", "scale"), [(deep_z, 1), (srgan, 2)])
def test_goes_on_with_the_same_bytes(method, scale, tmp_path):
    whole = method().learner(fields(scale), quick_run(7))
    for _ in range(3):
        whole.step()
    cut = method().learner(fields(scale), quick_run(7))
    cut.step()
    state = FileState(tmp_path, "same")
    state.save(*cut.state())
    resumed = method().learner(fields(scale), quick_run(7))
    resumed.load(*state.load())
    resumed.step()
    resumed.step()
    (expected, scalars), (found, others) = whole.state(), resumed.state()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert others["losses"] == scalars["losses"]
    if method is srgan:
        assert any(name.endswith("running_mean") for name in expected)


def test_weights_of_another_architecture_are_refused():
    deep = deep_z(epochs=0).fit(fields(1), quick_run())
    fine = srgan(epochs=0).fit(fields(2), quick_run())
    cases = (
        (deep_z(width=8), deep, problem()),
        (MfpinetHrInput(width=4), deep, problem()),
        (srgan(blocks=2), fine, problem(scale=2)),
        (srgan(width=8), fine, problem(scale=2)),
        (deep_z(), fine, problem()),
    )
    for method, weights, seen in cases:
        with pytest.raises(InputError, match="the weights belong to the network") as error:
            method.restore(seen, quick_run(), weights)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="no weights"):
        deep_z().restore(problem(), quick_run())


@pytest.mark.parametrize(
    ("method", "wrong", "words"),
    [
        (deep_z, {"width": 6}, "width is 6; a multiple of in_channels, 4"),
        (deep_z, {"discriminator_learning_rate": 0}, "discriminator_learning_rate is 0"),
        (srgan, {"blocks": -1}, "blocks is -1"),
        (srgan, {"variation_weight": -1.0}, "variation_weight is -1.0"),
        (srgan, {"perceptual_weights": 3}, "perceptual_weights is 3; the path of a file, or null"),
        (srgan, {"perceptual_weights": "a", "patch": 24}, "patch is 24; 32 pixels or more"),
    ],
)
def test_wrong_parameters(method, wrong, words):
    with pytest.raises(InputError, match=words):
        method(**wrong)


def vgg16():
    """Tensors by the names of torchvision: every layer hands on channel 0 of its input."""
    widths = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    tensors, before = {"classifier.0.bias": torch.zeros(3)}, 3
    for place, width in zip(places, widths, strict=True):
        kernel = torch.zeros(width, before, 3, 3)
        kernel[0, 0, 1, 1] = 1
        tensors[f"features.{place}.weight"] = kernel
        tensors[f"features.{place}.bias"] = torch.zeros(width)
        before = width
    return tensors


def test_perceptual_term(tmp_path):
    path = str(tmp_path / "vgg16.safetensors")
    save_file(vgg16(), path)
    loss = perceptual.read(path)
    assert counted(loss) == 14_714_688
    made, wanted = torch.rand(2, 1, 3, 32, 64)
    # what five poolings leave of red: the largest value of either half
    tops = [image[0, 0].reshape(32, 2, 32).amax(dim=(0, 2)) for image in (made, wanted)]
    expected = (tops[0] - tops[1]).square().mean() / 512
    assert loss(made, wanted).item() == pytest.approx(expected.item(), rel=1e-5)
    method = srgan(perceptual_weights=path, patches=2, epochs=1)
    learner = method.learner(fields(2), quick_run())
    made.requires_grad_()
    part = learner.terms(made, wanted)["perceptual"]
    assert part.item() == pytest.approx(0.006 * expected.item(), rel=1e-5)
    part.backward()
    assert made.grad.abs().sum() > 0
    assert not any(name.startswith("perceptual") for name in learner.state()[0])
    weights = method.fit(fields(2), quick_run())
    assert "perceptual" in weights.details["losses"]
    assert weights.description["training"]["perceptual_sha256"] == sha256(path)
    without = srgan(epochs=0).fit(fields(2), quick_run()).description
    assert without["training"]["perceptual_sha256"] is None


def test_wrong_perceptual_weights(tmp_path):
    def refused(path, words):
        with pytest.raises(InputError, match=words) as error:
            dataclasses.replace(srgan(), perceptual_weights=str(path)).fit(fields(2), quick_run())
        assert "\n" not in str(error.value)

    refused(tmp_path / "none.safetensors", "no such file")
    refused(tmp_path, "not a safetensors file")
    pickled = tmp_path / "vgg16.pth"
    torch.save({"features.0.weight": torch.zeros(2)}, pickled)
    refused(pickled, "not a safetensors file")
    small = tmp_path / "small.safetensors"
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, small)
    refused(small, "has no tensor features.0.bias")
    save_file({"features.0.weight": torch.zeros(64, 1, 3, 3)}, small)
    refused(small, r"features.0.weight is float32 \(64, 1, 3, 3\), float32 \(64, 3, 3, 3\)")
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3, dtype=torch.int32)}, small)
    refused(small, "features.0.weight is int32")
