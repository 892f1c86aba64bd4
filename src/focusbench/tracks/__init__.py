"""Tracks, chosen by id: each is a folder with one module per stage of the workflow.

`truth`, `observe`, `problem` and `score` hold what their names say, `tables` and `figures` what is
made of the scores. They are separate so that a change of a figure's layout, say, reruns no
restoration. `TABLE` below tells the workflow of each track's tables and figures and of the files
that they read, without importing them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType

from focusbench.errors import InputError


@dataclass(frozen=True)
class Track:
    """What a workflow must know of a track without importing it."""

    package: str
    degradation: str  # regular expression of the ids of degradations
    degradation_help: str  # what the expression accepts, in words
    recorded: str | None = None  # degradation id of observations that come without a truth
    # name -> the kinds of file that it reads (see `plan.report_inputs`)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    figures: dict[str, tuple[str, ...]] = field(default_factory=dict)


TABLE: dict[str, Track] = {
    "multifocus": Track(
        "focusbench.tracks.multifocus",
        degradation=r"(?:clean|float|offmodel|(?:(?:offmodel|float)_)?sigma0\.[0-9]{1,4})",
        degradation_help="clean, float, offmodel, sigma0.01 (any standard deviation below 1), "
        "offmodel_sigma0.01, float_sigma0.01",
        recorded="recorded",
        tables={"table1": ("scores", "records"), "cost": ("timings", "records", "trainings")},
        figures={
            "fig3": ("scores", "truths", "observations", "volumes"),
            "front": ("scores", "traces", "timings"),
        },
    ),
}


def names() -> list[str]:
    """Ids of the tracks."""
    return list(TABLE)


def stage(track: str, name: str) -> ModuleType:
    """Import one stage of a track.

    Raises
    ------
    InputError
        Unknown track.
    """
    if track not in TABLE:
        raise InputError(f"unknown track {track!r}; known: {', '.join(TABLE)}")
    return import_module(f"{TABLE[track].package}.{name}")
