"""What the methods that learn focal planes must do alike, and the paper's constants."""

import dataclasses
import functools

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.methods.mfpinet import Mfpinet
from focusbench.methods.mfpinet_hr_input import MfpinetHrInput
from focusbench.methods.refocus_naf import RefocusNaf
from focusbench.problem import Problem
from focusbench.training.focal_fields import FocalFields
from focusbench.training.run import quick_run
from focusbench.training.weights import load_weights, save_weights

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = {
    **{"epochs": 1, "patches": 2, "patch": 16, "width": 4, "discriminator_width": 4},
    **{"learning_rate": 1e-3, "precision": "float32"},
}
CLASSES = {"mfpinet": Mfpinet, "mfpinet_hr_input": MfpinetHrInput, "refocus_naf": RefocusNaf}
SCALES = {"mfpinet": 2, "mfpinet_hr_input": 1, "refocus_naf": 2}


def build(name, **more):
    layout = {"blocks": [1, 1], "middle": 1} if name == "refocus_naf" else {}
    return CLASSES[name](**{**TINY, **layout, **more})


@functools.cache
def data(scale, planes=3):
    stack = np.random.default_rng(0).integers(0, 256, (planes, 24, 32, 3), dtype=np.uint8)
    return FocalFields({"a": stack}, scale=scale, z_step=2.7, pixel_size=0.243)


@functools.cache
def fitted(name, planes=3):
    return build(name).fit(data(SCALES[name], planes), quick_run(seed=1))


def problem(scale, planes=3, **more):
    image = data(scale).inputs[0][None]
    _, y, x, _ = image.shape
    plane = (scale * y, scale * x, 3)
    shapes = ((planes, *plane), (1, *plane))
    return Problem("refocus", image, "ZYXC", (2.7, 1, 1), **{"estimates": shapes, **more})


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_the_constants_are_the_papers():
    method = Mfpinet()
    told = {"epochs": 20, "patches": 15000, "patch": 768, "batch_size": 2, "learning_rate": 1e-4}
    told |= {"halve_every": 2, "adversarial_weight": 0.01, "width": 64, "discriminator_width": 64}
    told |= {"warm_up": 0, "anneal": 0.0, "adversarial_from": 0.0, "augment": False}
    told |= {"foreground": True, "processes": 1}
    assert {key: getattr(method, key) for key in told} == told
    assert method.planned_steps(data(2)) == 150_000
    ends = [method.rate(7500 * epochs) for epochs in (0, 1, 2, 3, 4, 19)]
    assert ends == [1, 1, 0.5, 0.5, 0.25, 0.5**9]
    assert method.rate(15_000 - 1) == 1
    for cls in CLASSES.values():
        defaults = {f.name: f.default for f in dataclasses.fields(cls)}
        assert {key: defaults[key] for key in told} == told


def test_the_built_networks_and_optimisers_are_the_papers():
    """At full width, for 11 planes; only the crops are small."""
    stack = np.zeros((11, 16, 16, 3), np.uint8)
    learner = Mfpinet(patch=16).learner(FocalFields({"a": stack}), quick_run())
    assert {name: count(network) for name, network in learner.networks.items()} == {
        "generator": 2_504_737,
        "discriminator": 5_181_377,
    }
    assert learner.how.value_range == (-1, 1)
    assert list(learner.items) == [0, 1]
    for name, optimizer in learner.optimizers.items():
        assert type(optimizer) is torch.optim.Adam
        (group,) = optimizer.param_groups
        assert sum(p.numel() for p in group["params"]) == count(learner.networks[name])
        constants = [group[key] for key in ("lr", "betas", "eps", "weight_decay", "amsgrad")]
        assert constants == [1e-4, (0.9, 0.999), 1e-8, 0, False]


def test_the_other_networks_at_full_width():
    with torch.device("meta"):
        assert count(MfpinetHrInput().network(11)) == 2_393_953
        assert count(RefocusNaf().network(11)) == 7_898_209
        assert count(RefocusNaf().discriminator(11)) == 5_181_377


@pytest.mark.parametrize("name", CLASSES)
def test_an_image_becomes_a_stack(name, tmp_path):
    save_weights(tmp_path / "model.safetensors", fitted(name))
    weights = load_weights(tmp_path / "model.safetensors")
    method, scale = build(name), SCALES[name]
    made = method.restore(problem(scale), quick_run(), weights).estimate
    assert (made.shape, made.dtype) == ((3, 24, 32, 3), np.uint8)
    again = method.restore(problem(scale, estimates=()), quick_run(seed=5), fitted(name))
    assert np.array_equal(made, again.estimate)
    # by hand: values in [-1, 1], the colours of a plane together
    image = torch.from_numpy(data(scale).inputs[0]).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        values = method.loaded(weights)(image)[0].numpy()
    levels = np.rint((values.reshape(3, 3, 24, 32).transpose(0, 2, 3, 1) + 1) * 127.5)
    assert np.abs(levels - made).max() <= 1  # of halves that are rounded either way
    assert (levels == made).mean() > 0.99


