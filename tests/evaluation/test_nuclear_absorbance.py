"""Nuclei are found where they are, whatever the cytoplasm; their absorbance is compared."""

import math

import numpy as np
import pytest

from focusbench.data import cytology, cytology_nuclei
from focusbench.errors import InputError
from focusbench.evaluation.nuclear_absorbance import (
    SETTINGS,
    absorbance,
    background,
    errors,
    nuclei,
)

PIXEL = 0.35  # um
EMPTY = np.array([241.0, 240.0, 238.0])
CYAN, PINK, ORANGE = (0.14, 0.06, 0.05), (0.02, 0.14, 0.08), (0.01, 0.07, 0.22)  # absorbances
NUCLEUS = (0.42, 0.38, 0.25)


def field(*discs):
    """Discs of absorbance (y, x, radius, colours), px, on an empty slide, with a camera's noise."""
    total = np.zeros((150, 150, 3))
    for top, left, radius, colours in discs:
        inside = np.clip(radius - away(top, left) + 0.5, 0, 1)
        total += inside[..., None] * np.array(colours)
    return seen(total)


def away(top, left):
    y, x = np.mgrid[:150, :150]
    return np.hypot(y - top, x - left)


def seen(total):
    grey = EMPTY * 10**-total + np.random.default_rng(0).normal(0, 1, total.shape)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


CELLS = (
    *((40, 40, 35, CYAN), (40, 40, 10, NUCLEUS)),
    *((40, 110, 33, PINK), (44, 112, 8, NUCLEUS)),
    *((108, 108, 34, ORANGE), (108, 108, 7, NUCLEUS)),
)


def test_nuclei_in_cells_of_any_colour():
    found = nuclei(field(*CELLS), PIXEL)
    assert found.max() == 3
    for top, left, radius in ((40, 40, 10), (44, 112, 8), (108, 108, 7)):
        inside = away(top, left) <= radius
        number = found[top, left]
        assert number > 0
        both = np.count_nonzero(inside & (found == number))
        assert both > 0.85 * np.count_nonzero(inside)
        assert both > 0.85 * np.count_nonzero(found == number)


@pytest.mark.parametrize(
    "discs",
    [
        (),
        ((70, 70, 40, CYAN), (70, 70, 20, ORANGE)),
        ((70, 60, 35, CYAN), (70, 90, 35, PINK)),  # an overlap takes red and green, as a nucleus
        ((40, 40, 3, NUCLEUS), (90, 100, 2, (0.6, 0.6, 0.6))),  # too small
        ((70, 70, 24, NUCLEUS),),  # too large
        ((70, 70, 10, (0.5, 0.05, 0.05)), (30, 110, 10, (0.05, 0.4, 0.3))),  # of another stain
    ],
)
def test_what_is_no_nucleus(discs):
    assert nuclei(field(*discs), PIXEL).max() == 0


def test_what_is_long_or_fades_is_no_nucleus():
    total = np.zeros((150, 150, 3))
    total[60:69, 50:80] = NUCLEUS
    assert nuclei(seen(total), PIXEL).max() == 0  # 3 x 10 um
    total[60:69, 66:] = 0
    assert nuclei(seen(total), PIXEL).max() == 1
    bump = np.exp(-(away(70, 70) ** 2) / (2 * 13**2))[..., None] * np.array([0.17, 0.17, 0.1])
    assert nuclei(seen(bump), PIXEL).max() == 0
    edge = np.clip(14 - away(70, 70), 0, 1)[..., None] * np.array([0.17, 0.17, 0.1])
    assert nuclei(seen(edge), PIXEL).max() == 1


def test_nuclei_that_touch_are_two():
    found = nuclei(field((70, 60, 9, NUCLEUS), (70, 77, 9, NUCLEUS)), PIXEL)
    assert found.max() == 2
    assert found[70, 60] != found[70, 77]


def test_the_pixel_scales_all_lengths():
    fine = np.kron(field(*CELLS), np.ones((2, 2, 1), np.uint8))
    found = nuclei(fine, PIXEL / 2)
    assert found.max() == 3
    assert ((found[::2, ::2] > 0) == (nuclei(field(*CELLS), PIXEL) > 0)).mean() > 0.99


