"""Curves of the refocus track: quality by plane, spectra, wrong inputs, budget of training."""

import math

import numpy as np
import pytest
from refocus_curve_results import HEIGHTS, PIXEL, SETTINGS, Curves, all_of, texture, trace

from focusbench.evaluation import published
from focusbench.optics.enlargement import enlarged
from focusbench.optics.refocus_degradation import degrade
from focusbench.report.figures import style
from focusbench.tracks.refocus import watched
from focusbench.tracks.refocus.budget_figure import budget, budget_caption
from focusbench.tracks.refocus.curve_looks import Curve, in_order, labels, looks
from focusbench.tracks.refocus.mismatch_figure import mismatch, mismatch_caption
from focusbench.tracks.refocus.planes_figure import planes, planes_caption
from focusbench.tracks.refocus.spectra_figure import spectra, spectra_caption

SIX = [f"cytology_s{slide}_f{field}" for slide in (4, 5) for field in (1, 2, 3)]
DASHED = "--"
METHODS = {"lowres": ("bicubic", "linear_per_plane", "mfpinet"), "highres": ("deep_z",)}


def axes_of(figure, words):
    return next(axes for axes in figure.axes if axes.get_ylabel().startswith(words))


def legend_of(figure):
    """Label -> its line."""
    (legend,) = figure.legends
    return dict(zip([t.get_text() for t in legend.get_texts()], legend.legend_handles, strict=True))


def check_edges(figure):
    """Nothing is cut off at the edges."""
    with style():
        figure.draw_without_rendering()
        inner, outer = figure.get_tightbbox(), figure.bbox_inches
    assert min(inner.x0, inner.y0) >= -0.01
    assert inner.x1 <= outer.x1 + 0.01
    assert inner.y1 <= outer.y1 + 0.01


def line_of(figure, axes, label):
    """Line of a method, known by its look in the legend; levels and grids have no such look."""
    wanted = legend_of(figure)[label]
    (line,) = [
        line
        for line in axes.lines
        if line.get_color() == wanted.get_color()
        and line.get_marker() == wanted.get_marker()
        and line.get_fillstyle() == wanted.get_fillstyle()
        and line.is_dashed() == wanted.is_dashed()
        and len(line.get_xdata()) > 1
    ]
    return line


# --- by plane -----------------------------------------------------------------------------------

LEVEL = {"bicubic": 24.0, "linear_per_plane": 26.0, "mfpinet": 27.0, "deep_z": 28.0}


def by_plane(samples=SIX, methods=METHODS, more=(), **changed):
    """PSNR of a plane: a level of the method, more in the middle, and 1 dB from field to field."""
    items = [(s, d, m) for s in samples for d, names in methods.items() for m in names]
    found = {}
    for sample, degradation, method in (*items, *more):
        psnr = [LEVEL.get(method, 20.0) + samples.index(sample) - abs(z) / 2.7 for z in HEIGHTS]
        found[sample, degradation, method] = {
            "psnr": psnr,
            "ssim": [0.9] * len(psnr),
            "mae": [3.0] * len(psnr),
            "nuclear_absorbance": [0.05] * len(psnr),
        }
    found |= changed.get("planes", {})
    return Curves([*items, *more], planes=found)


def test_planes_are_means_over_fields_with_bootstrap_bands():
    results = by_plane()
    figure = planes(results, SETTINGS)
    axes = axes_of(figure, "PSNR, dB")
    line = line_of(figure, axes, "mfpinet")
    assert np.allclose(line.get_xdata(), HEIGHTS)
    assert np.allclose(line.get_ydata(), 27 + 2.5 - np.abs(HEIGHTS) / 2.7)
    low, high = (f(band_of(axes, line)[:, 1]) for f in (np.min, np.max))
    # a mean of 0 to 5 drawn anew: half as wide as the fields, but no point
    assert 27 - 2 + 0.7 < low < 27 - 2 + 1.6
    assert 27 + 3.4 < high < 27 + 4.3
    assert "95 % bootstrap" in planes_caption(results, SETTINGS)
    assert "6 fields (cytology_s4_f1" in planes_caption(results, SETTINGS)
    check_edges(figure)


