"""What a wrong aperture or a wrong step between planes costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import base_id
from focusbench.report.figures import (
    Style,
    is_trivial,
    new_figure,
    sentence_figure,
    style,
    track_styles,
)
from focusbench.report.results import Results
from focusbench.tracks.multifocus.degradations import Degradation, parse

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# field of a degradation -> key of the nominal value in the geometry, words for the axis
QUANTITIES = {
    "numerical_aperture": ("numerical_aperture", "NA"),
    "z_step": ("z_step", "z step"),
}
WRONG = {
    "numerical_aperture": "a wrong aperture",
    "z_step": "a wrong step between focal planes",
}
NOTHING = (
    "No degradation of the study has a wrong NA or a wrong z step and a truth to compare with."
)


class _Curves(NamedTuple):
    """PSNR against the relative error of what the methods are told."""

    error: np.ndarray  # (points,), told minus real over real, in %; ascending, 0 among them
    psnr: dict[str, np.ndarray]  # method -> (samples, points), dB; NaN: no score
    right: int  # index of the right value

    def has_right(self) -> bool:
        """Whether anything has a score at the right value."""
        return any(np.isfinite(values[:, self.right]).any() for values in self.psnr.values())


def mismatch(results: Results, settings: Mapping[str, Any]) -> Figure:
    """PSNR, and what is lost of it, against the error of the NA and of the z step that are told.

    Left the aperture, right the z step, where both were wrong; above the PSNR, below the same minus
    that at the right value, where there is one: the score of the degradation without a wrong value,
    such as clean. Lines break where it is missing. Reads scores of degradations such as na0.70 and
    step1.10, and of the one without either.

    Parameters
    ----------
    results
        Of the study.
    settings
        `track` with `geometry`.
    """
    with style():
        curves = _all_curves(results, settings)
        if not curves:
            return sentence_figure(NOTHING)
        return _draw(curves, results, settings.get("variants", ()))


def mismatch_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `mismatch`."""
    curves = _all_curves(results, settings)
    if not curves:
        return NOTHING
    reference = _reference(results)
    samples = ", ".join(base_id(sample) for sample in results.samples)
    nominal = ", ".join(
        f"{words} {settings['track']['geometry'][key]:g}{' µm' if key == 'z_step' else ''}"
        for field, (key, words) in QUANTITIES.items()
        if field in curves
    )
    right = any(one.has_right() for one in curves.values())
    shown = {name for name in results.degradations if _family(name) == _family(reference)}
    left_out = [name for name in results.degradations if name not in shown]
    losses = [
        f"{method} {words} told {one.error[i]:+.0f} %: {loss[i]:+.1f} dB"
        for field, (_, words) in QUANTITIES.items()
        if (one := curves.get(field)) is not None
        for method in one.psnr
        if not is_trivial(method)
        for loss in [np.mean(one.psnr[method] - one.psnr[method][:, [one.right]], axis=0)]
        for i in (0, len(one.error) - 1)
        if i != one.right and np.isfinite(loss[i])
    ]
    broken = dict.fromkeys(
        method
        for one in curves.values()
        for method, psnr in one.psnr.items()
        if np.isnan(psnr[:, one.right]).any()
    )
    wrong = [WRONG[field] for field in QUANTITIES if field in curves]
    if len(wrong) == 2:
        wrong = [f"{words} ({side})" for words, side in zip(wrong, ("left", "right"), strict=True)]
    panels = (
        "PSNR (data range 1, whole volume) above, and below the same minus that at the right value"
        if right
        else "PSNR (data range 1, whole volume)"
    )
    return (
        f"What {' or '.join(wrong)} costs: {panels}, "
        f"against the error of the value that the methods are told. They are told {nominal} "
        "throughout; the light, or the stage, had another value, and the truth is compared voxel "
        f"by voxel. Thick lines with marks: mean over samples ({samples}); thin lines: samples. "
        + (f"0 % is {reference}." if right else f"The right value ({reference}) was not restored.")
        + (
            f" Lines break at 0 %, where the right value is missing: {', '.join(broken)}."
            if broken
            else ""
        )
        + (f" At the ends: {'; '.join(losses)}." if losses else "")
        + (f" Not shown: {', '.join(left_out)}." if left_out else "")
        + f" Seeds averaged. Preset {settings['preset']}."
    )


