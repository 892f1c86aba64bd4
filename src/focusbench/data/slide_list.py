"""Which windows of a folder of focal stacks to use: chosen once, written as a configuration.

A folder may hold a few slides of many gigabytes or, as Ma et al.'s public patches, hundreds of
thousands of files. It is searched here, not in every job: the configuration then names the file, or
the folder, and the window of each sample.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np

from focusbench import images
from focusbench.data import foreground, registry, slide_field, slides
from focusbench.data.slides import PATCH, Field
from focusbench.errors import InputError

SIDE, COUNT = 768, 10  # px, of the paper's patches; windows a slide
Z_STEP, PIXEL_SIZE = 2.7, 0.243  # um, of the paper's slides
OVERLAP = 0.25  # largest part of a window that another one of the same field may cover
TRAIN_PART = 0.6  # of the slides that are left beside validation, as the paper's 3 of 5
WIDTH = 98  # letters of a line of comment
ROLES = ("train", "test", "validation")
SIZE_END = re.compile(r"\.size(?=[0-9]+$)")  # ends the ids of prepared volumes, no other

Window = tuple[int, int, int, int]


class Chosen(NamedTuple):
    """A field, or a window of it: first pixel (y, x), height, width, px; None: all of it."""

    field: Field
    window: Window | None


class Found(NamedTuple):
    """Fields of a folder."""

    directory: str | Path
    slides: dict[str, list[Field]]  # complete fields by slide, in natural order
    incomplete: list[str]  # fields without all wanted planes (`slides.fault`)

    @property
    def count(self) -> int:
        """Of all fields, complete or not."""
        return sum(map(len, self.slides.values())) + len(self.incomplete)


class Listed(NamedTuple):
    """What was chosen."""

    slides: dict[str, list[Chosen]]  # by slide
    small: list[str]  # fields smaller than a window


def find(directory: str | Path, planes: int = slides.PLANES) -> Found:
    """Find a folder's fields of so many planes, by slide.

    Raises
    ------
    InputError
        What `slides.fields` refuses; an even number of planes; no field that has all of them.
    """
    if planes < 3 or planes % 2 == 0:
        raise InputError(f"--planes: {planes} is not accepted; an odd number from 3")
    found = slides.fields(directory)
    grouped: dict[str, list[Field]] = {}
    faults = {name: slides.fault(one, planes) for name, one in found.items()}
    for name, one in found.items():
        if faults[name] is None:
            grouped.setdefault(one.slide, []).append(one)
    incomplete = [name for name, told in faults.items() if told is not None]
    if not grouped:
        raise InputError(
            f"{directory}: none of its {len(found)} fields has all of {planes} planes: "
            f"{faults[incomplete[0]]}"
        )
    ordered = {slide: grouped[slide] for slide in sorted(grouped, key=images.natural)}
    return Found(directory, ordered, incomplete)


def choose(
    found: Found,
    names: Sequence[str],
    side: int = SIDE,
    count: int = COUNT,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Listed:
    """Choose windows with cells of each slide.

    Fields of a slide are taken in random order, with as equal numbers of windows as can be. Those
    of the public patches that are as large as a window are taken whole, for they were chosen by the
    same rule; in others, windows are looked for by `foreground.search` on the middle plane. The
    rule is for an inner square of 412 pixels; of a smaller window as large a part must be cells.

    Parameters
    ----------
    found
        As `find` returns it.
    names
        The slides that are used.
    side
        Of a window, px, even.
    count
        Windows wanted of each slide; fewer are chosen where there are no more with cells.
    seed
        Of all choices.
    progress
        Called with the slides that are done, and their number.

    Raises
    ------
    InputError
        A number that is not as said; an image that `rgb_image.read` refuses; a slide without any
        window.
    """
    _check_numbers(side, count, seed)
    small: list[str] = []
    chosen: dict[str, list[Chosen]] = {}
    for slide in names:
        chosen[slide] = _of_slide(found.slides[slide], slide, side, count, seed, small)
        if not chosen[slide]:
            raise InputError(
                f"{found.directory}: slide {slide!r} has no window of {side} x {side} pixels with "
                "cells; a smaller --side, or other slides (--train, --test), are accepted"
            )
        if progress:
            progress(len(chosen), len(names))
    return Listed(chosen, small)


def roles(names: Sequence[str], given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Say which slides are for what.

    Where neither `train` nor `test` is given: of three slides or more the last is for validation;
    of the others, 3 of 5 are to learn from (at least one) and the rest to test on. Where one of the
    two is given, all other slides are for the other; where both are, slides that are not named are
    not used.

    Parameters
    ----------
    names
        Slides, in the order in which they are dealt out.
    given
        By role (`ROLES`), slides that the user names; a role without any is not given.

    Raises
    ------
    InputError
        A slide that is not there or has two roles; no slide to test on; one slide alone for all.
    """
    found = {role: list(given.get(role) or []) for role in ROLES}
    for role, mine in found.items():
        for slide in mine:
            if slide not in names:
                raise InputError(
                    f"--{role}: there is no slide {slide!r}{registry.meant(slide, names)}; there "
                    f"are {registry.told(names)}"
                )
            others = [other for other in ROLES if other != role and slide in found[other]]
            if others or mine.count(slide) > 1:
                where = f"--{others[0]}" if others else f"--{role} twice"
                raise InputError(f"--{role}: slide {slide!r} is in {where} too; accepted: in one")
    free = [slide for slide in names if not any(slide in mine for mine in found.values())]
    if found["train"] and found["test"]:
        return found
    if found["train"] or found["test"]:
        found["test" if found["train"] else "train"] = free
    else:
        if not found["validation"] and len(free) > 2:
            found["validation"] = [free.pop()]
        if len(free) < 2:
            raise InputError(
                f"slides: {len(free)} slide is left to learn from and to test on "
                f"({registry.told(free)}); two or more are wanted, or --test alone: methods then "
                "learn from what the configuration has"
            )
        learned = min(max(round(TRAIN_PART * len(free)), 1), len(free) - 1)
        found["train"], found["test"] = free[:learned], free[learned:]
    if not found["test"]:
        raise InputError("--train: no slide is left to test on; accepted: all but one at most")
    return found


