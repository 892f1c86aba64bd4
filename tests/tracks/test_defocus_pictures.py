"""Pictures of restored fields: figures 7 and 9, and recordings."""

import math

import numpy as np
import pytest
from defocus_restored import PATCH, SETTINGS, Fields, field, items, metrics
from matplotlib.colors import BoundaryNorm

from focusbench.evaluation.metrics import psnr, ssim
from focusbench.tracks.defocus import figures
from focusbench.training.level_map import BG

PHANTOMS = ("beads", "ring", "cells")
RESTORERS = ("depth_variant_rectangular", "depth_invariant", "blind", "depth_variant_field")
MONTAGES = ("depth_variant_rectangular", "depth_variant_triangular", "depth_variant_field")
ORACLES = ("depth_variant_rectangular_oracle", "depth_variant_field_oracle")


def drawn(name, results, settings=SETTINGS):
    return getattr(figures, name)(results, settings), getattr(figures, f"{name}_caption")(
        results, settings
    )


def pictures(figure):
    return [axes for axes in figure.axes if axes.images]


def titled(figure, title):
    """Field of the first band under a heading."""
    return next(a for a in pictures(figure) if a.get_title().replace("\n", "") == title)


@pytest.mark.parametrize("name", ["fig7", "fig8", "fig9", "mismatch", "recordings"])
def test_nothing_to_show_is_said(name):
    for results in (Fields([]), Fields(items(["a"], ["level04"], ["input"]), unknown=["a"])):
        figure, caption = drawn(name, results)
        assert figure.texts[0].get_text() in caption
        assert "Preset quick" in caption


# --- fig7 -----------------------------------------------------------------------------------------


def phantoms(samples=PHANTOMS, methods=("input", *RESTORERS), **more):
    found = items(samples, ["level04_poisson"], methods)
    table = {item: metrics(50 + i) for i, item in enumerate(found)}
    told = {("delpnet", sample): [4] for sample in samples}
    return Fields(found, table, told=told, **more)


def test_fig7_shows_fields_with_the_numbers_of_both_ranges():
    results = phantoms()
    figure, caption = drawn("fig7", results)
    shown = pictures(figure)
    assert len(shown) == 3 * (2 + len(RESTORERS))
    truth, seen = field("beads"), results.seen("beads")
    assert np.array_equal(titled(figure, "in focus").images[0].get_array(), truth)
    observed = titled(figure, "observed")
    wanted = psnr(truth, seen, 65535), ssim(truth, seen, 65535, "wang_2d")
    assert observed.get_xlabel().startswith("{:.1f} dB, {:.3f}\n".format(*wanted))
    wanted = psnr(truth, seen, np.ptp(truth)), ssim(truth, seen, np.ptp(truth), "wang_2d")
    assert "{:.1f} dB, {:.3f}".format(*wanted) in observed.get_xlabel().split("\n")[1]
    blind = titled(figure, "blind")
    psnr_of = results.table["beads", "level04_poisson", "blind", 0]["psnr_65535"]
    lines = blind.get_xlabel().split("\n")
    assert lines == [f"{psnr_of:.1f} dB, 0.990", f"{psnr_of - 36:.1f} dB, 0.800", "PSF not told"]
    assert "level 4 (delpnet)" in titled(figure, "depth_variant_field").get_xlabel()
    scales = {axes.images[0].norm.vmax for axes in shown[:6]}
    assert len(scales) == 1  # one grey scale a row
    bars = [axes for axes in figure.axes if axes.get_ylabel() == "counts"]
    assert len(bars) == 3 + 1  # of the three rows, and the profiles' axis
    assert "level04_poisson" in caption
    assert "first with the range 65535" in caption
    assert "63.8 dB" in caption


def test_fig7_draws_profiles_of_the_cells_along_the_arrow():
    results = phantoms()
    figure, caption = drawn("fig7", results)
    (axes,) = [one for one in figure.axes if one.get_xlabel().startswith("along the arrow")]
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["in focus", "observed", *RESTORERS]
    row = int(caption.split("(row ")[1].split(",")[0])
    assert np.array_equal(lines["in focus"].get_ydata(), field("cells")[row])
    assert np.array_equal(lines["observed"].get_ydata(), results.seen("cells")[row])
    steps = np.square(np.diff(field("cells"), axis=1)).sum(axis=1)
    assert row == steps.argmax()
    assert np.allclose(np.diff(lines["observed"].get_xdata()), 0.65)


def test_fig7_says_what_is_missing():
    some = [*items(["beads"], ["level04"], ["blind"]), *items(["mine"], ["level04"], ["mine"])]
    figure, caption = drawn("fig7", Fields(some, {}))
    assert "Not there: ring and cells" in caption
    assert "Not run: depth_variant_rectangular, depth_invariant" in caption
    empty = [axes.get_xlabel() for axes in pictures(figure) if "not run" in axes.get_xlabel()]
    assert len(empty) == 2  # each method on the other's sample
    assert any("- dB, -" in axes.get_xlabel() for axes in pictures(figure))  # no score


def test_fig7_takes_variants_where_the_published_were_not_run():
    methods = ["depth_invariant", "blind", "depth_variant_field_poisson"]
    results = phantoms(methods=methods)
    figure, _ = drawn("fig7", results)
    assert titled(figure, "depth_variant_field_poisson").images


# --- fig9 -----------------------------------------------------------------------------------------


def montages(samples=("a", "b", "c"), methods=(*MONTAGES, *ORACLES), told=(3, 4, BG)):
    found = items(samples, ["tilted_poisson"], methods)
    table = {
        item: metrics(60, gain=-3.4 if "rectangular" in item[2] else 2.9, seam_excess=0.25)
        for item in found
    }
    return Fields(found, table, told={("delpnet", s): told for s in samples} if told else {})


