"""What a configuration must fulfil beyond its schema, looked at before any work starts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from focusbench import methods
from focusbench.data import bbbc006_names, defocused, registry
from focusbench.data.lens import LENS, check_lens
from focusbench.errors import InputError

TRACK = "tracks.defocus"
ORACLE = "oracle"
DEFAULTS = {"side": 84, "n_levels": 11, "split": "field"}  # of predictors; a test compares them
BBBC006 = (520, 696)  # px (y, x) of its fields
LEAST_PLANES = 3  # of a stack, to find its focus
ROLES = ("samples", "validation")  # of the fields that a training reads
SAME = 1e-3  # relative difference of two lengths that is put down to rounding


def check(config: Mapping[str, Any]) -> None:
    """Check the track's section, and the images of a user's own that it names.

    Raises
    ------
    InputError
        A numerical aperture not below the index; a level that the optics do not have; a predictor
        that is none, or knows another number of levels; fields smaller than a patch; samples that
        serve both to learn and to test; images that `data.defocused.check` refuses.
    """
    section = config["tracks"]["defocus"]
    entries = config["methods"].get("defocus", {})
    known = {
        name: _parameters(name, entries)
        for name in dict.fromkeys([*methods.names("defocus"), *entries])
    }
    optics = section["optics"]
    check_lens(optics, f"config: {TRACK}.optics.numerical_aperture")
    if optics["side"] % 2 == 0:
        raise InputError(
            f"config: {TRACK}.optics.side: {optics['side']} is not accepted; an odd number, so "
            "that kernels have a middle pixel"
        )
    _check_degradations(section)
    _check_predictors(section, known)
    _check_samples(section)
    _check_stacks(section, config["data"]["bbbc006"])
    _check_sizes(section, known)
    _check_own(config["data"]["defocused"], section, known)


def check_restoration(config: Mapping[str, Any], sample: str, method: str) -> None:
    """Refuse to restore, or to tell the levels of, what was learned from; a file's name can ask it.

    An oracle, a `level` of one's own and what needs no levels may restore any field.

    Parameters
    ----------
    config
        As `config.build` returns it.
    sample, method
        Ids; of a restorer, or of the predictor that is to tell the levels.

    Raises
    ------
    InputError
        What tells the levels learned from the sample, or from the test fields at other levels.
    """
    known = config["methods"]["defocus"]
    facts, learner = known[method], None
    if facts["predicts"]:
        learner = method
    elif facts["parameters"].get("level") is None and facts["predictor"] != ORACLE:
        learner = facts["predictor"]
    if learner is None and facts["trains_on"]:
        learner = method
    if learner is None:
        return
    whose = method if learner == method else f"{method}, told levels by {learner},"
    split = {**DEFAULTS, **known[learner]["parameters"]}["split"]
    if split != DEFAULTS["split"]:
        raise InputError(
            f"{sample}: {whose} is not accepted; {learner} has learned from the test fields at "
            f"other levels (split: {split}); accepted: split: {DEFAULTS['split']}, an oracle or a "
            "`level`"
        )
    training = config["tracks"]["defocus"]["training"]
    entry = config["data"]["defocused"].get(sample)
    if entry is not None:
        _check_field(entry, f"config: data.defocused.{sample}", training)
    for role in ROLES:
        if sample in training[role]:
            raise InputError(
                f"{sample}: {whose} is not accepted; the field is in {TRACK}.training.{role}, and "
                "what is learned from must not be tested on; accepted: another field, an oracle or "
                "a `level`"
            )


# --- what is selected -----------------------------------------------------------------------------


def _grids(section: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The main grid and those of the studies, by where they stand."""
    yield TRACK, section
    for name, changed in (section.get("studies") or {}).items():
        yield f"{TRACK}.studies.{name}", {**section, **changed}


