"""What is shown of fields, and of which restorations."""

import numpy as np
import pytest
from defocus_restored import PATCH, SETTINGS, SHAPE, Fields, field, items

from focusbench.paths import Restored
from focusbench.tracks.defocus import sections, shown
from focusbench.tracks.defocus.profiles import along, steepest_line
from focusbench.tracks.defocus.sections_drawing import free_corner
from focusbench.training.level_map import BG

ORDER = ("depth_variant_rectangular", "depth_variant_triangular", "depth_variant_field")


def test_a_few_hot_pixels_do_not_set_the_grey_scale():
    image = np.linspace(100, 200, 10_000).reshape(100, 100)
    image[0, :3] = 60_000
    black, white = sections.grey(image)
    assert 100 <= black < 101
    assert 199 < white < 201
    wider = sections.grey(image, image + 50)
    assert wider.black == black
    assert 249 < wider.white < 251
    assert sections.grey(np.full((4, 4), 7.0)) == (7.0, 8.0)


def test_the_window_lies_around_the_plainest_seam():
    side, shape = 10, (60, 80)
    rng = np.random.default_rng(0)
    truth = rng.normal(100, 1, shape)
    restored = truth.copy()
    restored[30:40, 40:50] += 20  # one patch that is brighter than its neighbours
    window = sections.seam_window(restored, truth, side)
    assert window.shape == (15, 20)
    middle = [(part.start + part.stop) // 2 for part in window]
    assert abs(middle[0] - 35) <= 6
    assert abs(middle[1] - 45) <= 6
    # an edge of the specimen on a border is in both, and is no seam
    truth[:, 20:] += 500
    restored[:, 20:] += 500
    assert sections.seam_window(restored, truth, side) == window


def test_the_window_keeps_off_the_edges_of_the_field_if_it_can():
    truth = np.full((60, 80), 100.0)
    restored = truth.copy()
    restored[:10, :10] += 50
    window = sections.seam_window(restored, truth, 10)
    assert window.rows.start > 0
    assert window.columns.start > 0
    assert sections.seam_window(truth[:20, :20], truth[:20, :20], 20) is None  # one patch
    narrow = sections.seam_window(restored[:10], truth[:10], 10)  # no other choice along y
    assert narrow.rows == slice(0, 10)


def test_the_busiest_window_holds_the_sharpest_structure():
    image = np.zeros((40, 80))
    image[22:26, 50:54] = 9
    window = sections.busy_window(image)
    assert window.shape == (10, 20)
    assert window.rows.start <= 21
    assert window.rows.stop >= 27
    assert window.columns.start <= 49
    assert window.columns.stop >= 55


def test_windows_are_moved_inwards():
    assert sections.around((1, 79), (10, 20), (40, 80)) == (slice(0, 10), slice(60, 80))


@pytest.mark.parametrize(
    ("rows", "columns", "corner"),
    [
        ((0, 50), (50, 100), (False, False)),  # above on the right: below on the right is free
        ((60, 95), (60, 95), (False, True)),
        ((40, 100), (0, 40), (False, False)),
        ((60, 100), (10, 90), (True, False)),
        ((0, 100), (50, 100), (False, True)),
    ],
)
def test_scale_bars_keep_off_the_frame(rows, columns, corner):
    window = sections.Window(slice(*rows), slice(*columns))
    assert free_corner(window, (100, 100)) == corner


def test_levels_are_drawn_by_the_nearest_patch():
    results = Fields([], told={("delpnet", "a"): [3] * 23 + [BG]})
    levels = results.levels("delpnet", "a", "tilted")
    image = sections.levels_image(levels)
    assert image.shape == SHAPE
    for corner, level in zip(levels.corners, levels.levels, strict=True):
        value = image[tuple(corner + PATCH // 2)]
        assert np.isnan(value) if level == BG else value == level


def test_bands_are_broken_evenly():
    panels = tuple(sections.Panel(str(i), np.zeros((2, 2))) for i in range(7))
    band = sections.Band("a", panels, sections.Grey(0, 1), None)
    rows = sections.wrapped(band, 5)
    assert [len(row.panels) for row in rows] == [4, 3]
    assert [row.label for row in rows] == ["a", ""]
    assert [panel for row in rows for panel in row.panels] == list(panels)


def test_the_profile_crosses_what_changes_most():
    image = np.zeros((20, 50))
    image[11, 30:40:2] = 5
    line = steepest_line(image, longest=12)
    assert line.row == 11
    assert line.columns.stop - line.columns.start == 12
    assert along(image, line).sum() == 25
    assert steepest_line(image).columns == slice(0, 50)


# --- restorers ------------------------------------------------------------------------------------


def test_variants_belong_to_their_families():
    assert shown.family("depth_variant_field_oracle") == "depth_variant_field"
    assert shown.family("field_32um") == "depth_variant_field"
    assert shown.family("rectangular_poisson") == "depth_variant_rectangular"
    assert shown.family("blind") == "blind"
    assert shown.family("my_program") == "my_program"


def test_restorers_come_by_family_oracles_last():
    methods = ["my_program", "depth_variant_field_oracle", *reversed(ORDER), "field_32um", "input"]
    wanted = [*ORDER, "field_32um", "depth_variant_field_oracle", "my_program"]
    assert shown.ordered(methods, SETTINGS) == wanted
    # one of each family before any second
    assert shown.chosen(methods, SETTINGS, 4) == [*ORDER, "my_program"]


def test_a_family_has_one_colour_and_each_member_its_dashes():
    methods = ["depth_variant_field", "depth_variant_field_oracle", "field_32um", "blind", "mine"]
    styles = shown.styles(["input", *methods], SETTINGS)
    assert len({styles[one].colour for one in methods[:3]}) == 1
    assert len({str(styles[one].dashes) for one in methods[:3]}) == 3
    assert len({styles[one].colour for one in ("blind", "mine", "depth_variant_field")}) == 3
    # whatever else is shown
    alone = shown.styles(["depth_variant_field_oracle"], SETTINGS)
    assert alone["depth_variant_field_oracle"] == styles["depth_variant_field_oracle"]


def test_what_is_no_variant_is_drawn_solid_whoever_tells_it():
    own = {
        "depth_variant_triangular": {"predictor": "delpnet_poisson"},
        "depth_variant_triangular_clean": {"predictor": "delpnet"},
    }
    styles = shown.styles(list(own), {**SETTINGS, "methods": own})
    assert styles["depth_variant_triangular"].dashes == "-"
    assert styles["depth_variant_triangular_clean"].dashes != "-"


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("depth_variant_triangular", "median level 4 (3 to 5)\n(delpnet)"),
        ("depth_variant_field_poisson", "level 2 (delpnet_poisson)"),
        ("depth_variant_field_oracle", "true levels (oracle)"),
        ("field_32um", "told level 16 (32 µm)"),
        ("depth_invariant", "PSF in focus"),
        ("blind", "PSF not told"),
        ("mine", ""),
    ],
)
def test_what_a_restorer_was_told(method, words):
    told = {("delpnet", "a"): [3, 4, 5, BG], ("delpnet_poisson", "a"): [2, BG]}
    results = Fields([], told=told)
    item = Restored("a", "tilted", method, 0)
    found = shown.told(results, SETTINGS, item)
    assert found.words == words
    assert (found.levels is not None) == ("delpnet" in words)


def test_levels_that_were_not_kept_are_not_made_up():
    found = shown.told(Fields([]), SETTINGS, Restored("a", "tilted", ORDER[0], 0))
    assert found == ("levels of delpnet", None)
    assert shown.span(np.array([BG, BG])) == "bg"


def test_what_is_missing_is_named():
    results = Fields(items(["a"], ["tilted"], [*ORDER[:2], "input"]))
    assert shown.not_run(results, ORDER) == " Not run: depth_variant_field."
    assert shown.not_run(results, ORDER[:2]) == ""
    assert shown.not_shown(results, ORDER[:1]) == f" Not shown: {ORDER[1]} (see the table)."
    assert shown.heading("depth_variant_triangular") == "depth_variant_\ntriangular"
    assert shown.heading("blind") == "blind"
    assert field("a").shape == SHAPE
