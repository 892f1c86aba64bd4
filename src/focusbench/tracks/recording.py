"""What the command line asks of a track: options, and a recording made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from focusbench.images import Volume
    from focusbench.problem import Problem


class Option(NamedTuple):
    """An option of the command line; names are those of the configuration's keys."""

    type: Callable[[str], Any]
    metavar: str
    help: str
    choices: tuple[str, ...] | None = None


def flag(name: str) -> str:
    """How an option is written on the command line."""
    return f"--{name.replace('_', '-')}"


class Recording(NamedTuple):
    """A user's own recording, ready to be restored."""

    observed: Volume
    problem: Problem
    stack: Mapping[str, Any]  # how the files were read
    optics: Mapping[str, Any]  # what the imaging model was told
    files: list[str]
