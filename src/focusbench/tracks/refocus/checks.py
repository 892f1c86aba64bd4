"""What must hold before any work starts: slides have one role, and fields are what they must be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from focusbench.data import (
    bbbc006_planes,
    cytology,
    cytology_names,
    registry,
    slide_field,
)
from focusbench.errors import InputError
from focusbench.tracks.refocus.degradations import parse

TRACK = "tracks.refocus"
OWN = "data.slides"
ROLES = ("samples", "validation")  # of the fields that a training reads
BBBC006 = "bbbc006_"
WELL = (520, 696)  # pixels (y, x) of its fields
SAME = 1e-3  # relative difference of two lengths that is put down to rounding


def check(config: Mapping[str, Any]) -> None:
    """Check the track's section, and the heads of the files of a user's own fields that it names.

    Raises
    ------
    InputError
        Settings that `data.cytology.check` refuses, or odd sides; an unknown sample to learn from;
        a slide with two roles, or a file of two slides; own fields that `data.slide_field.check`
        refuses, of another number of planes than the track's, or of steps or pixels that differ;
        planes of BBBC006, or to make an input of, that are not there; crops that fields have no
        room for, filters of even sides, files of weights that are missing.
    """
    section = config["tracks"]["refocus"]
    _check_cytology(section["cytology"])
    used = list(_used(section))
    _check_known(used, config)
    _check_slides(used, config)
    _check_own(used, config)
    _check_inputs(section)
    _check_methods(section, config)
    for place, samples in used:
        for sample in samples:
            if sample.startswith(BBBC006):
                planes = section["cytology"]["planes"]
                bbbc006_planes.check(sample, config["data"]["bbbc006"], planes, f"config: {place}")


def check_restoration(config: Mapping[str, Any], sample: str, method: str) -> None:
    """Refuse to restore what was learned from; a file's name can ask it.

    What does not train may restore any field.

    Parameters
    ----------
    config
        As `config.build` returns it.
    sample, method
        Ids.

    Raises
    ------
    InputError
        A field of a slide that the method's training reads.
    """
    if config["methods"]["refocus"][method]["trains_on"] is None:
        return
    slide, training = _slide(sample, config), config["tracks"]["refocus"]["training"]
    for role in ROLES:
        for other in training[role]:
            if _slide(other, config) == slide:
                same = "the field" if other == sample else f"{other}, of the same {_words(slide)},"
                raise InputError(
                    f"{sample}: {method} is not accepted; {same} is in {TRACK}.training.{role}, "
                    "and what is learned from must not be tested on; accepted: a field of another "
                    "slide, or a method that does not train"
                )


Used = Sequence[tuple[str, Sequence[str]]]
Slide = tuple[str, str | int]


def _used(section: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[str]]]:
    """Samples by where they stand: those that a training reads, then those that are tested on."""
    for role in ROLES:
        yield f"{TRACK}.training.{role}", section["training"][role]
    yield f"{TRACK}.samples", section["samples"]
    for name, changed in (section.get("studies") or {}).items():
        if "samples" in changed:
            yield f"{TRACK}.studies.{name}.samples", changed["samples"]


def _check_cytology(settings: Mapping[str, Any]) -> None:
    try:
        cytology.check(settings)
    except InputError as error:
        raise InputError(f"config: {TRACK}.{error}") from None
    height, width = settings.get("shape", cytology.RECIPE["shape"])
    if height % 2 or width % 2:
        raise InputError(
            f"config: {TRACK}.cytology.shape: {[height, width]} is not accepted; even sides, to be "
            "halved"
        )


def _check_known(used: Used, config: Mapping[str, Any]) -> None:
    accepted = [*registry.names("refocus"), *config["data"]["slides"]]
    for place, samples in used:
        for sample in samples:
            if sample not in accepted:
                raise InputError(
                    f"config: {place}: unknown sample {sample!r}{registry.meant(sample, accepted)}"
                    f"; accepted: {registry.told(accepted)}"
                )


def _check_inputs(section: Mapping[str, Any]) -> None:
    """Refuse inputs of planes that stacks do not have."""
    most = section["cytology"]["planes"] // 2
    grids = {"": section, **{f"studies.{k}.": v for k, v in (section.get("studies") or {}).items()}}
    for place, grid in grids.items():
        for degradation in grid.get("degradations", []):
            if abs(parse(degradation).planes_up) > most:
                raise InputError(
                    f"config: {TRACK}.{place}degradations: {degradation} is not accepted; stacks "
                    f"of {2 * most + 1} planes have {most} above and below the middle"
                )


def _check_methods(section: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse parameters of the selected methods that do not go together with the fields."""
    from focusbench.config import resolve_method

    grids = [section, *(section.get("studies") or {}).values()]
    entries = config["methods"].get("refocus", {})
    for method in dict.fromkeys(one for grid in grids for one in grid.get("methods", [])):
        if method not in entries:
            continue
        parameters = resolve_method("refocus", method, entries)["parameters"]
        place = f"config: methods.refocus.{method}"
        if parameters.get("side", 1) % 2 == 0:
            raise InputError(f"{place}.side: {parameters['side']} is not accepted; an odd number")
        path = parameters.get("perceptual_weights")
        if path is not None and not Path(path).is_file():
            raise InputError(f"{place}.perceptual_weights: {path}: there is no such file")
        patch = parameters.get("patch")
        for sample in section["training"]["samples"] if patch else ():
            height, width = _shape(sample, config)
            if patch > min(height, width):
                raise InputError(
                    f"{place}.patch: {patch} is not accepted; {sample}, to be learned from, has "
                    f"{width} x {height} pixels"
                )
        if patch and patch % 2:
            raise InputError(f"{place}.patch: {patch} is not accepted; an even number")