def test_most_of_what_was_drawn_is_found(monkeypatch):
    """Here all 6; on 12 larger fields 93 %, and 97 % of what was found was a nucleus."""
    drawn, original = [], cytology_nuclei.lay

    def noted(rng, brush, y, x, z, radius, *others):
        drawn.append((y, x, radius))
        original(rng, brush, y, x, z, radius, *others)

    monkeypatch.setattr(cytology_nuclei, "lay", noted)
    plane = cytology.stack("cytology_s5_f27", {"planes": 1, "shape": [256, 256]})[0]
    found = nuclei(plane, 0.243)
    places = np.array(drawn)
    inside = ((places[:, :2] > 3) & (places[:, :2] < 256 * 0.243 - 3)).all(axis=1)
    at = np.rint(places[:, :2] / 0.243).astype(int)
    whole = at[inside & (places[:, 2] > 1.8)]  # the lobes of neutrophils' nuclei are smaller
    assert len(whole) == 6
    assert np.mean(found[whole[:, 0], whole[:, 1]] > 0) >= 0.75
    y, x = np.mgrid[:256, :256] * 0.243
    true = np.zeros((256, 256), bool)
    for top, left, radius in drawn:
        true |= np.hypot(y - top, x - left) < 1.3 * radius
    assert true[found > 0].mean() > 0.95  # 0.67 if overlaps of cells counted


def test_background_where_a_fifth_is_empty():
    image = field((75, 75, 76, CYAN))
    assert background(image) == pytest.approx(EMPTY, abs=1.0)
    assert background(np.zeros((20, 20, 3), np.uint8)).tolist() == [0.5] * 3


def test_absorbance_of_known_light():
    empty = np.array([200.0, 100.0, 50.0])
    found = absorbance(np.array([[20, 100, 0], [200, 1, 100]], np.uint8), empty)
    assert found == pytest.approx(
        np.array([[1, 0, math.log10(100)], [0, 2, -math.log10(2)]]), abs=1e-12
    )


def cut(grey):
    """An empty slide of grey 200, and in it one square of grey values for each of `grey`."""
    plane = np.full((64, 64, 3), 200, np.uint8)
    found = np.zeros((64, 64), np.int32)
    for index, value in enumerate(grey):
        place = (slice(4 + 14 * index, 14 + 14 * index), slice(10, 20))
        plane[place], found[place] = value, index + 1
    return plane, found


def test_errors_of_known_absorbance():
    truth, found = cut([20, 100])
    assert errors(truth, truth, found) == (0.0, 0.0)
    estimate, _ = cut([40, 100])
    half = math.log10(2)
    error, integrated = errors(truth, estimate, found)
    assert error == pytest.approx(half / 2)  # one of two nuclei is off by log 2
    assert integrated == pytest.approx(100 * half / 1.0 / 2)  # of absorbance 1


def test_errors_within_a_nucleus_do_not_hide_but_in_the_integral():
    truth, found = cut([20])
    estimate = truth.copy()
    estimate[4:9, 10:20], estimate[9:14, 10:20] = 40, 10
    error, integrated = errors(truth, estimate, found)
    assert error == pytest.approx(math.log10(2))
    assert integrated == pytest.approx(0, abs=1e-9)


def test_colours_count_alike_and_black_is_half_a_grey_value():
    truth, found = cut([20])
    estimate = truth.copy()
    estimate[4:14, 10:20, 2] = 0
    error, _ = errors(truth, estimate, found)
    assert error == pytest.approx(math.log10(20 / 0.5) / 3)


def test_only_nuclei_count():
    truth, found = cut([20])
    estimate = truth.copy()
    estimate[found == 0] = 90
    assert errors(truth, estimate, found) == (0.0, 0.0)


def test_where_there_is_nothing_to_compare():
    truth, found = cut([20])
    assert errors(truth, truth, np.zeros_like(found)) == (None, None)
    pale, found = cut([198, 20])  # a nucleus that this plane does not show
    bright, _ = cut([180, 20])
    error, integrated = errors(pale, bright, found)
    assert error > 0.01
    assert integrated == pytest.approx(0)
    assert errors(*(cut([198])[0],) * 2, cut([198])[1]) == (0.0, None)


def test_what_counts_is_said():
    assert "8 to 120 um^2" in SETTINGS


@pytest.mark.parametrize("wrong", [np.zeros((9, 9, 3)), np.zeros((9, 9), np.uint8), None])
def test_refused(wrong):
    for call in (background, lambda plane: nuclei(plane, 1.0)):
        with pytest.raises(InputError, match=r"a plane of uint8 of shape \(y, x, 3\)"):
            call(wrong)


def test_refused_together():
    truth, found = cut([20])
    with pytest.raises(InputError, match="equal sides are accepted"):
        errors(truth, truth[:-1], found)
    with pytest.raises(InputError, match="equal sides are accepted"):
        errors(truth, truth, found[:-1])
    with pytest.raises(InputError, match="um, above 0"):
        nuclei(truth, 0.0)
