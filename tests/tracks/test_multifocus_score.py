"""Every metric of a restored volume."""

import json
import math

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.evaluation.metrics import psnr, ssim
from focusbench.images import Volume
from focusbench.optics.rays import Geometry, render
from focusbench.problem import Noise
from focusbench.tracks.multifocus.metrics import HELD_OUT, LOSS_OF_RANGE, METRICS
from focusbench.tracks.multifocus.score import measure, score

GEOMETRY = Geometry(n_slices=11, aperture_grid=5)
SIGMA = 0.01


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    volume = 1 - 0.3 * (rng.uniform(size=(11, 16, 17)) > 0.7)
    return volume.astype(np.float32)


@pytest.fixture(scope="module")
def observed(truth):
    image = render(truth, GEOMETRY)
    noise = np.random.default_rng(1).normal(0, SIGMA, image.shape)
    return (image + noise).astype(np.float32)


def test_every_metric_is_there_and_is_json(truth, observed):
    estimate = np.clip(truth + 0.02, 0, 1).astype(np.float32)
    result = measure(truth, estimate, observed, GEOMETRY, Noise(SIGMA))
    assert list(result) == [key for key in METRICS if key not in HELD_OUT]
    assert all(isinstance(value, float) for value in result.values())
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["psnr"] == psnr(truth, estimate, 1.0)
    assert result["psnr"] - result["psnr_range0.3"] == pytest.approx(LOSS_OF_RANGE)
    assert pytest.approx(10.4576, abs=1e-4) == LOSS_OF_RANGE
    assert result["ssim_wang_3d"] == ssim(truth, estimate, 1.0, "wang_3d")
    assert result["ssim_wang_2d"] == ssim(truth, estimate, 1.0, "wang_2d")
    assert result["ssim_paper"] == ssim(truth, estimate, 2.0, "paper")


def test_the_truth_explains_the_data_and_another_volume_does_not(truth, observed):
    exact = measure(truth, truth, observed, GEOMETRY, Noise(SIGMA))
    # 2,992 values: the standard error of chi-square is sqrt(2 / 2992) = 0.026
    assert exact["chi_square"] == pytest.approx(1, abs=0.1)
    assert exact["rms_residual"] == pytest.approx(SIGMA, rel=0.05)
    assert exact["chi_square"] == exact["chi_square_truth"]
    assert exact["psnr"] == "inf"
    assert float(exact["psnr"]) == math.inf
    flat = np.ones_like(truth)
    other = measure(truth, flat, observed, GEOMETRY, Noise(SIGMA))
    residual = observed - render(flat, GEOMETRY)
    assert other["rms_residual"] == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-5)
    assert other["chi_square"] > 10
    assert other["chi_square_truth"] == exact["chi_square"]


def test_without_truth_only_consistency_is_scored(truth, observed):
    result = measure(None, truth, observed, GEOMETRY, Noise(SIGMA))
    assert {key for key, value in result.items() if value is not None} == {
        "rms_residual",
        "chi_square",
        "residual_correlation",
        "residual_flatness",
    }


@pytest.mark.parametrize("noise", [None, Noise()])
def test_without_noise_there_is_no_chi_square(truth, observed, noise):
    result = measure(truth, truth, observed, GEOMETRY, noise)
    assert result["chi_square"] is None
    assert result["chi_square_truth"] is None
    assert result["rms_residual"] > 0


def test_a_volume_too_small_for_a_window_has_no_ssim():
    geometry = Geometry(n_slices=3, aperture_grid=5)
    volume = np.full((3, 12, 12), 0.9, np.float32)
    image = render(volume, geometry)
    result = measure(volume, volume, image, geometry, Noise(SIGMA))
    assert result["ssim_wang_3d"] is None
    assert result["ssim_wang_2d"] == 1
    assert result["ssim_paper"] == 1
    tiny = volume[:, :8]
    result = measure(tiny, tiny, image[:, :8], geometry, Noise(SIGMA))
    assert result["ssim_wang_2d"] is None
    assert result["ssim_paper"] is None


def test_volumes_that_do_not_fit_together_are_refused(truth, observed):
    with pytest.raises(InputError, match="equal shapes"):
        measure(truth, truth[:, :15], observed, GEOMETRY, Noise(SIGMA))
    with pytest.raises(InputError, match="equal shapes"):
        measure(truth[:, :15], truth, observed, GEOMETRY, Noise(SIGMA))


def test_a_benchmark_item_is_scored_with_its_own_noise_and_geometry(truth, observed):
    settings = {"numerical_aperture": 0.75, "aperture_grid": 5}
    voxel_size = (1.0, 0.92, 0.92)
    volumes = [Volume(array, "ZYX", voxel_size) for array in (truth, truth, observed)]
    float_noise = score(*volumes, "float_sigma0.01", settings)
    assert float_noise == measure(truth, truth, observed, GEOMETRY, Noise(SIGMA))
    assert float_noise["chi_square"] != score(*volumes, "sigma0.01", settings)["chi_square"]
    own = [None, *volumes[1:]]
    assert score(*own, "recorded", settings)["chi_square"] is None
    known = score(*own, "recorded", {**settings, "noise_sigma": SIGMA})
    assert known["chi_square"] == float_noise["chi_square"]


def test_labels_say_range_and_variant():
    assert "range 1" in METRICS["psnr"].settings
    assert "range 0.3" in METRICS["psnr_range0.3"].settings
    assert "range 2" in METRICS["ssim_paper"].settings
    assert METRICS["chi_square"].higher_is_better is None
