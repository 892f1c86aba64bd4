"""Pictures of the refocus track: figures 2, 3, 4, the slides, and the rules of what they show."""

import math
from functools import cache

import numpy as np
import pandas
import pytest

from focusbench.evaluation.colour_metrics import plane_scores
from focusbench.images import Volume
from focusbench.optics.refocus_degradation import degrade, middle
from focusbench.paths import Restored
from focusbench.report.results import Results
from focusbench.tracks.refocus import (
    error_maps,
    imaging_figure,
    lattice,
    places,
    plane_choice,
    refocusing_figure,
    shown,
    shown_fields,
    slides_figure,
    super_resolution_figure,
)

MODULES = {
    "fig2": imaging_figure,
    "fig3": super_resolution_figure,
    "fig4": refocusing_figure,
    "slides": slides_figure,
}
PLANES, SHAPE, VOXEL = 3, (32, 40), (2.7, 0.243, 0.243)
LOWRES = ("bicubic", "linear_per_plane", "mfpinet", "refocus_naf", "srgan")
HIGHRES = ("bicubic", "deep_z", "mfpinet_hr_input")
SAMPLES = ("cytology_s4_f1", "cytology_s4_f2", "cytology_s5_f1")
PSNR = {"cytology_s4_f1": 34.0, "cytology_s4_f2": 31.0, "cytology_s5_f1": 32.0}
SETTINGS = {"preset": "quick", "seed": 0, "methods": {}, "variants": [], "track": {"seeds": [0]}}