def band_of(axes, line):
    (band,) = [
        one
        for one in axes.collections
        if np.allclose(one.get_facecolor()[0][:3], rgb(line.get_color()))
    ]
    return band.get_paths()[0].vertices


def rgb(colour):
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def test_of_few_fields_the_band_is_lowest_to_highest():
    results = by_plane(SIX[:3])
    figure = planes(results, SETTINGS)
    axes = axes_of(figure, "PSNR, dB")
    band = band_of(axes, line_of(figure, axes, "mfpinet"))
    middle = band[band[:, 0] == 0]
    assert {round(float(y), 6) for y in middle[:, 1]} == {27.0, 29.0}
    assert "bands: the lowest and the highest field" in planes_caption(results, SETTINGS)
    assert "no spread" in planes_caption(by_plane(SIX[:1]), SETTINGS)


def test_gains_are_paired_by_field():
    figure = planes(by_plane(), SETTINGS)
    axes = axes_of(figure, "PSNR over linear_per_plane")
    line = line_of(figure, axes, "mfpinet")
    assert np.allclose(line.get_ydata(), 1.0)  # in every field the same: no band
    assert not axes.collections
    without = {"lowres": ("bicubic", "mfpinet")}
    axes = axes_of(planes(by_plane(methods=without), SETTINGS), "PSNR over bicubic")
    assert any(np.allclose(line.get_ydata(), 3.0) for line in axes.lines)


def test_dashes_tell_the_input_and_fillings_the_variants():
    more = [(s, "highres", "bicubic") for s in SIX] + [
        (s, "lowres", "mfpinet_no_adversarial") for s in SIX
    ]
    figure = planes(by_plane(more=more), SETTINGS)
    handles = legend_of(figure)
    assert handles["deep_z"].is_dashed()
    assert not handles["mfpinet"].is_dashed()
    assert {"bicubic (lowres)", "bicubic (highres)"} < set(handles)
    own, variant = handles["mfpinet"], handles["mfpinet_no_adversarial"]
    assert own.get_color() == variant.get_color()
    assert (own.get_fillstyle(), variant.get_fillstyle()) == ("full", "none")
    assert any(label.startswith("highres: ") for label in handles)
    alone = legend_of(planes(by_plane(methods={"lowres": ("mfpinet",)}), SETTINGS))
    assert list(alone) == ["mfpinet"]  # nothing to tell apart


def test_one_plane_is_a_mark_and_an_exact_plane_a_gap():
    exact = {"psnr": [20.0, 21.0, "inf", 21.0, 20.0], "mae": [1.0] * 5}
    single = {"psnr": [None, None, 33.0, None, None]}
    more = [(SIX[0], "highres", "bicubic"), (SIX[0], "lowres", "srgan")]
    given = {more[0]: exact, more[1]: single}
    results = by_plane(SIX[:1], more=more, planes=given)
    axes = axes_of(planes(results, SETTINGS), "PSNR, dB")
    marks = [line for line in axes.lines if np.isfinite(line.get_ydata()).sum() == 1]
    assert [line.get_ydata()[2] for line in marks] == [33.0]
    assert marks[0].get_linestyle() == "None"
    gaps = [line for line in axes.lines if np.isfinite(line.get_ydata()).sum() == 4]
    assert len(gaps) == 1
    caption = planes_caption(results, SETTINGS)
    assert "has no finite PSNR: bicubic (highres) at 0 µm" in caption
    assert "Of one plane only: srgan." in caption


def test_fields_without_nuclei_are_no_part_of_their_mean():
    results = by_plane()
    for (sample, *_), table in results.planes.items():
        if sample != SIX[0]:
            table["nuclear_absorbance"] = [None] * 5
    axes = axes_of(planes(results, SETTINGS), "nuclear absorbance error")
    assert all(np.allclose(line.get_ydata(), 0.05) for line in axes.lines)
    caption = planes_caption(results, SETTINGS)
    assert "Of nuclear absorbance error: the 1 of them that have it." in caption
    assert "Of PSNR" not in caption


def test_published_curves_have_a_panel_that_says_what_they_are():
    figure = planes(by_plane(), SETTINGS)
    axes = next(axes for axes in figure.axes if "not comparable" in axes.get_title())
    table = published.values("refocus_table2")
    for method in ("deep_z", "mfpinet"):
        printed = table[table["method"] == method].sort_values("focal_depth_um")["psnr_db"]
        assert any(np.allclose(line.get_ydata(), printed) for line in axes.lines)
    assert {line.get_color() for line in axes.lines} == {"#777777"}
    assert "not comparable with ours" in planes_caption(by_plane(), SETTINGS)


