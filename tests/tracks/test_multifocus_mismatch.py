"""The figure of what a wrong NA or z step costs, from made-up results."""

import numpy as np
import pytest
from saved_figures import check_saved

from focusbench.tracks.multifocus.mismatch import mismatch, mismatch_caption

DEGRADATIONS = ("na0.60", "na0.80", "clean", "step0.90", "step1.10", "offmodel")
SAMPLES = ("engine", "teapot")


@pytest.fixture
def wrong(make_run, tmp_path):
    return make_run(
        tmp_path, samples=SAMPLES, degradations=DEGRADATIONS, methods=("transparent", "lbfgs")
    )


def means(axes):
    """Thick lines: (x, y) of each, in the order that they were drawn."""
    return [
        (line.get_xdata(), line.get_ydata())
        for line in axes.lines
        if line.get_linewidth() > 1 and len(line.get_xdata()) > 2
    ]


def psnr(results, degradation, method):
    scores = results.scores().set_index(["sample", "degradation", "method", "seed"])["psnr"]
    return np.mean([scores[(sample, degradation, method, 0)] for sample in SAMPLES])


def test_errors_are_those_of_what_methods_are_told(wrong, settings):
    above_na, above_step, below_na, below_step = mismatch(wrong, settings).axes
    (_, _), (x, y) = means(above_na)
    assert x == pytest.approx([100 * (0.75 / 0.8 - 1), 0, 100 * (0.75 / 0.6 - 1)])
    names = ("na0.80", "clean", "na0.60")
    assert y == pytest.approx([psnr(wrong, name, "lbfgs") for name in names])
    (_, _), (x, y) = means(above_step)
    assert x == pytest.approx([100 * (1 / 1.1 - 1), 0, 100 * (1 / 0.9 - 1)])
    names = ("step1.10", "clean", "step0.90")
    assert y == pytest.approx([psnr(wrong, name, "lbfgs") for name in names])
    for axes in (below_na, below_step):
        ((x, y),) = means(axes)  # what needs no imaging model loses nothing: not drawn
        assert y[list(x).index(0)] == 0
    (_, y), right = means(below_na)[0], psnr(wrong, "clean", "lbfgs")
    assert y[0] == pytest.approx(psnr(wrong, "na0.80", "lbfgs") - right)
    assert above_na.get_ylabel() == "PSNR (range 1), dB"
    assert below_na.get_xlabel() == "NA: told minus real, %"
    assert below_step.get_xlabel() == "z step: told minus real, %"


def test_each_sample_is_a_thin_line(wrong, settings):
    axes = mismatch(wrong, settings).axes[0]
    thin = [line for line in axes.lines if line.get_linewidth() < 0.75]
    assert len(thin) == 2 * len(SAMPLES)


def test_caption_names_what_is_told_and_what_is_left_out(wrong, settings):
    caption = mismatch_caption(wrong, settings)
    assert "NA 0.75, z step 1 µm" in caption
    assert "0 % is clean" in caption
    assert "Not shown: offmodel" in caption
    loss = psnr(wrong, "na0.60", "lbfgs") - psnr(wrong, "clean", "lbfgs")
    assert f"lbfgs NA told +25 %: {loss:+.1f} dB" in caption


def test_noisy_ones_are_compared_with_noise_alone(make_run, settings, tmp_path):
    results = make_run(
        tmp_path,
        samples=SAMPLES,
        degradations=("clean", "na0.60_sigma0.01", "sigma0.01"),
        methods=("lbfgs",),
    )
    assert "0 % is sigma0.01" in mismatch_caption(results, settings)
    assert "Not shown: clean" in mismatch_caption(results, settings)
    figure = mismatch(results, settings)
    assert len(figure.axes) == 2  # no wrong step: one column
    line = figure.axes[0].lines[-2]
    assert line.get_ydata()[0] == pytest.approx(psnr(results, "sigma0.01", "lbfgs"))


def test_without_the_right_value_there_is_no_loss(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=SAMPLES, degradations=("na0.60", "na0.70", "na0.80"), methods=("lbfgs",)
    )
    assert len(mismatch(results, settings).axes) == 1
    assert "The right value (clean) was not restored" in mismatch_caption(results, settings)


@pytest.mark.parametrize(
    "selection",
    [
        {"samples": ()},
        {"samples": ("engine",), "degradations": ("clean",)},
        {"samples": ("mine",), "degradations": ("na0.60",), "truth_of": lambda sample: False},
    ],
    ids=["nothing", "nothing wrong", "no truth"],
)
def test_nothing_to_show_is_said(make_run, settings, tmp_path, selection):
    results = make_run(tmp_path, **selection)
    assert "No degradation" in mismatch(results, settings).texts[0].get_text()
    assert "No degradation" in mismatch_caption(results, settings)


def test_a_method_that_met_few_degradations_is_drawn_there(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=SAMPLES, degradations=DEGRADATIONS, methods=("iterative", "lbfgs")
    )
    kept = [item for item in results.items if (item.method, item.degradation) != ("lbfgs", "clean")]
    results.items = kept
    figure = mismatch(results, settings)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["iterative", "lbfgs"]
    losses = mismatch_caption(results, settings)
    assert "iterative NA told" in losses
    assert "lbfgs NA told" not in losses


def test_a_line_breaks_where_the_right_value_is_missing(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=SAMPLES, degradations=DEGRADATIONS, methods=("iterative", "lbfgs")
    )
    results.items = [
        item
        for item in results.items
        if item[:3] not in {("engine", "clean", "lbfgs"), ("engine", "na0.80", "iterative")}
    ]
    thick = [one for one in mismatch(results, settings).axes[0].lines if one.get_marker() != "None"]
    (_, iterative), (x, lbfgs) = (one.get_data() for one in thick)
    assert list(np.isnan(lbfgs)) == [False, True, False]
    assert x[1] == 0
    assert np.isfinite(iterative).all()  # over a wrong value a line goes on
    thin = [x for x in mismatch(results, settings).axes[0].lines if x.get_linewidth() < 0.75]
    assert [bool(np.isnan(line.get_ydata()).any()) for line in thin].count(True) == 1
    caption = mismatch_caption(results, settings)
    assert "Lines break at 0 %, where the right value is missing: lbfgs." in caption


def test_a_line_breaks_where_nothing_has_the_right_value(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=SAMPLES, degradations=("na0.60", "na0.70", "na0.80"), methods=("lbfgs",)
    )
    ((x, y),) = means(mismatch(results, settings).axes[0])
    assert list(np.isnan(y)) == [error == 0 for error in x]
    caption = mismatch_caption(results, settings)
    assert "Lines break at 0 %, where the right value is missing: lbfgs." in caption
    assert "below" not in caption  # there are no losses to show


def test_caption_has_sides_only_where_there_are_two_panels(wrong, settings):
    caption = mismatch_caption(wrong, settings)
    assert "a wrong aperture (left) or a wrong step between focal planes (right) costs" in caption
    assert "Lines break" not in caption
    wrong.items = [item for item in wrong.items if not item.degradation.startswith("na")]
    caption = mismatch_caption(wrong, settings)
    assert caption.startswith("What a wrong step between focal planes costs: ")
    assert "left" not in caption.replace("left out", "")
    assert "right)" not in caption


def test_bytes_repeat_and_nothing_is_cut_off(wrong, settings, tmp_path):
    check_saved(lambda: mismatch(wrong, settings), tmp_path)