def field(sample, planes=PLANES):
    """Pale, with a dark disk whose place and depth hang on the sample."""
    rng = np.random.default_rng(sum(map(ord, sample)))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    cy, cx = rng.uniform(10, 22), rng.uniform(10, 30)
    stack = []
    for plane in range(planes):
        edge = 1 + 3 * abs(plane - planes // 2)
        inside = 1 / (1 + np.exp((np.hypot(y - cy, x - cx) - 6) / edge))
        colours = [235 - 120 * inside, 225 - 100 * inside, 240 - 60 * inside]
        stack.append(np.stack(colours, axis=-1))
    noise = rng.normal(0, 1, (planes, *SHAPE, 3))
    return np.clip(np.rint(np.array(stack) + noise), 0, 255).astype(np.uint8)


class Fields(Results):
    """Results whose files are not there: estimates are the truth with an offset of their own."""

    def __init__(self, methods=None, samples=SAMPLES, trainings=None, planes=PLANES):
        methods = {"lowres": LOWRES, "highres": HIGHRES} if methods is None else methods
        items = [
            Restored(s, place, m, 0)
            for place, some in methods.items()
            for s in samples
            for m in some
        ]
        super().__init__("refocus", items)
        self.records, self.planes = trainings or {}, planes

    def truth(self, sample):
        return Volume(field(sample, self.planes), "ZYXC", VOXEL)

    def observed(self, sample, degradation):
        image = middle(field(sample, self.planes))
        image = image if degradation.startswith("highres") else degrade(image)
        return Volume(image[None], "ZYXC", VOXEL)

    def restored(self, item):
        made = field(item.sample, self.planes).astype(int) + self.offset(item.method)
        if item.method.startswith("srgan"):
            made = made[len(made) // 2 :][:1]
        return Volume(np.clip(made, 0, 255).astype(np.uint8), "ZYXC", VOXEL)

    def offset(self, method):
        return -1 - 2 * sorted({*LOWRES, *HIGHRES, method}).index(method)

    def scores(self):
        rows = [
            {**one._asdict(), "psnr": PSNR[one.sample], "psnr_middle": PSNR[one.sample]}
            for one in self.items
        ]
        return pandas.DataFrame(rows)

    def trainings(self):
        return pandas.DataFrame([{"method": m, **record} for m, record in self.records.items()])

    def training_truths(self):
        return [
            ("samples", "cytology_s1_f1"),
            ("samples", "cytology_s1_f2"),
            ("validation", "cytology_s6_f1"),
        ]


def drawn(name, results, settings=SETTINGS):
    return getattr(MODULES[name], name)(results, settings), told(name, results, settings)


def told(name, results, settings=SETTINGS):
    return getattr(MODULES[name], f"{name}_caption")(results, settings)


@cache
def usual(name):
    """Figure and caption of all fields and methods; not to be changed."""
    return drawn(name, Fields())


def pictures(figure):
    return [axes for axes in figure.axes if axes.images]


def titled(figure, title):
    """Column of pictures beneath a title (the last such), the topmost first."""
    top = [a for a in pictures(figure) if a.get_title().replace("\n", " ") == title][-1]
    column = [a for a in pictures(figure) if a.get_gridspec() is top.get_gridspec()]
    place = top.get_subplotspec().colspan.start
    return [a for a in column if a.get_subplotspec().colspan.start == place]


def image(axes):
    return np.asarray(axes.images[0].get_array())


@pytest.mark.parametrize("name", MODULES)
def test_nothing_to_show_is_said(name):
    figure, caption = drawn(name, Fields({}))
    assert figure.texts[0].get_text() in caption
    assert "Preset quick" in caption


@pytest.mark.parametrize("name", ["fig2", "fig3"])
def test_bicubic_alone_is_nothing_to_show(name):
    figure, caption = drawn(name, Fields({"lowres": ["bicubic"], "highres": HIGHRES}))
    assert figure.texts[0].get_text() in caption


# --- figure 2 -------------------------------------------------------------------------------------


def test_fig2_shows_planes_errors_and_profiles_of_the_median_field():
    results = Fields()
    figure, caption = usual("fig2")
    assert "cytology_s5_f1" in caption  # 32 dB lies between 31 and 34
    truth = field("cytology_s5_f1")
    made = results.restored(Restored("cytology_s5_f1", "lowres", "mfpinet", 0)).array
    columns = [titled(figure, title) for title in ("mfpinet", "truth")]
    assert [len(column) for column in columns] == [PLANES] * 2
    for r, axes in enumerate(columns[0]):
        assert np.array_equal(image(axes), made[r])
        assert np.array_equal(image(columns[1][r]), truth[r])
        assert len(axes.lines) >= 2  # the line and the profile over it
    maps = titled(figure, "|mfpinet − truth|")
    weights = np.array([0.299, 0.587, 0.114])
    for r, axes in enumerate(maps):
        wanted = np.abs(made[r] @ weights - truth[r] @ weights)
        assert np.allclose(image(axes), wanted, atol=0.1)
        told = plane_scores(truth[r], made[r])
        words = axes.texts[0].get_text()
        assert f"SSIM {told['ssim']:.3f}" in words
        assert f"PSNR {told['psnr']:.2f} dB" in words
        assert f"MAE {told['mae']:.2f}" in words
    ends = {a.images[0].get_clim() for a in [*maps, *titled(figure, "|bicubic − truth|")]}
    assert len(ends) == 1
    assert f"from 0 to {ends.pop()[1]:g} of 255" in caption
    assert "Trained" not in caption
    assert "RGB" in caption
    assert [a.get_ylabel() for a in columns[0]] == ["−2.7 µm", "0 µm", "+2.7 µm"]


@pytest.mark.parametrize("name", ["fig2", "fig3", "fig4"])
def test_captions_tell_for_how_long_was_trained(name):
    trainings = {
        "mfpinet": {"steps": 400, "parameters": {"width": 8, "patch": 96}},
        "linear_per_plane": {"steps": 0, "parameters": {}},
    }
    caption = told(name, Fields(trainings=trainings))
    assert "Trained for: mfpinet 400 steps (patches of 96 pixels a side, width 8)." in caption


def test_fig2_draws_the_same_profiles_as_numbers():
    figure, _ = usual("fig2")
    profiles = [a for a in figure.axes if len(a.lines) == 3 and not a.images]
    assert len(profiles) == PLANES
    truth = error_maps.grey(field("cytology_s5_f1"))
    line = places.busiest_line(truth[1])
    curves = {one.get_label(): one.get_ydata() for one in profiles[0].lines}
    assert np.allclose(curves["truth"], truth[0, line.row, line.columns])
    assert set(curves) == {"truth", "mfpinet", "bicubic"}
    assert profiles[-1].get_xlabel() == "µm along the line"


def test_fig2_does_without_bicubic_and_mfpinet():
    figure, caption = drawn("fig2", Fields({"lowres": ["refocus_naf", "srgan"]}))
    assert "made by refocus_naf" in caption
    assert "Bicubic interpolation was not run" in caption
    assert not [a for a in pictures(figure) if "bicubic" in a.get_title()]


def test_fig2_shows_a_variant_only_where_its_base_was_not_run():
    both = Fields({"lowres": ["mfpinet_no_adversarial", "mfpinet"]})
    assert "made by mfpinet of" in told("fig2", both)
    alone = Fields({"lowres": ["mfpinet_no_adversarial", "linear_per_plane"]})
    assert "made by linear_per_plane of" in told("fig2", alone)
    assert "made by mine of" in told("fig2", Fields({"offmodel": ["mine"]}))


def test_fig2_never_shows_what_starts_from_the_plane_itself():
    caption = told("fig2", Fields({"highres": ["mfpinet_hr_input"]}))
    assert caption.startswith(imaging_figure.NOTHING)


# --- figure 3 -------------------------------------------------------------------------------------


def test_fig3_shows_a_field_of_each_slide_at_0_um():
    results = Fields()
    figure, caption = usual("fig3")
    assert "cytology_s4_f2 (slide 4" in caption  # 31 dB, the lower of the two in the middle
    assert "cytology_s5_f1 (slide 5" in caption
    column = titled(figure, "srgan")
    assert len(column) == 6
    made = results.restored(Restored("cytology_s4_f2", "lowres", "srgan", 0)).array
    assert np.array_equal(image(column[0]), made[0])
    assert np.array_equal(image(titled(figure, "truth")[0]), field("cytology_s4_f2")[1])
    detail = image(column[1])
    assert detail.shape[0] < made.shape[1]
    assert "PSNR" in column[2].texts[0].get_text()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [*shown.ordered(LOWRES), "truth"]


def test_fig3_says_what_is_missing_and_what_is_left_out():
    methods = {"lowres": [*LOWRES, "srgan_5"]}
    assert "Not shown: srgan_5" in told("fig3", Fields(methods))
    assert "Not run: srgan." in told("fig3", Fields({"lowres": ["bicubic", "mfpinet"]}))


def test_fig3_labels_of_scale_bars_stay_inside():
    figure, _ = usual("fig3")
    figure.draw_without_rendering()
    bars = [text for a in pictures(figure) for text in a.texts if text.get_text().endswith("µm")]
    assert len(bars) == 4
    for text in bars:
        inner, outer = text.get_window_extent(), text.axes.get_window_extent()
        assert outer.x0 < inner.x0
        assert inner.x1 < outer.x1


# --- figure 4 -------------------------------------------------------------------------------------


def test_fig4_compares_methods_that_start_from_unlike_images():
    results = Fields()
    figure, caption = usual("fig4")
    for method, place in (("deep_z", "highres"), ("mfpinet", "lowres")):
        made = results.restored(Restored("cytology_s5_f1", place, method, 0)).array
        assert np.array_equal(image(titled(figure, method)[2]), made[2])
    for method in ("deep_z", "mfpinet", "mfpinet_hr_input", "refocus_naf"):
        assert len(titled(figure, f"|{method} − truth|")) == PLANES
    assert "deep_z and mfpinet_hr_input from the plane at 0 µm itself (highres)" in caption
    assert (
        "mfpinet and refocus_naf from that plane at half the size and blurred (lowres)" in caption
    )


def test_fig4_does_without_deep_z():
    figure, caption = drawn("fig4", Fields({"lowres": ["mfpinet"]}))
    assert "Not run: deep_z" in caption
    assert len(pictures(figure)) >= 3 * PLANES


# --- slides ---------------------------------------------------------------------------------------


def test_slides_shows_a_field_of_each_slide_and_the_planes_of_one():
    figure, caption = usual("slides")
    titles = [a.get_title() for a in pictures(figure)]
    assert titles[:4] == ["train: slide 1", "validation: slide 6", "test: slide 4", "test: slide 5"]
    assert [t for t in titles if t.endswith("µm")] == ["−2.7 µm", "0 µm", "+2.7 µm"]
    assert "train slide 1 (cytology_s1_f1, 2 fields)" in caption
    assert "has 20 x 16 pixels, made of the plane at 0 µm" in caption
    own = {**SETTINGS, "slides": {"cytology_s4_f1": "mine", "cytology_s4_f2": "mine"}}
    assert "test: mine" in [a.get_title() for a in pictures(drawn("slides", Fields(), own)[0])]


def test_slides_draws_pixels_of_field_and_input_as_large():
    figure, _ = usual("slides")
    figure.draw_without_rendering()
    whole, seen = (
        next(a for a in pictures(figure) if a.get_title().startswith(title))
        for title in ("truth at 0 µm", "its input")
    )
    scales = [np.diff(a.transData.transform([[0, 0], [1, 0]])[:, 0]).item() for a in (whole, seen)]
    assert math.isclose(*scales, rel_tol=0.02)


# --- grids of 2 pixels ----------------------------------------------------------------------------


class Checked(Fields):
    """What mfpinet made is brighter at every second row."""

    def restored(self, item):
        made = super().restored(item)
        if item.method == "mfpinet":
            made.array[:, ::2] = np.minimum(made.array[:, ::2], 250) + 5
        return made


@pytest.mark.parametrize("name", ["fig2", "fig3", "fig4"])
def test_a_grid_of_2_pixels_is_told_where_it_is_measured(name):
    words = "A grid of 2 pixels may be seen in mfpinet, from steps that double the size"
    assert words in told(name, Checked())
    assert "grid of 2 pixels" not in usual(name)[1]
    assert "grid of 2 pixels" not in told(name, Checked(), {**SETTINGS, "preset": "paper"})


def test_a_grid_has_its_power_at_half_a_cycle_a_pixel():
    y, x = np.mgrid[:32, :40]
    flat = np.sin(y / 3) + np.sin(x / 4)
    for grid in ((-1) ** x, (-1) ** y, (-1) ** (x + y)):
        assert lattice.power(flat + 0.1 * grid) > 100 * lattice.power(flat)
    assert lattice.power(flat + 0.1 * np.sin(np.pi * x / 2)) < 2 * lattice.power(flat)


# --- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_cut_off(name):
    results = Fields({"lowres": ["mfpinet"]}, SAMPLES[:1])
    figure = getattr(MODULES[name], name)(results, SETTINGS)
    figure.draw_without_rendering()
    inner, outer = figure.get_tightbbox(), figure.bbox_inches
    assert min(inner.x0, inner.y0) >= -0.01
    assert inner.x1 <= outer.x1 + 0.01
    assert inner.y1 <= outer.y1 + 0.01


def test_maps_stand_beside_their_pictures():
    figure = refocusing_figure.fig4(Fields({"lowres": ["mfpinet"]}, SAMPLES[:1]), SETTINGS)
    figure.draw_without_rendering()
    for axes in zip(*(titled(figure, t) for t in ("truth", "|mfpinet − truth|")), strict=True):
        bottoms = [one.get_position().y0 for one in axes]
        assert math.isclose(*bottoms, abs_tol=1e-3)


def test_planes_are_chosen_about_the_middle():
    assert plane_choice.chosen(11) == [0, 2, 4, 5, 6, 8, 10]
    assert plane_choice.chosen(3) == [0, 1, 2]
    assert plane_choice.chosen(1) == [0]
    assert plane_choice.chosen(33) == [0, 8, 15, 16, 17, 24, 32]
    assert plane_choice.chosen(11, 11) == list(range(11))
    focus = plane_choice.focus(11, 2.7)
    assert plane_choice.all_told(focus[[0, 5, 10]]) == "−13.5, 0 and +13.5 µm"


def test_the_window_lies_on_the_nuclei():
    grey = np.full((40, 60), 230.0)
    grey[25:33, 44:52] = 90
    window = places.darkest(grey, 16)
    assert window.shape == (16, 16)
    assert window.rows.start <= 25
    assert window.rows.stop >= 33
    assert window.columns.start <= 44
    assert window.columns.stop >= 52
    bright = places.darkest(255 - grey, 16)  # fluorescence: the nuclei are what is bright
    assert bright == window
    assert places.darkest(grey, 100).shape == grey.shape


def test_patches_keep_off_each_other_and_show_most_detail_first():
    grey = np.full((48, 48), 200.0)
    grey[8:12, 8:12], grey[30:34, 36:40] = 50, 100
    found = places.patches(grey, 8, 3)
    assert grey[found[0]].min() == 50
    assert grey[found[1]].min() == 100
    middles = [np.array([(s.start + s.stop) / 2 for s in one]) for one in found]
    for i, one in enumerate(middles):
        for other in middles[:i]:
            assert np.abs(one - other).max() >= 1.5 * 8
    assert len(places.patches(grey[:10, :10], 8, 5)) == 1


def test_the_line_crosses_what_varies_most():
    grey = np.full((40, 60), 200.0)
    grey[30, 20:40:2] = 50
    grey[35, :30], grey[35, 30:] = 0, 250  # one large step counts less than many
    line = places.busiest_line(grey)
    assert line.row == 30
    assert line.columns.start <= 20
    assert line.columns.stop >= 39
    assert line.columns.stop - line.columns.start == 30


def test_unscored_fields_are_shown_in_their_order():
    scores = pandas.DataFrame(
        [{"sample": s, "degradation": "lowres", "method": "m", "psnr": math.nan} for s in "ab"]
    )
    assert shown_fields.usual(["b", "a"], scores, "lowres", "m") == "b"
    scores["psnr_middle"] = [30.0, 40.0]
    assert shown_fields.usual(["b", "a"], scores, "lowres", "m") == "a"


def test_grey_values_are_weighted_as_the_eye_sees_them():
    assert np.allclose(error_maps.grey(np.full((1, 1, 3), 255, np.uint8)), 255)
    assert abs(error_maps.grey(np.array([[[0, 255, 0]]]))[0, 0] - 0.587 * 255) < 0.1
    assert error_maps.end([np.full((9, 9), 7.0)]) == 10


def test_a_method_looks_alike_whichever_others_are_shown():
    settings = {**SETTINGS, "variants": ["mfpinet_no_adversarial", "mine"]}
    every = [*shown.LOOKS, "mfpinet_no_adversarial", "mine"]
    looks = shown.styles(every, settings)
    assert len({(one.colour, one.marker) for one in looks.values()}) == len(every) - 1
    assert looks["mfpinet_no_adversarial"].colour == looks["mfpinet"].colour
    assert looks["mfpinet_no_adversarial"].dashes != looks["mfpinet"].dashes
    for one in every:
        assert shown.styles([one], settings)[one] == looks[one]


def test_a_variant_is_told_from_a_method_of_a_longer_name():
    assert shown.base("mfpinet_hr_input_wide") == "mfpinet_hr_input"
    assert shown.base("srgan_5") == "srgan"
    assert shown.base("other") == "other"
