"""Planes made of one sharp image by Deep-Z, and of a smaller one by MFPINet (paper's figure 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from focusbench.paths import base_id
from focusbench.report.figures import new_figure, scale_bar, sentence_figure, style
from focusbench.report.results import Results
from focusbench.tracks.refocus import error_maps, lattice, picture_drawing, plane_choice, shown
from focusbench.tracks.refocus import shown_fields as fields
from focusbench.tracks.refocus.shown import DEEP_Z, HIGHRES, HR_INPUT, LOWRES, MFPINET, NAF
from focusbench.tracks.refocus.shown_fields import Shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 256  # px of the window
CELL = 1.27  # inches
PLACES = {DEEP_Z: HIGHRES, MFPINET: LOWRES, HR_INPUT: HIGHRES, NAF: LOWRES}
PICTURES = (DEEP_Z, MFPINET)  # the paper's; of the others error maps alone
NOTHING = "Neither deep_z nor mfpinet was run: there is nothing to show."


class _Found(NamedTuple):
    field: Shown
    places: dict[str, str]  # method -> degradation
    planes: list[int]
    judge: str
    end: float


def fig4(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Truth, deep_z and mfpinet through the planes, with error maps, also of our arms.

    Reads scores, truths, restored stacks and records of training.

    Parameters
    ----------
    results
        Of the main grid.
    settings
        Taken as all figures take it; not needed for the picture.
    """
    with style():
        found = _found(results)
        return sentence_figure(NOTHING) if found is None else _draw(found)


def fig4_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fig4`."""
    found = _found(results)
    if found is None:
        return f"{NOTHING}{shown.made_with(settings)}"
    field = found.field
    high, wide = field.window.shape
    starts = {
        True: "the plane at 0 µm itself",
        False: "that plane at half the size and blurred",
    }
    told = [
        f"{shown.listed([m for m, d in found.places.items() if d.startswith(HIGHRES) == sharp])} "
        f"from {words} ({shown.listed(sorted({*_degradations(found, sharp)}))})"
        for sharp, words in starts.items()
        if _degradations(found, sharp)
    ]
    text = (
        f"Focal planes of {base_id(field.sample)} at "
        f"{plane_choice.all_told(field.focus[found.planes])}, made by {', and by '.join(told)}. "
        f"Shown are {wide} x {high} pixels of {field.pixel_size:g} µm ({field.window.told()}); "
        f"{fields.RULE}, and of the samples it is the one whose PSNR by {found.judge} is the "
        "median. Error maps: absolute difference of grey images, one scale from 0 to "
        f"{found.end:g} of 255 (brighter: more); in them SSIM, PSNR and MAE of the RGB images (0 "
        "to 255) of what is shown."
    )
    if DEEP_Z in found.places or HR_INPUT in found.places:
        text += " At 0 µm a method that starts from the plane itself has only to hand it on."
    text += shown.not_run(list(found.places), PICTURES)
    text += shown.training_told(results, list(found.places)) + lattice.told([field], settings)
    return text + shown.not_shown(results, list(found.places)) + shown.made_with(settings)


def _degradations(found: _Found, sharp: bool) -> list[str]:
    return [one for one in found.places.values() if one.startswith(HIGHRES) == sharp]


def _found(results: Results) -> _Found | None:
    have = {
        method: place
        for method, preferred in PLACES.items()
        if (place := fields.place_of(results, method, preferred)) is not None
    }
    papers = {one: have[one] for one in PICTURES if one in have}
    if not papers:
        return None
    samples = fields.with_all(results, papers)
    judge = MFPINET if MFPINET in papers else DEEP_Z
    if not samples:  # never of one field: what decides is shown alone
        have = papers = {judge: papers[judge]}
        samples = fields.with_all(results, papers)
    sample = fields.usual(samples, results.scores(), papers[judge], judge)
    planes = plane_choice.chosen(len(results.truth(sample).array))
    field = fields.read(results, sample, have, SIDE, planes)
    have = {one: have[one] for one in have if one in field.estimates}
    maps = [
        error_maps.error_map(field.truth[plane], made[plane])
        for made in field.estimates.values()
        for plane in planes
    ]
    return _Found(field, have, planes, judge, error_maps.end(maps))


def _draw(found: _Found) -> Figure:
    field = found.field
    pictures = [one for one in PICTURES if one in found.places]
    columns = 1 + len(pictures) + len(found.places)
    rows = len(found.planes)
    figure = new_figure(CELL * columns + 0.4, CELL * rows + 0.95)
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0.0, hspace=0.0)
    grid = figure.subplots(rows, columns, squeeze=False)
    drawn = None
    for r, plane in enumerate(found.planes):
        truth = field.truth[plane]
        shown_images = [truth, *(field.estimates[one][plane] for one in pictures)]
        for axes, image in zip(grid[r], shown_images, strict=False):
            picture_drawing.show(axes, image)
        for axes, method in zip(grid[r, len(shown_images) :], found.places, strict=True):
            made = field.estimates[method][plane]
            drawn = picture_drawing.show_error(axes, truth, made, found.end)
        picture_drawing.row_label(grid[r, 0], plane_choice.told(field.focus[plane]))
    names = ["truth", *pictures, *(f"|{one} − truth|" for one in found.places)]
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name.replace(" − ", " −\n"), fontsize=8)
    scale_bar(grid[0, 0], field.window.shape, field.pixel_size)
    picture_drawing.error_bar(figure, drawn, list(grid[:, 1 + len(pictures) :].flat))
    return figure
