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
    """Degradations of a sample: the selected ones, or the recorded one alone without a truth."""
    if not has_truth(config, sample):
        return [tracks.TABLE[track].recorded]
    return config["tracks"][track]["degradations"]


def has_truth(config: Config, sample: str) -> bool:
    """Whether the sample's truth is known: not so for a stack of one's own."""
    return sample not in config["data"]["stack"]


def timed(config: Config, track: str) -> list[Restored]:
    """The restorations that are timed: every method once, on the first sample."""
    items = restorations(config, track)
    first: dict[str, Restored] = {}
    for item in items:
        first.setdefault(item.method, item)
    return list(first.values())


def training(config: Config, track: str, method: str, seed: int) -> str | None:
    """Id of the training whose weights a method starts from; None if it does not train."""
    trains_on = config["methods"][track][method]["trains_on"]
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
        "observations": sorted(
            {paths.observed(track, item.sample, item.degradation) for item in items}
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
        "sample": any_of([*samples, *config["data"]["stack"]]),
        "degradation": "|".join(
            [*(fact.degradation for fact in facts), *(f.recorded for f in facts if f.recorded)]
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
    data_section = config.get("data") or {}
    own = (data_section.get("stack") or {}).get(sample)
    if own is not None:
        return {"path": own["path"]}
    if registry.get(sample).source == "scivis":
        return {"directory": (data_section.get("scivis") or {}).get("directory")}
    return {}


def source_files(config: Config, sample: str) -> list[str]:
    """Files that a sample is prepared from; none where they are missing.

    The job that needs them then says so itself, in one line: a plan can be made before the data
    are there.
    """
    module = data.build(data_source(config, sample))
    try:
        if not has_truth(config, sample):
            return [str(path) for path in module.source_files(config["data"]["stack"][sample])]
        if hasattr(module, "source_files"):
            return [str(path) for path in module.source_files(sample, places(config, sample))]
    except InputError:
        pass
    return []


def data_source(config: Config, sample: str) -> str:
    """Id of the data source of a sample."""
    return registry.get(sample).source if has_truth(config, sample) else "stack"


# --- what each job must know ---------------------------------------------------------------------


def truth_parameters(config: Config, track: str, sample: str) -> dict[str, Any]:
    """Of preparing a truth."""
    origin = data_source(config, sample)
    return {
        "source": origin,
        "settings": _preparation(config, track),
        "code": code_hash(f"{tracks.TABLE[track].package}.truth", data.TABLE[origin]),
    }


def observed_parameters(
    config: Config, track: str, sample: str, degradation: str
) -> dict[str, Any]:
    """Of making an observation."""
    package = tracks.TABLE[track].package
    origin = data_source(config, sample)
    roots = [f"{package}.observe"]
    if not needs_truth(config, track, sample, degradation):
        roots.append(data.TABLE[origin])
    settings = _preparation(config, track)
    settings["offmodel_aperture_grid"] = config["tracks"][track]["offmodel_aperture_grid"]
    if not has_truth(config, sample):
        settings = {"data": _known(config["data"]["stack"][sample], without=("path",))}
    return {
        "source": origin,
        "seed": config["seed"],
        "settings": settings,
        "code": code_hash(*roots),
    }


def needs_truth(config: Config, track: str, sample: str, degradation: str) -> bool:
    """Whether an observation is made from the prepared truth (or from the source itself)."""
    return has_truth(config, sample) and not degradation.startswith("offmodel")


def train_parameters(config: Config, track: str, method: str) -> dict[str, Any]:
    """Of training a method: only the parameters that its `fit` reads."""
    facts = config["methods"][track][method]
    fit = facts["fit_parameters"]
    parameters = facts["parameters"]
    return {
        **_how(config, track),
        "method": facts["target"],
        "parameters": {key: parameters[key] for key in parameters if fit is None or key in fit},
        "trains_on": facts["trains_on"],
        "settings": {key: config["tracks"][track][key] for key in ("size", "slices")},
        "code": code_hash(
            facts["target"], f"{tracks.TABLE[track].package}.training", "focusbench.running"
        ),
    }


def restore_parameters(
    config: Config, track: str, sample: str, degradation: str, method: str
) -> dict[str, Any]:
    """Of restoring a sample."""
    facts = config["methods"][track][method]
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


def score_parameters(config: Config, track: str, sample: str) -> dict[str, Any]:
    """Of scoring a restoration."""
    return {
        "settings": _problem(config, track, sample),
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


def _preparation(config: Config, track: str) -> dict[str, Any]:
    section = config["tracks"][track]
    keys = ("size", "slices", "antialias", "depth", "geometry")
    return {**{key: section[key] for key in keys}, "data": {}}


def _problem(config: Config, track: str, sample: str) -> dict[str, Any]:
    geometry = config["tracks"][track]["geometry"]
    settings = {key: geometry[key] for key in ("numerical_aperture", "aperture_grid")}
    if not has_truth(config, sample):
        own = config["data"]["stack"][sample]
        settings.update({k: own[k] for k in ("numerical_aperture", "noise_sigma") if k in own})
    return settings


def _known(entry: Mapping[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in without}


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
        if rest[:1] == ["stack"]:
            return any(key.startswith(f"data.stack.{sample}.") for sample in samples)
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
