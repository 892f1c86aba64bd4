"""One low-resolution image and the focal planes made of it (the paper's figure 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import base_id
from focusbench.report.figures import new_figure, scale_bar, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.refocus import (
    error_maps,
    lattice,
    picture_drawing,
    places,
    plane_choice,
    shown,
)
from focusbench.tracks.refocus import shown_fields as fields
from focusbench.tracks.refocus.error_maps import grey
from focusbench.tracks.refocus.places import Line, Window
from focusbench.tracks.refocus.shown import BICUBIC, LOWRES
from focusbench.tracks.refocus.shown_fields import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

SIDE = 256  # px of the window
PATCH = 32  # px of what is enlarged
PATCHES = 6
CELL, SMALL_CELL = 1.27, 0.74  # inches
WANTED = (shown.MFPINET, shown.NAF, shown.LINEAR)  # the first of them that was run is shown
TRUTH = "truth"
INKS = {TRUTH: "#000000", BICUBIC: "#888888"}
NOTHING = "No method made focal planes of a low-resolution image: there is nothing to show."


class _Found(NamedTuple):
    field: Shown
    method: str
    degradation: str
    bicubic: bool
    planes: list[int]
    patches: list[Window]  # in the field's window
    line: Line
    end: float
    overview: np.ndarray  # the truth at 0 um, whole, uint8 (Y, X, 3)
    seen: np.ndarray  # what the method started from, uint8 (y, x, 3)


def fig2(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Planes of a stack as one method makes them, beside the truth, with error maps and a profile.

    Reads scores, truths, observations, restored stacks and records of training.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        Taken as all figures take it.
    """
    with style():
        found = _found(results)
        return sentence_figure(NOTHING) if found is None else _draw(found, settings)


