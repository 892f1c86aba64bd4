"""The plane in focus as each method makes it of a smaller image (the paper's figure 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import base_id
from focusbench.report.figures import new_figure, scale_bar, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.refocus import error_maps, lattice, picture_drawing, places, shown
from focusbench.tracks.refocus import shown_fields as fields
from focusbench.tracks.refocus.error_maps import grey
from focusbench.tracks.refocus.field_slides import by_slide, slide
from focusbench.tracks.refocus.places import Line, Window
from focusbench.tracks.refocus.shown import BICUBIC, LOWRES
from focusbench.tracks.refocus.shown_fields import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 192  # px of the window
DETAIL = 48  # px of what is enlarged
CELL = 1.5  # inches
MOST_METHODS, MOST_FIELDS = 5, 2
PAPERS = (BICUBIC, shown.SRGAN, shown.MFPINET)
WANTED = (*PAPERS, shown.NAF, shown.LINEAR)  # who has a place first
TRUTH = "truth"
TRUTH_INK = "#000000"
NOTHING = (
    "No method but bicubic interpolation made the plane in focus of a low-resolution image: there "
    "is nothing to show."
)


class _Part(NamedTuple):
    field: Shown
    detail: Window  # in the field's window
    line: Line


class _Found(NamedTuple):
    parts: list[_Part]
    methods: list[str]
    degradation: str
    judge: str  # whose PSNR chose the fields
    end: float


def fig3(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Pictures at 0 um, a part of them enlarged, error maps and grey values along a line.

    Reads scores, truths, restored stacks and records of training.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        `slides`: slides of a user's own fields, by id; else taken as all figures take it.
    """
    with style():
        found = _found(results, settings)
        return sentence_figure(NOTHING) if found is None else _draw(found, settings)


