"""What a configuration asks for: which files, and what each job must know.

Everything a job's result depends on stands in the dictionary that one of the `*_parameters`
functions returns: values from the configuration, and the hash of the code that the job runs. A
workflow that reruns a job when its parameters change therefore reruns what a change concerns, and
nothing else. Imports neither torch nor pandas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusbench import data, methods, paths, tracks
from focusbench.data import registry
from focusbench.dependencies import code_hash, source
from focusbench.errors import InputError
from focusbench.files import sha256
from focusbench.paths import Restored

Config = Mapping[str, Any]

PLACES = ("path", "truth", "psf")  # files of a recording of one's own: where, not what


# --- which files ------------------------------------------------------------------------------


def restorations(config: Config, track: str) -> list[Restored]:
    """All restorations that the configuration asks of a track, trivial rows first."""
    section = config["tracks"][track]
    known = config["methods"][track]
    trivial = [method for method, facts in known.items() if facts["trivial"]]
    chosen = [*trivial, *(method for method in section["methods"] if method not in trivial)]
    return [
        Restored(sample, degradation, method, seed)
        for sample in section["samples"]
        for degradation in degradations(config, track, sample)
        for method in chosen
        for seed in (section["seeds"] if known[method]["stochastic"] else section["seeds"][:1])
    ]


def degradations(config: Config, track: str, sample: str) -> list[str]:
    """Degradations of a sample: the selected ones; a recording of one's own is what it is."""
    if own(config, sample):
        return [tracks.TABLE[track].recorded]
    return config["tracks"][track]["degradations"]


def own(config: Config, sample: str) -> Mapping[str, Any] | None:
    """Entry of a recording of one's own; None for a sample of this package."""
    return next((ids[sample] for ids in _own_sections(config).values() if sample in ids), None)


def _own_sections(config: Config) -> dict[str, Mapping[str, Any]]:
    return {name: (config.get("data") or {}).get(name) or {} for name in _own_names()}


def _own_names() -> list[str]:
    return sorted({facts.own for facts in tracks.TABLE.values()})


def has_truth(config: Config, sample: str) -> bool:
    """Whether the sample's truth is known: of a recording of one's own only if a file holds it."""
    entry = own(config, sample)
    return entry is None or "truth" in entry


def timed(config: Config, track: str) -> list[Restored]:
    """The restorations that are timed: every method once, on the first sample."""
    items = restorations(config, track)
    first: dict[str, Restored] = {}
    for item in items:
        first.setdefault(item.method, item)
    return list(first.values())


def training(config: Config, track: str, method: str, seed: int) -> str | None:
    """Id of the training whose weights a method starts from; None if it does not train."""
    trains_on = _method(config, track, method)["trains_on"]
    if trains_on is None:
        return None
    return f"{trains_on}-size{config['tracks'][track]['size']}-seed{seed}"


def trainings(config: Config, track: str) -> list[tuple[str, str]]:
    """(method, training id) of all that the planned restorations start from."""
    return sorted(
        {
            (item.method, name)
            for item in restorations(config, track)
            if (name := training(config, track, item.method, item.seed)) is not None
        }
    )


def weights(config: Config, track: str, method: str, seed: int) -> str | None:
    """File with a method's weights; None if it does not train."""
    name = training(config, track, method, seed)
    return None if name is None else paths.model(track, method, name)


def targets(config: Config, track: str) -> list[str]:
    """All tables and figures of a track."""
    facts = tracks.TABLE[track]
    return [
        *(paths.table(track, name, end) for name in facts.tables for end in ("csv", "md", "tex")),
        *(paths.figure(track, name, end) for name in facts.figures for end in ("pdf", "png")),
    ]


def report_inputs(config: Config, track: str, name: str) -> list[str]:
    """Files that a table or figure reads."""
    facts = tracks.TABLE[track]
    items = restorations(config, track)
    samples = [name for name in config["tracks"][track]["samples"] if has_truth(config, name)]
    kinds = {
        "scores": [paths.score(track, item) for item in items],
        "records": [paths.record(track, item) for item in items],
        "traces": [paths.trace(track, item) for item in items],
        "volumes": [paths.restored(track, item) for item in items],
        "truths": [paths.truth(track, sample) for sample in samples],
        "observations": sorted({paths.observed(track, *item[:2]) for item in items}),
        "observation_records": sorted(
            {paths.observation_record(track, *item[:2]) for item in items}
        ),
        "timings": [paths.timing(track, item) for item in timed(config, track)],
        "trainings": [paths.model_record(track, *one) for one in trainings(config, track)],
    }
    wanted = {**facts.tables, **facts.figures}[name]
    return [path for kind in wanted for path in kinds[kind]]


