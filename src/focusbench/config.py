"""One checked configuration from a preset, config.yaml and overlays.

Order: preset < config.yaml < overlays; maps merge, lists replace. Every mistake is one line with
the key, the wrong value and what is accepted. Imports neither torch nor pandas.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from focusbench import methods, plain_values, tracks
from focusbench.data import HOMES, registry
from focusbench.errors import InputError
from focusbench.files import is_file, is_folder
from focusbench.paths import split_size
from focusbench.plain_values import shown

HOME = Path(__file__).resolve().parent
PRESETS = ("test", "quick", "paper")
COMMAND_FIELDS = ("observed", "estimate", "psf", "voxel_size", "seed", "threads")
PLACES = (".directory", ".path", ".truth", ".psf")  # keys under data that say where, not what
METHOD_ID = re.compile(r"[a-z0-9_]{1,100}")
MOST_RESTORATIONS = 2_000_000  # of a grid; more is no plan that Snakemake could hold
MOST_ERRORS = 1000  # of a schema, from which the one is chosen that is told


def build(user: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `user` over its preset, check the result and resolve its methods.

    Parameters
    ----------
    user
        Content of config.yaml, overlays merged in.

    Returns
    -------
    dict
        `preset`, `seed`, `device`, `data`; `tracks`: track -> its complete section; `methods`:
        track -> id -> what `resolve_method` returns; `differs`: dotted key -> value, where the
        configuration departs from its preset.

    Raises
    ------
    InputError
        Unknown key or id, wrong type or range.
    """
    plain_values.check(user)
    user = ordered(user)
    name = user.get("preset", "quick")
    if name not in PRESETS:
        raise InputError(
            f"config: preset: {shown(name)} is not accepted; one of {', '.join(PRESETS)}"
        )
    base = _without_studies(preset(name), user)
    merged = merge(base, user)
    _check_shape(merged)
    resolved = {
        track: {
            method: resolve_method(track, method, merged["methods"].get(track, {}))
            for method in [*methods.names(track), *merged["methods"].get(track, {})]
        }
        for track in merged["tracks"]
    }
    for track in merged["tracks"]:
        _check_ids(merged, track, resolved[track])
    _check_places(merged["data"])
    for track, facts in tracks.TABLE.items():
        if facts.checked:
            tracks.stage(track, "checks").check(merged)
    return {**merged, "methods": resolved, "differs": dict(_differences(base, merged))}


def ordered(value: Any, at: tuple[str, ...] = ()) -> Any:
    """Sort maps by their keys, at any depth: another order of them in a file is no change.

    Jobs are told parts of the configuration, and Snakemake compares their text. Two maps stay as
    they are written: `methods.*`, where it sets what each looks like in figures, and
    `tracks.*.studies`, of which the first that has a method is where that is timed.
    """
    if isinstance(value, list):
        return [ordered(one, (*at, "")) for one in value]
    if not isinstance(value, Mapping):
        return value
    meant = at[:1] == ("methods",) and len(at) == 2
    meant = meant or (at[:1] == ("tracks",) and at[2:] == ("studies",))
    return {key: ordered(value[key], (*at, key)) for key in (value if meant else sorted(value))}


