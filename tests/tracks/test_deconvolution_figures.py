"""The track's figures, from made-up results: what is drawn, and with which numbers."""

import pytest
from saved_figures import check_saved

from focusbench import paths
from focusbench.files import write_text
from focusbench.tracks.deconvolution.figures import (
    convergence,
    convergence_caption,
    fig5,
    fig5_caption,
    fig6,
    fig7,
    fig8,
    fig9,
    fig10,
    fig11,
    fig12,
)

TRACK = "deconvolution"


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def images(figure):
    return [axes.images[0] for axes in figure.axes if axes.images]


def test_fig5_shows_both_models_with_their_widths(deconvolved, settings):
    figure = fig5(deconvolved, settings)
    drawn = [image.get_array() for image in images(figure)]
    assert len(drawn) == 4
    assert len({image.get_clim() for image in images(figure)}) == 1
    assert all(array.shape == (31, 31) and array.max() == 1 for array in drawn)
    assert titles(figure) == ["XY", "XZ"]
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    words = [text.get_text() for legend in legends for text in legend.get_texts()]
    # closed forms: 0.51450 wavelength / NA and 1.77179 n wavelength / NA^2, in nm
    assert words[0] == "Born-Wolf\nFWHM 184 nm"
    assert words[2] == "Born-Wolf\nFWHM 678 nm"
    assert words[1].startswith("Richards-Wolf\nFWHM 202")
    assert words[3].startswith("Richards-Wolf\nFWHM 476")
    caption = fig5_caption(deconvolved, settings)
    assert "Born-Wolf 184 nm laterally, 678 nm axially" in caption
    assert "value of their centre" in caption


def test_fig5_follows_the_settings(deconvolved, settings):
    optics = settings["track"]["optics"]
    optics |= {"convention": "printed", "subsamples": 3, "shape": [20, 16, 18]}
    settings["track"]["voxel_size"] = [0.2, 0.1, 0.1]
    caption = fig5_caption(deconvolved, settings)
    assert "Born-Wolf 276 nm laterally" in caption
    assert "means of 3 x 3 points" in caption
    assert [image.get_array().shape for image in images(fig5(deconvolved, settings))] == [
        (16, 18),
        (20, 18),
    ] * 2
    settings["track"]["optics"]["shape"] = [3, 31, 31]  # too flat for an axial width
    assert "wider than the box axially" in fig5_caption(deconvolved, settings)
    fig5(deconvolved, settings)


def test_convergence_marks_stop_best_iterate_and_levels(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, samples=("microtubules_test1",))
    item = results.find("microtubules_test1", "snr20", "richardson_lucy")
    rows = "step,loss,psnr\n1,0.1,18.0\n10,0.01,24.5\n80,0.009,23.0\n"
    write_text(tmp_path / paths.trace(TRACK, item), rows)
    figure = convergence(results, settings)
    assert titles(figure) == [f"microtubules_test1\n{name}" for name in results.degradations]
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    curve = next(line for line in axes.lines if list(line.get_xdata()) == [1, 10, 80])
    assert list(curve.get_ydata()) == [18.0, 24.5, 23.0]
    assert curve.get_markevery() == [2]
    assert any(list(line.get_xdata()) == [10] for line in axes.lines)  # the best iterate
    scores = results.scores().set_index(["degradation", "method"])["psnr_volume"]
    for method in ("input", "affine_input", "wiener"):
        level = scores[("snr20", method)]
        assert any(list(line.get_ydata()) == [level, level] for line in axes.lines)
    level = next(line for line in axes.lines if line.get_ydata()[0] == scores[("snr20", "input")])
    assert level.get_linestyle() == "--"
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [method for method in results.methods if method != "zeros"]
    assert "drawn as levels: wiener" in convergence_caption(results, settings)


def test_convergence_needs_a_truth_in_the_same_unit(make_deconvolution, settings, tmp_path):
    for truth in (True, False):
        results = make_deconvolution(
            tmp_path / str(truth),
            samples=("mine",),
            degradations=("recorded",),
            truth_of=lambda sample, truth=truth: truth,
        )
        assert "to compare with" in convergence(results, settings).texts[0].get_text()
        assert "to compare with" in convergence_caption(results, settings)


def test_a_method_has_one_look_in_all_figures(make_deconvolution, settings, tmp_path):
    def look(figure, method):
        (legend,) = figure.legends
        labels = [text.get_text() for text in legend.get_texts()]
        return legend.legend_handles[labels.index(method)]

    settings["variants"] = ["of_recordings", "another"]
    few = make_deconvolution(tmp_path / "few", methods=("wiener", "another"))
    many = make_deconvolution(
        tmp_path / "many", methods=("zeros", "input", "wiener", "cyclegan", "another")
    )
    looks = [
        (look(figure, method).get_color(), look(figure, method).get_linestyle())
        for method in ("wiener", "another")
        for figure in (
            convergence(few, settings),
            convergence(many, settings),
            fig8(few, settings),
            fig8(many, settings),
        )
    ]
    assert len(set(looks[:4])) == 1
    assert len(set(looks[4:])) == 1


@pytest.mark.parametrize("draw", [fig5, fig6, fig7, fig8, fig9, fig10, fig11, fig12, convergence])
def test_nothing_is_cut_off_and_bytes_repeat(deconvolved, settings, tmp_path, draw):
    check_saved(lambda: draw(deconvolved, settings), tmp_path)
