"""Fourier shell correlation of restorations from halves of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from focusbench.evaluation.fourier_shell import THRESHOLDS, ShellCorrelation, threshold_curve
from focusbench.paths import base_id
from focusbench.report.figures import new_figure, sentence_figure, style, track_styles
from focusbench.report.results import Results
from focusbench.tracks.multifocus.halves import KINDS, WORTH, correlate, ran, stacks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 6
COLUMNS = 2
DASHES = {"rays": (0, (1.5, 1.5)), "planes": "-"}
THRESHOLD_DASHES = {"one_seventh": (0, (5, 2)), "half_bit": (0, (5, 2, 1, 2))}
NOTHING = (
    "No stack was restored from both halves of its planes (_planes_odd, _planes_even)\n"
    "or of the aperture (_rays_odd, _rays_even)."
)


class _Panel(NamedTuple):
    """Curves of one stack."""

    sample: str
    stack: str
    curves: dict[tuple[str, str], ShellCorrelation]  # (kind of halves, method)


def fsc(results: Results, settings: Mapping[str, Any]) -> Figure:
    """Fourier shell correlation of each method's restorations from two halves, a panel a stack.

    Reads restored volumes.

    Parameters
    ----------
    results
        Of the study.
    settings
        Taken as all figures take it.
    """
    with style():
        panels = _panels(results)
        if not panels:
            return sentence_figure(NOTHING)
        return _draw(panels[:MOST_PANELS], results, settings.get("variants", ()))


def fsc_caption(results: Results, settings: Mapping[str, Any]) -> str:
    """Caption of `fsc`."""
    panels = _panels(results)
    if not panels:
        return NOTHING.replace("\n", " ")
    kinds = {kind for panel in panels for kind, _ in panel.curves}
    missing = [KINDS[kind].label for kind in KINDS if kind not in kinds]
    without = [
        method
        for method in results.methods
        if all(method != name for panel in panels for _, name in panel.curves)
    ]
    left_out = [f"{base_id(panel.sample)} {panel.stack}" for panel in panels[MOST_PANELS:]]
    return (
        "Fourier shell correlation of two restorations, each from half of a stack's data, against "
        "spatial frequency in all directions, up to the lateral Nyquist frequency (beyond the "
        f"axial one shells lack their caps). {WORTH}. Grey: the thresholds 1/7 (Rosenthal and "
        "Henderson 2003) and half-bit (van Heel and Schatz 2005). First seed of each method. "
        f"Preset {settings['preset']}."
        + (f" Not restored: {', '.join(missing)}." if missing else "")
        + (f" Without halves: {', '.join(without)}." if without else "")
        + (f" Not shown: {', '.join(left_out)} (see the table)." if left_out else "")
    )


def _panels(results: Results) -> list[_Panel]:
    found = []
    for sample, stack in stacks(results):
        curves = {
            (kind, method): shells
            for kind in KINDS
            for method in ran(results, sample, stack)
            if (shells := correlate(results, sample, stack, method, kind)) is not None
        }
        if curves:
            found.append(_Panel(sample, stack, curves))
    return found


def _draw(panels: list[_Panel], results: Results, variants: Sequence[str]) -> Figure:
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(3.9 * columns + 0.8, 2.7 * rows + 1)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    shown = {method for panel in panels for _, method in panel.curves}
    methods = [method for method in results.methods if method in shown]
    styles = track_styles(results.track, methods, variants)
    for axes, panel in zip(grid.flat, panels, strict=False):
        shells = next(iter(panel.curves.values()))  # equal volumes, equal shells
        for name, dashes in THRESHOLD_DASHES.items():
            curve = threshold_curve(shells, name)
            axes.plot(shells.frequency, curve, color="#777777", linewidth=1, linestyle=dashes)
        for (kind, method), shells in panel.curves.items():
            axes.plot(
                shells.frequency,
                shells.correlation,
                color=styles[method].colour,
                linestyle=DASHES[kind],
                marker=styles[method].marker,
                markevery=(methods.index(method) % 4, 4),  # colours come round again
                markersize=4,
            )
        axes.axhline(0, color="#777777", linewidth=0.8, zorder=0)
        axes.set_xlim(0, shells.frequency[-1])
        axes.set_title(f"{base_id(panel.sample)}, {panel.stack}")
        axes.set_xlabel("spatial frequency, cycles/µm")
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    for axes in grid[:, 0]:
        axes.set_ylabel("correlation")
        axes.set_ylim(top=1.03)
    _legend(grid[0, 0], figure, methods, styles, [k for k in KINDS if _has(panels, k)])
    return figure


def _has(panels: list[_Panel], kind: str) -> bool:
    return any(kind == one for panel in panels for one, _ in panel.curves)


def _legend(axes: Axes, figure: Figure, methods: Any, styles: Any, kinds: list[str]) -> None:
    """Colours and marks are methods, dashes are halves; thresholds are grey."""
    lines = [
        *((method, styles[method].colour, "-", styles[method].marker) for method in methods),
        *((KINDS[kind].label, "black", DASHES[kind], "") for kind in kinds),
        *(
            (THRESHOLDS[name].label, "#777777", dashes, "")
            for name, dashes in THRESHOLD_DASHES.items()
        ),
    ]
    handles = [
        axes.plot([], [], color=colour, linestyle=dashes, marker=marker, markersize=4, label=label)[
            0
        ]
        for label, colour, dashes, marker in lines
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
