"""Quality against noise, from made-up results."""

import json
import math

import numpy as np
import pytest

from focusbench import paths
from focusbench.files import write_json
from focusbench.report.results import Results
from focusbench.tracks.deconvolution.figures import fig8, fig8_caption

TRACK = "deconvolution"
LEVELS = ("snr20", "clean", "snr5", "snr2.5", "richards_wolf_snr20")
METHODS = ("richardson_lucy", "cyclegan")
SAMPLES = ("microtubules_test1", "microtubules_test2", "microtubules_test3")


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


@pytest.fixture
def run(make_deconvolution, tmp_path):
    def make(samples=SAMPLES, methods=METHODS, trained="snr20-seed0", levels=LEVELS):
        made = make_deconvolution(tmp_path, samples, levels, methods)
        trainings = [("cyclegan", trained)] if trained else []
        return Results(TRACK, made.items, tmp_path, trainings=trainings)

    return make


def lines(axes):
    """Values of the lines with more than one place, by legend handle's colour."""
    return [line for line in axes.lines if len(line.get_xdata()) > 1 and line.get_linewidth() > 1]


def test_points_are_means_over_samples_from_the_noisiest_to_none(run, settings):
    results = run()
    figure = fig8(results, settings)
    left, right = figure.axes
    assert [text.get_text() for text in left.get_xticklabels()] == ["2.5", "5", "20", "no noise"]
    ticks = left.get_xticks()
    assert np.allclose(np.diff(ticks[:3]), 1)
    assert ticks[3] - ticks[2] > 1  # no noise stands apart
    scores = results.scores().groupby(["degradation", "method"])
    for axes, metric in ((left, "psnr_volume"), (right, "ssim_uniform_3d")):
        means = scores[metric].mean()
        for method in METHODS:
            wanted = [means[(level, method)] for level in ("snr2.5", "snr5", "snr20")]
            (found,) = [line for line in lines(axes) if np.allclose(line.get_ydata(), wanted)]
            shift = np.abs(found.get_xdata() - ticks[:3])
            assert np.all((shift > 0) & (shift <= 0.05 + 1e-9))
            last = means[("clean", method)]
            alone = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 1]
            assert any(np.allclose(values, last) for values in alone)
    spread = scores["psnr_volume"].std()[("snr2.5", "cyclegan")]
    heights = [
        abs(bar[1][1] - bar[0][1]) / 2
        for container in left.containers
        for bar in container[2][0].get_segments()
    ]
    assert any(math.isclose(height, spread, rel_tol=1e-6) for height in heights)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["input", *METHODS]
    caption = fig8_caption(results, settings)
    assert "Means over 3 samples" in caption
    assert "sideways, by at most 0.05 of a step" in caption
    assert "another PSF blurred them: richards_wolf_snr20" in caption


def test_the_input_is_drawn_dashed_whether_it_was_scored_or_not(run, settings):
    results = run(samples=SAMPLES[:1])
    measured = lines(fig8(results, settings).axes[0])[0]
    truth = results.truth(SAMPLES[0]).array
    errors = [
        np.mean((results.observed(SAMPLES[0], level).array - truth).astype(float) ** 2)
        for level in ("snr2.5", "snr5", "snr20")
    ]
    assert np.allclose(measured.get_ydata(), -10 * np.log10(errors))
    results = run(samples=SAMPLES[:1], methods=("input", *METHODS))
    scored = lines(fig8(results, settings).axes[0])[0]
    scores = results.scores().set_index(["degradation", "method"])["psnr_volume"]
    assert np.allclose(scored.get_ydata()[:1], scores[("snr2.5", "input")])
    assert measured.get_linestyle() == scored.get_linestyle() == "--"
    assert measured.get_color() == scored.get_color()


def test_the_level_of_the_training_is_marked(run, settings):
    figure = fig8(run(), settings)
    for axes in figure.axes:
        (mark,) = [text for text in axes.texts if text.get_text() == "trained"]
        assert mark.get_position()[0] == axes.get_xticks()[2]
    assert "trained at snr20." in fig8_caption(run(), settings)
    assert not any(axes.texts for axes in fig8(run(trained=None), settings).axes)
    assert "trained" not in fig8_caption(run(trained=None), settings)
    # nor one that is not among the levels
    assert not any(axes.texts for axes in fig8(run(trained="snr10-seed0"), settings).axes)


def test_one_sample_has_no_spread(run, settings):
    results = run(samples=SAMPLES[:1])
    left = fig8(results, settings).axes[0]
    assert not left.containers
    for line in lines(left):
        assert np.array_equal(line.get_xdata(), left.get_xticks()[:3])  # nor a shift
    assert "sideways" not in fig8_caption(results, settings)
    assert "One sample (microtubules_test1), so no spread" in fig8_caption(results, settings)


def test_only_samples_that_all_methods_have_are_averaged(run, settings):
    results = run()
    item = results.find(SAMPLES[0], "snr5", "cyclegan")
    path = results.root / paths.score(TRACK, item)
    score = json.loads(path.read_text())
    score["metrics"]["psnr_volume"] = None
    write_json(path, score)
    scores = results.scores()
    kept = scores[(scores["degradation"] == "snr5") & (scores["sample"] != SAMPLES[0])]
    mean = kept.groupby("method")["psnr_volume"].mean()["richardson_lucy"]
    drawn = lines(fig8(results, settings).axes[0])
    assert any(math.isclose(line.get_ydata()[1], mean, rel_tol=1e-9) for line in drawn)


def test_nothing_to_show_is_said(run, settings, make_deconvolution, tmp_path):
    without = make_deconvolution(
        tmp_path / "no truth", SAMPLES[:1], ("snr20",), METHODS, lambda sample: False
    )
    others = run(levels=("richards_wolf_snr20",))
    for results in (without, others, Results(TRACK, [], tmp_path)):
        assert "several noise levels" in fig8(results, settings).texts[0].get_text()
        assert "several noise levels" in fig8_caption(results, settings)
