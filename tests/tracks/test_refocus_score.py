"""Every metric of a refocused stack."""

import json
import math

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.evaluation.colour_metrics import plane_scores
from focusbench.evaluation.nuclear_absorbance import nuclei
from focusbench.images import Volume
from focusbench.optics.refocus_degradation import jpeg_round_trip
from focusbench.tracks.refocus.metrics import GROUPS, METRICS, OF_A_PLANE
from focusbench.tracks.refocus.observe import observe
from focusbench.tracks.refocus.score import score

VOXEL = (2.7, 0.4, 0.4)
PLANES, SIDE = 3, 48
OFFMODEL = {"offmodel": {"sigma": 1.0, "electrons": 20000}}


@pytest.fixture(scope="module")
def truth():
    """Three planes of one cell with a nucleus, that grow paler; uint8 (3, 48, 48, 3)."""
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(y - 24, x - 22)
    absorbance = np.clip(20 - away, 0, 1)[..., None] * np.array([0.14, 0.06, 0.05])
    absorbance = absorbance + np.clip(8 - away, 0, 1)[..., None] * np.array([0.45, 0.4, 0.25])
    stack = [240 * 10 ** (-absorbance * strength) for strength in (0.7, 1.0, 0.8)]
    noise = np.random.default_rng(0).normal(0, 1, (PLANES, SIDE, SIDE, 3))
    return Volume(np.rint(stack + noise).clip(10, 245).astype(np.uint8), "ZYXC", VOXEL)


def scored(truth, estimate, degradation="lowres"):
    observed, about = observe(truth, "field", "cytology", degradation, 0, OFFMODEL)
    return score(truth, Volume(estimate, "ZYXC", VOXEL), observed, degradation, {}, about)


def test_an_exact_stack(truth):
    result = scored(truth, truth.array)
    for suffix in GROUPS:
        assert result[f"psnr{suffix}"] == "inf"
        assert result[f"ssim{suffix}"] == 1
        for key in ("mse", "mae", "nuclear_absorbance", "nuclear_iod"):
            assert result[f"{key}{suffix}"] == 0
    assert result["rms_residual"] == 0
    assert result["details"]["planes"]["psnr"] == ["inf"] * PLANES
    json.dumps(result)


def test_means_are_of_the_planes(truth):
    """A mean of PSNRs: by a mean error of 9.65 the paper's 38.64 dB would have been 38.29."""
    assert 10 * math.log10(255**2 / 9.65) == pytest.approx(38.29, abs=0.005)
    estimate = truth.array + np.array([2, 4, 10], np.uint8)[:, None, None, None]
    result = scored(truth, estimate)
    psnrs = [20 * math.log10(255 / error) for error in (2, 4, 10)]
    assert result["psnr"] == pytest.approx(np.mean(psnrs))
    assert result["psnr"] > 10 * math.log10(255**2 / np.mean([4, 16, 100])) + 1
    assert result["psnr_middle"] == pytest.approx(psnrs[1])
    assert result["psnr_others"] == pytest.approx((psnrs[0] + psnrs[2]) / 2)
    assert result["mse"] == pytest.approx(40)
    assert (result["mse_middle"], result["mse_others"]) == (16, 52)
    assert result["mae"] == pytest.approx(16 / 3)
    assert (result["mae_middle"], result["mae_others"]) == (4, 6)


def test_one_exact_plane_makes_the_mean_infinite(truth):
    estimate = truth.array.copy()
    estimate[0] += 3
    result = scored(truth, estimate)
    assert result["psnr"] == result["psnr_others"] == result["psnr_middle"] == "inf"
    assert result["mse_others"] == 4.5
    estimate = truth.array.copy()
    estimate[1] += 3
    result = scored(truth, estimate)
    assert result["psnr_others"] == "inf"
    assert result["psnr_middle"] == pytest.approx(20 * math.log10(85))


def test_details_are_by_plane(truth):
    estimate = truth.array + np.array([2, 4, 10], np.uint8)[:, None, None, None]
    result = scored(truth, estimate)
    planes = result["details"]["planes"]
    assert set(planes) == {"z", *OF_A_PLANE}
    assert planes["z"] == [-2.7, 0.0, 2.7]
    assert planes["mse"] == [4, 16, 100]
    for key in OF_A_PLANE:
        assert result[key] == pytest.approx(np.mean(planes[key]))
        assert result[f"{key}_middle"] == planes[key][1]
    assert planes["ssim"][2] == plane_scores(truth.array[2], estimate[2])["ssim"]
    assert result["details"]["nuclei"] == 1


def test_nuclei_are_those_of_the_true_middle_plane(truth):
    where = nuclei(truth.array[1], VOXEL[-1]) > 0
    assert where.any()
    estimate = truth.array.copy()
    estimate[:, ~where] = 77  # outside, anything may be shown
    assert scored(truth, estimate)["nuclear_absorbance"] == 0
    estimate = truth.array.copy()
    estimate[2, where] = np.rint(estimate[2, where] * 0.5).astype(np.uint8)
    result = scored(truth, estimate)
    assert result["details"]["planes"]["nuclear_absorbance"][:2] == [0, 0]
    assert result["nuclear_absorbance_others"] == pytest.approx(math.log10(2) / 2, rel=0.01)
    assert result["nuclear_iod"] == pytest.approx(2 / 3 * result["nuclear_iod_others"])
    assert result["nuclear_iod"] > 10


