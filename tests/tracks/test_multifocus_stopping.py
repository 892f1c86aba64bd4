"""The figure of early stopping, from made-up results of known peaks and stops."""

import json

import numpy as np
import pytest
from saved_figures import check_saved

from focusbench import paths
from focusbench.files import write_json
from focusbench.paths import Restored
from focusbench.report.results import Results
from focusbench.tracks.multifocus.figures import stopping, stopping_caption

TRACK = "multifocus"


def panels(figure):
    """Pairs of axes by the sample in the title."""
    axes = [one for one in figure.axes if one.axison]
    above = [one for one in axes if one.get_title()]
    below = [one for one in axes if one.get_yscale() == "log"]
    assert len(above) == len(below)
    return {one.get_title(): (one, other) for one, other in zip(above, below, strict=True)}


def curves(axes):
    return [line for line in axes.lines if len(line.get_xdata()) > 2]


def points(axes):
    return {
        line.get_marker(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }


def verticals(axes):
    found = [line for line in axes.lines if len(line.get_xdata()) == 2]
    return sorted(line.get_xdata()[0] for line in found)


@pytest.fixture
def one(make_noise, tmp_path):
    return make_noise(tmp_path, samples=("teapot.size24",))


def test_curves_are_the_trace_and_what_the_rules_saw(one, settings):
    above, below = panels(stopping(one, settings))["teapot"]
    dip, emv = (
        Restored("teapot.size24", "sigma0.01", method, 0) for method in ("dip", "dip_es_emv")
    )
    trace = one.trace(dip)
    (line,) = curves(above)
    assert np.array_equal(line.get_xdata(), trace["step"])
    assert np.array_equal(line.get_ydata(), trace["psnr"])
    seen = [one.record(item)["details"]["early_stopping"] for item in (dip, emv)]
    for line, known in zip(curves(below), seen, strict=True):
        assert list(line.get_xdata()) == known["steps"]
        assert list(line.get_ydata()) == known["variances"]
    assert above.get_xlim() == below.get_xlim()


def test_marks_are_the_kept_iterates_and_the_peak(one, settings):
    above, below = panels(stopping(one, settings))["teapot"]
    peak = one.record(Restored("teapot.size24", "sigma0.01", "dip", 0))["oracle"]["psnr"]
    found = points(above)
    assert found["*"] == (201, peak)
    assert found["o"] == (251, pytest.approx(peak - 0.2))
    assert found["s"] == (301, pytest.approx(peak - 0.5))
    assert points(below) == {"o": (251, 1e-6), "s": (301, 1e-6)}
    assert verticals(above) == verticals(below) == [351, 401]


@pytest.mark.parametrize("flat", [False, True])
def test_the_star_is_whole_inside_the_axes(make_noise, settings, tmp_path, flat):
    """Also where the peak is all that stands out: the axis does not end at it."""
    one = make_noise(tmp_path, samples=("teapot",), methods=("dip",))
    for item in one.items if flat else ():
        record = one.record(item)
        peak = record["oracle"]["psnr"]
        rows = [f"{s},0.1,{peak if s == 201 else peak - 0.02!r}" for s in range(1, 600, 10)]
        (tmp_path / paths.trace(TRACK, item)).write_text("\n".join(["step,loss,psnr", *rows]))
        record["others"]["es_wmv"]["psnr"] = peak - 0.01
        write_json(tmp_path / paths.record(TRACK, item), record)
    figure = stopping(one, settings)
    figure.canvas.draw()
    above, _ = panels(figure)["teapot"]
    (star,) = (line for line in above.lines if line.get_marker() == "*")
    (at,) = above.transData.transform(np.column_stack(star.get_data()))
    radius = figure.dpi / 72 * (star.get_markersize() + star.get_markeredgewidth()) / 2
    box = above.get_window_extent()
    assert box.y0 <= at[1] - radius
    assert at[1] + radius <= box.y1


def test_legend_names_all_that_is_drawn(one, settings):
    figure = stopping(one, settings)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {
        "PSNR of dip",
        "variance, ES-WMV",
        "patience of ES-WMV ended",
        "iterate that ES-WMV keeps",
        "variance, ES-EMV",
        "patience of ES-EMV ended",
        "iterate that ES-EMV keeps",
        "highest PSNR (oracle)",
    }
    above, below = panels(figure)["teapot"]
    assert above.get_ylabel() == "PSNR (range 1), dB"
    assert "variance" in below.get_ylabel()
    assert below.get_xlabel() == "iteration"


def test_the_steep_start_is_cut_off_but_no_mark(one, settings):
    above, _ = panels(stopping(one, settings))["teapot"]
    low, high = above.get_ylim()
    trace = one.trace(Restored("teapot.size24", "sigma0.01", "dip", 0))
    assert trace["psnr"].min() < low < trace["psnr"].iloc[-1]
    assert all(low < y < high for _, y in points(above).values())
    assert "cut off" in stopping_caption(one, settings)


def test_at_most_four_samples_those_that_fall_most(noisy, settings):
    figure = stopping(noisy, settings)
    assert list(panels(figure)) == ["aneurism", "teapot", "lobster", "heptane"]  # engine: 0.1 dB
    assert "Of 5 samples those whose PSNR falls the most" in stopping_caption(noisy, settings)


def test_three_samples_leave_no_empty_axes(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot", "engine", "lobster"))
    assert list(panels(stopping(results, settings))) == ["teapot", "engine", "lobster"]
    assert "falls the most" not in stopping_caption(results, settings)


def test_the_strongest_noise_is_shown(make_noise, settings, tmp_path):
    levels = ("sigma0.01", "sigma0.05", "clean")
    results = make_noise(tmp_path, samples=("teapot",), degradations=levels)
    assert "at sigma0.05 (teapot" in stopping_caption(results, settings)


def test_a_rule_that_saw_other_iterates_is_left_out(one, settings):
    item = Restored("teapot.size24", "sigma0.01", "dip_es_emv", 0)
    path = one.root / paths.record(TRACK, item)
    write_json(path, json.loads(path.read_text()) | {"parameters": {"width": 99}})
    above, below = panels(stopping(one, settings))["teapot"]
    assert set(points(above)) == {"*", "o"}
    assert len(curves(below)) == 1
    assert "ES-EMV" not in stopping_caption(one, settings)


def test_without_dip_the_stopped_run_is_shown(make_noise, settings, tmp_path):
    results = make_noise(tmp_path, samples=("teapot",), methods=("start", "dip_es_wmv"))
    above, _ = panels(stopping(results, settings))["teapot"]
    psnr = results.scores().set_index(["method", "seed"])["psnr"]
    assert points(above)["o"] == (251, psnr["dip_es_wmv", 0])
    assert "iterates of dip_es_wmv" in stopping_caption(results, settings)


def test_a_rule_whose_patience_did_not_end_has_no_line(one, settings):
    item = Restored("teapot.size24", "sigma0.01", "dip", 0)
    path = one.root / paths.record(TRACK, item)
    record = json.loads(path.read_text())
    record["details"]["early_stopping"]["stopped_at"] = None
    write_json(path, record)
    assert verticals(panels(stopping(one, settings))["teapot"][0]) == [401]


@pytest.mark.parametrize("methods", [("start", "lbfgs"), ()])
def test_without_early_stopping_it_says_so(make_noise, settings, tmp_path, methods):
    results = make_noise(tmp_path, methods=methods) if methods else Results(TRACK, [], tmp_path)
    assert "early stopping" in stopping(results, settings).texts[0].get_text()
    assert "was selected" in stopping_caption(results, settings)


def test_caption_says_what_is_drawn(one, settings):
    caption = stopping_caption(one, settings)
    for said in ("oracle", "logarithmic", "Dotted", "Preset quick", "per voxel", "first seed"):
        assert said in caption


def test_nothing_is_cut_off_and_bytes_repeat(noisy, settings, tmp_path):
    check_saved(lambda: stopping(noisy, settings), tmp_path)
