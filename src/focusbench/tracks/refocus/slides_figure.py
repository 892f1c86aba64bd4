"""What the data look like: a field of each slide, and one field through its focal planes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import base_id
from focusbench.report.figures import new_figure, scale_bar, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.refocus import picture_drawing, places, plane_choice, shown
from focusbench.tracks.refocus import shown_fields as fields
from focusbench.tracks.refocus.error_maps import grey
from focusbench.tracks.refocus.field_slides import by_slide
from focusbench.tracks.refocus.places import Window
from focusbench.tracks.refocus.shown import HIGHRES, LOWRES

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

SIDE = 128  # px of the window that is shown through the planes
MOST_PLANES = 11
MOST_SLIDES, ACROSS = 12, 6
PLANES_ACROSS = 4
WIDTH, SLIDE, OVERVIEW, PLANE = 9.4, 1.53, 2.7, 1.6  # inches
ROLES = {"samples": "train", "validation": "validation", "test": "test"}  # as they are called
NOTHING = "No field was prepared: there is nothing to show."


class _Slide(NamedTuple):
    role: str
    slide: str
    sample: str
    image: np.ndarray  # uint8 (Y, X, 3), at 0 um
    pixel_size: float  # um
    fields: int  # of this slide and role


class _Found(NamedTuple):
    slides: list[_Slide]
    left_out: int
    sample: str
    truth: np.ndarray  # uint8 (planes, Y, X, 3)
    focus: np.ndarray  # um
    window: Window
    planes: list[int]
    seen: np.ndarray  # uint8 (y, x, 3)
    degradation: str


def slides(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Draw a field of each slide at 0 um, then one field through its planes, and its input.

    Reads truths, also those that were trained on, and observations.

    Parameters
    ----------
    results
        Of this track.
    settings
        `slides`: slides of a user's own fields, by id; else taken as all figures take it.
    """
    with style():
        found = _found(results, settings)
        return sentence_figure(NOTHING) if found is None else _draw(found)


def slides_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `slides`."""
    found = _found(results, settings)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings, trained=False)}"
    named = [
        f"{one.role} {one.slide} ({base_id(one.sample)}, {_fields(one.fields)})"
        for one in found.slides
    ]
    (high, wide), pixel = found.truth.shape[1:3], found.slides[-1].pixel_size
    across, down = found.seen.shape[1], found.seen.shape[0]
    what = (
        "the plane at 0 µm itself"
        if found.degradation.startswith(HIGHRES)
        else "made of the plane at 0 µm"
    )
    source = (
        " Fields named cytology are synthetic, rendered by this package: no real slide was "
        "measured."
        if any(one.sample.startswith("cytology_") for one in found.slides)
        else ""
    )
    text = (
        "Above: of each slide the first field, the plane at 0 µm: "
        f"{'; '.join(named)}. No slide has two roles.{source} Beneath: {base_id(found.sample)}, "
        "of the shown test fields the one with most dark pixels, "
        f"{wide} x {high} pixels of {pixel:g} µm, whole, and a part of it "
        f"({found.window.shape[1]} x {found.window.shape[0]} pixels, {found.window.told()}; "
        f"{fields.RULE}) at {plane_choice.all_told(found.focus[found.planes])}, of "
        f"{len(found.truth)} planes; the numbers say where the focus lies, up is positive. The "
        f"input ({found.degradation}) has {across} x {down} pixels, {what}. Colours are as "
        "stored, 0 to 255."
    )
    if found.left_out:
        text += f" Not shown: {found.left_out} more slides."
    return text + shown.made_with(settings, trained=False)


def _fields(count: int) -> str:
    return f"{count} field{'s' * (count > 1)}"


def _found(results: Results, settings: Mapping[str, Any]) -> _Found | None:
    by_role: dict[str, list[str]] = {role: [] for role in ROLES.values()}
    for role, sample in [*results.training_truths(), *(("test", one) for one in results.samples)]:
        by_role.setdefault(ROLES.get(role, role), []).append(sample)
    groups = {
        (role, slide): list(dict.fromkeys(samples))
        for role, some in by_role.items()
        for slide, samples in by_slide(some, settings).items()
    }
    if not results.items:
        return None
    kept = []
    for (role, slide), samples in list(groups.items())[:MOST_SLIDES]:
        truth = results.truth(samples[0])
        image = truth.array[len(truth.array) // 2].copy()
        kept.append(_Slide(role, slide, samples[0], image, truth.voxel_size[-1], len(samples)))
    sample = _fullest(kept, results)
    of_it = [item.degradation for item in results.items if item.sample == sample]
    degradation = LOWRES if LOWRES in of_it else of_it[0]
    truth = results.truth(sample)
    count = len(truth.array)
    window = places.darkest(grey(truth.array[count // 2]), SIDE)
    return _Found(
        kept,
        len(groups) - len(kept),
        sample,
        truth.array,
        plane_choice.focus(count, truth.voxel_size[0]),
        window,
        plane_choice.chosen(count, MOST_PLANES),
        results.observed(sample, degradation).array[0],
        degradation,
    )


def _fullest(slides: list[_Slide], results: Results) -> str:
    """Of the test fields that are shown the one with most dark pixels, or else the first of all."""
    tested = [one for one in slides if one.role == "test"]
    if not tested:
        return results.items[0].sample
    return max(tested, key=lambda one: int(places.nuclei(grey(one.image)).sum())).sample


def _draw(found: _Found) -> Figure:
    rows = -(-len(found.slides) // ACROSS)
    beneath_rows = -(-len(found.planes) // PLANES_ACROSS)
    above_height = rows * (SLIDE + 0.22) + 0.1
    beneath_height = max(beneath_rows * (PLANE + 0.2), 1.5 * OVERVIEW + 0.5)
    figure = new_figure(WIDTH, above_height + beneath_height)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)
    above, beneath = figure.subfigures(2, 1, height_ratios=[above_height, beneath_height])
    _draw_slides(above, found, rows)
    left, right = beneath.subfigures(1, 2, width_ratios=[OVERVIEW, WIDTH - OVERVIEW])
    middle = found.truth[len(found.truth) // 2]
    pixel = found.slides[-1].pixel_size
    picture_drawing.overview(left, middle, found.seen, pixel, {"": found.window})
    _draw_planes(right, found, beneath_rows, pixel)
    return figure


def _draw_slides(figure: SubFigure, found: _Found, rows: int) -> None:
    grid = figure.subplots(rows, min(ACROSS, len(found.slides)), squeeze=False)
    for axes in grid.flat[len(found.slides) :]:
        axes.set_visible(False)
    for axes, one in zip(grid.flat, found.slides, strict=False):
        picture_drawing.show(axes, one.image, f"{one.role}: {one.slide}")
        scale_bar(axes, one.image.shape[:2], one.pixel_size)


def _draw_planes(figure: SubFigure, found: _Found, rows: int, pixel: float) -> None:
    grid = figure.subplots(rows, min(PLANES_ACROSS, len(found.planes)), squeeze=False)
    for axes in grid.flat[len(found.planes) :]:
        axes.set_visible(False)
    for axes, plane in zip(grid.flat, found.planes, strict=False):
        picture_drawing.show(axes, found.truth[plane][found.window])
        axes.set_title(plane_choice.told(found.focus[plane]), fontsize=8)
        for spine in axes.spines.values():
            spine.set_color(picture_drawing.PART)
    scale_bar(grid.flat[0], found.window.shape, pixel)