def test_planes_without_scores_say_so():
    results = Curves([(SIX[0], "lowres", "mfpinet"), (SIX[0], "lowres_up1", "mfpinet")])
    words = planes(results, SETTINGS).texts[0].get_text()
    assert words in planes_caption(results, SETTINGS)
    other = by_plane(more=[(SIX[0], "lowres_jpeg", "mfpinet")])
    assert "Not shown: lowres_jpeg." in planes_caption(other, SETTINGS)


# --- spectra ------------------------------------------------------------------------------------


def of_spectra(samples=SIX[:2], methods=METHODS):
    """White truths; estimates with 1/2 of their amplitude: 6 dB less power everywhere."""
    stacks = {sample: texture(i) for i, sample in enumerate(samples)}
    items = [(s, d, m) for s in samples for d, names in methods.items() for m in names]
    for sample, degradation, method in items:
        weaker = np.rint(128 + (stacks[sample].astype(float) - 128) / 2).astype(np.uint8)
        stacks[sample, degradation, method] = weaker[2:3] if method == "srgan" else weaker
    return Curves(items, stacks=stacks)


def test_spectra_are_those_of_grey_images_and_their_ratio_is_power():
    results = of_spectra(methods={"lowres": ("bicubic", "mfpinet", "srgan")})
    figure = spectra(results, SETTINGS)
    assert [axes.get_title() for axes in figure.axes[:3]] == ["−5.4 µm", "0 µm", "+5.4 µm"]
    above, below = figure.axes[1], figure.axes[4]
    grey = np.array([0.299, 0.587, 0.114])
    spread = (76**2 - 1) / 12 * np.square(grey).sum()  # of even numbers from 90 to 165
    truth = line_of_all(figure, above, "truth")
    # power is density: of white noise its variance times the pixel's area
    assert np.mean(truth.get_ydata()) == pytest.approx(spread * PIXEL**2, rel=0.1)
    assert truth.get_xdata()[-1] == pytest.approx(1 / (2 * PIXEL))
    ratio = line_of(figure, below, "mfpinet").get_ydata()
    assert np.allclose(ratio, -6.02, atol=0.2)
    lines = [len(axes.lines) for axes in figure.axes[:3]]
    assert lines[1] == lines[0] + 1 == lines[2] + 1  # srgan has one plane
    nyquist = [x for line in above.lines if len(set(x := list(line.get_xdata()))) == 1]
    assert nyquist == [[1.0, 1.0]]  # 1 / (4 x 0.25 um)
    caption = spectra_caption(results, SETTINGS)
    assert "input of half the size, 1 cycles/µm" in caption
    assert "Of the plane at 0 µm only: srgan." in caption
    assert "Mean power over 2 fields" in caption
    check_edges(figure)


def line_of_all(figure, axes, label):
    wanted = legend_of(figure)[label]
    return next(line for line in axes.lines if line.get_color() == wanted.get_color())


def test_spectra_take_few_fields_and_not_what_is_the_truth_itself():
    samples = [*SIX, "cytology_s5_f4"]
    results = of_spectra(samples, {"highres": ("bicubic", "deep_z")})
    figure = spectra(results, SETTINGS)
    assert "bicubic" not in legend_of(figure)
    assert {sample for sample, *_ in results.read} == set(samples[:4])
    assert not any("Nyquist" in text.get_text() for axes in figure.axes for text in axes.texts)
    assert "3 more are not shown" in spectra_caption(results, SETTINGS)


def test_no_truth_no_spectra():
    results = Curves([(SIX[0], "lowres", "mfpinet")])
    words = spectra(results, SETTINGS).texts[0].get_text()
    assert words in spectra_caption(results, SETTINGS)


# --- another input than trained for -------------------------------------------------------------

STUDY = ("lowres", "lowres_up1", "lowres_down1", "lowres_up2", "offmodel", "lowres_jpeg")
LOST = {"lowres": 0, "lowres_up1": 1, "lowres_down1": 2, "lowres_up2": 4, "offmodel": 0.5}


