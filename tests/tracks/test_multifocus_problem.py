import re
from dataclasses import replace

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.rays import Geometry, render
from focusbench.tracks import TABLE
from focusbench.tracks.multifocus.degradations import Degradation, base, describe, noise_of, parse
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


def test_another_aperture_is_rendered_and_not_told(cell):
    other = replace(GEOMETRY, numerical_aperture=0.6)
    image, about = observe(cell, "cell", "phantoms", "na0.60", 0, SETTINGS)
    assert np.abs(image.array - render(cell.array, other)).max() <= 0.5 / 255 + 1e-6
    assert np.abs(image.array - seen(cell, "clean")).max() > 0.01
    assert image.voxel_size == cell.voxel_size
    assert about["numerical_aperture"] == 0.6
    asked = problem(image, "na0.60", SETTINGS["geometry"])
    assert asked.forward.geometry == GEOMETRY


def test_planes_further_apart_are_rendered_and_not_told(cell):
    image, about = observe(cell, "cell", "phantoms", "step1.30", 0, SETTINGS)
    exact = render(cell.array, replace(GEOMETRY, z_step=1.3))
    assert np.abs(image.array - exact).max() <= 0.5 / 255 + 1e-6
    assert image.voxel_size == (1.0, 0.92, 0.92)
    assert about["z_step"] == 1.3
    assert problem(image, "step1.30", SETTINGS["geometry"]).forward.geometry == GEOMETRY


def test_a_slab_1_3_um_a_slice_absorbs_as_much(cell):
    """Against a closed form: rays along z through an even slab of 11 slices."""
    slab = Volume(np.full((11, 6, 6), 0.9, np.float32), "ZYX", (1.0, 0.92, 0.92))
    narrow = {"numerical_aperture": 0.01, "aperture_grid": 1}
    settings = {**SETTINGS, "geometry": {**SETTINGS["geometry"], **narrow}}
    image, _ = observe(slab, "cell", "phantoms", "step1.30", 0, settings)
    np.testing.assert_allclose(image.array, 0.9 ** (11 * 1.3), atol=0.51 / 255)


def test_noise_of_another_aperture_is_its_own(cell):
    noises = [
        seen(cell, f"{name}_sigma0.05") - seen(cell, name) for name in ("na0.74", "na0.76", "float")
    ]
    for i in range(3):
        for j in range(i):
            correlation = np.corrcoef(noises[i].ravel(), noises[j].ravel())[0, 1]
            assert abs(correlation) < 0.1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clean", Degradation()),
        ("float", Degradation(quantised=False)),
        ("offmodel", Degradation(offmodel=True)),
        ("sigma0.01", Degradation(sigma=0.01)),
        ("offmodel_sigma0.02", Degradation(offmodel=True, sigma=0.02)),
        ("float_sigma0.5", Degradation(sigma=0.5, quantised=False)),
        ("na0.70", Degradation(numerical_aperture=0.7)),
        ("na0.65_sigma0.01", Degradation(numerical_aperture=0.65, sigma=0.01)),
        ("step1.10", Degradation(z_step=1.1)),
        ("step2_sigma0.02", Degradation(z_step=2.0, sigma=0.02)),
        ("clean_heldout", Degradation(part="heldout")),
        ("float_planes_odd", Degradation(quantised=False, part="planes_odd")),
        ("na0.7_sigma0.1_rays_even", Degradation(False, 0.1, True, 0.7, None, "rays_even")),
        ("recorded", Degradation(recorded=True)),
        ("recorded_planes_even", Degradation(recorded=True, part="planes_even")),
    ],
)
def test_ids_of_degradations(name, expected):
    assert parse(name) == expected
    assert re.fullmatch(TABLE["multifocus"].any_degradation, name)
    assert base(name) + (f"_{expected.part}" if expected.part else "") == name
    assert describe(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "_", "sigma", "sigma1.5", "clean_", "_sigma0.1", "cleaner", "clean_sigma0.1"),
        *("na1.2", "na0.7_step1.1", "step", "floatsigma0.1", "float_clean", "recorded_sigma0.1"),
        *("heldout", "_heldout", "clean_heldout_heldout", "clean_rays", "clean_planes"),
        "clean_heldout_sigma0.1",
    ],
)
def test_other_ids_are_refused(name):
    with pytest.raises(InputError, match="accepted: clean, float"):
        parse(name)
    assert not re.fullmatch(TABLE["multifocus"].any_degradation, name)


@pytest.mark.parametrize("name", ["na0.0", "step0", "step0.00_sigma0.1"])
def test_nothing_is_seen_through_no_aperture_or_at_no_distance(name):
    with pytest.raises(InputError, match="accepted: clean, float"):
        parse(name)


def test_words_of_a_degradation():
    assert describe("clean") == "no noise, 8 bits"
    assert "NA 0.7," in describe("na0.70")
    assert "1.1 um apart" in describe("step1.10_sigma0.02")
    assert "withheld" in describe("recorded_heldout")


def test_noise_that_a_method_is_told_of():
    assert noise_of("clean", {}).standard_deviation == pytest.approx(1 / 255 / np.sqrt(12))
    assert noise_of("float", {}).standard_deviation == 0
    assert noise_of("na0.70", {}) == noise_of("clean", {})
    assert noise_of("sigma0.02_heldout", {}) == noise_of("sigma0.02", {})
    assert noise_of("recorded", {}) is None
    assert noise_of("recorded_heldout", {}) is None
    assert noise_of("recorded_rays_odd", {"noise_sigma": 0.02}).standard_deviation == 0.02
    assert noise_of("recorded", {"noise_sigma": 0.02}).standard_deviation == 0.02


def test_a_problem_takes_its_steps_from_the_stack_and_its_aperture_from_the_settings():
    stack = Volume(np.ones((5, 8, 9), np.float32), "ZYX", (0.3, 0.1, 0.1))
    asked = problem(stack, "recorded", {"numerical_aperture": 0.5, "aperture_grid": 7})
    assert asked.forward.geometry == Geometry(0.5, 5, 0.3, 0.1, 7)
    assert asked.noise is None