def _parameters(method: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a method as the configuration has them, and `base`, the id that it builds on.

    `predicts` and `predictor` (whose levels it is told) are facts of the base.
    """
    found: dict[str, Any] = {}
    while True:
        entry = dict(entries.get(method) or {})
        used = entry.pop("uses", None)
        found = {**entry, **found}
        if used is None or method in methods.TABLE:
            break
        method = used
    facts = methods.TABLE.get(method)
    predicts, predictor = (facts.predicts, facts.predictor) if facts else (False, None)
    return {"predictor": predictor, **found, "base": method, "predicts": predicts}


def _told_by(known: Mapping[str, Mapping[str, Any]], method: str) -> str | None:
    """Predictor that tells a method its levels; None: it needs none."""
    one = known[method]
    return one.get("predictor") if one.get("level") is None else None


def _used_predictors(
    section: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Predictors that are compared, or asked by a method."""
    asked = [_told_by(known, method) for _, grid in _grids(section) for method in grid["methods"]]
    used = dict.fromkeys([*section["predictors"], *asked])
    return [name for name in used if name not in (None, ORACLE)]


# --- degradations and predictors ------------------------------------------------------------------


def _check_degradations(section: Mapping[str, Any]) -> None:
    """Refuse levels beyond the optics' series, and light that the medium does not carry."""
    levels, index = section["optics"]["levels"], section["optics"]["refractive_index"]
    shown = {
        "tilted": [abs(section["tilted"][key]) for key in ("lowest", "highest")],
        "stepped": section["stepped"]["levels"],
        "offmodel": [section["offmodel"]["level"]],
    }
    for place, grid in _grids(section):
        for degradation in grid["degradations"]:
            kind = re.match(r"[a-z]+", degradation)[0]
            asked, key = shown.get(kind, []), f"{TRACK}.{kind}"
            if kind == "level":
                asked, key = [int(degradation[5:7])], f"{place}.degradations"
            if asked and max(asked) > levels - 1:
                raise InputError(
                    f"config: {key}: level {max(asked):g} is not accepted; {TRACK}.optics.levels "
                    f"is {levels}: 0 to {levels - 1}"
                )
            aperture = re.search(r"_na([0-9.]+)", degradation)
            if aperture and not float(aperture[1]) < index:
                raise InputError(
                    f"config: {place}.degradations: {degradation} is not accepted; a numerical "
                    f"aperture below the refractive index {index}"
                )


def _check_predictors(section: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> None:
    """Those who restore are told levels by what can tell them, and all speak of the same levels."""
    accepted = [name for name, one in known.items() if one["predicts"]]
    for method, one in known.items():
        predictor = None if one["predicts"] else one.get("predictor")
        if predictor not in (None, ORACLE, *accepted):
            raise InputError(
                f"config: methods.defocus.{method}.predictor: unknown predictor {predictor!r}"
                f"{registry.meant(str(predictor), accepted)}; accepted: {ORACLE}, "
                f"{', '.join(accepted)}"
            )
    levels = section["optics"]["levels"]
    for name in _used_predictors(section, known):
        mine = {**DEFAULTS, **known[name]}
        if mine["n_levels"] != levels:
            raise InputError(
                f"config: methods.defocus.{name}.n_levels: {mine['n_levels']} is not accepted; "
                f"{levels}, as {TRACK}.optics.levels says"
            )
    for place, grid in _grids(section):
        for method in grid["methods"]:
            predictor = _told_by(known, method)
            split = {**DEFAULTS, **known.get(predictor, {})}["split"]
            if split != DEFAULTS["split"]:
                raise InputError(
                    f"config: {place}.methods: {method} is not accepted; its predictor {predictor} "
                    f"has learned from the test fields at other levels (split: {split})"
                )


# --- samples --------------------------------------------------------------------------------------


def _check_samples(section: Mapping[str, Any]) -> None:
    """No field serves both to learn and to test."""
    training, accepted = section["training"], registry.names("defocus")
    chosen = {f"{TRACK}.training.{role}": training[role] for role in ROLES}
    further = {f"{TRACK}.{key}": section[key] for key in ("judged", "stacks")}
    for place, samples in {**chosen, **further}.items():
        for sample in samples:
            if sample not in accepted:
                raise InputError(
                    f"config: {place}: unknown sample {sample!r}{registry.meant(sample, accepted)}"
                    f"; accepted: {registry.told(accepted)}"
                )
    (learned, samples), (watched, validation) = chosen.items()
    for sample in samples:
        if sample in validation:
            raise InputError(f"config: {watched}: {sample} is in {learned} too; accepted: in one")
    tested = {f"{place}.samples": grid["samples"] for place, grid in _grids(section)}
    for place, mine in chosen.items():
        for where, others in {**tested, **further}.items():
            for sample in mine:
                if sample in others:
                    raise InputError(
                        f"config: {place}: {sample} is tested on too ({where}); what is tested "
                        "must not be learned from"
                    )


def _check_stacks(section: Mapping[str, Any], bbbc006: Mapping[str, Any]) -> None:
    """Real stacks are BBBC006's, and without a folder the planes to download must be named."""
    place, planes = f"config: {TRACK}.stacks", bbbc006["planes"]
    for sample in section["stacks"]:
        if registry.get(sample).source != "bbbc006":
            raise InputError(
                f"{place}: {sample} has no recorded planes; fields of BBBC006 are accepted"
            )
    few = planes is not None and len(planes) < LEAST_PLANES
    if section["stacks"] and (few or (planes is None and bbbc006["directory"] is None)):
        raise InputError(
            f"config: data.bbbc006.planes: {planes} is not accepted; {TRACK}.stacks needs "
            f"{LEAST_PLANES} planes or more, on both sides of the focus"
        )


def _check_sizes(section: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> None:
    """Every field has room for every patch."""
    asked = {f"{TRACK}.patch": section["patch"]}
    for name in _used_predictors(section, known):
        asked[f"methods.defocus.{name}.side"] = {**DEFAULTS, **known[name]}["side"]
    training = section["training"]
    used = [*training["samples"], *training["validation"], *section["judged"], *section["stacks"]]
    used += [sample for _, grid in _grids(section) for sample in grid["samples"]]
    shapes = {}
    for sample in used:
        if sample in registry.names("defocus"):
            real = registry.get(sample).source == "bbbc006"
            shapes[sample] = BBBC006 if real else tuple(section["nuclei"]["shape"])
    for place, side in asked.items():
        for sample, shape in shapes.items():
            if min(shape) < side:
                raise InputError(
                    f"config: {place}: {side} is not accepted; {sample} has {shape[0]} x "
                    f"{shape[1]} pixels (y, x), and a patch must fit in"
                )


# --- images of a user's own -----------------------------------------------------------------------


def _check_own(
    entries: Mapping[str, Any],
    section: Mapping[str, Any],
    known: Mapping[str, Mapping[str, Any]],
) -> None:
    looked: set[str] = set()
    for _, grid in _grids(section):
        for sample in grid["samples"]:
            if sample not in entries:
                continue
            entry, place = entries[sample], f"config: data.defocused.{sample}"
            told = [(method, _told_by(known, method)) for method in grid["methods"]]
            if sample not in looked:
                looked.add(sample)
                defocused.check(entry, place, section["optics"], section["patch"])
                _check_field(entry, place, section["training"])
            _check_told(entry, place, section, told, known)


def _check_field(
    entry: Mapping[str, Any], place: str, training: Mapping[str, Sequence[str]]
) -> None:
    """An image of BBBC006, by its name, is not of a field that is learned from."""
    for key in ("path", "truth"):
        name = bbbc006_names.parse(Path(entry[key]).absolute().as_posix()) if key in entry else None
        sample = f"bbbc006_{name.field}" if name else None
        for role in ROLES:
            if sample in training[role]:
                raise InputError(
                    f"{place}.{key}: {entry[key]} is of {sample}, which is in {TRACK}.training."
                    f"{role}; what is tested must not be learned from"
                )


def _check_told(
    entry: Mapping[str, Any],
    place: str,
    section: Mapping[str, Any],
    told: Sequence[tuple[str, str | None]],
    known: Mapping[str, Mapping[str, Any]],
) -> None:
    """Levels can be told: there is a true one for an oracle; a predictor knows size and lens."""
    optics = section["optics"]
    image = defocused.read(entry)
    lens = {**{key: entry[key] for key in LENS if key in entry}, "pixel_size": image.voxel_size[1]}
    other = [key for key, mine in lens.items() if not _same(mine, optics[key])]
    for method, predictor in told:
        if predictor is None:
            continue
        if predictor == ORACLE:
            if "level" not in entry:
                raise InputError(
                    f"{place}.level: is missing; {method} is told the true level (predictor: "
                    f"{ORACLE})"
                )
            continue
        if other:
            key = other[0]
            raise InputError(
                f"{place}.{key}: {lens[key]:g} is not accepted for {method}: {predictor} learns "
                f"with {optics[key]:g} and cannot tell the levels of another lens; set {TRACK}."
                f"optics.{key}, or `level` of the method"
            )
        side = {**DEFAULTS, **known[predictor]}["side"]
        if min(image.array.shape) < side:
            height, width = image.array.shape
            raise InputError(
                f"{place}.path: {entry['path']} has {height} x {width} pixels (y, x), but a patch "
                f"of {predictor} {side} x {side}"
            )


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=SAME)
