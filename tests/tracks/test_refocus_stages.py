"""From a focal stack to the image that methods see, and what they are told."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics import refocus_degradation
from focusbench.tracks.refocus.degradations import parse
from focusbench.tracks.refocus.observe import observe
from focusbench.tracks.refocus.problem import problem
from focusbench.tracks.refocus.truth import truth

SETTINGS = {"offmodel": {"sigma": 0.0, "electrons": 1e9}}


@pytest.fixture(scope="module")
def stack():
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 256, (5, 24, 32, 3), dtype=np.uint8)
    return Volume(planes, "ZYXC", (2.7, 0.25, 0.25))


def seen(stack, degradation, settings=SETTINGS, sample="one", seed=0):
    return observe(stack, sample, "cytology", degradation, seed, settings)


def test_truth_is_the_stack_of_the_source_with_its_voxels():
    sizes = {"shape": [32, 34], "planes": 3, "z_step": 2.5, "pixel_size": 0.3}
    volume = truth("cytology_s4_f1", "cytology", {"cytology": sizes, "data": {}})
    assert volume.array.shape == (3, 32, 34, 3)
    assert volume.array.dtype == np.uint8
    assert volume.voxel_size == (2.5, 0.3, 0.3)


def test_lowres_is_the_middle_plane_halved_and_blurred(stack):
    image, about = seen(stack, "lowres")
    assert np.array_equal(image.array[0], refocus_degradation.degrade(stack.array[2]))
    assert image.voxel_size == (2.7, 0.5, 0.5)
    assert (about["planes"], about["scale"], about["input_plane"]) == (5, 2, 2)


def test_highres_is_the_middle_plane_itself(stack):
    image, about = seen(stack, "highres")
    assert np.array_equal(image.array[0], stack.array[2])
    assert image.voxel_size == stack.voxel_size
    assert about["scale"] == 1


@pytest.mark.parametrize(("degradation", "plane"), [("highres_up2", 4), ("highres_down1", 1)])
def test_a_wrong_focus_takes_another_plane(stack, degradation, plane):
    image, about = seen(stack, degradation)
    assert np.array_equal(image.array[0], stack.array[plane])
    assert about["input_plane"] == plane


def test_a_plane_that_is_not_there_is_refused(stack):
    with pytest.raises(InputError, match="one at lowres_up3: the stack has 5 planes; at most 2"):
        seen(stack, "lowres_up3")


def test_jpeg_comes_before_the_image_is_made(stack):
    image, about = seen(stack, "lowres_jpeg")
    through = refocus_degradation.jpeg_round_trip(stack.array[2])
    assert np.array_equal(image.array[0], refocus_degradation.degrade(through))
    assert about["jpeg"]


def test_offmodel_without_blur_and_noise_is_the_mean_of_four(stack):
    image, _ = seen(stack, "offmodel")
    means = stack.array[2].reshape(12, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(image.array[0] - means).max() <= 0.5 + 0.01


def test_noise_of_offmodel_has_the_variance_of_its_electrons():
    even = Volume(np.full((1, 128, 128, 3), 200, np.uint8), "ZYXC", (1.0, 1.0, 1.0))
    image, _ = seen(even, "offmodel", {"offmodel": {"sigma": 1.0, "electrons": 2000}})
    expected = 200 * 255 / 2000 + 1 / 12  # photons, rounding
    assert np.var(image.array, dtype=float) == pytest.approx(expected, rel=0.05)


def test_noise_follows_from_seed_and_sample_alone(stack):
    noisy = {"offmodel": {"sigma": 1.0, "electrons": 500}}
    first, again = (seen(stack, "offmodel", noisy)[0].array for _ in range(2))
    assert np.array_equal(first, again)
    for other in ({"seed": 1}, {"sample": "two"}):
        assert not np.array_equal(first, seen(stack, "offmodel", noisy, **other)[0].array)


@pytest.mark.parametrize("shape", [(4, 24, 32, 3), (5, 23, 32, 3), (5, 24, 32, 4)])
def test_stacks_of_even_planes_odd_sides_or_four_colours_are_refused(shape):
    wrong = Volume(np.zeros(shape, np.uint8), "ZYXC", (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="one at lowres: "):
        seen(wrong, "lowres")


@pytest.mark.parametrize("wrong", ["low", "lowres_up0", "offmodel_up1", "jpeg", "highres_up10"])
def test_other_degradations_are_refused(wrong):
    with pytest.raises(InputError, match="unknown degradation"):
        parse(wrong)


@pytest.mark.parametrize("degradation", ["lowres", "highres"])
def test_a_method_is_told_the_grid_of_the_stack_and_nothing_of_the_truth(stack, degradation):
    image, about = seen(stack, degradation)
    stated = problem(image, degradation, {}, about)
    assert stated.estimates == ((5, 24, 32, 3), (1, 24, 32, 3))
    assert stated.estimate_voxel_size == pytest.approx(stack.voxel_size)
    assert np.array_equal(stated.observed, image.array)
    assert stated.forward is None
    assert not stated.extras