@pytest.mark.parametrize("name", CLASSES)
def test_weights_tell_what_they_are(name):
    weights = fitted(name)
    told = weights.description
    kept = {"width": 4, "planes": 3, "scale": SCALES[name], "method": name}
    kept |= {"z_step": 2.7, "pixel_size": 0.243}
    assert {key: told[key] for key in kept} == kept
    assert told["network"] == ("refocus_naf" if name == "refocus_naf" else "mfpinet")
    assert told["training"]["fields"] == ["a"]
    assert told["training"]["steps"] == 1
    assert told["parameters"] == weights.details["networks"]
    assert told["parameters"]["generator"] == count(build(name).network(3))
    assert all(key.startswith("generator/") for key in weights.tensors)
    again = build(name).fit(data(SCALES[name]), quick_run(seed=1))
    assert all(torch.equal(value, again.tensors[key]) for key, value in weights.tensors.items())
    other = build(name).fit(data(SCALES[name]), quick_run(seed=2))
    assert any(not torch.equal(v, other.tensors[key]) for key, v in weights.tensors.items())


@pytest.mark.parametrize(
    ("method", "weights", "message"),
    [
        (build("mfpinet"), None, "mfpinet: no weights; `fit` gives them"),
        (build("mfpinet", width=5), "mfpinet", "the weights belong to the network .*'width': 4"),
        (build("mfpinet"), "mfpinet_hr_input", "the weights belong to the network .*'scale': 1"),
        (build("mfpinet"), "refocus_naf", "belong to the network {'network': 'refocus_naf'"),
        (build("refocus_naf", middle=0), "refocus_naf", "the parameters ask for .*'middle': 0"),
    ],
)
def test_other_weights_are_refused(method, weights, message):
    given = weights and fitted(weights)
    with pytest.raises(InputError, match=message) as caught:
        method.restore(problem(2), quick_run(), given)
    assert "\n" not in str(caught.value)


def test_weights_of_other_planes_or_tensors_are_refused():
    with pytest.raises(InputError, match=r"belong to 5 planes .*; for this problem \(3, 24"):
        build("mfpinet").restore(problem(2), quick_run(), fitted("mfpinet", planes=5))
    weights = fitted("mfpinet")
    lying = dataclasses.replace(weights, description={**weights.description, "planes": 5})
    with pytest.raises(InputError, match="tensors are not those of .* with 5 planes"):
        build("mfpinet").restore(problem(2, planes=5), quick_run(), lying)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"observed": np.zeros((1, 12, 16, 3), np.float32)}, "type float32"),
        ({"observed": np.zeros((2, 12, 16, 3), np.uint8)}, r"shape \(2, 12, 16, 3\)"),
        ({"observed": np.zeros((1, 12, 16, 4), np.uint8)}, r"shape \(1, 12, 16, 4\)"),
        ({"axes": "ZYX"}, "axes ZYX, .*; one image with axes ZYXC, uint8"),
    ],
)
def test_other_observations_are_refused(changed, message):
    with pytest.raises(InputError, match=message):
        wrong = dataclasses.replace(problem(2), **changed)
        build("mfpinet").restore(wrong, quick_run(), fitted("mfpinet"))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs": -1}, "epochs is -1"),
        ({"anneal": 1.5}, "anneal is 1.5; a share from 0 to 1"),
        ({"adversarial_from": 2}, "adversarial_from is 2; a share"),
        ({"adversarial_weight": -1}, "adversarial_weight is -1"),
        ({"foreground": 1}, "foreground is 1; true or false"),
        ({"processes": 3}, "batch_size is 2 and processes 3"),
        ({"precision": "float16"}, "precision 'float16' is unknown"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ValueError, match=message):
        build("mfpinet", **parameters)


def test_fields_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="mfpinet: the fields have a scale of 1; 2 is accepted"):
        build("mfpinet").fit(data(1), quick_run())
    with pytest.raises(InputError, match=r"training: a has 24 x 32 pixels .* patches 26 x 26"):
        build("mfpinet", patch=26).fit(data(2), quick_run())
    with pytest.raises(InputError, match="blocks is"):
        build("refocus_naf", blocks=3)
