"""Every metric of a restored field."""

import json
import math

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.evaluation.metrics import psnr, ssim
from focusbench.evaluation.nuclei_count import count
from focusbench.evaluation.seams import seam_excess
from focusbench.images import Volume
from focusbench.optics.defocus_psf import level_psfs
from focusbench.optics.field_blur import blur
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.tracks.defocus.iterates import measure
from focusbench.tracks.defocus.metrics import METRICS
from focusbench.tracks.defocus.observe import observe
from focusbench.tracks.defocus.score import chi_square, fitted, score
from focusbench.tracks.defocus.truth import truth

SHAPE = (70, 100)
OPTICS = {
    **{"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451},
    **{"pixel_size": 0.65, "step": 2.0, "levels": 11, "side": 51, "subsamples": 1},
    "convention": "standard",
}
SETTINGS = {
    **{"optics": OPTICS, "patch": 30, "data": {}, "pixel_size": 0.65},
    "tilted": {"lowest": 0, "highest": 10, "angle": 30},
    "nuclei": {"shape": list(SHAPE), "nuclei": [160, 160]},
}
CONSISTENCY = {"rms_residual", "chi_square"}
OF_TRUTH = {"psnr_65535", "psnr_own", "psnr_gain", "ssim_65535", "ssim_own", "ssim_ratio"}


@pytest.fixture(scope="module")
def field():
    return truth("nuclei_test4", "nuclei", SETTINGS)


def case(field, degradation):
    return observe(field, "nuclei_test4", "nuclei", degradation, 0, SETTINGS)


@pytest.fixture(scope="module")
def tilted(field):
    return case(field, "tilted_poisson")


def image(array):
    return Volume(np.asarray(array, np.float32), "YX", (0.65, 0.65))


def scored(field, estimate, observed, about, degradation="tilted_poisson"):
    result = score(field, image(estimate), observed, degradation, SETTINGS, about)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return result


def test_every_metric_is_there(field, tilted):
    observed, about = tilted
    estimate = 0.5 * (field.array + observed.array)
    result = scored(field, estimate, observed, about)
    assert list(result) == [*METRICS, "details"]
    true, seen = field.array, observed.array
    own = float(true.max() - true.min())
    assert result["psnr_65535"] == psnr(true, estimate, 65535)
    assert result["psnr_own"] == psnr(true, estimate, own)
    gain = psnr(true, estimate, 65535) - psnr(true, seen, 65535)
    assert result["psnr_gain"] == pytest.approx(gain, abs=1e-9)
    assert gain > 5
    assert result["ssim_65535"] == ssim(true, estimate, 65535, "wang_2d")
    assert result["ssim_own"] == ssim(true, estimate, own, "wang_2d") < result["ssim_65535"]
    assert result["ssim_ratio"] == result["ssim_65535"] / ssim(true, seen, 65535, "wang_2d") > 1
    assert result["seam_excess"] == seam_excess(estimate, true, PatchGrid(SHAPE, 30))
    counted = [result[key] for key in ("nuclei", "nuclei_observed", "nuclei_truth")]
    assert counted == [count(one) for one in (estimate, seen, true)]
    assert counted[2] > 3


def test_consistency_is_that_of_the_nominal_lens_at_the_true_levels(field, tilted):
    observed, about = tilted
    estimate = 0.9 * field.array
    result = scored(field, estimate, observed, about)
    kernels = level_psfs(range(11), side=51, in_focus="untouched")
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    along = y * math.sin(math.radians(30)) + x * math.cos(math.radians(30))
    levels = 10 * (along - along.min()) / np.ptp(along)
    expected = blur(estimate, kernels, levels.clip(0, 10), offset=100.0)
    residual = observed.array.astype(float) - expected
    assert result["rms_residual"] == pytest.approx(math.sqrt(np.mean(residual**2)), rel=1e-4)
    assert result["chi_square"] == pytest.approx(np.mean(residual**2 / expected), rel=1e-4)


def test_an_exact_estimate(field, tilted):
    observed, about = tilted
    result = scored(field, field.array, observed, about)
    assert result["psnr_65535"] == result["psnr_own"] == result["psnr_gain"] == "inf"
    assert result["ssim_65535"] == result["ssim_own"] == pytest.approx(1)
    assert result["seam_excess"] == pytest.approx(0, abs=1e-12)
    assert result["nuclei"] == result["nuclei_truth"]
    # what the noise leaves: 1, of which the draw takes or adds a little
    assert result["chi_square"] == pytest.approx(1, abs=4 * math.sqrt(2 / field.array.size))
    assert set(result["details"]["patches"]["psnr"]) == {"inf"}


def test_rounding_alone(field):
    observed, about = case(field, "level03")
    result = scored(field, field.array, observed, about, "level03")
    assert result["chi_square"] == pytest.approx(1, abs=0.05)
    assert result["rms_residual"] == pytest.approx(math.sqrt(1 / 12), rel=0.03)


def test_an_exact_observation(field):
    observed, about = case(field, "level00")
    assert scored(field, field.array, observed, about, "level00")["psnr_gain"] == 0
    assert scored(field, field.array + 1, observed, about, "level00")["psnr_gain"] == "-inf"


def test_patches_that_lie_side_by_side_in_full(field, tilted):
    observed, about = tilted
    about = {**about, "levels": {**about["levels"], "background": [0]}}
    estimate = 0.5 * (field.array + observed.array)
    found = scored(field, estimate, observed, about)["details"]["patches"]
    assert list(zip(found["y"], found["x"], strict=True)) == [
        (y, x) for y in (0, 30) for x in (0, 30, 60)
    ]
    for i, (y, x) in enumerate(zip(found["y"], found["x"], strict=True)):
        place = (slice(y, y + 30), slice(x, x + 30))
        true, one, other = (a[place] for a in (field.array, estimate, observed.array))
        assert found["psnr"][i] == psnr(true, one, 65535)
        assert found["psnr_observed"][i] == psnr(true, other, 65535)
        assert found["ssim"][i] == ssim(true, one, 65535, "wang_2d")
        assert found["ssim_observed"][i] == ssim(true, other, 65535, "wang_2d")
    assert found["level"] == [-1, 4, 6, 3, 5, 7]  # rising along x, and along y by half as much


def test_without_a_truth(field, tilted):
    observed, _ = tilted
    unknown = {"noise": None, "levels": None}
    result = scored(None, 2 * observed.array, observed, unknown, "recorded")
    assert list(result) == list(METRICS)
    missing = {key for key, value in result.items() if value is None}
    assert missing == OF_TRUTH | CONSISTENCY | {"nuclei_truth"}
    expected = seam_excess(2 * observed.array, observed.array, PatchGrid(SHAPE, 30))
    assert result["seam_excess"] == pytest.approx(expected)


def test_a_recording_with_a_truth_of_another_unit(field):
    """Estimate and observation are fitted to it; data consistency is that of what was recorded."""
    observed, about = case(field, "level05")
    about = {"noise": None, "levels": {**about["levels"], "background": []}}
    partner = image(3 * field.array + 50)
    result = scored(partner, field.array, observed, about, "recorded")
    assert result["psnr_gain"] in ("inf", pytest.approx(150, abs=100))  # up to rounding
    assert result["ssim_own"] == pytest.approx(1, abs=1e-6)
    assert result["rms_residual"] == pytest.approx(math.sqrt(1 / 12), rel=0.1)
    assert result["chi_square"] is None
    result = scored(partner, observed.array + 10, observed, about, "recorded")
    assert result["psnr_gain"] == pytest.approx(0, abs=1e-3)  # an offset gains nothing
    least = fitted(partner.array.astype(float), observed.array.astype(float))
    assert result["psnr_65535"] == pytest.approx(psnr(partner.array, least, 65535), abs=1e-3)
    details = result["details"]["patches"]
    assert details["psnr_observed"][0] == pytest.approx(
        psnr(partner.array[:30, :30], least[:30, :30], 65535)
    )
    unknown = scored(partner, field.array, observed, {"noise": None, "levels": None}, "recorded")
    assert unknown["rms_residual"] is None
    assert set(unknown["details"]["patches"]["level"]) == {None}


def test_the_fit_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    target, given = rng.uniform(size=(2, 20, 30))
    slope, intercept = np.polyfit(given.ravel(), target.ravel(), 1)
    assert fitted(target, given) == pytest.approx(slope * given + intercept)
    assert fitted(target, np.ones((20, 30))) == pytest.approx(np.full((20, 30), target.mean()))


def test_a_single_patch_has_no_seams_and_an_empty_truth_no_range():
    flat = image(np.full((30, 30), 120))
    about = {"noise": None, "levels": None}
    result = score(flat, flat, flat, "level00", {**SETTINGS}, about)
    assert result["seam_excess"] is None
    assert result["psnr_own"] is None
    assert result["ssim_own"] is None
    assert result["nuclei"] == 0
    wide = image(np.full(SHAPE, 120))
    assert score(wide, wide, wide, "level00", SETTINGS, about)["seam_excess"] is None


def test_the_least_count_is_that_of_one_photon(tilted):
    observed, about = tilted
    nothing = np.zeros(SHAPE)
    result = scored(None, nothing, observed, about)
    assert math.isfinite(result["chi_square"])
    assert result["chi_square"] > 1000


def test_noise_of_a_camera_adds_to_that_of_photons():
    from focusbench.problem import Noise

    residual, expected = np.full((2, 2), 3.0), np.full((2, 2), 5.0)
    assert chi_square(residual, expected, Noise(2.0, photons=1.0)) == pytest.approx(1)
    assert chi_square(residual, expected, Noise(3.0)) == pytest.approx(1)
    assert chi_square(residual, expected, None) is None
    assert chi_square(residual, expected, Noise()) is None


def test_of_single_estimates(field, tilted):
    estimate = tilted[0].array
    result = scored(field, estimate, *tilted)
    found = measure(field.array, estimate)
    assert found == {key: result[key] for key in ("psnr_65535", "psnr_own", "ssim_65535")}
    assert list(measure(np.ones((5, 5)), np.zeros((5, 5)))) == ["psnr_65535"]


@pytest.mark.parametrize(
    ("estimate", "words"),
    [(np.ones((70, 99)), "equal shapes"), (np.full(SHAPE, np.nan), "NaN or infinity")],
)
def test_refused(field, tilted, estimate, words):
    with pytest.raises(InputError, match=words) as error:
        scored(field, estimate, *tilted)
    assert "\n" not in str(error.value)
