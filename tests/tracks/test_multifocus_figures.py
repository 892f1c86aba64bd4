"""The track's figures, from made-up results: what is drawn, and with which numbers."""

from functools import partial

import numpy as np
import pytest
from saved_figures import check_saved

from focusbench import paths
from focusbench.files import write_json
from focusbench.report.figures import track_styles
from focusbench.tracks.multifocus.figures import fig3, fig3_caption, front, front_caption

TRACK = "multifocus"


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_visible() and axes.get_title()]


def images(figure):
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def test_fig3_shows_truth_methods_and_differences(finished, settings):
    figure = fig3(finished, settings)
    drawn = images(figure)
    assert len(drawn) == 4 * 2 * 5  # samples, rows, columns: truth or observed, four methods
    truth = finished.truth("aneurism").array
    index = int(np.argmax(truth.astype(np.float64).var((1, 2))))
    item = finished.find("aneurism", "clean", "lbfgs")
    estimate = finished.restored(item).array[index]
    assert np.array_equal(drawn[0], truth[index])
    assert np.array_equal(drawn[2], estimate)
    assert np.array_equal(drawn[7], estimate - truth[index])
    assert f"slice {index + 1} of 11" in fig3_caption(finished, settings)
    psnr = finished.scores().set_index(["sample", "degradation", "method", "seed"])["psnr"]
    assert f"lbfgs\n{psnr[tuple(item)]:.1f} dB" in titles(figure)


def test_fig3_has_one_scale_for_all_slices_and_one_for_all_differences(finished, settings):
    figure = fig3(finished, settings)
    shown = [axes.images[0] for axes in figure.axes if axes.images]
    grids = np.arange(len(shown)).reshape(8, 5)
    grey = [shown[i] for i in grids[::2].ravel()]
    signed = [shown[i] for i in grids[1::2, 1:].ravel()]
    assert len({image.get_clim() for image in grey}) == 1
    assert len({image.get_clim() for image in signed}) == 1
    low, high = signed[0].get_clim()
    assert low == -high
    assert grey[0].get_clim() == pytest.approx((0.7, 1.0))
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert "transmittance per µm" in labels
    assert "estimate − truth,\ntransmittance per µm" in labels


def test_fig3_without_truth_shows_what_there_is(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=("mine",), degradations=("recorded",), truth_of=lambda sample: False
    )
    figure = fig3(results, settings)
    assert len(images(figure)) == 5
    assert titles(figure)[1:] == ["iterative", "lbfgs", "dip", "dip_pretrain_2"]
    assert titles(figure)[0].startswith("observed")
    assert "transmittance per µm" in [axes.get_ylabel() for axes in figure.axes]


def test_fig3_mixes_samples_with_and_without_truth(make_run, settings, tmp_path):
    results = make_run(
        tmp_path,
        samples=("mine", "engine"),
        degradations=("clean",),
        truth_of=lambda sample: sample == "engine",
    )
    assert len(images(fig3(results, settings))) == 5 + 10


def test_nothing_is_cut_off_at_the_edges_of_three_samples(make_run, settings, tmp_path):
    samples = ("engine", "teapot", "lobster")
    results = make_run(tmp_path, samples=samples, degradations=("clean",))
    for draw in (fig3, front):
        figure = draw(results, settings)
        figure.canvas.draw()
        inner, outer = figure.get_tightbbox(), figure.bbox_inches
        assert min(inner.x0, inner.y0) >= -0.01
        assert inner.x1 <= outer.x1 + 0.01
        assert inner.y1 <= outer.y1 + 0.01


def test_front_places_steps_by_the_timing_run(finished, settings):
    figure = front(finished, settings)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert "CPU-seconds" in figure.axes[2].get_xlabel()
    assert axes.get_title() == "aneurism"
    trace = finished.trace(finished.find("aneurism", "clean", "iterative"))
    curve = next(
        line for line in axes.lines if np.array_equal(line.get_ydata(), trace["psnr"].to_numpy())
    )
    # 1.9 CPU-seconds a second in the made-up timing of 0.1 s a step
    assert curve.get_xdata() == pytest.approx(0.19 * trace["step"].to_numpy())
    assert curve.get_markevery() == [len(trace) - 1]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == finished.methods