def wildcards(config: Config) -> dict[str, str]:
    """Regular expressions of all ids: the registry's, not the selected ones alone."""

    def any_of(names: list[str]) -> str:
        return "|".join(sorted(map(re.escape, names))) or "(?!)"

    present = list(config["tracks"])
    facts = [tracks.TABLE[track] for track in present]
    known = [method for track in present for method in config["methods"][track]]
    trained = {
        f"{method['trains_on']}-size{config['tracks'][track]['size']}-seed[0-9]+"
        for track in present
        for method in config["methods"][track].values()
        if method["trains_on"]
    }
    samples = [sample for track in present for sample in registry.names(track)]
    return {
        "track": any_of(present),
        "sample": any_of(
            [*samples, *(name for ids in _own_sections(config).values() for name in ids)]
        ),
        "degradation": "|".join(
            [*(fact.degradation for fact in facts), *{fact.recorded for fact in facts}]
        ),
        "method": any_of(known),
        "seed": "[0-9]+",
        "training": "|".join(sorted(trained)) or "(?!)",
        "table": any_of([name for fact in facts for name in fact.tables]),
        "figure": any_of([name for fact in facts for name in fact.figures]),
    }


# --- data on this machine: places are no part of a result, content is ---------------------------


def places(config: Config, sample: str) -> dict[str, Any]:
    """Where a sample's source lies here: what its data module needs beside its parameters.

    `config` may also be the user's own part of a configuration, not yet merged with a preset.
    """
    entry = own(config, sample)
    if entry is not None:
        return {key: entry[key] for key in PLACES if key in entry}
    if registry.get(sample).source == "scivis":
        scivis = (config.get("data") or {}).get("scivis") or {}
        return {"directory": scivis.get("directory")}
    return {}


def source_files(config: Config, sample: str) -> list[str]:
    """Files that a sample is prepared from; none where they are missing.

    The job that needs them then says so itself, in one line: a plan can be made before the data
    are there.
    """
    module = data.build(data_source(config, sample))
    try:
        entry = own(config, sample)
        if entry is not None:
            return [str(path) for path in module.source_files(entry)]
        if hasattr(module, "source_files"):
            return [str(path) for path in module.source_files(sample, places(config, sample))]
    except InputError:
        pass
    return []


def downloaded(config: Config, sample: str) -> bool:
    """Whether a sample's source files come from their home, with a checksum that stays."""
    if own(config, sample) is not None or registry.get(sample).source != "scivis":
        return False
    return not places(config, sample)["directory"]


def _check_sample(config: Config, track: str, sample: str) -> None:
    """Refuse a sample of another track: a file of it may be asked for by name."""
    known = [*registry.names(track), *_own_sections(config)[tracks.TABLE[track].own]]
    if sample not in known:
        raise InputError(f"{sample} is no sample of track {track}; known: {', '.join(known)}")


def _method(config: Config, track: str, method: str) -> Mapping[str, Any]:
    """Facts of a method; refuse one of another track."""
    known = config["methods"][track]
    if method not in known:
        raise InputError(f"{method} is no method of track {track}; known: {', '.join(known)}")
    return known[method]


def data_source(config: Config, sample: str) -> str:
    """Id of the data source of a sample."""
    for section, ids in _own_sections(config).items():
        if sample in ids:
            return section
    return registry.get(sample).source


# --- what each job must know ---------------------------------------------------------------------


def truth_parameters(config: Config, track: str, sample: str) -> dict[str, Any]:
    """Of preparing a truth."""
    _check_sample(config, track, sample)
    origin = data_source(config, sample)
    return {
        "source": origin,
        "settings": _stage_settings(config, track, "truth_keys", sample),
        "code": code_hash(f"{tracks.TABLE[track].package}.truth", data.TABLE[origin]),
    }


def observed_parameters(
    config: Config, track: str, sample: str, degradation: str
) -> dict[str, Any]:
    """Of making an observation."""
    _check_sample(config, track, sample)
    package = tracks.TABLE[track].package
    origin = data_source(config, sample)
    roots = [f"{package}.observe"]
    if not needs_truth(config, track, sample, degradation):
        roots.append(data.TABLE[origin])
    return {
        "source": origin,
        "seed": config["seed"],
        "settings": _stage_settings(config, track, "observe_keys", sample),
        "code": code_hash(*roots),
    }


def needs_truth(config: Config, track: str, sample: str, degradation: str) -> bool:
    """Whether an observation is made from the prepared truth (or from the source itself)."""
    from_source = tracks.TABLE[track].from_source
    made = from_source is not None and degradation.startswith(from_source)
    return own(config, sample) is None and not made


def train_parameters(config: Config, track: str, method: str) -> dict[str, Any]:
    """Of training a method: only the parameters that its `fit` reads."""
    facts = _method(config, track, method)
    fit = facts["fit_parameters"]
    parameters = facts["parameters"]
    return {
        **_how(config, track),
        "method": facts["target"],
        "parameters": {key: parameters[key] for key in parameters if fit is None or key in fit},
        "trains_on": facts["trains_on"],
        "settings": _section(config, track, "training_keys"),
        "code": code_hash(
            facts["target"], f"{tracks.TABLE[track].package}.training", "focusbench.running"
        ),
    }