def _shape(sample: str, config: Mapping[str, Any]) -> tuple[int, int]:
    """Height and width of a field, pixels."""
    if sample in config["data"]["slides"]:
        height, width = slide_field.shape(config["data"]["slides"][sample])
        return height, width
    if sample.startswith(BBBC006):
        return WELL
    height, width = config["tracks"]["refocus"]["cytology"]["shape"]
    return height, width


# --- slides ---------------------------------------------------------------------------------------


def _slide(sample: str, config: Mapping[str, Any]) -> Slide:
    """Source and name of the slide that a field is of; of BBBC006, a well stands for it."""
    entry = config["data"]["slides"].get(sample)
    if entry is not None:
        return "slides", entry["slide"]
    if sample.startswith(BBBC006):
        return "bbbc006", sample.removeprefix(BBBC006).split("_")[0]
    return "cytology", cytology_names.parse(sample)[0]


def _words(slide: Slide) -> str:
    return f"{'well' if slide[0] == 'bbbc006' else 'slide'} {slide[1]}"


def _check_slides(used: Used, config: Mapping[str, Any]) -> None:
    """Refuse slides that are learned from, chosen with or tested on, and one of these beside.

    All that is tested on is one role.
    """
    learning = {f"{TRACK}.training.{role}" for role in ROLES}
    first: dict[Slide, tuple[str, str]] = {}
    for place, samples in used:
        for sample in samples:
            slide = _slide(sample, config)
            where, other = first.setdefault(slide, (place, sample))
            if where != place and where in learning:
                raise InputError(
                    f"config: {place}: {sample} is of {_words(slide)}, and so is {other} in "
                    f"{where}; a slide may be learned from, chosen with or tested on, one of these"
                )


# --- fields of a user's own -----------------------------------------------------------------------


def _check_own(used: Used, config: Mapping[str, Any]) -> None:
    entries, planes = config["data"]["slides"], config["tracks"]["refocus"]["cytology"]["planes"]
    names = dict.fromkeys(one for _, samples in used for one in samples if one in entries)
    first: dict[str, str] = {}
    for name in names:
        entry, place = entries[name], f"config: {OWN}.{name}"
        slide_field.check(entry, place)
        mine = slide_field.planes(entry)
        if mine != planes:
            raise InputError(
                f"{place}.planes: {mine} is not accepted; {TRACK}.cytology.planes is {planes}, and "
                "all fields have as many"
            )
        for key in ("z_step", "pixel_size"):
            other = entries[first.setdefault(key, name)]
            if not math.isclose(entry[key], other[key], rel_tol=SAME):
                raise InputError(
                    f"{place}.{key}: {entry[key]:g} is not accepted beside {first[key]}, which has "
                    f"{other[key]:g}; fields that are used together have equal steps and pixels"
                )
    _check_files(list(names), entries)


def _check_files(names: Sequence[str], entries: Mapping[str, Any]) -> None:
    """A file is of one slide, whatever entries call it, and however its path is spelt."""
    first: dict[tuple[int, int], str] = {}
    for name in names:
        for path in slide_field.source_files(entries[name]):
            found = Path(path).expanduser().stat()
            other = first.setdefault((found.st_dev, found.st_ino), name)
            if entries[other]["slide"] != entries[name]["slide"]:
                raise InputError(
                    f"config: {OWN}.{name}.slide: {entries[name]['slide']!r} is not accepted; "
                    f"{path} is of slide {entries[other]['slide']!r} in {OWN}.{other}"
                )
