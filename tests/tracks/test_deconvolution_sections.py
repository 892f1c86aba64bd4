"""Views of volumes side by side: where they lie, on which scale, and the figures made of them."""

import re

import numpy as np
import pytest

from focusbench import paths
from focusbench.files import write_json
from focusbench.images import write_volume
from focusbench.tracks.deconvolution import sections, sections_drawing, shown
from focusbench.tracks.deconvolution.figures import (
    fig6,
    fig6_caption,
    fig7,
    fig7_caption,
    fig9,
    fig9_caption,
    fig10,
    fig10_caption,
    fig12,
    fig12_caption,
)

TRACK = "deconvolution"
SAMPLE = "microtubules_test1"
SHOWN = ["input", "richardson_lucy", "richardson_lucy_tv", "wiener", "truth"]
LEARNED = (
    *("supervised_mse", "supervised_gan", "cyclegan"),
    *("cyclegan_blur_kernel", "cyclegan_blur_kernel_nonblind"),
)
CLASSICAL = ("richardson_lucy", "richardson_lucy_tv", "wiener", "blind_pupil")
VIEWS = 4  # rows of axes in a band


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


def headings(figure):
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    return [title.replace("\n", "") for title in titles]


def labels(figure):
    return [axes.texts[0].get_text() for axes in figure.axes if axes.get_label() == "<band>"]