def test_front_draws_trivial_methods_as_levels(finished, settings):
    scores = finished.scores().set_index(["sample", "degradation", "method", "seed"])["psnr"]
    axes = front(finished, settings).axes[0]
    for method in ("transparent", "start"):
        level = scores[("aneurism", "clean", method, 0)]
        assert any(list(line.get_ydata()) == [level, level] for line in axes.lines)


def test_front_leaves_the_times_of_parallel_runs_out(finished, settings):
    def abscissae():
        drawn = front(finished, settings)
        return [list(line.get_xdata()) for axes in drawn.axes for line in axes.lines]

    before = abscissae()
    path = finished.root / paths.record(TRACK, finished.find("aneurism", "clean", "iterative"))
    kept = path.read_bytes()
    try:
        write_json(path, {"seconds": 1e6, "cpu_seconds": 1e6, "trace_seconds": [[1e6, 1e6]]})
        assert abscissae() == before
    finally:
        path.write_bytes(kept)


def test_front_on_a_gpu_has_seconds(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("engine",), degradations=("clean",))
    for item in results.timed:
        if item.method == "dip":
            timing = {
                "seconds_per_step": 0.01,
                "cpu_seconds_per_step": 0.5,
                "steps": 600,
                "seconds": 6.0,
                "device": "cuda",
            }
            write_json(tmp_path / paths.timing(TRACK, item), timing)
    figure = front(results, settings)
    assert figure.axes[0].get_xlabel().startswith("seconds")
    assert "cuda" in front_caption(results, settings)


def test_front_takes_no_times_of_another_recording(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=("one", "two"), degradations=("recorded",), methods=("start", "lbfgs")
    )
    settings["sources"] = {"one": "stack", "two": "stack"}
    first, second = front(results, settings).axes[:2]
    assert len(first.lines) == 2
    assert len(second.lines) == 1  # the trivial level
    caption = front_caption(results, settings)
    assert "Not shown, as not timed there: lbfgs on two (" in caption
    settings["sources"] = {"one": "scivis", "two": "scivis"}  # prepared to one size
    assert len(front(results, settings).axes[1].lines) == 2
    assert "not timed" not in front_caption(results, settings)


def test_front_draws_a_variant_as_every_other_figure_does(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("engine",), degradations=("clean",), methods=("lbfgs",))
    (item,) = results.items
    mine = item._replace(method="mine")
    for path in (paths.restored, paths.score, paths.record, paths.trace, paths.timing):
        (tmp_path / path(TRACK, mine)).write_bytes((tmp_path / path(TRACK, item)).read_bytes())
    results.items += [mine]
    results.timed = results.items
    expected = track_styles(TRACK, ["mine"], ["first", "mine"])["mine"]
    figure = front(results, {**settings, "variants": ["first", "mine"]})
    line = figure.axes[0].lines[1]
    assert (line.get_color(), line.get_marker()) == (expected.colour, expected.marker)
    other = track_styles(TRACK, ["mine"])["mine"]
    assert (expected.colour, expected.marker) != (other.colour, other.marker)


def test_front_without_any_truth_says_so(make_run, settings, tmp_path):
    results = make_run(
        tmp_path, samples=("mine",), degradations=("recorded",), truth_of=lambda sample: False
    )
    assert "No sample has a truth" in front(results, settings).texts[0].get_text()


def test_captions_say_what_is_left_out(finished, settings):
    caption = front_caption(finished, settings)
    assert "the training of dip_pretrain_2" in caption
    assert "Preset quick" in caption
    assert "Not shown: transparent, start" in fig3_caption(finished, settings)


def test_nothing_of_one_sample_is_cut_off_and_bytes_repeat(make_run, settings, tmp_path):
    results = make_run(tmp_path, samples=("engine",), degradations=("clean",))
    for draw in (fig3, front):
        check_saved(partial(draw, results, settings), tmp_path)
