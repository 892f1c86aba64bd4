"""What wrong levels, lenses and pixels cost."""

import numpy as np
import pytest
from defocus_restored import SETTINGS, Fields, items, metrics

from focusbench.tracks.defocus.figures import mismatch, mismatch_caption

METHOD = "depth_variant_field_oracle"
RIGHT = {"level03_poisson": 60.0, "level08_poisson": 57.0}
# PSNR, and gain over the observation
WRONG = {
    "level03_na0.45_poisson": (59.0, 3.0),
    "level08_na0.45_poisson": (56.5, 3.0),
    "level03_na0.55_poisson": (58.0, 5.0),
    "level08_pixel0.60_poisson": (56.0, 4.0),
    "level03_subsamples1_poisson": (59.9, 4.0),
    "offmodel_poisson": (55.0, 2.0),
}
GAIN = {"level03_poisson": 4.0, "level08_poisson": 6.0}


def study(samples=("a",), method=METHOD, **changed):
    wrong = changed.get("wrong", WRONG)
    right = changed.get("right", RIGHT)
    found = items(samples, [*right, *wrong], [method])
    table, others = {}, {}
    for item in found:
        name, extra = item[1], 0.5 * (item[0] == "b")
        psnr, gain = wrong.get(name, (right.get(name), GAIN.get(name)))
        lost = extra if name in wrong else 0
        table[item] = metrics(psnr - lost, gain - lost)
        if name in right:
            others[item] = {
                f"level{error:+d}": {"psnr_65535": psnr - abs(error) - extra}
                for error in (-2, -1, 1, 2)
            } | {"best": {"psnr_65535": 0.0}}
    return Fields(found, table, others=others if changed.get("told", True) else {})


def panel(figure, words):
    return next(axes for axes in figure.axes if axes.get_xlabel().startswith(words))


def values(axes):
    """Points of the solid lines with marks, by their colour's order."""
    return [line for line in axes.lines if line.get_marker() not in ("", "None", None)]


def test_a_wrong_level_is_compared_with_the_right_one():
    figure = mismatch(study(), SETTINGS)
    lines = values(panel(figure, "told level"))
    assert len(lines) == 2  # levels 3 and 8
    for line in lines:
        assert np.allclose(line.get_xdata(), [-2, -1, 0, 1, 2])
        assert np.allclose(line.get_ydata(), [2, 1, 0, 1, 2])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["level 3", "level 8", "observation"]


def test_a_wrong_lens_is_compared_with_the_nominal_one_of_the_same_level():
    figure = mismatch(study(), SETTINGS)
    axes = panel(figure, "true NA (told: 0.5)")
    three, eight = values(axes)
    assert np.allclose(three.get_xdata(), [0.45, 0.5, 0.55])
    assert np.allclose(three.get_ydata(), [1, 0, 2])
    assert np.allclose(eight.get_ydata(), [0.5, 0])
    # what the observation itself lost: 56 dB at the right NA, then 56 and 53
    dotted = [line for line in axes.lines if line.is_dashed()]
    assert any(np.allclose(line.get_ydata(), [0, 0, 3]) for line in dotted)
    assert any(line.get_xdata()[0] == 0.5 for line in axes.lines if len(line.get_xdata()) == 2)
    (pixel,) = values(panel(figure, "true pixel, µm (told: 0.65)"))
    assert np.allclose(pixel.get_xdata(), [0.6, 0.65])
    assert np.allclose(pixel.get_ydata(), [1, 0])


def test_bars_of_another_sampling_and_off_the_model():
    figure = mismatch(study(), SETTINGS)
    axes = panel(figure, "true PSF")
    assert axes.get_ylabel() == "PSNR or gain lost, dB"  # of those off the model the gain
    others = [one.get_ylabel() for one in figure.axes if one is not axes]
    assert len(others) == 3
    assert all(words.endswith("PSNR lost, dB") for words in others)  # their scales differ
    heights = [bar.get_height() for bar in axes.patches]
    # off the model: level 5.5 lies halfway between 3 and 8, where the gain would be 5 dB
    assert heights == pytest.approx([0.1, 5.0 - 2.0])
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["1 x 1 points\nlevel 3", "off-model\nlevel 5.5"]
    caption = mismatch_caption(study(), SETTINGS)
    assert "made with 1 x 1, those that methods are told with 5 x 5" in caption
    assert "Richards-Wolf PSF, 9 x 9 points" in caption


def test_means_are_over_samples():
    figure = mismatch(study(("a", "b")), SETTINGS)
    three = values(panel(figure, "true NA"))[0]
    assert np.allclose(three.get_ydata(), [1.25, 0, 2.25])
    caption = mismatch_caption(study(("a", "b")), SETTINGS)
    assert "Means over 2 fields (a, b)" in caption
    assert "level -2: +2.2, +2: +2.2" in caption  # 2 and 2.5


def test_only_what_was_run_is_shown():
    results = study(wrong={"level03_na0.45_poisson": (59.0, 3.0), "tilted_poisson": (50.0, 1.0)})
    figure = mismatch(results, SETTINGS)
    assert {axes.get_xlabel() for axes in figure.axes} == {
        "told level minus true",
        "true NA (told: 0.5)",
    }
    caption = mismatch_caption(results, SETTINGS)
    assert "Not shown: tilted_poisson." in caption
    assert "Off-model" not in caption
    levels = mismatch(study(wrong={}), SETTINGS)
    assert len(levels.axes) == 1


def test_no_right_value_nothing_to_compare():
    for results in (study(right={}, told=False), study(wrong={}, told=False)):
        figure = mismatch(results, SETTINGS)
        assert figure.texts[0].get_text() in mismatch_caption(results, SETTINGS)


def test_rows_are_methods_and_a_gap_is_said():
    results = study()
    more = study(method="blind", wrong={"level03_na0.45_poisson": (59.0, 3.0)}, told=False)
    results.items += more.items
    results.table |= more.table
    figure = mismatch(results, SETTINGS)
    assert sum(axes.get_ylabel().endswith("\nPSNR lost, dB") for axes in figure.axes) == 2
    gaps = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert gaps.count("not restored") == 2  # levels, pixel size
