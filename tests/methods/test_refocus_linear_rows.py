"""Rows of the refocus track that take no steps: the enlarged image, and a filter for each plane."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.methods.bicubic import Bicubic
from focusbench.methods.linear_per_plane import LinearPerPlane
from focusbench.optics.enlargement import enlarged
from focusbench.optics.refocus_degradation import degrade
from focusbench.problem import Problem, Weights
from focusbench.training.focal_fields import FocalFields
from focusbench.training.progress import Trace
from focusbench.training.run import quick_run
from focusbench.training.weights import load_weights, save_weights

PLANES = 3


def stack(seed, side=48):
    """Spots, sharp in the middle plane, blurred along x below it and along y above it; uint8."""
    rng = np.random.default_rng(seed)
    sharp = np.full((side, side, 3), 225.0)
    for y, x in rng.integers(3, side - 3, (12, 2)):
        sharp[y - 3 : y + 3, x - 3 : x + 3] -= rng.uniform(10, 50, 3)
    blurred = [sum(np.roll(sharp, by, axis) for by in range(-2, 3)) / 5 for axis in (1, 0)]
    return np.clip(np.rint([blurred[0], sharp, blurred[1]]), 0, 255).astype(np.uint8)


def problem(truth, scale=2):
    middle = truth[len(truth) // 2]
    image = degrade(middle) if scale == 2 else middle
    return Problem(
        "refocus", image[None], "ZYXC", (1.0,) * 3, estimates=(truth.shape, middle[None].shape)
    )


def mean_psnr(truth, estimate):
    errors = np.square(truth.astype(float) - estimate).mean(axis=(1, 2, 3))
    return np.mean(10 * np.log10(255**2 / errors))


@pytest.fixture(scope="module")
def data():
    stacks = {f"field{seed}": stack(seed) for seed in range(3)}
    return FocalFields(stacks, validation=stack(8), z_step=2.7)


@pytest.fixture(scope="module")
def weights(data):
    return LinearPerPlane(side=7).fit(data, quick_run())


def test_bicubic_repeats_the_enlarged_image():
    asked = problem(stack(0))
    found = Bicubic().restore(asked, quick_run())
    assert (found.estimate.dtype, found.estimate.shape) == (np.uint8, (PLANES, 48, 48, 3))
    for plane in found.estimate:
        np.testing.assert_array_equal(plane, enlarged(asked.observed[0]))


def test_bicubic_leaves_an_image_of_the_stacks_pixel_as_it_is():
    truth = stack(0)
    found = Bicubic().restore(problem(truth, scale=1), quick_run()).estimate
    np.testing.assert_array_equal(found, np.broadcast_to(truth[1], truth.shape))


def test_filters_beat_the_enlarged_image_in_every_plane_of_another_field(weights):
    truth = stack(9)
    asked = problem(truth)
    found = LinearPerPlane(side=7).restore(asked, quick_run(), weights).estimate
    assert (found.dtype, found.shape) == (np.uint8, truth.shape)
    nothing = Bicubic().restore(asked, quick_run()).estimate
    for plane in range(PLANES):
        gain = mean_psnr(truth[[plane]], found[[plane]])
        assert gain > mean_psnr(truth[[plane]], nothing[[plane]]) + 1


def test_filters_undo_nothing_where_a_plane_is_the_image(data):
    own = FocalFields({"a": stack(0), "b": stack(1)}, scale=1)
    truth = stack(9)
    method = LinearPerPlane(side=5, ridge=0.0)
    found = method.restore(problem(truth, scale=1), quick_run(), method.fit(own, quick_run()))
    np.testing.assert_array_equal(found.estimate[1], truth[1])
    inside = np.s_[::2, 4:-4, 4:-4]  # there the filter sees all that the blur took
    away = found.estimate[inside].astype(int) - truth[inside]
    assert np.abs(away).max() <= 2  # borders, which are another matter, have a say in the fit


def test_weights_tell_what_they_are_and_survive_a_file(data, weights, tmp_path):
    told = weights.description
    assert (told["method"], told["planes"], told["scale"]) == ("linear_per_plane", PLANES, 2)
    assert told["parameters"] == {"filters": PLANES * 3 * (7 * 7 + 1)}
    assert (told["z_step"], "pixel_size" in told) == (2.7, False)
    assert told["training"]["fields"] == list(data.names)
    save_weights(tmp_path / "model.safetensors", weights)
    asked, method = problem(stack(9)), LinearPerPlane(side=7)
    loaded = load_weights(tmp_path / "model.safetensors")
    found = [method.restore(asked, quick_run(), one).estimate for one in (weights, loaded)]
    np.testing.assert_array_equal(*found)


def test_a_fit_is_repeatable_and_does_not_depend_on_the_seed(data, weights):
    again = LinearPerPlane(side=7).fit(data, quick_run(seed=5))
    for name, values in weights.tensors.items():
        assert values.numpy().tobytes() == again.tensors[name].numpy().tobytes()


def test_the_monitor_sees_the_validation_field_once(data):
    trace = Trace(None, data.score, every=1, label="")
    method = LinearPerPlane(side=7)
    fitted = method.fit(data, quick_run(monitor=trace))
    (row,) = trace.rows
    validation = data.validation
    found = method.restore(problem(validation.stack), quick_run(), fitted).estimate
    assert row.psnr == pytest.approx(mean_psnr(validation.stack, found))
    assert 0 < row.loss < 100  # squared grey values


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"side": 9}, "'side': 9"),
        ({"stack": (5, 48, 48, 3)}, "'planes': 5"),
        ({"stack": (3, 24, 24, 3)}, "'scale': 1"),
        ({"stack": (3, 50, 48, 3)}, "same or twice"),
        ({"weights": None}, "no weights"),
        ({"weights": Weights({}, {"method": "mfpinet"})}, "weights are of"),
        ({"axes": "ZYX"}, "axes ZYX,"),
    ],
)
def test_what_does_not_fit_is_refused(weights, changed, message):
    asked = problem(stack(9))
    asked = replace(asked, axes=changed.get("axes", asked.axes))
    asked = replace(asked, estimates=(changed.get("stack", asked.estimates[0]),))
    method = LinearPerPlane(side=changed.get("side", 7))
    with pytest.raises(InputError, match=message):
        method.restore(asked, quick_run(), changed.get("weights", weights))


@pytest.mark.parametrize(
    ("parameters", "message"), [({"side": 4}, "odd number"), ({"ridge": -1.0}, "ridge is -1")]
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(InputError, match=message):
        LinearPerPlane(**parameters)


def test_neither_row_imports_torch():
    code = (
        "import sys, focusbench.methods.bicubic, focusbench.methods.linear_per_plane as it; "
        "it.LinearPerPlane(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