def fig2_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig2`."""
    found = _found(results)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    field = found.field
    count, step = len(field.truth), field.focus[1] - field.focus[0] if len(field.focus) > 1 else 0
    high, wide = field.window.shape
    um = field.pixel_size
    text = (
        f"Focal planes made by {found.method} of one image of half the size "
        f"({base_id(field.sample)}, {found.degradation}): {plane_choice.all_told(_foci(found))} of "
        f"{count} planes {step:.3g} µm apart. Shown are {wide} x {high} pixels of {um:g} µm "
        f"({field.window.told()}); {fields.RULE}, and of the samples it is the one whose PSNR by "
        f"{found.method} is the median. Error maps: absolute difference of grey images, one scale "
        f"from 0 to {found.end:g} of 255 (brighter: more); in them SSIM, PSNR and MAE of the RGB "
        "images (0 to 255) of what is shown. Red in the pictures: grey values along the straight "
        "line, the darkest at the line; the line is the one of half the width along which the "
        "truth at 0 µm varies most. On the right: the same grey values against the place on the "
        f"line. On the left: {len(found.patches)} patches of {found.patches[0].shape[1]} x "
        f"{found.patches[0].shape[0]} pixels at 0 µm, those with the largest squared steps between "
        "neighbours in the truth that keep off each other. Beneath them the truth at 0 µm, "
        "framed the shown part (blue) and the patches, and the image that all was made of."
    )
    if not found.bicubic:
        text += " Bicubic interpolation was not run on it."
    text += shown.training_told(results, [found.method]) + lattice.told([field], settings)
    return text + shown.not_shown(results, [found.method, BICUBIC]) + shown.made_with(settings)


def _foci(found: _Found) -> np.ndarray:
    return found.field.focus[found.planes]


def _found(results: Results) -> _Found | None:
    chosen = _method(results)
    if chosen is None:
        return None
    method, degradation = chosen
    samples = fields.with_all(results, {method: degradation})
    sample = fields.usual(samples, results.scores(), degradation, method)
    count = len(results.truth(sample).array)
    planes = plane_choice.chosen(count)
    sources = {method: degradation, BICUBIC: degradation}
    field = fields.read(results, sample, sources, SIDE, planes)
    focused = grey(field.truth[field.middle])
    side = min(PATCH, max(8, min(focused.shape) // 6))
    maps = [
        error_maps.error_map(field.truth[plane], made[plane])
        for made in field.estimates.values()
        for plane in planes
    ]
    return _Found(
        field,
        method,
        degradation,
        BICUBIC in field.estimates,
        planes,
        places.patches(focused, side, PATCHES),
        places.busiest_line(focused),
        error_maps.end(maps),
        results.truth(sample).array[count // 2],
        results.observed(sample, degradation).array[0],
    )


def _method(results: Results) -> tuple[str, str] | None:
    """Method that is shown, and at which degradation: the paper's, or what comes next to it."""
    ranked = [
        *(one for kind in WANTED for one in results.methods if one == kind),
        *(one for kind in WANTED for one in results.methods if shown.base(one) == kind),
        *(one for one in shown.ordered(results.methods) if shown.base(one) not in shown.LOOKS),
    ]
    for method in ranked:
        degradation = fields.place_of(results, method, LOWRES)
        if not degradation.startswith(shown.HIGHRES) and _all_planes(results, method, degradation):
            return method, degradation
    return None


def _all_planes(results: Results, method: str, degradation: str) -> bool:
    sample = fields.with_all(results, {method: degradation})[0]
    item = results.find(sample, degradation, method)
    return len(results.restored(item).array) == len(results.truth(sample).array)


def _draw(found: _Found, settings: Mapping[str, Any]) -> Figure:
    rows = len(found.planes)
    columns = [found.method, TRUTH, *([BICUBIC] if found.bicubic else [])]
    small = 2 + found.bicubic
    left_width = small * SMALL_CELL + 0.15
    right_width = CELL * (4 + found.bicubic) + 0.75
    height = CELL * rows + 0.95
    figure = new_figure(left_width + right_width, height)
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0.0, hspace=0.0)
    left, right = figure.subfigures(1, 2, width_ratios=[left_width, right_width])
    patches = len(found.patches) * SMALL_CELL + 0.45
    above, beneath = left.subfigures(2, 1, height_ratios=[patches, max(height - patches, 1.0)])
    _draw_patches(above, found, columns)
    window = found.field.window
    parts = {_letter(i): window.inside(one) for i, one in enumerate(found.patches)} | {"": window}
    picture_drawing.overview(beneath, found.overview, found.seen, found.field.pixel_size, parts)
    _draw_planes(right, found, settings)
    return figure


def _draw_patches(figure: SubFigure, found: _Found, columns: Sequence[str]) -> None:
    field, middle = found.field, found.field.middle
    order = [one for one in (BICUBIC, found.method, TRUTH) if one in columns]
    rows = len(found.patches)
    grid = figure.subplots(rows, len(order), squeeze=False)
    figure.suptitle("patches at 0 µm", fontsize=9)
    for r in range(rows):
        for axes, name in zip(grid[r], order, strict=True):
            image = field.truth[middle] if name == TRUTH else field.estimates[name][middle]
            picture_drawing.show(axes, image[found.patches[r]])
            picture_drawing.framed(axes)
            if r == 0:
                axes.set_title(shown.heading(name, 10), fontsize=8)
        grid[r, 0].set_ylabel(_letter(r), fontsize=8, rotation=0, labelpad=6, va="center")


def _letter(place: int) -> str:
    return "abcdefghij"[place]


def _draw_planes(figure: SubFigure, found: _Found, settings: Mapping[str, Any]) -> None:
    field, method = found.field, found.method
    names = [method, TRUTH, f"|{method} − truth|"]
    names += ["|bicubic − truth|"] if found.bicubic else []
    names += ["grey values\nalong the line"]
    rows = len(found.planes)
    grid = figure.subplots(rows, len(names), squeeze=False)
    low, high = _span(found)
    look = shown.styles([method], settings)[method].colour
    drawn = None
    for r, plane in enumerate(found.planes):
        truth, made = field.truth[plane], field.estimates[method][plane]
        for axes, image in zip(grid[r], (made, truth), strict=False):
            picture_drawing.show(axes, image)
            picture_drawing.line_over(axes, image, found.line, low, high)
        picture_drawing.row_label(grid[r, 0], plane_choice.told(field.focus[plane]))
        curves = {TRUTH: (truth, INKS[TRUTH]), method: (made, look)}
        estimates = [made]
        if found.bicubic:
            estimates.append(field.estimates[BICUBIC][plane])
            curves[BICUBIC] = (estimates[-1], INKS[BICUBIC])
        for axes, image in zip(grid[r, 2:], estimates, strict=False):
            drawn = picture_drawing.show_error(axes, truth, image, found.end)
        _draw_profile(grid[r, -1], found, curves, last=r == rows - 1)
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name.replace(" − ", " −\n"), fontsize=8)
    scale_bar(grid[0, 0], field.window.shape, field.pixel_size)
    picture_drawing.error_bar(figure, drawn, list(grid[:, 2 : 3 + found.bicubic].flat))
    handles, labels = grid[-1, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower right", frameon=False, fontsize=7, ncols=1)


def _span(found: _Found) -> tuple[float, float]:
    """Least and largest grey value on the line, of all that is drawn."""
    values = [
        picture_drawing.profile(image, found.line)
        for plane in found.planes
        for image in (found.field.truth[plane], found.field.estimates[found.method][plane])
    ]
    return float(np.min(values)), float(np.max(values))


def _draw_profile(
    axes: Axes, found: _Found, curves: Mapping[str, tuple[np.ndarray, str]], *, last: bool
) -> None:
    for name in (BICUBIC, TRUTH, found.method):
        if name in curves:
            image, colour = curves[name]
            values = picture_drawing.profile(image, found.line)
            x = np.arange(len(values)) * found.field.pixel_size
            axes.plot(x, values, color=colour, linewidth=0.9, label=name)
    axes.set_ylim(0, 255)
    axes.set_yticks([0, 100, 200])
    axes.tick_params(labelsize=6.5, length=2, pad=1.5)
    axes.margins(x=0)
    if last:
        axes.set_xlabel("µm along the line", fontsize=7, labelpad=1)
    else:
        axes.set_xticklabels([])