def of_wrong(samples=SIX, names=STUDY, methods=("linear_per_plane", "mfpinet", "srgan")):
    items = all_of(samples, names, methods)
    table, planes_known = {}, {}
    for item in items:
        sample, name, method = item
        lost = LOST.get(name, 9) * (1 + samples.index(sample) / 10)
        psnr = math.nan if method == "srgan" else 30 + samples.index(sample) - lost
        table[item] = {"psnr": psnr, "psnr_middle": 40 - 2 * lost}
        planes_known[item] = {"psnr": [psnr] * 5}
    return Curves(items, table, planes_known)


def test_mismatch_is_lost_against_the_nominal_input_of_the_same_field():
    results = of_wrong()
    figure = mismatch(results, SETTINGS)
    every, middle, bars = figure.axes
    line = line_of(figure, every, "mfpinet")
    assert np.allclose(line.get_xdata(), [-2.7, 0, 2.7, 5.4])
    assert np.allclose(line.get_ydata(), np.array([2, 0, 1, 4]) * 1.25)
    assert np.allclose(line_of(figure, middle, "srgan").get_ydata(), np.array([2, 0, 1, 4]) * 2.5)
    with pytest.raises(ValueError, match="unpack"):
        line_of(figure, every, "srgan")
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([0.625, 1.25, 0.625])
    names = [text.get_text() for text in bars.get_yticklabels()]
    assert names == ["linear_per_plane", "srgan\n(0 µm alone)", "mfpinet"]
    caption = mismatch_caption(results, SETTINGS)
    assert "photon noise at 20000 electrons" in caption
    assert "Not shown: lowres_jpeg." in caption
    assert "95 % bootstrap" in caption
    check_edges(figure)


def test_mismatch_shows_only_what_was_run():
    figure = mismatch(of_wrong(names=("lowres", "lowres_up1")), SETTINGS)
    assert len(figure.axes) == 2
    assert "Bars" not in mismatch_caption(of_wrong(names=("lowres", "lowres_up1")), SETTINGS)
    (bars,) = mismatch(of_wrong(SIX[:2], ("lowres", "offmodel")), SETTINGS).axes
    assert "another camera" in bars.get_title()
    for names in (("lowres",), ("lowres_up1",), ("lowres", "lowres_jpeg")):
        results = of_wrong(SIX[:2], names)
        words = mismatch(results, SETTINGS).texts[0].get_text()
        assert words in mismatch_caption(results, SETTINGS)


# --- budget -------------------------------------------------------------------------------------

CURVE = [20.0, 24.0, 26.0, 27.0]


def of_budget(final=27.0, linear=26.5, bicubic=24.0, validation=None, **changed):
    items = all_of(SIX[::3], ["lowres"], ["bicubic", "linear_per_plane", "mfpinet", "srgan"])
    psnr = {"bicubic": bicubic, "linear_per_plane": linear, "mfpinet": final, "srgan": math.nan}
    table = {
        item: {"psnr": psnr[item[2]], "psnr_middle": 30.0 + (item[2] != "bicubic")}
        for item in items
    }
    traces = {
        "linear_per_plane": trace([25.5]),
        "mfpinet": trace([None, *CURVE]),
        "srgan": trace([28.0, 30.0, 31.5]),
    }
    stacks = {} if validation is None else {"cytology_s6_f1": validation}
    return Curves(items, table, traces=traces, stacks=stacks, **changed)


def levels_of(axes):
    return [one.get_ydata()[0] for one in axes.lines if list(one.get_xdata()) == [0, 1]]


def test_budget_is_of_the_validation_field_alone():
    results = of_budget()
    figure = budget(results, SETTINGS)
    every, single = figure.axes
    assert every.get_xlabel() == "CPU-seconds of training"
    curve, level = sorted(every.lines, key=lambda one: -len(one.get_xdata()))
    assert np.allclose(curve.get_xdata(), [16, 32, 64, 128])
    assert np.allclose(curve.get_ydata(), CURVE)
    # the filters' own; that of bicubic is not known, and of the test fields none is drawn
    assert levels_of(every) == [level.get_ydata()[0]] == [25.5]
    assert [list(one.get_ydata()) for one in single.lines] == [[28.0, 30.0, 31.5]]
    caption = budget_caption(results, SETTINGS)
    assert "Horizontal, of the same field: linear_per_plane." in caption
    assert "Not shown: bicubic" in caption
    assert "mfpinet +1.00" in caption  # from 64 to 128 s
    check_edges(figure)