def images(figure):
    """Images as rows of axes by columns; None where an axes is empty."""
    drawn = [axes for axes in figure.axes if axes.get_label() not in ("<colorbar>", "<band>")]
    columns = drawn[0].get_subplotspec().get_gridspec().ncols - 1  # the first has the labels
    found = np.full((len(drawn) // columns, columns), None, dtype=object)
    for i, axes in enumerate(drawn):
        found[i // columns, i % columns] = axes.images[0] if axes.images else None
    return found


def test_slabs_lie_where_most_is_to_be_seen_whatever_the_background():
    volume = np.full((30, 40, 50), 100.0, dtype=np.float32)
    volume[12:18, 20:23, 30:34] += 50
    volume[:5, :20, :20] += 5  # more light in all, but dim: on top of 100 its squares would win
    found = sections.places(volume, (0.2, 0.1, 0.1))
    xy, xz, yz = found.views
    assert xy.slab.stop - xy.slab.start == 5  # 1 um of 0.2 um
    assert xy.slab.start >= 12
    assert xy.slab.stop <= 18
    assert xz.slab.start <= 20 < 23 <= xz.slab.stop == xz.slab.start + 10
    assert yz.slab.start <= 30 < 34 <= yz.slab.stop == yz.slab.start + 10
    assert [view.aspect for view in found.views] == pytest.approx([1, 2, 2])
    rows, columns = found.region
    assert (rows.stop - rows.start, columns.stop - columns.start) == (40 // 3, 50 // 3)
    assert rows.start <= 20 < 23 <= rows.stop
    assert columns.start <= 30 < 34 <= columns.stop
    views = sections.projections(volume, found)
    assert {name: view.shape for name, view in views.items()} == {
        "XY": (40, 50),
        "XZ": (30, 50),
        "YZ": (30, 40),
    }
    assert np.array_equal(views["XZ"], volume[:, xz.slab].max(axis=1))


@pytest.mark.parametrize("others", [(), (50,)])
def test_of_places_that_show_equally_much_the_middle_one_is_framed(others):
    volume = np.zeros((9, 60, 60), dtype=np.float32)
    for corner in (20, *others):  # smaller than the frame of 20 pixels
        volume[2:7, corner : corner + 6, corner : corner + 6] = 1 / 3
    found = sections.places(volume, None)
    rows, columns = found.region
    for part in (rows, columns):
        assert abs((part.start + part.stop) / 2 - 23) <= 1
    assert found.views[0].slab == slice(4, 5)
    # nothing to be seen: the middle of all
    nothing = sections.places(np.ones((9, 60, 60)), None)
    assert nothing.region == (slice(20, 40), slice(20, 40))


def test_without_voxel_size_a_view_is_one_voxel_deep():
    volume = np.zeros((5, 6, 7), dtype=np.float32)
    volume[3, 2, 4] = 1
    found = sections.places(volume, None)
    assert [view.slab for view in found.views] == [slice(3, 4), slice(2, 3), slice(4, 5)]
    assert found.views[0].place == "z voxel 4"


def test_long_bands_are_broken_evenly_and_each_has_the_truth():
    where = sections.places(np.ones((3, 4, 5)), None)

    def lengths(count, truth):
        names = [f"m{i}" for i in range(count)] + ["truth"] * truth
        columns = tuple(sections.Column(name, {}) for name in names)
        bands = sections.wrapped(sections.Band("", where, columns, 0.0, 1.0, sections.FULL), most=6)
        assert all(band.columns[-1].heading == "truth" for band in bands if truth)
        rest = [one.heading for band in bands for one in band.columns if one.heading != "truth"]
        assert rest == names[:count]
        return [len(band.columns) for band in bands]

    assert lengths(10, True) == [6, 6]
    assert lengths(7, True) == [5, 4]
    assert lengths(11, True) == [5, 5, 4]
    assert lengths(10, False) == [5, 5]


@pytest.mark.parametrize(
    ("shape", "voxel_size"),
    [
        ((20, 28, 36), (0.1, 0.1, 0.1)),
        ((60, 20, 20), (0.3, 0.1, 0.1)),  # deep
        ((8, 120, 40), (0.2, 0.1, 0.1)),  # high
        ((8, 30, 120), (0.2, 0.1, 0.1)),  # wide
        ((10, 30, 40), (0.2, 0.1, 0.15)),  # pixels that are no squares
        ((10, 30, 40), None),
    ],
)
def test_views_have_one_magnification_whatever_the_shape(shape, voxel_size):
    volume = np.random.default_rng(0).random(shape)
    where = sections.places(volume, voxel_size)
    columns = tuple(
        sections.Column(name, sections.projections(volume, where), "20.00 dB")
        for name in ("input", "cyclegan_blur_kernel_nonblind", "wiener", "truth")
    )
    figure = sections_drawing.draw(
        [sections.Band(label, where, columns, 0.0, 1.0, sections.FULL) for label in ("a", "b")]
    )
    figure.canvas.draw()
    z, y, x = voxel_size or (1, 1, 1)
    deep, high, across = (n * size for n, size in zip(shape, (z, y, x), strict=True))
    first = [axes for axes in figure.axes if axes.images][:: len(columns)][:3]
    boxes = [axes.get_window_extent() for axes in first]
    scales = [
        size / length
        for box, lengths in zip(boxes, ((across, high), (across, deep), (high, deep)), strict=True)
        for size, length in zip((box.width, box.height), lengths, strict=True)
    ]
    assert max(scales) / min(scales) < 1.1
    inner, outer = figure.get_tightbbox(), figure.bbox_inches
    assert min(inner.x0, inner.y0) >= -0.01
    assert inner.x1 <= outer.x1 + 0.01
    assert inner.y1 <= outer.y1 + 0.01


def test_order_has_the_papers_first_each_with_its_variants():
    ran = ["zeros", "wiener", "mine", "cyclegan_blur_kernel_real", "cyclegan", "supervised_mse"]
    ran += ["cyclegan_blur_kernel_nonblind", "cyclegan_blur_kernel"]
    assert shown.ordered(ran, shown.PAPER) == [
        *("supervised_mse", "cyclegan", "cyclegan_blur_kernel", "cyclegan_blur_kernel_real"),
        *("wiener", "mine", "cyclegan_blur_kernel_nonblind"),
    ]
    assert shown.only(ran, ["cyclegan_blur_kernel", "blind_pupil"]) == [
        "cyclegan_blur_kernel",
        "cyclegan_blur_kernel_real",
    ]
    # a user's own stay where not all fit
    few = shown.chosen(ran, ["supervised_mse", "cyclegan"], 3)
    assert few == ["supervised_mse", "mine", "cyclegan_blur_kernel_real"]


def test_long_ids_are_broken_at_an_underscore():
    assert sections_drawing.broken("wiener") == "wiener"
    assert (
        sections_drawing.broken("cyclegan_blur_kernel_nonblind")
        == "cyclegan_blur_\nkernel_nonblind"
    )
    assert sections_drawing.broken("averylongnamewithoutany") == "averylongnamewithoutany"


def test_fig6_shows_every_method_along_three_axes(deconvolved, settings):
    figure = fig6(deconvolved, settings)
    assert headings(figure) == SHOWN
    drawn = images(figure)
    assert drawn.shape == (VIEWS, len(SHOWN))
    shapes = [image.get_array().shape for image in drawn[:, 0]]
    assert shapes == [(28, 36), (20, 36), (20, 28), (9, 12)]
    assert {image.norm.vmax for image in drawn.ravel()} == {1}
    assert {image.norm.vmin for image in drawn.ravel()} == {0}
    assert {image.norm.gamma for image in drawn.ravel()} == {0.5}
    truth = deconvolved.truth(SAMPLE).array
    power = np.square(truth, dtype=float)
    deep = [power[start : start + 10].sum() for start in range(11)]  # 1 um: 10 voxels
    start = int(np.argmax(deep))
    assert np.array_equal(drawn[0, -1].get_array(), truth[start : start + 10].max(axis=0))
    item = deconvolved.find(SAMPLE, "snr20", "wiener")
    estimate = deconvolved.restored(item).array[start : start + 10].max(axis=0)
    assert np.array_equal(drawn[0, 3].get_array(), estimate)
    caption = fig6_caption(deconvolved, settings)
    assert f"XY z {start * 0.1:.1f} to {start * 0.1 + 1:.1f} µm" in caption
    assert "0 to 1 of full intensity" in caption
    assert "Not shown: zeros, affine_input" in caption
    assert "smaller than the paper's experiment" in caption
    assert "smaller" not in fig6_caption(deconvolved, settings | {"preset": "paper"})


def test_fig6_has_psnr_beneath_and_the_frame_is_what_is_enlarged(deconvolved, settings):
    figure = fig6(deconvolved, settings)
    scores = deconvolved.scores().set_index(["sample", "degradation", "method"])["psnr_volume"]
    beneath = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert beneath == [f"{scores[(SAMPLE, 'snr20', method)]:.2f} dB" for method in SHOWN[:-1]]
    whole, enlarged = figure.axes[0], figure.axes[3 * len(SHOWN)]
    (frame,) = whole.patches
    x, y = round(frame.get_x() + 0.5), round(frame.get_y() + 0.5)
    inside = whole.images[0].get_array()[y : y + 9, x : x + 12]
    assert np.array_equal(enlarged.images[0].get_array(), inside)


def test_fig6_of_all_methods_has_two_bands_that_fit_on_a_page(
    make_deconvolution, settings, tmp_path
):
    results = make_deconvolution(
        tmp_path,
        samples=(SAMPLE,),
        degradations=("snr20",),
        methods=("zeros", "input", "affine_input", *CLASSICAL, *LEARNED),
    )
    figure = fig6(results, settings)
    assert headings(figure) == [
        *("input", "supervised_mse", "supervised_gan", "cyclegan", "cyclegan_blur_kernel"),
        "truth",
        *("richardson_lucy", "richardson_lucy_tv", "wiener", "blind_pupil"),
        *("cyclegan_blur_kernel_nonblind", "truth"),
    ]
    assert images(figure).shape == (2 * VIEWS, 6)
    assert all(
        side <= most for side, most in zip(figure.get_size_inches(), (9.6, 10.7), strict=True)
    )
    assert max(len(line) for axes in figure.axes for line in axes.get_title().split("\n")) <= 16
    assert "Not shown: zeros, affine_input (" in fig6_caption(results, settings)


def test_fig6_of_a_recording(make_deconvolution, settings, tmp_path):
    def recording(truth):
        results = make_deconvolution(
            tmp_path / str(truth),
            samples=("mine",),
            degradations=("recorded",),
            truth_of=lambda sample: truth,
        )
        return results, fig6(results, settings), fig6_caption(results, settings)

    results, figure, caption = recording(truth=True)
    assert headings(figure) == SHOWN
    assert images(figure)[0, 0].get_clim() == (0, 1)
    estimate = results.restored(results.find("mine", "recorded", "wiener")).array
    assert images(figure)[0, 3].get_array().max() <= estimate.max() / 300 * 1.001
    assert "after the gain they were scored with" in caption
    results, figure, caption = recording(truth=False)
    assert headings(figure) == SHOWN[:-1]
    assert "grey values" in caption
    beneath = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert len(beneath) == len(SHOWN) - 1
    assert all(words.startswith("white: ") for words in beneath)


def test_fig7_shows_the_papers_noise_levels_on_one_scale(make_deconvolution, settings, tmp_path):
    methods = ("wiener", "cyclegan_blur_kernel", "cyclegan", "richardson_lucy")
    results = make_deconvolution(
        tmp_path,
        samples=(SAMPLE,),
        degradations=("snr2.5", "clean", "snr20", "snr10", "offmodel_snr20"),
        methods=methods,
    )
    figure, caption = fig7(results, settings), fig7_caption(results, settings)
    assert headings(figure) == [
        *("input", "cyclegan", "cyclegan_blur_kernel", "wiener", "richardson_lucy", "truth")
    ]
    drawn = images(figure)
    assert drawn.shape == (3 * VIEWS, 6)
    assert {image.norm.vmax for image in drawn.ravel()} == {1}
    assert labels(figure) == ["SNR 10 dB", "SNR 20 dB", "no noise"]
    # the input was not scored in this study: its PSNR is that of the observation
    truth, seen = results.truth(SAMPLE).array, results.observed(SAMPLE, "snr10").array
    quality = -10 * np.log10(np.mean((truth - seen).astype(float) ** 2))
    assert next(a.get_xlabel() for a in figure.axes if a.get_xlabel()) == f"{quality:.2f} dB"
    # the same place in every band
    assert all(np.array_equal(drawn[0, -1].get_array(), drawn[b, -1].get_array()) for b in (4, 8))
    assert "SNR 10 dB; SNR 20 dB; no noise" in caption
    assert "The paper shows" not in caption


def test_fig7_takes_what_levels_there_are(make_deconvolution, settings, tmp_path):
    def drawn(*degradations):
        results = make_deconvolution(
            tmp_path / "-".join(degradations),
            samples=(SAMPLE,),
            degradations=degradations,
            methods=("wiener",),
        )
        return labels(fig7(results, settings)), fig7_caption(results, settings)

    assert drawn("snr5", "snr1.25", "snr2.5", "snr40")[0] == [
        *("SNR 1.25 dB", "SNR 5 dB", "SNR 40 dB")
    ]
    found, caption = drawn("snr20")
    assert found == ["SNR 20 dB"]
    assert "The paper shows snr10, clean as well" in caption
    results = make_deconvolution(
        tmp_path / "none", samples=(SAMPLE,), degradations=("richards_wolf_snr20",)
    )
    assert "nominal PSF" in fig7(results, settings).texts[0].get_text()
    assert "nominal PSF" in fig7_caption(results, settings)


def test_fig9_has_a_band_for_each_psf_of_one_noise(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(
        tmp_path,
        samples=(SAMPLE,),
        degradations=("offmodel_snr20", "snr5", "richards_wolf_snr20", "snr20"),
    )
    figure, caption = fig9(results, settings), fig9_caption(results, settings)
    assert labels(figure) == ["Born-Wolf", "Richards-Wolf", "Gibson-Lanni"]
    drawn = images(figure)
    for band, degradation in enumerate(("snr20", "richards_wolf_snr20", "offmodel_snr20")):
        seen = results.observed(SAMPLE, degradation).array
        assert drawn[VIEWS * band, 0].get_array().max() <= seen.max()
        assert drawn[VIEWS * band, 0].get_array().shape == seen.shape[1:]
    assert not np.array_equal(drawn[0, 0].get_array(), drawn[VIEWS, 0].get_array())
    assert "SNR 20 dB, blurred with" in caption
    assert "trained" not in caption
    learned = type(results)(TRACK, results.items, tmp_path, trainings=[("x", "snr20-seed0")])
    assert "Learned methods were trained at snr20" in fig9_caption(learned, settings)
    assert "Gibson-Lanni, aberrated" in caption


def test_fig10_is_of_blind_methods_and_their_rivals(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(
        tmp_path / "all",
        samples=(SAMPLE,),
        degradations=("snr20",),
        methods=("input", *CLASSICAL, *LEARNED),
    )
    blind = ["cyclegan_blur_kernel", "cyclegan_blur_kernel_nonblind", "blind_pupil"]
    assert headings(fig10(results, settings)) == [*("input", *blind, "richardson_lucy_tv", "truth")]
    caption = fig10_caption(results, settings)
    assert "Not run" not in caption
    assert "Told the nominal PSF: cyclegan_blur_kernel_nonblind, richardson_lucy_tv." in caption
    results = make_deconvolution(
        tmp_path / "few", samples=(SAMPLE,), methods=("input", "wiener", "richardson_lucy_tv")
    )
    assert headings(fig10(results, settings)) == ["input", "richardson_lucy_tv", "truth"]
    assert f"Not run: {', '.join(blind)}." in fig10_caption(results, settings)
    results = make_deconvolution(tmp_path / "none", samples=(SAMPLE,), methods=("wiener",))
    assert "Neither" in fig10(results, settings).texts[0].get_text()
    assert "Neither" in fig10_caption(results, settings)


def recordings(make_deconvolution, root, methods, truth=False, samples=("one", "two")):
    return make_deconvolution(
        root,
        samples=samples,
        degradations=("recorded",),
        methods=methods,
        truth_of=lambda sample: truth,
    )


def test_fig12_has_a_band_for_each_recording(make_deconvolution, settings, tmp_path):
    methods = ("zeros", "wiener", "cyclegan_blur_kernel_real", *LEARNED, "richardson_lucy")
    results = recordings(make_deconvolution, tmp_path, methods)
    figure, caption = fig12(results, settings), fig12_caption(results, settings)
    assert headings(figure) == [
        *("observation", "richardson_lucy", "supervised_mse", "cyclegan"),
        *("cyclegan_blur_kernel", "cyclegan_blur_kernel_real", "wiener"),
    ]
    drawn = images(figure)
    assert drawn.shape == (2 * VIEWS, 7)
    assert {(image.norm.vmin, image.norm.vmax) for image in drawn.ravel()} == {(0, 1)}
    assert labels(figure) == ["one", "two"]
    assert "No truth is known" in caption
    assert "Every column has a grey scale of its own" in caption
    assert "One grey scale" not in caption
    assert "Not shown: zeros, supervised_gan, cyclegan_blur_kernel_nonblind" in caption


def test_fig12_gives_every_column_a_white_of_its_own(make_deconvolution, settings, tmp_path):
    results = recordings(make_deconvolution, tmp_path, ("richardson_lucy", "supervised_mse"))
    item = results.find("one", "recorded", "richardson_lucy")
    before = images(fig12(results, settings))
    spiky = results.restored(item).array * 1000
    spiky[0, 0, :2] = 1e9  # not in the slabs, or too few to be white
    write_volume(tmp_path / paths.restored(TRACK, item), spiky, "ZYX", (0.1, 0.1, 0.1))
    figure = fig12(results, settings)
    drawn = images(figure)
    for row in range(VIEWS):  # the others are as they were
        for column in (0, 2):
            same = (image[row, column].get_array() for image in (before, drawn))
            assert np.array_equal(*same)
    for c, method in enumerate(("input", "richardson_lucy", "supervised_mse")):
        found = results.find("one", "recorded", method)
        volume = results.restored(found) if found else results.observed("one", "recorded")
        where = sections.places(results.observed("one", "recorded").array, (0.1, 0.1, 0.1))
        views = sections.projections(volume.array, where)
        white = np.quantile(np.concatenate([view.ravel() for view in views.values()]), 0.999)
        for row, name in enumerate(views):
            assert np.allclose(drawn[row, c].get_array(), views[name] / white, rtol=1e-5)
        part = (views["XY"] / white)[where.region]
        assert np.allclose(drawn[VIEWS - 1, c].get_array(), part, rtol=1e-5)
        (told,) = re.findall(r"white: (.*)", _beneath(figure)[c])
        assert float(told) == pytest.approx(white, rel=0.06)
    (bar,) = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert bar.get_ylabel() == "intensity, over the column's white"
    assert "99.9 % quantile of the column's own views" in fig12_caption(results, settings)


def _beneath(figure):
    return [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]


def test_numbers_beneath_are_short():
    assert [shown._short(value) for value in (4712.0, 0.5, 12.0, 0.00034, 7.5e5)] == [
        *("4.7e3", "0.5", "12", "3.4e-4", "7.5e5")
    ]


def test_learned_methods_worse_than_the_input_are_named(make_deconvolution, settings, tmp_path):
    made = make_deconvolution(
        tmp_path, (SAMPLE,), ("snr20",), ("input", "wiener", "cyclegan", "supervised_mse")
    )
    qualities = {"input": 22.3, "cyclegan": 19.46, "supervised_mse": 25.0, "wiener": 10.0}
    for item in made.items:
        score = made._json(paths.score(TRACK, item))
        score["metrics"]["psnr_volume"] = qualities[item.method]
        write_json(tmp_path / paths.score(TRACK, item), score)
    trainings = [("cyclegan", "snr20-seed0"), ("supervised_mse", "snr20-seed0")]
    results = type(made)(TRACK, made.items, tmp_path, trainings=trainings)
    caption = fig6_caption(results, settings)
    words = "Has not learned in this budget: cyclegan 19.5 dB, below the input's 22.3 dB."
    assert words in caption
    assert "speckle" not in caption  # one tile
    for item in results.items:
        record = results.record(item) | {"parameters": {"tile": 16}}
        write_json(tmp_path / paths.record(TRACK, item), record)
    assert "instance normalisation" in fig6_caption(results, settings)
    caption = fig6_caption(made, settings)  # nothing was trained
    assert "not learned" not in caption
    assert "speckle" not in caption


def test_fig10_counts_a_variant_as_run_and_recordings_have_no_nominal_psf(
    make_deconvolution, settings, tmp_path
):
    methods = ("input", "cyclegan_blur_kernel_real", "richardson_lucy_tv")
    results = recordings(make_deconvolution, tmp_path, methods)
    caption = fig10_caption(results, settings)
    assert "Not run: cyclegan_blur_kernel_nonblind, blind_pupil." in caption
    assert "Told a PSF: richardson_lucy_tv." in caption


def test_trained_on_recordings_is_said_in_words(make_deconvolution, settings, tmp_path):
    made = recordings(make_deconvolution, tmp_path, ("wiener", "cyclegan"))
    trainings = [("cyclegan", "recorded-seed0")]
    results = type(made)(TRACK, made.items, tmp_path, trainings=trainings)
    assert "Learned methods were trained on recordings." in fig12_caption(results, settings)
    both = type(made)(
        TRACK, made.items, tmp_path, trainings=[*trainings, ("cyclegan", "snr20-seed0")]
    )
    assert "trained at snr20 or on recordings." in fig12_caption(both, settings)


def test_fig12_with_a_truth_a_long_grid_and_nothing(make_deconvolution, settings, tmp_path):
    names = ("one", "two", "three", "four")
    results = recordings(make_deconvolution, tmp_path / "truth", ("wiener",), True, names)
    figure, caption = fig12(results, settings), fig12_caption(results, settings)
    assert headings(figure) == ["observation", "wiener", "truth"]
    assert {image.norm.vmax for image in images(figure).ravel()} == {1}
    assert "No truth" not in caption
    assert "Not shown: the recordings four" in caption
    # the observation has the gain that brings it closest to the truth, as if it were an estimate
    assert images(figure)[0, 0].get_array().max() < 2
    nothing = type(results)(TRACK, [], tmp_path)
    for draw in (fig6, fig7, fig9, fig10):
        assert draw(nothing, settings).texts
    assert "No recording" in fig12(nothing, settings).texts[0].get_text()
    assert "No recording" in fig12_caption(nothing, settings)


def test_gain_and_offset_of_the_scores_are_shown(make_deconvolution, settings, tmp_path):
    results = make_deconvolution(tmp_path, samples=(SAMPLE,), methods=("input", "wiener"))
    item = results.find(SAMPLE, "snr20", "wiener")
    plain = images(fig6(results, settings))[0, 1].get_array()
    score = results._json(paths.score(TRACK, item))
    score["metrics"] |= {"gain": 0.5, "offset": 0.1}
    write_json(tmp_path / paths.score(TRACK, item), score)
    scaled = images(fig6(results, settings))[0, 1].get_array()
    assert np.allclose(scaled, 0.5 * plain + 0.1, atol=1e-6)