def test_fig9_enlarges_the_place_of_the_plainest_seams():
    results = montages()
    figure, caption = drawn("fig9", results)
    first = titled(figure, "depth_variant_rectangular")
    (frame,) = first.patches
    x, y = (round(value + 0.5) for value in frame.get_xy())
    high, wide = round(frame.get_height()), round(frame.get_width())
    assert (high, wide) == (24, 32)  # 1.5 and 2 patches
    whole = first.images[0].get_array()
    parts = [
        a.images[0].get_array()
        for a in pictures(figure)
        if a.images[0].get_array().shape == (high, wide)
    ]
    assert any(np.array_equal(part, whole[y : y + high, x : x + wide]) for part in parts)
    # the patch that is brighter than its neighbours has a corner inside
    assert y < 32 < y + high + 16
    assert x < 32 < x + wide + 16
    assert f"a: rows {y} to {y + high - 1}, columns {x} to {x + wide - 1}" in caption
    beneath = [axes.get_xlabel() for axes in pictures(figure)]
    assert "-3.4 dB, seams +25.0 %" in beneath
    assert "+2.9 dB, seams +25.0 %\ntrue levels" in beneath
    assert f"patches of {PATCH} x {PATCH} pixels" in caption
    assert "Not shown: the samples c." in caption


def test_fig9_has_one_grey_scale_a_field_and_levels_in_colour():
    figure, caption = drawn("fig9", montages())
    maps = [a for a in pictures(figure) if isinstance(a.images[0].norm, BoundaryNorm)]
    greys = [a for a in pictures(figure) if a not in maps]
    assert len({axes.images[0].norm.vmax for axes in greys}) == 2  # of two fields
    assert len(maps) == 2 * 2 * 2  # true and predicted, whole and enlarged, of two fields
    assert any(np.ma.is_masked(axes.images[0].get_array()) for axes in maps)  # background
    assert "levels in colour" in caption


def test_fig9_does_with_what_was_run():
    figure, caption = drawn("fig9", montages(["a"], MONTAGES[1:], told=None))
    assert "Not run: depth_variant_rectangular." in caption
    assert "no result of patches side by side" in caption
    assert all("oracle" not in axes.get_title() for axes in pictures(figure))
    figure, caption = drawn("fig9", montages(["a"], ORACLES, told=None))
    titles = [axes.get_title() for axes in pictures(figure) if axes.get_title()]
    assert titles[:2] == ["in focus", "observed"]
    assert len(titles) == 2 + 1 + len(ORACLES)  # the true levels among them


@pytest.mark.parametrize("last", [False, True])
def test_fig9_has_of_each_family_what_is_listed_first(last):
    variant = "depth_variant_field_poisson"
    methods = [variant, *MONTAGES] if last else [*MONTAGES, variant]
    figure, caption = drawn("fig9", montages(["a"], methods, told=None))
    titles = [axes.get_title().replace("\n", "") for axes in pictures(figure)]
    assert (variant in titles) == last
    assert ("depth_variant_field" in titles) != last
    assert f"Not shown: {'depth_variant_field' if last else variant}" in caption


def test_fig9_enlarges_nothing_of_a_field_that_is_hardly_larger_than_a_window():
    settings = {**SETTINGS, "track": {**SETTINGS["track"], "patch": 28}}
    figure, caption = drawn("fig9", montages(["a"], MONTAGES, told=None), settings)
    assert "enlarged beneath: nothing" in caption
    assert not any(axes.patches for axes in pictures(figure))


# --- recordings -----------------------------------------------------------------------------------


def recorded(unknown=()):
    methods = ("input", "depth_variant_field", "field_32um")
    found = items(["mine", "yours"], ["recorded"], methods)
    table = {item: metrics(66.04) for item in found}
    told = {("delpnet", sample): [10, 9, 10] for sample in ("mine", "yours")}
    return Fields(found, table, told=told, unknown=unknown)


def test_recordings_show_the_partner_on_a_scale_of_its_own():
    results = recorded()
    figure, caption = drawn("recordings", results)
    truth = field("mine")
    partner = titled(figure, "in focus")
    assert np.array_equal(partner.images[0].get_array(), truth)
    others = [titled(figure, name) for name in ("recorded", "depth_variant_field", "field_32um")]
    assert len({axes.images[0].norm.vmax for axes in others}) == 1
    assert partner.images[0].norm.vmax != others[0].images[0].norm.vmax
    beneath = [axes.get_xlabel() for axes in pictures(figure)]
    made = results.restored(results.items[1]).array
    r = np.corrcoef(truth.ravel(), made.ravel())[0, 1]
    assert f"r = {r:.3f}, 30.0 dB\nmedian level 10 (9 to 10)\n(delpnet)" in beneath
    assert f"r = {r:.3f}, 30.0 dB\ntold level 16 (32 µm)" in beneath
    assert any(text.startswith("own scale: ") for text in beneath)
    assert "mine: 56 x 40 pixels of 0.65 µm" in caption
    assert "factor and offset" in caption


def test_recordings_without_a_partner_claim_nothing():
    figure, caption = drawn("recordings", recorded(unknown=["mine", "yours"]))
    assert "sharper is not truer" in caption
    assert "in focus" not in [axes.get_title() for axes in pictures(figure)]
    assert not any("r = " in axes.get_xlabel() for axes in pictures(figure))
    assert math.isfinite(titled(figure, "recorded").images[0].norm.vmax)