def test_budget_tells_gains_there_and_on_the_test_fields_by_slide():
    results = of_budget(validation=texture(5, side=16))
    for (sample, *_, method), values in results.table.items():
        if method == "mfpinet":
            values["psnr"] += {SIX[0]: 0.6, SIX[3]: -0.3}[sample]
    caption = budget_caption(results, SETTINGS)
    level = levels_of(budget(results, SETTINGS).axes[1])[0]
    assert (
        "On the validation field trainings end, dB, against linear_per_plane: mfpinet +1.50; "
        f"against bicubic at 0 µm: srgan {31.5 - level:+.2f}. On the test fields (2, of other "
        "slides) against linear_per_plane over all planes, dB: mfpinet +0.65 (slide 4 +1.10, "
        "slide 5 +0.20). There mfpinet has +1.00 dB against bicubic at 0 µm. "
    ) in caption
    assert "does not get there" not in caption


def test_budget_compares_with_bicubic_on_the_validation_field_where_it_is_there():
    stack = texture(5, side=16)
    results = of_budget(validation=stack)
    axes = budget(results, SETTINGS).axes
    made = enlarged(degrade(stack[2]))
    errors = [np.square(plane - made.astype(float)).mean() for plane in stack]
    wanted = [10 * math.log10(255**2 / one) for one in errors]
    levels = [levels_of(part) for part in axes]
    assert any(level == pytest.approx(np.mean(wanted)) for level in levels[0])
    assert levels[1] == [pytest.approx(wanted[2])]
    assert "same field: bicubic and linear_per_plane." in budget_caption(results, SETTINGS)


def test_a_budget_that_is_too_small_is_said_to_be():
    results = of_budget(final=26.7)
    assert "mfpinet +0.20 (slide 4 +0.20, slide 5 +0.20)" in budget_caption(results, SETTINGS)
    assert "in this budget it does not get there" in budget_caption(results, SETTINGS)


def test_what_was_not_trained_on_a_cpu_has_wall_time():
    results = of_budget(device="NVIDIA X")
    figure = budget(results, SETTINGS)
    assert figure.axes[0].get_xlabel() == "seconds of training"
    line = next(one for one in figure.axes[0].lines if len(one.get_xdata()) == 4)
    assert line.get_xdata()[-1] == 64
    assert "Wall time" in budget_caption(results, SETTINGS)


def test_an_untrained_network_does_not_set_the_scale():
    results = of_budget()
    results.traces["mfpinet"] = trace([3.0, 20.0, 26.0])
    assert budget(results, SETTINGS).axes[0].get_ylim()[0] == 25.5 - 8
    assert "8 dB below the lowest end or level is cut off" in budget_caption(results, SETTINGS)


def test_nothing_watched_nothing_shown():
    results = of_budget()
    results.traces = {"mfpinet": trace([None, None])}
    words = budget(results, SETTINGS).texts[0].get_text()
    assert words in budget_caption(results, SETTINGS)


# --- parts --------------------------------------------------------------------------------------


def test_curves_are_named_and_ordered_alike():
    curves = [Curve("highres", "bicubic"), Curve("lowres", "mfpinet"), Curve("lowres", "bicubic")]
    order = in_order([*curves, *curves])
    assert order == [curves[2], curves[0], curves[1]]
    assert list(labels(order).values()) == ["bicubic (lowres)", "bicubic (highres)", "mfpinet"]
    variant = Curve("lowres", "mfpinet_no_adversarial")
    alone, beside = looks([variant], SETTINGS), looks([variant, curves[1]], SETTINGS)
    assert alone[variant] == beside[variant]  # whoever else is shown


def test_the_middle_of_a_large_field_is_watched():
    stack = np.zeros((3, 800, 40, 3), np.uint8)
    stack[:, 16:784] = 1
    part = watched.watched(stack)
    assert part.shape == (3, watched.SIDE, 40, 3)
    assert part.all()
    assert watched.watched(part) is not None
    assert watched.watched(part).shape == part.shape
