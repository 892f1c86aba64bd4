"""Gain and SSIM by level: figure 8."""

import numpy as np
import pytest
from defocus_restored import SETTINGS, Fields, items, metrics, patch_details

from focusbench.evaluation import published
from focusbench.tracks.defocus.figures import fig8, fig8_caption

FIELD, INVARIANT = "depth_variant_field", "depth_invariant"
LEVELS = ("level00_poisson", "level04_poisson", "level10_poisson")
GAINS = {FIELD: [1.0, 2.0, 3.0, 6.0], INVARIANT: [0.0, 0.5, 0.5, 1.0]}


def study(samples=("a", "b"), degradations=LEVELS, own=True, **changed):
    found = items(samples, degradations, ["input", FIELD, INVARIANT])
    patches = {}
    for item in found:
        sample, degradation, method, _ = item
        gain = np.array(changed.get("gains", GAINS).get(method, [0.0] * 4)) + (sample == "b")
        level = int(degradation[5:7])
        ssim = 0.6 if method == "input" else 0.9
        patches[item] = patch_details(level, list(gain), ssim, 0.6, own)
    return Fields(found, {item: metrics() for item in found}, patches=patches)


def curves(axes):
    """Values and bars of each line by its colour."""
    bars = {}
    for group in axes.collections:
        colour = tuple(group.get_colors()[0][:3])
        bars[colour] = [segment[:, 1] for segment in group.get_segments()]
    return bars


def test_marks_are_means_and_bars_quartiles_over_patches():
    results = study()
    figure = fig8(results, SETTINGS)
    gain, ssim, ratio, ssim_own, ratio_own = [
        next(a for a in figure.axes if a.get_ylabel().startswith(name) and end in a.get_ylabel())
        for name, end in (
            ("PSNR", ""),
            ("SSIM (", "65535"),
            ("SSIM over", "65535"),
            ("SSIM (", "own"),
            ("SSIM over", "own"),
        )
    ]
    values = np.array([*GAINS[FIELD], *(one + 1 for one in GAINS[FIELD])])
    line = next(one for one in gain.lines if np.allclose(one.get_ydata()[:1], values.mean()))
    assert np.allclose(line.get_ydata(), values.mean())  # the same made-up gains at each level
    ends = [tuple(np.percentile(values, (25, 75)))] * 3
    assert any(np.allclose(found, ends) for found in curves(gain).values())
    assert [text.get_text() for text in gain.get_xticklabels()] == ["0", "4", "10"]
    assert any(np.allclose(one.get_ydata(), 0.9) for one in ssim.lines)
    assert any(np.allclose(one.get_ydata(), 0.6) for one in ssim.lines)  # the observation
    assert any(np.allclose(one.get_ydata(), 50) for one in ratio.lines)
    assert any(np.allclose(one.get_ydata(), 0.45) for one in ssim_own.lines)
    assert any(np.allclose(one.get_ydata(), 50) for one in ratio_own.lines)


def test_patches_of_background_do_not_count_and_the_number_is_told():
    caption = fig8_caption(study(), SETTINGS)
    assert " 8 patches a level (of 2 fields: a and b); the paper has about 45." in caption
    assert "Fewer than in the paper: level 0, 4, 10." in caption
    assert "500" not in caption


def test_published_ranges_are_named():
    claims = published.values("defocus_claims").set_index("claim")["value"]
    caption = fig8_caption(study(), SETTINGS)
    assert f"{claims['depth_variant_psnr_gain_max']:g} dB (depth-variant)" in caption
    assert "0 to 1.5 dB (depth-invariant)" in caption
    assert "0.66 to 1 (depth-variant)" in caption
    assert "0 to 11 %" in caption
    assert "likely another" not in caption  # the made-up SSIM is as low as the paper's


def test_what_lies_far_below_is_cut_off_and_told():
    results = study(gains={FIELD: [1, 2, 3, 4], INVARIANT: [-30, -30, -30, -30]})
    figure = fig8(results, SETTINGS)
    assert figure.axes[0].get_ylim()[0] == pytest.approx(-8)
    assert f"of {INVARIANT}, ends at -30.0 dB" in fig8_caption(results, SETTINGS)
    assert "cut off" not in fig8_caption(study(), SETTINGS)


def test_patches_that_equal_the_truth_are_left_out():
    results = study()
    table = results.patches["a", "level00_poisson", FIELD, 0]
    table["psnr"][0], table["ssim"][1] = "inf", None
    caption = fig8_caption(results, SETTINGS)
    assert "Left out: 1 patches that equal the truth" in caption
    assert all(
        np.isfinite(line.get_ydata()).all()
        for a in fig8(results, SETTINGS).axes
        for line in a.lines
    )


def test_without_the_own_range_its_panels_are_not_there():
    figure = fig8(study(own=False), SETTINGS)
    assert len(figure.axes) == 3
    assert "with that of the whole truth" not in fig8_caption(study(own=False), SETTINGS)


def test_other_degradations_are_named_and_not_mixed_in():
    others = ("tilted_poisson", "level05_na0.45_poisson", "level05")
    results = study(degradations=LEVELS)
    more = items(["a"], others, [FIELD])
    results.items += Fields(more).items
    results.patches |= {item: patch_details(5, [40.0] * 4) for item in more}
    caption = fig8_caption(results, SETTINGS)
    assert "Not shown: tilted_poisson, level05_na0.45_poisson and level05." in caption
    labels = [text.get_text() for text in fig8(results, SETTINGS).axes[0].get_xticklabels()]
    assert labels == ["0", "4", "10"]


def test_a_method_may_be_missing_at_a_level():
    results = study()
    results.items = [i for i in results.items if i[1:3] != ("level04_poisson", INVARIANT)]
    figure = fig8(results, SETTINGS)
    broken = [line for line in figure.axes[0].lines if np.isnan(line.get_ydata()).any()]
    assert len(broken) == 1
    results.items = [i for i in results.items if i.method != INVARIANT]
    assert f"Not run: {INVARIANT}." in fig8_caption(results, SETTINGS)