def overlay(
    found: Found,
    listed: Listed,
    split: Mapping[str, Sequence[str]],
    planes: int = slides.PLANES,
    z_step: float = Z_STEP,
    pixel_size: float = PIXEL_SIZE,
) -> dict[str, Any]:
    """Configuration of the track refocus on what was chosen.

    Parameters
    ----------
    found, listed
        As `find` and `choose` return them.
    split
        As `roles` returns it. Without any slide to learn from, no training is named.
    planes, z_step, pixel_size
        Of the fields; um.

    Returns
    -------
    dict
        `data.slides`, and of `tracks.refocus` its samples, training and number of planes.

    Raises
    ------
    InputError
        What `slide_field.check` refuses of a field.
    """
    entries: dict[str, dict[str, Any]] = {}
    samples: dict[str, list[str]] = {role: [] for role in ROLES}
    for role, mine in split.items():
        for slide in mine:
            for one in listed.slides[slide]:
                name = _name(one, entries)
                window = None if one.window is None else list(one.window)
                entry = {
                    **_place(one.field, found.directory),
                    "slide": _slide_name(slide),
                    "planes": planes,
                }
                entry |= {"window": window, "z_step": z_step, "pixel_size": pixel_size}
                entry = {key: value for key, value in entry.items() if value is not None}
                slide_field.check(entry, name)
                entries[name] = entry
                samples[role].append(name)
    section: dict[str, Any] = {"samples": samples["test"], "cytology": {"planes": planes}}
    if samples["train"]:
        section["training"] = {"samples": samples["train"], "validation": samples["validation"]}
    return {"data": {"slides": entries}, "tracks": {"refocus": section}}


def text(config: Mapping[str, Any], comment: Sequence[str]) -> str:
    """An overlay as YAML, a line a field, after lines of comment."""
    comments = [f"# {line}" for told in comment for line in _lines(told)]
    lines = [*comments, "data:", "  slides:"]
    lines += [f"    {_flow(name)}: {_flow(one)}" for name, one in config["data"]["slides"].items()]
    lines += ["tracks:", "  refocus:"]
    for key, value in config["tracks"]["refocus"].items():
        if key == "training":
            lines += ["    training:"]
            lines += [f"      {role}: {_flow(names)}" for role, names in value.items()]
        else:
            lines += [f"    {key}: {_flow(value)}"]
    return "\n".join(lines) + "\n"


def _lines(told: str) -> list[str]:
    """Of what is indented, such as a command, the line as it is."""
    if told.startswith(" "):
        return [told]
    return wrap(told, WIDTH, break_long_words=False, break_on_hyphens=False)


def _flow(value: Any) -> str:
    import yaml

    line = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=float("inf"))
    return line.removesuffix("\n").removesuffix("\n...")