def fig3_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig3`."""
    found = _found(results, settings)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    first = found.parts[0].field
    high, wide = first.window.shape
    names = [
        f"{base_id(one.field.sample)} ({slide(one.field.sample, settings)}, "
        f"{one.field.window.told()})"
        for one in found.parts
    ]
    median = f"the one whose PSNR by {found.judge} is the median"
    chosen = f"of {'each slide shown' if len(found.parts) > 1 else 'the samples'} {median}"
    text = (
        f"The plane at 0 µm made of an image of half the size ({found.degradation}) of "
        f"{shown.listed(names)}; {chosen}. Shown are {wide} x {high} pixels of "
        f"{first.pixel_size:g} µm; {fields.RULE}. Framed and enlarged: "
        f"{found.parts[0].detail.shape[1]} x {found.parts[0].detail.shape[0]} pixels with the "
        "largest squared steps between neighbours in the truth. Error maps: absolute difference of "
        f"grey images, one scale from 0 to {found.end:g} of 255 (brighter: more); in them SSIM, "
        "PSNR and MAE of the RGB images (0 to 255) of what is shown. Beneath the truth: grey "
        "values along the red line, which is the one of half the width along which the truth "
        "varies most."
    )
    if shown.SRGAN in found.methods:
        text += " srgan makes this plane alone; of methods that make all planes it is the middle."
    text += shown.not_run(found.methods, PAPERS)
    text += shown.training_told(results, found.methods)
    text += lattice.told([one.field for one in found.parts], settings)
    missing = [one for one in _lowres(results, found.degradation) if one not in found.methods]
    text += f" Not shown: {shown.listed(missing)} (see the tables)." if missing else ""
    return text + shown.made_with(settings)


def _found(results: Results, settings: Mapping[str, Any]) -> _Found | None:
    degradation = LOWRES if LOWRES in results.degradations else None
    for one in results.degradations:
        if degradation is None and not one.startswith(shown.HIGHRES):
            degradation = one
    if degradation is None:
        return None
    methods = _chosen(_lowres(results, degradation))
    if not [one for one in methods if one != BICUBIC]:
        return None
    judge = shown.MFPINET if shown.MFPINET in methods else methods[-1]
    samples = fields.with_all(results, dict.fromkeys(methods, degradation))
    if not samples:  # a method that has not seen all: those of the one that decides
        samples = fields.with_all(results, {judge: degradation})
    scores = results.scores()
    slides = by_slide(samples, settings).values()
    kept = [fields.usual(some, scores, degradation, judge) for some in slides]
    parts = []
    for sample in kept[:MOST_FIELDS]:
        field = fields.read(results, sample, dict.fromkeys(methods, degradation), SIDE, None)
        focused = grey(field.truth[field.middle])
        side = min(DETAIL, max(8, min(focused.shape) // 4))
        (detail,) = places.patches(focused, side, 1)
        parts.append(_Part(field, detail, places.busiest_line(focused)))
    maps = [
        error_maps.error_map(field.truth[field.middle], made[field.middle])
        for field, _, _ in parts
        for made in field.estimates.values()
    ]
    return _Found(parts, methods, degradation, judge, error_maps.end(maps))


def _lowres(results: Results, degradation: str) -> list[str]:
    return shown.ordered([one.method for one in results.items if one.degradation == degradation])


def _chosen(methods: list[str]) -> list[str]:
    """At most so many: the paper's, ours, a user's own, then variants."""
    own = [one for one in methods if shown.base(one) not in shown.LOOKS]
    ranked = [one for one in (*WANTED, *own, *methods) if one in methods]
    kept = list(dict.fromkeys(ranked))[:MOST_METHODS]
    return [one for one in methods if one in kept]


def _draw(found: _Found, settings: Mapping[str, Any]) -> Figure:
    columns = [*found.methods, TRUTH]
    rows = 3 * len(found.parts)
    figure = new_figure(CELL * len(columns) + 0.3, CELL * rows + 0.9)
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.02, wspace=0.0, hspace=0.0)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    looks = shown.styles(found.methods, settings)
    drawn, maps = None, []
    for p, part in enumerate(found.parts):
        mine = grid[3 * p : 3 * p + 3]
        drawn = _draw_part(mine, found, part, {m: looks[m].colour for m in found.methods})
        maps += list(mine[2, :-1])
        told = (slide(part.field.sample, settings), "enlarged", "error")
        for axes, words in zip(mine[:, 0], told, strict=True):
            picture_drawing.row_label(axes, words)
    for axes, name in zip(grid[0], columns, strict=True):
        axes.set_title(shown.heading(name))
    picture_drawing.error_bar(figure, drawn, list(grid[:, :-1].flat))
    handles, labels = grid[2, -1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    return figure


def _draw_part(grid: np.ndarray, found: _Found, part: _Part, colours: Mapping[str, str]) -> Any:
    field, middle = part.field, part.field.middle
    truth = field.truth[middle]
    images = {one: made[middle] for one, made in field.estimates.items()} | {TRUTH: truth}
    drawn = None
    for c, name in enumerate([*found.methods, TRUTH]):
        if name not in images:
            for axes in grid[:, c]:
                axes.set_visible(False)
            continue
        image = images[name]
        picture_drawing.show(grid[0, c], image)
        picture_drawing.draw_line(grid[0, c], part.line)
        picture_drawing.frame(grid[0, c], part.detail)
        picture_drawing.show(grid[1, c], image[part.detail])
        picture_drawing.framed(grid[1, c])
        if name != TRUTH:
            drawn = picture_drawing.show_error(grid[2, c], truth, image, found.end, size=7)
    scale_bar(grid[0, 0], field.window.shape, field.pixel_size, left=True)
    scale_bar(grid[1, 0], part.detail.shape, field.pixel_size)
    _draw_profile(grid[2, -1], part, images, colours)
    return drawn


def _draw_profile(
    axes: Axes, part: _Part, images: Mapping[str, np.ndarray], colours: Mapping[str, str]
) -> None:
    for name, image in images.items():
        values = picture_drawing.profile(image, part.line)
        x = np.arange(len(values)) * part.field.pixel_size
        colour = colours.get(name, TRUTH_INK)
        axes.plot(x, values, color=colour, linewidth=0.9, label=name)
    axes.margins(x=0)
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.spines["right"].set_visible(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelsize=7, length=2, pad=1.5)
    axes.set_xlabel("µm along the line", fontsize=7, labelpad=1)
    axes.set_ylabel("grey value", fontsize=7, labelpad=1)
