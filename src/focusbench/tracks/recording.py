"""What the command line asks of a track: options, and a recording made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from focusbench.images import Volume
    from focusbench.problem import Problem, Run, Weights


class Option(NamedTuple):
    """An option of the command line; names are those of the configuration's keys."""

    type: Callable[[str], Any]
    metavar: str
    help: str
    choices: tuple[str, ...] | None = None


def flag(name: str) -> str:
    """How an option is written on the command line."""
    return f"--{name.replace('_', '-')}"


class Prepared(NamedTuple):
    """A problem stated for one method, where a track has something else tell it what to know."""

    problem: Problem
    weights: Weights | None  # of the method itself
    about: Mapping[str, Any] = {}  # for the record, JSON
    write: Callable[[str], None] | None = None  # writes what was told, beside the output's stem


class Recording(NamedTuple):
    """A user's own recording, ready to be restored."""

    observed: Volume
    problem: Problem
    stack: Mapping[str, Any]  # how the files were read
    optics: Mapping[str, Any]  # what the imaging model was told
    files: list[str]
    # (method, weights given, run) -> the problem as that method is told it; None: as it stands
    prepare: Callable[[Any, Weights | None, Run], Prepared] | None = None