def test_without_nuclei_there_is_no_error_of_them():
    noise = np.random.default_rng(0).integers(236, 243, (PLANES, 40, 40, 3)).astype(np.uint8)
    result = scored(Volume(noise, "ZYXC", VOXEL), noise)
    assert result["nuclear_absorbance"] is result["nuclear_iod_middle"] is None
    assert result["details"]["nuclei"] == 0
    assert result["mse"] == 0


def test_one_plane_is_compared_with_the_middle_one(truth):
    result = scored(truth, truth.array[1:2] + np.uint8(4))
    assert result["mse_middle"] == 16
    assert result["nuclear_absorbance_middle"] > 0
    for key in OF_A_PLANE:
        assert result[key] is result[f"{key}_others"] is None
    assert result["details"]["planes"]["z"] == [0.0]
    assert result["details"]["planes"]["mse"] == [16]
    assert scored(truth, truth.array[1:2])["rms_residual"] == 0
    # of a wrong focus its only plane is what the input is re-made from, and 0 um what it is for
    result = scored(truth, truth.array[2:3], "lowres_up1")
    assert result["rms_residual"] == 0
    assert result["mse_middle"] > 0


@pytest.mark.parametrize("degradation", ["lowres", "highres"])
@pytest.mark.parametrize(("suffix", "plane"), [("", 1), ("_up1", 2), ("_down1", 0)])
def test_the_residual_is_that_of_the_plane_that_was_degraded(truth, degradation, suffix, plane):
    estimate = truth.array.copy()
    estimate[[other for other in range(PLANES) if other != plane]] = 50
    assert scored(truth, estimate, degradation + suffix)["rms_residual"] == 0
    estimate = truth.array.copy()
    estimate[plane] += 5
    residual = scored(truth, estimate, degradation + suffix)["rms_residual"]
    assert residual == pytest.approx(5, abs=0.05)
    assert scored(truth, estimate, degradation + suffix)["mse"] == pytest.approx(25 / 3)


def test_an_offmodel_input_is_re_made_by_the_nominal_model(truth):
    assert 0.3 < scored(truth, truth.array, "offmodel")["rms_residual"] < 10


def test_jpeg_comes_before_everything(truth):
    estimate = truth.array.copy()
    estimate[:, 5:9, 5:9] = (200, 20, 20)
    result = scored(truth, estimate, "highres_jpeg")
    exact = jpeg_round_trip(jpeg_round_trip(truth.array))
    found = jpeg_round_trip(estimate)
    for index in range(PLANES):
        expected = plane_scores(exact[index], found[index])
        for key, value in expected.items():
            assert result["details"]["planes"][key][index] == pytest.approx(value)
    seen = jpeg_round_trip(truth.array[1]).astype(float)
    assert result["rms_residual"] == pytest.approx(math.sqrt(np.mean((seen - found[1]) ** 2)))
    assert result["mse"] != scored(truth, estimate, "highres")["mse"]
    # an exact stack is written once less than the truth
    assert scored(truth, truth.array, "lowres_jpeg")["rms_residual"] == 0


def test_without_a_truth_only_the_residual_is_known(truth):
    observed, about = observe(truth, "field", "cytology", "lowres", 0, {})
    result = score(None, truth, observed, "lowres", {}, about)
    assert result["rms_residual"] == 0
    assert all(result[key] is None for key in METRICS if key != "rms_residual")
    assert "details" not in result


def test_without_a_voxel_size_nuclei_are_not_looked_for(truth):
    observed, about = observe(truth, "field", "cytology", "lowres", 0, {})
    result = score(truth._replace(voxel_size=None), truth, observed, "lowres", {}, about)
    assert result["nuclear_absorbance"] is result["details"]["nuclei"] is None
    assert result["details"]["planes"]["z"] == [None] * PLANES
    assert result["psnr"] == "inf"


def test_every_metric_is_scored_and_its_range_told(truth):
    result = scored(truth, truth.array)
    assert set(result) == {*METRICS, "details"}
    for key, metric in METRICS.items():
        assert metric.higher_is_better is key.startswith(("psnr", "ssim"))
        assert metric.label
        told = metric.settings
        assert "range 255" in told or "0 to " in told or "0 or more" in told
    assert len({metric.label for metric in METRICS.values()}) == len(METRICS)
    assert "11 pixels" in METRICS["ssim_others"].settings
    assert "0 um" in METRICS["psnr_middle"].settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stack: stack.astype(np.float32), "estimate: float32 .*uint8"),
        (lambda stack: stack[..., 0], "estimate: uint8 .*uint8 of shape"),
        (lambda stack: stack[:2], r"\(3, 48, 48, 3\) and \(1, 48, 48, 3\) are accepted"),
        (lambda stack: stack[:, ::2, ::2], "are accepted, an odd number of planes"),
    ],
)
def test_estimates_that_are_refused(truth, change, message):
    with pytest.raises(InputError, match=message):
        scored(truth, change(truth.array))


def test_a_truth_of_another_shape_is_refused(truth):
    observed, about = observe(truth, "field", "cytology", "lowres", 0, {})
    other = truth._replace(array=truth.array[:, :-2])
    with pytest.raises(InputError, match=r"truth of shape .*\(3, 48, 48, 3\) is accepted"):
        score(other, truth, observed, "lowres", {}, about)
