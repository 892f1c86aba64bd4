import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.rays import Geometry, render
from focusbench.tracks.multifocus.degradations import Degradation, noise_of, parse
from focusbench.tracks.multifocus.observe import observe
from focusbench.tracks.multifocus.problem import problem
from focusbench.tracks.multifocus.truth import truth

SETTINGS = {
    "size": 24,
    "slices": 11,
    "antialias": False,
    "depth": "central",
    "geometry": {
        "numerical_aperture": 0.75,
        "z_step": 1.0,
        "pixel_size": 0.92,
        "aperture_grid": 9,
    },
    "offmodel_aperture_grid": 13,
    "data": {},
}
GEOMETRY = Geometry(aperture_grid=9)


@pytest.fixture(scope="module")
def cell():
    return truth("cell", "phantoms", SETTINGS)


def seen(cell, degradation, seed=0, sample="cell"):
    return observe(cell, sample, "phantoms", degradation, seed, SETTINGS)[0].array


def test_truth_is_transmittance_between_the_densest_voxel_and_empty_space(cell):
    assert cell.array.shape == (11, 24, 24)
    assert cell.array.dtype == np.float32
    assert cell.array.max() == 1
    assert 0.7 <= cell.array.min() < 0.75
    assert cell.voxel_size == (1.0, 0.92, 0.92)


def test_float_is_the_model_itself_and_clean_its_grey_levels(cell):
    exact = render(cell.array, GEOMETRY)
    np.testing.assert_allclose(seen(cell, "float"), exact, atol=1e-7)
    clean = seen(cell, "clean")
    levels = clean * np.float64(255)
    np.testing.assert_allclose(levels, np.round(levels), atol=2e-5)
    assert np.abs(clean - exact).max() <= 0.5 / 255 + 1e-6


def test_noise_has_the_deviation_that_its_id_says(cell):
    exact = render(cell.array, GEOMETRY)
    inside = (exact > 0.2) & (exact < 0.8)  # far from clipping
    residual = (seen(cell, "float_sigma0.05") - exact)[inside]
    assert inside.sum() > 1000
    assert residual.std() == pytest.approx(0.05, rel=0.05)
    assert abs(residual.mean()) < 4 * 0.05 / np.sqrt(inside.sum())


def test_noise_is_clipped_to_what_a_camera_can_record(cell):
    image = seen(cell, "sigma0.05")
    assert (image.min(), image.max()) >= (0, 0)
    assert image.max() == 1


def test_noise_is_repeatable_and_its_own_for_every_seed_sample_and_level(cell):
    first = seen(cell, "float_sigma0.05")
    np.testing.assert_array_equal(first, seen(cell, "float_sigma0.05"))
    for other in (
        seen(cell, "float_sigma0.05", seed=1),
        seen(cell, "float_sigma0.05", sample="vessels"),
        seen(cell, "sigma0.05"),
    ):
        correlation = np.corrcoef(
            (first - seen(cell, "float")).ravel(), (other - seen(cell, "float")).ravel()
        )[0, 1]
        assert abs(correlation) < 0.1


def test_offmodel_departs_from_the_model_but_shows_the_same_thing(cell):
    off, _ = observe(None, "cell", "phantoms", "offmodel", 0, SETTINGS)
    clean = seen(cell, "clean")
    assert off.array.shape == clean.shape
    assert off.voxel_size == cell.voxel_size
    difference = off.array - clean
    assert 2 / 255 < np.sqrt((difference**2).mean()) < 0.06
    assert abs(difference.mean()) < 0.01  # it neither adds nor removes absorber
    assert np.corrcoef(off.array.ravel(), clean.ravel())[0, 1] > 0.98


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clean", Degradation()),
        ("float", Degradation(quantised=False)),
        ("offmodel", Degradation(offmodel=True)),
        ("sigma0.01", Degradation(sigma=0.01)),
        ("offmodel_sigma0.02", Degradation(offmodel=True, sigma=0.02)),
        ("float_sigma0.5", Degradation(sigma=0.5, quantised=False)),
    ],
)
def test_ids_of_degradations(name, expected):
    assert parse(name) == expected


@pytest.mark.parametrize("name", ["", "_", "sigma", "sigma1.5", "clean_", "_sigma0.1", "cleaner"])
def test_other_ids_are_refused(name):
    with pytest.raises(InputError, match="accepted: clean, float"):
        parse(name)


def test_noise_that_a_method_is_told_of():
    assert noise_of("clean", {}).standard_deviation == pytest.approx(1 / 255 / np.sqrt(12))
    assert noise_of("float", {}).standard_deviation == 0
    assert noise_of("recorded", {}) is None
    assert noise_of("recorded", {"noise_sigma": 0.02}).standard_deviation == 0.02


def test_a_problem_takes_its_steps_from_the_stack_and_its_aperture_from_the_settings():
    stack = Volume(np.ones((5, 8, 9), np.float32), "ZYX", (0.3, 0.1, 0.1))
    asked = problem(stack, "recorded", {"numerical_aperture": 0.5, "aperture_grid": 7})
    assert asked.forward.geometry == Geometry(0.5, 5, 0.3, 0.1, 7)
    assert asked.noise is None