def described(
    found: Found,
    listed: Listed,
    split: Mapping[str, Sequence[str]],
    side: int,
    count: int,
    seed: int,
) -> list[str]:
    """Say in lines how the list was made, and what it holds."""
    used = [one for mine in split.values() for slide in mine for one in listed.slides[slide]]
    lines = [
        f"{len(used)} windows of {side} x {side} pixels, of {len({one.field.id for one in used})} "
        f"of {found.count} fields: up to {count} a slide, seed {seed}.",
        "Windows hold cells by the rule of Ma et al. 2021 on the middle plane and overlap by a "
        "quarter at most; patches of their public set are taken whole.",
    ]
    words = {"train": "Learned from", "test": "Tested on", "validation": "Chosen with"}
    for role in ROLES:
        mine = [f"{slide} ({len(listed.slides[slide])})" for slide in split[role]]
        none = "as without this list" if not split["train"] and role != "test" else "none"
        lines.append(f"{words[role]}: {', '.join(mine) or none}.")
    unused = [one for one in found.slides if one not in listed.slides]
    if unused:
        lines.append(f"Not used: {', '.join(unused)}.")
    for why, left in (
        ("without all planes", found.incomplete),
        ("smaller than a window", listed.small),
    ):
        if left:
            shown = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
            lines.append(f"Left out, {why}: {len(left)} ({shown}).")
    return lines


def _check_numbers(side: int, count: int, seed: int) -> None:
    for name, right, value, wanted in (
        ("side", side >= slide_field.LEAST_SIDE and side % 2 == 0, side, "an even number from 32"),
        ("count", count >= 1, count, "1 or more"),
        ("seed", seed >= 0, seed, "0 or more"),
    ):
        if not right:
            raise InputError(f"--{name}: {value} is not accepted; {wanted}")


def _of_slide(
    mine: list[Field], slide: str, side: int, count: int, seed: int, small: list[str]
) -> list[Chosen]:
    order = np.random.default_rng([seed, zlib.crc32(slide.encode())]).permutation(len(mine))
    chosen: list[Chosen] = []
    for place, index in enumerate(order):
        if len(chosen) == count:
            break
        wanted = -(-(count - len(chosen)) // (len(mine) - place))
        chosen += _of_field(mine[index], side, wanted, seed, small)
    return sorted(chosen, key=lambda one: (images.natural(one.field.id), one.window or ()))


def _of_field(one: Field, side: int, count: int, seed: int, small: list[str]) -> list[Chosen]:
    shape, look = slides.middle(one, side)
    if min(shape) < side:
        small.append(one.id)
        return []
    if shape == (side, side) and PATCH.fullmatch(one.planes[0].path.stem):
        return [Chosen(one, None)]
    seeds = [seed, zlib.crc32(one.id.encode())]
    part = min(side / foreground.INNER, 1.0) ** 2
    least = max(round(foreground.LEAST * part), 1)
    found = foreground.search(look, shape, side, count, seeds, least, OVERLAP)
    whole = shape == (side, side)
    return [Chosen(one, None if whole else (y, x, side, side)) for y, x in found]


def _place(one: Field, directory: str | Path) -> dict[str, str]:
    """Where a field lies: so that it is found without a search, if that is possible."""
    first = one.planes[0].path.absolute()
    if len(slides.files(one)) == 1:
        place = {"path": str(first)}
    elif PATCH.fullmatch(first.stem):
        above = first.parents[2 if first.parents[1].name == one.slide else 1]
        place = {"path": str(above), "field": one.id}
    else:
        place = {"path": str(first.parent)}
    try:
        if slides.field(place["path"], place.get("field")).planes == tuple(
            plane._replace(path=plane.path.absolute()) for plane in one.planes
        ):
            return place
    except InputError:  # several fields lie in one folder
        pass
    return {"path": str(Path(directory).expanduser().absolute()), "field": one.id}


def _name(one: Chosen, taken: Mapping[str, Any]) -> str:
    """Id of a sample: letters, digits, _ and dots, none that the package or another one has."""
    name = re.sub(r"[^A-Za-z0-9._]", "_", one.field.id).lstrip(".") or "field"
    if one.window is not None:
        name += f"_y{one.window[0]}_x{one.window[1]}"
    name = SIZE_END.sub("_size", name)
    tried, number = name, 1
    while tried in taken or tried in registry.names():
        number += 1
        tried = f"{name}_{number}"
    return tried


def _slide_name(slide: str) -> str:
    return re.sub(r"^[.-]", "_", re.sub(r"[^A-Za-z0-9._-]", "_", slide)) or "slide"