def _family(degradation: str) -> Degradation:
    """What a degradation is besides its wrong value: only equal ones are compared."""
    return replace(parse(degradation), numerical_aperture=None, z_step=None)


def _is_wrong(degradation: str) -> bool:
    wanted = parse(degradation)
    return wanted.numerical_aperture is not None or wanted.z_step is not None


def _reference(results: Results) -> str | None:
    """Degradation with the right values: that of the first wrong one, or what it would be called.

    None where no degradation is wrong.
    """
    wrong = [name for name in results.degradations if _is_wrong(name)]
    if not wrong:
        return None
    family = _family(wrong[0])
    right = [name for name in results.degradations if parse(name) == family]
    return right[0] if right else (f"sigma{family.sigma:g}" if family.sigma else "clean")


def _all_curves(results: Results, settings: Mapping[str, Any]) -> dict[str, _Curves]:
    """Quantity -> its curves; without quantities that no degradation has wrong."""
    reference = _reference(results)
    if reference is None:
        return {}
    scores = results.scores()
    scores = scores[scores["psnr"].notna() & np.isfinite(scores["psnr"].astype(float))]
    mean = scores.groupby(["sample", "degradation", "method"])["psnr"].mean().to_dict()
    found = {}
    for field, (key, _) in QUANTITIES.items():
        told, real = settings["track"]["geometry"][key], {}
        for name in results.degradations:
            value = getattr(parse(name), field)
            if _family(name) == _family(reference) and value is not None:
                real[name] = value
        if not real:
            continue
        real.setdefault(reference, told)
        points = sorted(real, key=lambda name: told / real[name])
        psnr = {}
        for method in results.methods:
            values = np.array(
                [
                    [mean.get((sample, name, method), np.nan) for name in points]
                    for sample in results.samples
                ]
            )
            values = values[np.isfinite(values).any(axis=1)]
            if len(values):
                psnr[method] = values
        if not psnr:
            continue
        kept = np.any([np.isfinite(values).any(axis=0) for values in psnr.values()], axis=0)
        kept[points.index(reference)] = True  # a line must break there, where it is missing
        names = [name for name, keep in zip(points, kept, strict=True) if keep]
        found[field] = _Curves(
            np.array([100 * (told / real[name] - 1) for name in names]),
            {method: values[:, kept] for method, values in psnr.items()},
            names.index(reference),
        )
    return found


def _draw(curves: Mapping[str, _Curves], results: Results, variants: Sequence[str]) -> Figure:
    rows = 2 if any(one.has_right() for one in curves.values()) else 1
    figure = new_figure(3.7 * len(curves) + 0.3, 2.3 * rows + 0.7)
    grid = figure.subplots(rows, len(curves), squeeze=False, sharex="col", sharey="row")
    styles = track_styles(results.track, results.methods, variants)
    handles: dict[str, Any] = {}
    for c, (field, one) in enumerate(curves.items()):
        for method, psnr in one.psnr.items():
            handles[method] = _lines(grid[0, c], one, psnr, styles[method])
            if rows == 2 and not is_trivial(method):
                _lines(grid[1, c], one, psnr - psnr[:, [one.right]], styles[method])
        for axes in grid[:, c]:
            axes.axvline(0, color="#777777", linewidth=0.8, zorder=0)
        grid[-1, c].set_xlabel(f"{QUANTITIES[field][1]}: told minus real, %")
    grid[0, 0].set_ylabel("PSNR (range 1), dB")
    if rows == 2:
        grid[1, 0].set_ylabel("minus that at\nthe right value, dB")
        grid[1, 0].axhline(0, color="#777777", linewidth=0.8, zorder=0)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=min(4, len(handles)),
        frameon=False,
    )
    return figure


def _lines(axes: Axes, one: _Curves, values: np.ndarray, look: Style) -> Any:
    """Draw each sample thin and their mean thick; return the handle of the mean.

    A line goes on over a wrong value that is missing, but breaks at the right one: there the peak
    would be.
    """
    drawn = {"color": look.colour, "linestyle": look.dashes}

    def points(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shown = np.isfinite(row)
        shown[one.right] = True
        return one.error[shown], row[shown]

    if len(values) > 1:
        for row in values:
            axes.plot(*points(row), **drawn, linewidth=0.7, alpha=0.5)
    mean = values.mean(axis=0)  # NaN where a sample is missing: a mean over fewer would jump
    (line,) = axes.plot(*points(mean), **drawn, marker=look.marker, markersize=5)
    return line