def restore_parameters(
    config: Config, track: str, sample: str, degradation: str, method: str
) -> dict[str, Any]:
    """Of restoring a sample."""
    facts = _method(config, track, method)
    return {
        **_how(config, track),
        "method": facts["target"],
        "parameters": facts["parameters"],
        "settings": _problem(config, track, sample),
        "code": code_hash(
            facts["target"], f"{tracks.TABLE[track].package}.problem", "focusbench.running"
        ),
        **({"program": _program(facts["command"])} if facts["command"] else {}),
    }


def timing_parameters(
    config: Config, track: str, sample: str, degradation: str, method: str
) -> dict[str, Any]:
    """Of timing a restoration."""
    return {
        **restore_parameters(config, track, sample, degradation, method),
        "timing": config["tracks"][track]["timing"],
    }


def score_parameters(config: Config, track: str, sample: str, method: str) -> dict[str, Any]:
    """Of scoring a restoration."""
    fitted = _method(config, track, method)["fitted"]
    return {
        "settings": {**_problem(config, track, sample), **({"fit": fitted} if fitted else {})},
        "code": code_hash(f"{tracks.TABLE[track].package}.score"),
    }


def report_parameters(config: Config, track: str, stage: str) -> dict[str, Any]:
    """Of a table or figure (`stage` is "tables" or "figures")."""
    section = config["tracks"][track]
    used = {item.method for item in restorations(config, track)}
    return {
        "results": {
            "items": [list(item) for item in restorations(config, track)],
            "timed": [list(item) for item in timed(config, track)],
            "trainings": [list(one) for one in trainings(config, track)],
        },
        "settings": {
            "preset": config["preset"],
            "seed": config["seed"],
            "differs": _concerning(config["differs"], track, used, section["samples"]),
            "track": section,
            "sources": {name: data_source(config, name) for name in section["samples"]},
            "methods": {
                name: facts["parameters"]
                for name, facts in config["methods"][track].items()
                if name in used
            },
        },
        "code": code_hash(f"{tracks.TABLE[track].package}.{stage}", "focusbench.report.results"),
    }


def _how(config: Config, track: str) -> dict[str, Any]:
    section = config["tracks"][track]
    return {
        "device": config["device"],
        "threads": section["threads"],
        "budget_seconds": section["budget_seconds"],
    }


def _section(config: Config, track: str, stage: str) -> dict[str, Any]:
    """Give the keys of a track's section that a stage depends on, inner ones by their last name."""
    found = {}
    for key in getattr(tracks.TABLE[track], stage):
        value = config["tracks"][track]
        for name in key.split("."):
            value = value[name]
        found[name] = value
    return found


def _stage_settings(config: Config, track: str, stage: str, sample: str) -> dict[str, Any]:
    entry = own(config, sample)
    if entry is None:
        return {**_section(config, track, stage), "data": {}}
    return {"data": {key: value for key, value in entry.items() if key not in PLACES}}


def _problem(config: Config, track: str, sample: str) -> dict[str, Any]:
    settings = _section(config, track, "problem_keys")
    entry = own(config, sample)
    if entry is not None:
        keys = tracks.TABLE[track].own_problem_keys
        settings.update({key: entry[key] for key in keys if key in entry})
        if "psf" in entry:
            settings["psf_sha256"] = sha256(entry["psf"])
    return settings


def _concerning(
    differs: Mapping[str, Any], track: str, used: set[str], samples: list[str]
) -> dict[str, Any]:
    """Keep the keys that this track's numbers depend on."""

    def concerns(key: str) -> bool:
        section, *rest = key.split(".")
        if section == "tracks":
            return rest[0] == track
        if section == "methods":
            return rest[0] == track and rest[1] in used
        if section == "data" and rest[0] in _own_names():
            return any(key.startswith(f"data.{rest[0]}.{sample}.") for sample in samples)
        return True

    return {key: value for key, value in differs.items() if concerns(key)}


def _program(command: str) -> dict[str, str]:
    """Checksums of the files that a command names, so that an edited tool is run again."""
    import shlex

    words = [Path(word) for word in shlex.split(command)]
    return {str(word): sha256(word) for word in words if word.is_file()}


def check_own_methods(config: Config) -> None:
    """Check that modules of one's own can be found.

    Raises
    ------
    InputError
        One cannot.
    """
    for track, known in config["methods"].items():
        for method, facts in known.items():
            if method not in methods.TABLE and source(facts["target"].partition(":")[0]) is None:
                raise InputError(
                    f"config: methods.{track}.{method}.module: no source of "
                    f"{facts['target']!r} found; its folder must be on PYTHONPATH"
                )