def _without_studies(base: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    """Drop a preset's studies where the user selects something, save those that the user names.

    Who asks for two samples or one method does not want the preset's other experiments as well. The
    studies that are kept take samples and methods from the user's selection, not from the preset.
    """
    changed = deepcopy(dict(base))
    chosen = user.get("tracks")
    for track, section in changed["tracks"].items():
        own = chosen.get(track) if isinstance(chosen, Mapping) else None
        if not isinstance(own, Mapping) or not set(own) & {"samples", "degradations", "methods"}:
            continue
        named = own.get("studies")
        named = named if isinstance(named, Mapping) else {}
        selected = set(own) & {"samples", "methods"}
        if "studies" in section:
            section["studies"] = {
                study: {key: value for key, value in one.items() if key not in selected}
                for study, one in section["studies"].items()
                if study in named
            }
    return changed


@cache
def _preset_file(name: str, track: str) -> Mapping[str, Any]:
    import yaml

    text = (HOME / "presets" / name / f"{track}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def preset(name: str) -> dict[str, Any]:
    """Return a preset's constants, in the shape of a configuration."""
    result: dict[str, Any] = {
        "preset": name,
        "seed": 0,
        "device": "auto",
        "data": {
            "scivis": {"directory": None},
            "bbbc006": {"directory": None, "planes": None},
            "stack": {},
            "fluorescence": {},
            "defocused": {},
            "slides": {},
        },
        "tracks": {},
        "methods": {},
    }
    for track in tracks.names():
        result = merge(result, _preset_file(name, track))
    return result


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge maps key by key; anything else (lists too) is replaced. Neither argument is changed.

    A map that `over` leaves empty (a section with every line commented out) changes nothing.
    """
    result = {key: deepcopy(value) for key, value in base.items()}
    for key, value in over.items():
        if isinstance(result.get(key), Mapping) and (isinstance(value, Mapping) or value is None):
            result[key] = merge(result[key], value or {})
        else:
            result[key] = deepcopy(value)
    return result


@cache
def schema(name: str) -> dict[str, Any]:
    """JSON schema `config`, or that of a track: {"track": schema, "methods": {id: schema}}."""
    return json.loads((HOME / "schemas" / f"{name}.json").read_text(encoding="utf-8"))


def resolve_method(track: str, method: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Say how to build a method of the configuration.

    Returns
    -------
    dict
        `target` ("module:attribute"), `parameters`, the `command` of a program (else None), and
        the facts of `methods.Entry`.
    """
    chain = [method]
    parameters: dict[str, Any] = {}
    while True:
        entry = dict(entries.get(chain[-1]) or {})
        used = entry.pop("uses", None)
        if chain[-1] not in methods.names(track) and used is None:
            break
        parameters = {**entry, **parameters}
        if used is None:
            facts = methods.TABLE[chain[-1]]
            return {
                "target": facts.target,
                "command": None,
                "parameters": parameters,
                "trivial": facts.trivial,
                "stochastic": facts.stochastic,
                "gpu": facts.gpu,
                "trains_on": facts.trains_on,
                "fit_parameters": facts.fit_parameters and list(facts.fit_parameters),
                "fitted": facts.fitted,
                "sees": facts.sees,
                "predicts": facts.predicts,
                "predictor": parameters.get("predictor", facts.predictor),
            }
        chain.append(used)
    parameters = {**entry, **parameters}
    own = schema("config")["$defs"]["own_method"]["properties"]
    facts = {key: parameters.pop(key, own[key].get("default")) for key in own}
    timeout = facts.pop("timeout_seconds")
    if facts["command"] is not None:
        parameters = {"command": facts["command"], "timeout_seconds": timeout}
        target = "focusbench.methods.command:Command"
    else:
        target = facts["module"]
    return {
        "target": target,
        "command": facts["command"],
        "parameters": parameters,
        "trivial": False,
        **{key: facts[key] for key in ("stochastic", "gpu", "trains_on")},
        "fit_parameters": None,  # not known: any of them
        "fitted": None,
        "sees": None,
        "predicts": False,
        "predictor": parameters.get("predictor"),
    }


def _check_shape(merged: Mapping[str, Any]) -> None:
    """Check every key's presence, type and range against the schemas."""
    _validate(merged, schema("config"), ())
    for section in ("tracks", "methods"):
        for track, value in merged[section].items():
            if track not in tracks.names():
                raise _unknown(f"{section}.{track}", track, tracks.names(), "track")
            if not isinstance(value, Mapping):
                raise InputError(f"config: {section}.{track}: {shown(value)} is not a map")
    for track, section in merged["tracks"].items():
        _validate(section, schema(track)["track"], ("tracks", track))
    for track, entries in merged["methods"].items():
        for method in entries:
            _check_method(track, method, entries)


def _check_method(track: str, method: str, entries: Mapping[str, Any]) -> None:
    place = f"config: methods.{track}.{method}"
    known = methods.names(track)
    if not METHOD_ID.fullmatch(method):
        raise InputError(f"{place}: a method's id holds a-z, 0-9 and _ alone, 100 at most")
    entry = entries[method]
    if not isinstance(entry, Mapping):
        raise InputError(f"{place}: {shown(entry)} is not a map of parameters")
    kinds = [key for key in ("uses", "module", "command") if key in entry]
    if method in known and kinds:
        raise InputError(f"{place}: is a method of this package; give the entry another id")
    if method in known:
        _validate(entry, schema(track)["methods"][method], ("methods", track, method))
        return
    if len(kinds) != 1:
        close = get_close_matches(method, known, 1)
        hint = f" (did you mean {close[0]!r}?)" if close and not kinds else ""
        raise InputError(
            f"{place}: unknown method{hint}; one of one's own has exactly one of uses, "
            "module, command"
        )
    if kinds == ["uses"]:
        if not isinstance(entry["uses"], str):
            raise InputError(f"{place}.uses: {shown(entry['uses'])} is not the id of a method")
        base, seen = method, set()
        while base not in known and "uses" in (entries.get(base) or {}):
            if base in seen:
                raise InputError(f"{place}: uses: goes round in a circle through {shown(base)}")
            seen.add(base)
            if len(seen) > plain_values.DEEPEST:
                raise InputError(
                    f"{place}: uses: leads through more than {plain_values.DEEPEST} entries"
                )
            base = entries[base]["uses"]
        if base not in known and base not in entries:
            raise _unknown(f"methods.{track}.{method}.uses", base, [*known, *entries], "method")
        own = {key: value for key, value in entry.items() if key != "uses"}
        if base in known:
            _validate(own, schema(track)["methods"][base], ("methods", track, method))
        elif "command" in entries[base]:
            _check_command(place, {**entries[base], **own})
        return
    _validate(entry, schema("config")["$defs"]["own_method"], ("methods", track, method))
    if kinds == ["command"]:
        _check_command(place, entry)


def _check_command(place: str, entry: Mapping[str, Any]) -> None:
    unknown = set(entry) - {"command", "stochastic", "gpu", "timeout_seconds"}
    if unknown:
        raise InputError(
            f"{place}: {sorted(unknown)[0]}: a command has no such key; write "
            "arguments into the command itself"
        )
    try:
        shlex.split(entry["command"])
    except ValueError as error:
        raise InputError(f"{place}.command: {error} in {shown(entry['command'])}") from None
    fields = re.findall(r"\{([^{}]*)\}", entry["command"])
    for name in fields:
        if name not in COMMAND_FIELDS:
            raise _unknown(
                f"{place.removeprefix('config: ')}.command", name, COMMAND_FIELDS, "field"
            )
    for needed in ("observed", "estimate"):
        if needed not in fields:
            raise InputError(
                f"{place}.command: has no {{{needed}}}; it must take the observation "
                "from {observed} and leave its result at {estimate}"
            )


def _check_ids(merged: Mapping[str, Any], track: str, known: Mapping[str, Any]) -> None:
    section = merged["tracks"][track]
    _check_grid(merged, track, known, section, f"tracks.{track}")
    for study, changed in (section.get("studies") or {}).items():
        grid = {**section, **changed}
        _check_grid(merged, track, known, grid, f"tracks.{track}.studies.{study}")
    restorers = [method for method, one in known.items() if not one["predicts"]]
    for method in section.get("batched", []):
        if method not in restorers:
            raise _unknown(f"tracks.{track}.batched", method, restorers, "method")
    source = tracks.TABLE[track].own
    for sample in merged["data"][source]:
        if sample in registry.names():
            raise InputError(
                f"config: data.{source}.{sample}: is a sample of this package; choose another id"
            )
        if split_size(sample)[1] is not None:
            raise InputError(
                f"config: data.{source}.{sample}: .size and a number end the ids of prepared "
                "volumes; choose another id"
            )
        twice = [name for name in _own(merged) if name != source and sample in merged["data"][name]]
        if twice:
            raise InputError(
                f"config: data.{source}.{sample}: is in data.{twice[0]} too; choose another id"
            )


def _check_grid(
    merged: Mapping[str, Any],
    track: str,
    known: Mapping[str, Any],
    grid: Mapping[str, Any],
    place: str,
) -> None:
    """Check the ids that a track's section, or one of its studies, selects."""
    accepted = samples(merged, track)
    for sample in grid["samples"]:
        if sample not in accepted:
            raise _unknown(f"{place}.samples", sample, accepted, "sample")
    facts = tracks.TABLE[track]
    recordings = merged["data"][facts.own]
    recorded = any(sample in recordings for sample in grid["samples"])
    for degradation in grid["degradations"]:
        known_id = re.fullmatch(facts.any_degradation, degradation)
        if not known_id or (degradation.startswith(facts.recorded) and not recorded):
            raise InputError(
                f"config: {place}.degradations: {degradation!r} is unknown; accepted: "
                f"{facts.degradation_help}"
            )
    if all(degradation.startswith(facts.recorded) for degradation in grid["degradations"]):
        for sample in grid["samples"]:
            if sample not in recordings:
                raise InputError(
                    f"config: {place}.degradations: none is for {sample}, which is no recording; "
                    f"accepted: {facts.degradation_help}"
                )
    for key, predicts in (("methods", False), ("predictors", True)):
        accepted = [method for method, one in known.items() if one["predicts"] == predicts]
        for method in grid.get(key, []):
            if method not in accepted:
                raise _unknown(f"{place}.{key}", method, accepted, key.removesuffix("s"))
    runs = sum(len(grid["seeds"]) if known[one]["stochastic"] else 1 for one in grid["methods"])
    asked = len(grid["samples"]) * len(grid["degradations"]) * runs
    if asked > MOST_RESTORATIONS:
        raise InputError(
            f"config: {place}: its samples, degradations, methods and seeds are {asked} "
            f"restorations; up to {MOST_RESTORATIONS} are accepted"
        )


def samples(merged: Mapping[str, Any], track: str) -> list[str]:
    """Ids of all samples of a track: the registry's and the configured recordings."""
    return [*registry.names(track), *merged["data"][tracks.TABLE[track].own]]


def _own(merged: Mapping[str, Any]) -> list[str]:
    return sorted({facts.own for facts in tracks.TABLE.values()} & set(merged["data"]))


def _check_places(data: Mapping[str, Any]) -> None:
    for source in HOMES:
        directory = data[source]["directory"]
        if directory is not None and not _is_folder(directory):
            raise InputError(
                f"config: data.{source}.directory: there is no folder {shown(directory)}"
            )
    for section in sorted({facts.own for facts in tracks.TABLE.values()}):
        for sample, entry in data[section].items():
            for key in ("path", "truth", "psf"):
                if key not in entry or is_file(entry[key]):
                    continue
                if key != "path" or not is_folder(entry[key]):
                    kind = "file or folder" if key == "path" else "file"
                    raise InputError(
                        f"config: data.{section}.{sample}.{key}: there is no {kind} "
                        f"{shown(entry[key])}"
                    )


def _is_folder(path: str) -> bool:
    try:
        return is_folder(Path(path).expanduser())
    except RuntimeError:  # the home of a user that does not exist
        return False


def _validate(value: Any, against: Mapping[str, Any], at: tuple[str, ...]) -> None:
    found = islice(_validator()(against).iter_errors(value), MOST_ERRORS)
    errors = sorted(found, key=lambda error: len(error.path))
    if errors:
        error = errors[-1]  # the deepest is the most telling
        key = ".".join([*at, *map(str, error.absolute_path)])
        raise _explained(error, key)


@cache
def _validator() -> Any:
    """JSON schema as we mean it: 16.0 is no integer, and no number is infinite or NaN.

    A pattern is of the whole text (Python's $ lets a line's end pass), and equal items are looked
    for in a set: the library compares lists of mixed items each with each.
    """
    from jsonschema import Draft202012Validator, ValidationError, validators

    def is_integer(_: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def is_number(_: Any, value: Any) -> bool:
        return is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": is_integer, "number": is_number}
    )

    def pattern(_: Any, wanted: str, value: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(value, str) and not re.fullmatch(wanted, value):
            yield ValidationError(f"is not of the form {wanted}")

    def unique(_: Any, wanted: bool, value: Any, __: Any) -> Iterator[ValidationError]:
        if wanted and isinstance(value, list) and len(set(map(json.dumps, value))) < len(value):
            yield ValidationError("has an item twice")

    rules = {"pattern": pattern, "uniqueItems": unique}
    return validators.extend(Draft202012Validator, rules, type_checker=checker)


def _explained(error: Any, key: str) -> InputError:
    """Turn a jsonschema error into one line that says what is accepted."""
    rule, value, part = error.validator, error.instance, error.schema
    dot = f"{key}." if key else ""
    if rule == "additionalProperties":
        known = list(part["properties"])
        unknown = next(name for name in value if name not in known)
        return _unknown(f"{dot}{unknown}", unknown, known, "key")
    if rule == "required":
        missing = next(name for name in error.validator_value if name not in value)
        return InputError(f"config: {dot}{missing}: is missing")
    if "propertyNames" in error.absolute_schema_path:
        return InputError(
            f"config: {dot}{value}: an id holds letters, digits, _ and . alone, and "
            "does not begin with a dot"
        )
    hint = ""
    if rule == "type" and isinstance(value, str) and "e" in value.lower() and _is_number(value):
        hint = " (YAML reads a number like 1e-3 as text: write 1.0e-3)"
    accepted = _accepted(part)
    return InputError(f"config: {key}: {shown(value)} is not accepted{hint}; accepted: {accepted}")


def _accepted(part: Mapping[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(map(str, part["enum"]))
    kinds = part.get("type", "any value")
    words = [" or ".join(kinds) if isinstance(kinds, list) else kinds]
    if kinds == "array":
        words = ["a list of ids" if part.get("items", {}).get("type") == "string" else "a list"]
    for rule, sign in (
        ("minimum", ">="),
        ("exclusiveMinimum", ">"),
        ("maximum", "<="),
        ("exclusiveMaximum", "<"),
    ):
        if rule in part:
            words.append(f"{sign} {part[rule]}")
    if "minItems" in part and part["minItems"] == part.get("maxItems"):
        words.append(f"with {part['minItems']} entries")
    elif "minItems" in part:
        words.append(f"with at least {part['minItems']} entries")
    if part.get("uniqueItems"):
        words.append("without repetition")
    if "pattern" in part:
        words.append(f"of the form {part['pattern']}")
    return " ".join(words)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unknown(key: str, value: Any, known: Any, kind: str) -> InputError:
    known = list(map(str, known))
    hint = registry.meant(str(value), known)
    return InputError(
        f"config: {key}: unknown {kind} {shown(value)}{hint}; accepted: {registry.told(known)}"
    )


def _differences(base: Any, merged: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield keys whose value departs from the preset's; places on a disk do not count."""
    for key, value in merged.items():
        name = f"{at}{key}"
        before = base.get(key) if isinstance(base, Mapping) else None
        if name in ("preset", "device") or (name.startswith("data.") and name.endswith(PLACES)):
            continue
        if isinstance(value, Mapping) and name != "":
            yield from _differences(before or {}, value, f"{name}.")
        elif value != before:
            yield name, value
