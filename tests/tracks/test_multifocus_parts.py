"""Observations of which a part is withheld, and what is scored of them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from focusbench.errors import InputError
from focusbench.evaluation.consistency import rms
from focusbench.evaluation.whiteness import residual_correlation
from focusbench.images import Volume
from focusbench.methods.lbfgs import Lbfgs
from focusbench.optics.rays import Geometry, render
from focusbench.tracks.multifocus.degradations import PARTS, noise_of, withheld
from focusbench.tracks.multifocus.metrics import HELD_OUT
from focusbench.tracks.multifocus.observe import filled, observe
from focusbench.tracks.multifocus.problem import problem
from focusbench.tracks.multifocus.score import measure, score
from focusbench.training.run import quick_run

VOXEL = (1.0, 0.92, 0.92)
SETTINGS = {"numerical_aperture": 0.75, "aperture_grid": 5}
GEOMETRY = Geometry(n_slices=11, aperture_grid=5)
SIGMA = 0.02
ID = f"float_sigma{SIGMA}"


@pytest.fixture(scope="module")
def truth():
    """A few boxes in empty space."""
    rng = np.random.default_rng(3)
    volume = np.ones((11, 16, 16), np.float32)
    for _ in range(6):
        z, y, x = rng.integers(0, (8, 11, 11))
        volume[z : z + 3, y : y + 5, x : x + 4] -= 0.05
    return Volume(volume, "ZYX", VOXEL)


@pytest.fixture(scope="module")
def base(truth):
    """Its noisy stack, not clipped."""
    noise = np.random.default_rng(4).normal(0, SIGMA, truth.array.shape)
    return truth._replace(array=(render(truth.array, GEOMETRY) + noise).astype(np.float32))


def derived(base, part, name=ID):
    return observe(None, "cell", "phantoms", f"{name}_{part}", 0, {}, base)


@pytest.mark.parametrize(
    ("part", "n_planes", "planes"),
    [
        ("heldout", 11, [2, 5, 8]),
        ("heldout", 9, [2, 5]),  # never the last
        ("heldout", 4, [2]),
        ("planes_odd", 7, [1, 3, 5]),
        ("planes_even", 7, [0, 2, 4, 6]),
        ("planes_even", 2, [0]),
        ("rays_odd", 7, []),
        (None, 1, []),
    ],
)
def test_planes_that_a_part_withholds(part, n_planes, planes):
    assert withheld(part, n_planes) == planes


@pytest.mark.parametrize(("part", "n_planes"), [("heldout", 3), ("planes_odd", 1)])
def test_stacks_with_too_few_planes_are_refused(part, n_planes):
    with pytest.raises(InputError, match=f"has {n_planes} planes; at least {n_planes + 1}"):
        withheld(part, n_planes)


def test_filling_is_linear_along_z_and_the_nearest_plane_at_the_ends():
    ramp = np.arange(8, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32)
    np.testing.assert_allclose(filled(ramp, [2, 4, 5]), ramp, rtol=1e-6)
    ends = filled(ramp, [0, 1, 7])
    assert ends[:, 0, 0].tolist() == [2, 2, 2, 3, 4, 5, 6, 6]
    uneven = filled(np.array([1, 9, 9, 4], np.float32)[:, None, None], [1, 2])
    assert uneven[:, 0, 0].tolist() == [1, 2, 3, 4]
    assert ramp[2, 0, 0] == 2  # what was given is not written to


@pytest.mark.parametrize("part", PARTS)
def test_a_derived_observation_is_the_base_but_for_what_is_withheld(base, part):
    image, about = derived(base, part)
    planes = withheld(part, 11)
    seen = np.setdiff1d(np.arange(11), planes)
    assert np.array_equal(image.array[seen], base.array[seen])
    assert image.array.dtype == np.float32
    assert (image.axes, image.voxel_size) == ("ZYX", VOXEL)
    assert about["degradation"] == f"{ID}_{part}"
    assert about["base"] == ID
    assert about["part"] == part
    assert about["sigma"] == SIGMA
    assert about["withheld_planes_from_0"] == planes
    assert ("filled" in about) == bool(planes)
    recorded, about = derived(base, part, "recorded")
    assert np.array_equal(recorded.array, image.array)
    assert about["base"] == "recorded"
    assert "sigma" not in about  # nothing is known of it


@given(st.sampled_from([part for part in PARTS if "rays" not in part]), st.integers(0, 2**32 - 1))
@hypothesis(max_examples=30, deadline=None)
def test_nothing_of_the_withheld_planes_reaches_a_method(part, seed):
    rng = np.random.default_rng(seed)
    n_planes = int(rng.integers(4, 14))
    stack = rng.random((n_planes, 3, 4), dtype=np.float32)
    planes = withheld(part, n_planes)
    other = stack.copy()
    other[planes] = rng.choice([0, 1, np.nan, np.inf, 7]).astype(np.float32)
    first, second = (derived(Volume(array, "ZYX", VOXEL), part) for array in (stack, other))
    assert first[0].array.tobytes() == second[0].array.tobytes()
    assert first[1] == second[1]


def test_a_part_needs_its_base():
    with pytest.raises(InputError, match="is made from sigma0.01"):
        observe(None, "cell", "phantoms", "sigma0.01_heldout", 0, {})


@pytest.mark.parametrize("part", ["heldout", "planes_odd", "planes_even"])
def test_the_model_repeats_withheld_planes_whatever_the_volume(truth, base, part):
    image, _ = derived(base, part)
    asked = problem(image, f"{ID}_{part}", SETTINGS)
    assert asked.forward.geometry == GEOMETRY
    assert asked.noise == noise_of(ID, {})
    planes, whole = withheld(part, 11), problem(base, ID, SETTINGS).forward
    seen = np.setdiff1d(np.arange(11), planes)
    for volume in (truth.array, 0.9 * truth.array):
        x = torch.from_numpy(volume).requires_grad_()
        light = asked.forward.apply(x)
        assert np.array_equal(light.detach()[planes], image.array[planes])
        assert torch.equal(light[seen], whole.apply(x)[seen])
        light[planes].sum().backward()
        assert x.grad.abs().max() == 0


@pytest.mark.parametrize("half", ["odd", "even"])
def test_the_model_has_half_of_the_rays(base, half):
    image, _ = derived(base, f"rays_{half}")
    asked = problem(image, f"{ID}_rays_{half}", SETTINGS)
    assert asked.forward.geometry == replace(GEOMETRY, half=half)
    assert asked.forward.withheld == ()


def test_residuals_are_those_of_the_given_planes(truth, base):
    image, _ = derived(base, "heldout")
    result = score(truth, truth, image, f"{ID}_heldout", SETTINGS, base=base)
    planes = [2, 5, 8]
    residual = base.array.astype(np.float64) - render(truth.array, GEOMETRY)
    seen = np.delete(residual, planes, axis=0)
    assert result["rms_residual"] == pytest.approx(np.sqrt(np.mean(seen**2)), rel=1e-6)
    assert result["chi_square"] == pytest.approx(np.mean(seen**2) / SIGMA**2, rel=1e-6)
    assert result["chi_square"] == pytest.approx(1, abs=0.1)
    assert result["chi_square_truth"] == result["chi_square"]
    assert result["residual_correlation"] == pytest.approx(residual_correlation(seen), abs=1e-6)
    assert abs(result["residual_correlation"]) < 0.1
    hidden = residual[planes]
    assert result["held_out_rms"] == pytest.approx(np.sqrt(np.mean(hidden**2)), rel=1e-6)
    between = (base.array[[1, 4, 7]] + base.array[[3, 6, 9]]) / 2 - base.array[planes]
    expected = np.sqrt(np.mean(between.astype(np.float64) ** 2))
    assert result["held_out_rms_interpolated"] == pytest.approx(expected, rel=1e-5)


def test_held_out_errors_are_scored_where_planes_were_held_out(truth, base):
    for part in PARTS:
        image, _ = derived(base, part)
        result = score(truth, truth, image, f"{ID}_{part}", SETTINGS, base=base)
        assert (
            set(HELD_OUT) <= set(result) if part == "heldout" else not set(HELD_OUT) & set(result)
        )
    assert not set(HELD_OUT) & set(score(truth, truth, base, ID, SETTINGS))
    image, _ = derived(base, "heldout")
    unknown = score(truth, truth, image, f"{ID}_heldout", SETTINGS)
    assert [unknown[key] for key in HELD_OUT] == [None, None]
    small = base._replace(array=base.array[:, 1:])
    with pytest.raises(InputError, match="recorded stack of shape"):
        score(truth, truth, image, f"{ID}_heldout", SETTINGS, base=small)


def test_scores_of_a_half_of_the_rays_are_by_its_own_model(truth):
    half = replace(GEOMETRY, half="odd")
    stack = truth._replace(array=render(truth.array, half))
    result = score(truth, truth, stack, "float_rays_odd", SETTINGS, base=stack)
    assert result == measure(truth.array, truth.array, stack.array, half, noise_of("float", {}))
    assert result["rms_residual"] < 1e-6
    assert score(truth, truth, stack, "float_rays_even", SETTINGS)["rms_residual"] > 1e-3


def test_an_explained_stack_tells_what_the_withheld_planes_show(truth):
    """Without noise the rays predict what lies between planes better than interpolation does."""
    exact = truth._replace(array=render(truth.array, GEOMETRY))
    image, _ = derived(exact, "heldout", "float")
    asked = problem(image, "float_heldout", SETTINGS)
    found = Lbfgs(max_evaluations=60).restore(asked, quick_run())
    estimate = truth._replace(array=found.estimate)
    result = score(truth, estimate, image, "float_heldout", SETTINGS, base=exact)
    assert result["held_out_rms_interpolated"] > 0.005
    assert result["held_out_rms"] < 0.05 * result["held_out_rms_interpolated"]


@pytest.mark.parametrize("part", ["heldout", "planes_odd", "planes_even"])
def test_the_minimiser_knows_which_planes_are_given(truth, part):
    """Its curvature leaves the others out; with all of them it steps too short."""
    exact = truth._replace(array=render(truth.array, GEOMETRY))
    image, _ = derived(exact, part, "float")
    asked = problem(image, f"float_{part}", SETTINGS)
    unaware = SimpleNamespace(rays=asked.forward.rays, geometry=asked.forward.geometry)
    left = []
    for forward in (asked.forward, unaware):
        found = Lbfgs(max_evaluations=16).restore(replace(asked, forward=forward), quick_run())
        light = asked.forward.apply(torch.from_numpy(found.estimate)).numpy()
        left.append(rms(image.array - light))
    assert left[0] < 0.3 * left[1]
