"""What a configuration asks for: which files, and what each job must know.

Everything a job's result depends on stands in the dictionary that one of the `*_parameters`
functions returns: values from the configuration, and the hash of the code that the job runs. A
workflow that reruns a job when its parameters change therefore reruns what a change concerns, and
nothing else. Imports neither torch nor pandas.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from focusbench import data, methods, paths, tracks
from focusbench.data import registry
from focusbench.dependencies import code_hash, source
from focusbench.errors import InputError
from focusbench.files import is_file, sha256
from focusbench.grids import (
    Config,
    batches,
    derived_from,
    has_truth,
    own,
    own_sections,
    predictors,
    recording,
    restorations,
    section,
    sees,
    studies,
    timed,
)
from focusbench.id_patterns import any_of
from focusbench.paths import Restored, base_id, split_size

PLACES = ("path", "truth", "psf")  # files of a recording of one's own: where, not what
FILES = ("perceptual_weights",)  # parameters of methods that name a file
ORACLE = "oracle"  # in place of a predictor's id: told the true levels
IMAGES = "image"  # split by image
STACKS = "stacks"  # key of samples whose real planes predictors are judged on
LEAST_SIZE, MOST_SIZE = 8, 1024  # lateral voxels of a prepared volume, as in the schemas


# --- which files ------------------------------------------------------------------------------


def training(config: Config, track: str, method: str, seed: int, sample: str) -> str | None:
    """Id of the training whose weights a method starts from; None if it does not train."""
    trains_on = _method(config, track, method)["trains_on"]
    if trains_on is None:
        return None
    learns = config["tracks"][track].get("training")
    if learns and own(config, sample) and learns.get("recordings", {}).get("samples"):
        return f"{tracks.TABLE[track].recorded}-seed{seed}"
    if learns:  # from the track's own samples; at all levels where no degradation is named
        return f"{learns.get('degradation', trains_on)}-seed{seed}"
    return f"{trains_on}-size{_size(config, track, sample)}-seed{seed}"


def trainings(config: Config, track: str, study: str | None = None) -> list[tuple[str, str]]:
    """(method, training id) of all that a grid's restorations and their timings start from.

    With them the predictors that the main grid compares.
    """
    items = [*restorations(config, track, study), *timed(config, track, study)]
    wanted = [(item.method, item.seed, item.sample) for item in items]
    wanted += [
        (one, item.seed, item.sample) for item in items if (one := told_by(config, track, item))
    ]
    if study is None:
        wanted += [
            (*one, config["tracks"][track]["samples"][0]) for one in predictors(config, track)
        ]
    found = ((one[0], training(config, track, *one)) for one in wanted)
    return sorted({(method, name) for method, name in found if name is not None})


def told_by(config: Config, track: str, item: Restored) -> str | None:
    """Predictor that tells a restoration its levels; None: it needs none, or is told the truth."""
    facts = _method(config, track, item.method)
    if facts["parameters"].get("level") is not None or facts["predictor"] == ORACLE:
        return None
    return facts["predictor"]


def levels(config: Config, track: str, item: Restored) -> str | None:
    """File with the levels that a restoration is told; None: it needs none."""
    predictor = told_by(config, track, item)
    if predictor is None:
        return None
    return paths.levels(track, item.sample, item.degradation, predictor, item.seed)


def accuracies(config: Config, track: str) -> list[tuple[str, str]]:
    """(predictor, training id) of those that the main grid compares."""
    return [
        (method, training(config, track, method, seed, config["tracks"][track]["samples"][0]))
        for method, seed in predictors(config, track)
    ]


def weights(config: Config, track: str, method: str, seed: int, sample: str) -> str | None:
    """File with a method's weights; None if it does not train."""
    name = training(config, track, method, seed, sample)
    return None if name is None else paths.model(track, method, name)


def training_files(
    config: Config, track: str, training: str, method: str = ""
) -> dict[str, dict[str, str]]:
    """Files that a training on a track's own samples reads, by role and sample; else none.

    Roles: `truths` and `observations` of the samples that it learns from, `validation_truths` and
    `validation_observations` of those that choose its parameters. Of recordings no truth is known:
    what another method made of them stands in. Where a training makes its own observations, at all
    levels, there are none; `test_truths` are given to a method that asks for a split by image.
    """
    learns = config["tracks"][track].get("training")
    if not learns:
        return {}
    degradation = training.rpartition("-seed")[0]
    if degradation == tracks.TABLE[track].recorded:
        names, method = training_recordings(config, track), learns["recordings"]["references"]
        seed = config["tracks"][track]["seeds"][0]
        return {
            "truths": {
                one: paths.restored(track, Restored(one, degradation, method, seed))
                for one in names
            },
            "observations": {one: paths.observed(track, one, degradation) for one in names},
        }
    files = {}
    for start, samples in (("", learns["samples"]), ("validation_", learns["validation"])):
        files[f"{start}truths"] = {one: paths.truth(track, one) for one in samples}
        if "degradation" in learns:
            files[f"{start}observations"] = {
                one: paths.observed(track, one, degradation) for one in samples
            }
    if method and _by_image(config, track, method):
        files["test_truths"] = _truths(config, track, config["tracks"][track]["samples"])
    return files


def training_truths(config: Config, track: str) -> dict[str, str]:
    """Truths that a track's trainings learn from and choose with -> their sample."""
    learns = config["tracks"][track].get("training") or {}
    names = [*learns.get("samples", []), *learns.get("validation", [])]
    return {paths.truth(track, one): one for one in names}


def accuracy_files(config: Config, track: str, method: str) -> dict[str, dict[str, str]]:
    """Truths that a predictor is judged on, by role and sample.

    `held_out`: the track's samples; `judged`: further ones. For a split by image, what the training
    reads in place of `held_out`: its test images come from there.
    """
    chosen = config["tracks"][track]
    files = {"judged": _truths(config, track, chosen["judged"])}
    if _by_image(config, track, method):
        return {**files, **training_files(config, track, f"{IMAGES}-seed0", method)}
    return {**files, "held_out": _truths(config, track, chosen["samples"])}


def timed_predictors(config: Config, track: str) -> list[tuple[str, str]]:
    """Those of `accuracies` that are timed: variants of a network cost what it does."""
    known = config["methods"][track]
    first: dict[str, tuple[str, str]] = {}
    for method, training in accuracies(config, track):
        first.setdefault(known[method]["target"], (method, training))
    return list(first.values())


def _by_image(config: Config, track: str, method: str) -> bool:
    return _method(config, track, method)["parameters"].get("split") == IMAGES


def _truths(config: Config, track: str, samples: list[str]) -> dict[str, str]:
    """Truths of samples of the package; a recording is what it is, at no level of ours."""
    return {one: paths.truth(track, one) for one in samples if own(config, one) is None}


def training_recordings(config: Config, track: str) -> list[str]:
    """Recordings that a training reads.

    Raises
    ------
    InputError
        The configuration names none.
    """
    names = config["tracks"][track]["training"]["recordings"]["samples"]
    if not names:
        raise InputError(
            f"config: tracks.{track}.training.recordings.samples: is empty; a training on "
            "recordings reads those that it names"
        )
    return names


def reports(config: Config, track: str, kind: str) -> list[str]:
    """Tables or figures (`kind`) of a track that the configuration has a grid for."""
    present = [None, *studies(config, track)]
    return [
        name
        for name, one in getattr(tracks.TABLE[track], kind).items()
        if one.study in present and (one.needs is None or config["tracks"][track][one.needs])
    ]


def targets(config: Config, track: str) -> list[str]:
    """All tables and figures of a track."""
    tables, figures = (reports(config, track, kind) for kind in ("tables", "figures"))
    return [
        *(paths.table(track, name, end) for name in tables for end in ("csv", "md", "tex")),
        *(paths.figure(track, name, end) for name in figures for end in ("pdf", "png")),
    ]


def report_inputs(config: Config, track: str, name: str) -> list[str]:
    """Files that a table or figure reads."""
    wanted = _report(config, track, name)
    study = wanted.study
    items = restorations(config, track, study)
    samples = [
        one for one in dict.fromkeys(item.sample for item in items) if has_truth(config, one)
    ]
    batched = {item for one in batches(config, track).values() for item in one}

    def made(path: Callable[[str, Restored], str]) -> list[str]:
        """A file of each restoration, or what stands for those that were made together."""
        return [
            paths.batch(track, item.sample, item.degradation)
            if item in batched
            else path(track, item)
            for item in items
        ]

    kinds = {
        "scores": made(paths.score),
        "records": made(paths.record),
        "traces": made(paths.trace),
        "volumes": made(paths.restored),
        "truths": [paths.truth(track, sample) for sample in samples if has_truth(config, sample)],
        "observations": sorted({paths.observed(track, *item[:2]) for item in items}),
        "observation_records": sorted(
            {paths.observation_record(track, *item[:2]) for item in items}
        ),
        "timings": [paths.timing(track, item) for item in timed(config, track, study)],
        "timed_records": [paths.record(track, item) for item in timed(config, track, study)],
        "trainings": [paths.model_record(track, *one) for one in trainings(config, track, study)],
        "levels": sorted({path for item in items if (path := levels(config, track, item))}),
        "judged_truths": list(
            _truths(config, track, config["tracks"][track].get("judged", [])).values()
        ),
        "accuracies": [paths.accuracy(track, *one) for one in accuracies(config, track)],
        "predictor_timings": [
            paths.predictor_timing(track, seed)
            for seed in config["tracks"][track]["seeds"][:1]
            if predictors(config, track)
        ],
        "models": [paths.model(track, *one) for one in trainings(config, track, study)],
        "training_traces": [
            paths.model_trace(track, *one) for one in trainings(config, track, study)
        ],
        "training_truths": list(training_truths(config, track)),
        "network_times": [paths.network_times(track)],
    }
    return list(dict.fromkeys(path for kind in wanted.reads for path in kinds[kind]))


def _report(config: Config, track: str, name: str) -> tracks.Report:
    """What a table or figure reads; refuse one of another track, or one without its study."""
    facts = tracks.TABLE[track]
    known = {**facts.tables, **facts.figures}
    if name not in known:
        raise InputError(f"track {track} has no {name}; known: {', '.join(known)}")
    study, needs = known[name].study, known[name].needs
    if needs is not None and not config["tracks"][track][needs]:
        raise InputError(
            f"{name} of track {track}: config: tracks.{track}.{needs}: is empty; without it there "
            "is nothing to show"
        )
    if study is not None and study not in studies(config, track):
        raise InputError(
            f"{name} of track {track} shows a study; config: tracks.{track}.studies.{study} is "
            "missing (a selection of one's own drops the preset's studies)"
        )
    return known[name]


def wildcards(config: Config) -> dict[str, str]:
    """Regular expressions of all ids: the registry's, not the selected ones alone."""
    present = list(config["tracks"])
    facts = [tracks.TABLE[track] for track in present]
    known = [method for track in present for method in config["methods"][track]]
    trained = {
        expression
        for track in present
        for method in config["methods"][track].values()
        if method["trains_on"]
        for expression in [_training_expression(config, track, method["trains_on"])]
    }
    samples = [sample for track in present for sample in registry.names(track)]
    return {
        "track": any_of(present),
        "sample": "{}(?:{})?".format(
            any_of([*samples, *(name for ids in own_sections(config).values() for name in ids)]),
            paths.SIZE.replace("(", "(?:"),
        ),
        "degradation": "|".join(fact.any_degradation for fact in facts),
        "method": any_of(known),
        "seed": "[0-9]+",
        "training": "|".join(sorted(trained)) or "(?!)",
        "table": any_of([name for fact in facts for name in fact.tables]),
        "figure": any_of([name for fact in facts for name in fact.figures]),
    }


def _training_expression(config: Config, track: str, trains_on: str) -> str:
    learns = config["tracks"][track].get("training")
    if learns:
        named = tracks.TABLE[track].any_degradation if "degradation" in learns else trains_on
        return f"(?:{named})-seed[0-9]+"
    return f"{trains_on}-size[1-9][0-9]{{0,3}}-seed[0-9]+"


# --- data on this machine: places are no part of a result, content is ---------------------------


def places(config: Config, sample: str) -> dict[str, Any]:
    """Where a sample's source lies here: what its data module needs beside its parameters.

    `config` may also be the user's own part of a configuration, not yet merged with a preset.
    """
    entry = own(config, sample)
    if entry is not None:
        return {key: entry[key] for key in PLACES if key in entry}
    source = registry.get(base_id(sample)).source
    if source not in data.HOMES:
        return {}
    section = (config.get("data") or {}).get(source) or {}
    return {"directory": None, **section}


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
            found = module.source_files(base_id(sample), places(config, sample))
            return [str(path) for path in found]
    except InputError:
        pass
    return []


def downloaded(config: Config, sample: str) -> bool:
    """Whether a sample's source files come from their home, with a checksum that stays."""
    if own(config, sample) is not None or data_source(config, sample) not in data.HOMES:
        return False
    return not places(config, sample)["directory"]


def data_source(config: Config, sample: str) -> str:
    """Id of the data source of a sample."""
    name = base_id(sample)
    for source_id, ids in own_sections(config).items():
        if name in ids:
            return source_id
    return registry.get(name).source


def _check_sample(config: Config, track: str, sample: str, degradation: str = "") -> None:
    """Refuse what cannot be, as a file may be asked for by name.

    A sample of another track, a size that none can have, a recording that is degraded, or a
    prepared volume that was recorded.
    """
    name, size = split_size(sample)
    mine = own_sections(config)[tracks.TABLE[track].own]
    if name not in mine and not registry.has(name, track):
        known = [*registry.names(track), *mine]
        raise InputError(f"{sample} is no sample of track {track}; known: {registry.told(known)}")
    recorded = tracks.TABLE[track].recorded
    if degradation and recording(config, sample) and not degradation.startswith(recorded):
        raise InputError(f"{sample} is a recording, not {degradation}; accepted: {recorded}")
    if degradation.startswith(recorded) and not recording(config, sample):
        raise InputError(f"{sample} is no recording of one's own, it cannot be {degradation}")
    if size is None:
        return
    if "size" not in config["tracks"][track] or own(config, sample):
        raise InputError(f"{sample}: a size of its own is for prepared volumes with tracks.*.size")
    if not LEAST_SIZE <= size <= MOST_SIZE:
        raise InputError(f"{sample}: sizes from {LEAST_SIZE} to {MOST_SIZE} are accepted")


def _check_restoration(config: Config, track: str, sample: str, method: str) -> None:
    """Let a track refuse what a configuration may not select but a file's name can ask for."""
    if tracks.TABLE[track].checked:
        check = getattr(tracks.stage(track, "checks"), "check_restoration", None)
        if check is not None:
            check(config, base_id(sample), method)


def _size(config: Config, track: str, sample: str) -> int:
    """Size that a sample is prepared to."""
    return split_size(sample)[1] or config["tracks"][track]["size"]


def _method(config: Config, track: str, method: str) -> Mapping[str, Any]:
    """Facts of a method; refuse one of another track."""
    known = config["methods"][track]
    if method not in known:
        raise InputError(f"{method} is no method of track {track}; known: {', '.join(known)}")
    return known[method]


# --- what each job must know ---------------------------------------------------------------------


def truth_parameters(config: Config, track: str, sample: str) -> dict[str, Any]:
    """Of preparing a truth."""
    _check_sample(config, track, sample)
    origin = data_source(config, sample)
    return {
        "sample": base_id(sample),
        "source": origin,
        "settings": _stage_settings(config, track, "truth_keys", sample),
        "code": _code(f"{tracks.TABLE[track].package}.truth", data.TABLE[origin]),
    }


def observed_parameters(
    config: Config, track: str, sample: str, degradation: str
) -> dict[str, Any]:
    """Of making an observation."""
    _check_sample(config, track, sample, degradation)
    package = tracks.TABLE[track].package
    origin = data_source(config, sample)
    roots = [f"{package}.observe"]
    if needs_source(config, track, sample, degradation):
        roots.append(data.TABLE[origin])
    settings = _stage_settings(config, track, "observe_keys", sample)
    for key, beginning in tracks.TABLE[track].observe_only.items():
        if not degradation.startswith(beginning):
            settings.pop(key, None)
    return {
        "sample": base_id(sample),
        "source": origin,
        "seed": config["seed"],
        "settings": settings,
        "code": _code(*roots),
    }


def needs_truth(config: Config, track: str, sample: str, degradation: str) -> bool:
    """Whether an observation is made from the prepared truth."""
    if derived_from(track, degradation) is not None:
        return False
    return not needs_source(config, track, sample, degradation)


def needs_source(config: Config, track: str, sample: str, degradation: str) -> bool:
    """Whether an observation is made from the source itself."""
    if derived_from(track, degradation) is not None:
        return False
    from_source = tracks.TABLE[track].from_source
    made = from_source is not None and degradation.startswith(from_source)
    return made or recording(config, sample) is not None


def train_parameters(config: Config, track: str, method: str, training: str) -> dict[str, Any]:
    """Of a training of a method: only the parameters that its `fit` reads."""
    facts = _method(config, track, method)
    fit = facts["fit_parameters"]
    parameters = facts["parameters"]
    return {
        **_how(config, track, facts),
        "method": facts["target"],
        "parameters": {key: parameters[key] for key in parameters if fit is None or key in fit},
        **_contents(parameters),
        "trains_on": facts["trains_on"],
        "files": training_files(config, track, training, method),
        "settings": {
            **_section(config, track, "training_keys"),
            **_training_size(training),
            **_training_recordings(config, track, training),
            **_slides(config, training_truths(config, track).values()),
        },
        "code": _code(
            facts["target"], f"{tracks.TABLE[track].package}.training", "focusbench.running"
        ),
    }


def restore_parameters(
    config: Config, track: str, sample: str, degradation: str, method: str
) -> dict[str, Any]:
    """Of restoring a sample."""
    _check_sample(config, track, sample, degradation)
    facts = _method(config, track, method)
    if not sees(config, track, method, degradation):
        raise InputError(
            f"{method} cannot start from {degradation}; accepted are degradations of the form "
            f"{facts['sees']}"
        )
    _check_restoration(config, track, sample, method)
    package = tracks.TABLE[track].package
    stages = ["problem", *(["iterates"] if tracks.TABLE[track].iterates else [])]
    told = {"predictor": facts["predictor"]} if "predictors" in config["tracks"][track] else {}
    return {
        **_how(config, track, facts),
        "method": facts["target"],
        "parameters": facts["parameters"],
        "settings": {**_problem(config, track, sample), **told},
        "code": _code(
            facts["target"],
            *(f"{package}.{name}" for name in stages),
            "focusbench.running",
        ),
        **({"program": _program(facts["command"])} if facts["command"] else {}),
    }


def levels_parameters(
    config: Config, track: str, sample: str, degradation: str, method: str
) -> dict[str, Any]:
    """Of telling the levels of an observation."""
    _check_sample(config, track, sample, degradation)
    known = _predictor(config, track, method, "levels")
    _check_restoration(config, track, sample, method)
    return {**known, "settings": _problem(config, track, sample)}


def accuracy_parameters(config: Config, track: str, method: str) -> dict[str, Any]:
    """Of judging a predictor; patches and their noise are the same whatever the seed."""
    stacks = config["tracks"][track][STACKS]
    return {
        **_predictor(config, track, method, "accuracy"),
        "files": accuracy_files(config, track, method),
        "settings": {**_section(config, track, "judge_keys"), STACKS: stacks},
    }


def predictor_timing_parameters(config: Config, track: str) -> dict[str, Any]:
    """Of timing the predictors that a track compares, the first of each network."""
    return {
        "predictors": {
            method: {
                **_predictor(config, track, method, "levels"),
                "model": paths.model(track, method, training),
            }
            for method, training in timed_predictors(config, track)
        },
        "timing": config["tracks"][track]["timing"],
    }


def network_times_parameters(config: Config, track: str) -> dict[str, Any]:
    """Of timing the networks that a track compares, at the size of the paper."""
    section = config["tracks"][track]
    return {
        **{key: section[key] for key in ("threads", "budget_seconds")},
        "device": config["device"],
        "settings": section["network_times"],
        "code": _code(f"{tracks.TABLE[track].package}.network_times"),
    }


def _predictor(config: Config, track: str, method: str, stage: str) -> dict[str, Any]:
    """How a predictor is run in a stage; refuse a method that is none."""
    facts = _method(config, track, method)
    if not facts["predicts"]:
        raise InputError(f"{method} is no predictor of track {track}")
    roots = (facts["target"], f"{tracks.TABLE[track].package}.{stage}", "focusbench.running")
    return {
        **_how(config, track, facts),
        "method": facts["target"],
        "parameters": facts["parameters"],
        "code": _code(*roots),
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
        "settings": {
            **_problem(config, track, sample),
            **_known_of(config, track, sample),
            **({"fit": fitted} if fitted else {}),
        },
        "code": _code(f"{tracks.TABLE[track].package}.score"),
    }


def batch_parameters(
    config: Config, track: str, sample: str, degradation: str, items: Sequence[Restored]
) -> dict[str, Any]:
    """Of restoring, and scoring, an observation with several methods in one job.

    Returns
    -------
    dict
        `methods`: id -> what `restore_parameters` and `score_parameters` tell of it; `members`: of
        each restoration the method, the seed, and the files that it reads of its own (None: none).

    Raises
    ------
    InputError
        There is none.
    """
    if not items:
        raise InputError(
            f"{sample}/{degradation}: no method of tracks.{track}.batched restores it beside others"
        )
    return {
        "methods": {
            method: member_parameters(config, track, sample, degradation, method)
            for method in dict.fromkeys(item.method for item in items)
        },
        "members": [
            {
                "method": item.method,
                "seed": item.seed,
                "model": weights(config, track, item.method, item.seed, item.sample),
                "levels": levels(config, track, item),
            }
            for item in items
        ],
    }


def member_parameters(
    config: Config, track: str, sample: str, degradation: str, method: str
) -> dict[str, dict[str, Any]]:
    """Of restoring a sample, and of scoring that, in a job that does both."""
    return {
        "restore": restore_parameters(config, track, sample, degradation, method),
        "score": score_parameters(config, track, sample, method),
    }


def member_reads(config: Config, track: str, item: Restored) -> list[str]:
    """Files that a restoration and its score are made from, in the order of a batch's keys."""
    other = derived_from(track, item.degradation)
    found = [
        paths.observed(track, item.sample, item.degradation),
        paths.observation_record(track, item.sample, item.degradation),
        paths.truth(track, item.sample) if has_truth(config, item.sample) else None,
        weights(config, track, item.method, item.seed, item.sample),
        levels(config, track, item),
        paths.observed(track, item.sample, other) if other else None,
    ]
    return [path for path in found if path]


def report_parameters(config: Config, track: str, name: str) -> dict[str, Any]:
    """Of a table or figure."""
    study = _report(config, track, name).study
    stage = "tables" if name in tracks.TABLE[track].tables else "figures"
    grid = section(config, track, study)
    items, times = restorations(config, track, study), timed(config, track, study)
    judged = accuracies(config, track)
    used = {item.method for item in [*items, *times]}
    used |= {one for item in items if (one := told_by(config, track, item))}
    used |= {method for method, _ in judged}
    samples = dict.fromkeys(item.sample for item in [*items, *times])
    return {
        "results": {
            "items": [list(item) for item in items],
            "timed": [list(item) for item in times],
            "trainings": [list(one) for one in trainings(config, track, study)],
            **({"judged": [list(one) for one in judged]} if judged else {}),
        },
        "settings": {
            "preset": config["preset"],
            "seed": config["seed"],
            "differs": _concerning(config["differs"], track, study, used, list(samples)),
            "track": grid,
            "study": study,
            "sources": {sample: data_source(config, sample) for sample in samples},
            **_slides(config, [*samples, *training_truths(config, track).values()]),
            "methods": {
                name: facts["parameters"]
                for name, facts in config["methods"][track].items()
                if name in used
            },
            **_told_by(config, track, used),
            # all methods of one's own, so that one looks the same in every figure
            "variants": [name for name in config["methods"][track] if name not in methods.TABLE],
        },
        "code": _code(f"{tracks.TABLE[track].package}.{stage}", "focusbench.report.results"),
    }


def _told_by(config: Config, track: str, used: Collection[str]) -> dict[str, Any]:
    """Who tells the levels to those that are told them; inherited where they use another."""
    told = {
        name: facts["predictor"]
        for name, facts in config["methods"][track].items()
        if name in used and facts["predictor"] is not None
    }
    return {"predictors": told} if told else {}


def _how(config: Config, track: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """How a method is run; what gains nothing from a GPU asks for none, and takes none."""
    section = config["tracks"][track]
    return {
        "device": config["device"] if facts["gpu"] else "cpu",
        "threads": section["threads"],
        "budget_seconds": section["budget_seconds"],
    }


def _section(config: Config, track: str, stage: str, sample: str = "") -> dict[str, Any]:
    """Give the keys of a track's section that a stage depends on, inner ones by their last name."""
    found = {}
    for key in getattr(tracks.TABLE[track], stage):
        value = config["tracks"][track]
        for name in key.split("."):
            value = value[name]
        found[name] = value
    if "size" in found:
        found["size"] = _size(config, track, sample)
    return found


def _training_size(training: str) -> dict[str, int]:
    """Size that the id of a training names, in settings that know one."""
    match = re.search(r"-size([0-9]+)-seed[0-9]+$", training)
    return {"size": int(match[1])} if match else {}


def _training_recordings(config: Config, track: str, training: str) -> dict[str, Any]:
    """What a training on recordings is told of them: the problem of the first, and its id."""
    recorded = tracks.TABLE[track].recorded
    if not training.startswith(f"{recorded}-") or not config["tracks"][track].get("training"):
        return {}
    first = training_recordings(config, track)[0]
    blocks = config["tracks"][track]["training"]["recordings"]["blocks"]
    told = {"recording": first, "blocks": blocks, "degradation": recorded}
    return {**_problem(config, track, first), **told}


def _slides(config: Config, samples: Iterable[str]) -> dict[str, dict[str, str]]:
    """Slides that a user's own fields are of, where they have any."""
    entries = {one: own(config, one) or {} for one in samples}
    told = {one: entry["slide"] for one, entry in entries.items() if "slide" in entry}
    return {"slides": told} if told else {}


def _stage_settings(config: Config, track: str, stage: str, sample: str) -> dict[str, Any]:
    entry = own(config, sample)
    if entry is None:
        return {**_section(config, track, stage, sample), "data": {}}
    degraded = recording(config, sample) is None and stage == "observe_keys"
    section = _section(config, track, stage, sample) if degraded else {}
    return {**section, "data": {key: value for key, value in entry.items() if key not in PLACES}}


def _problem(config: Config, track: str, sample: str) -> dict[str, Any]:
    settings = _section(config, track, "problem_keys", sample)
    entry = own(config, sample)
    if entry is not None:
        keys = tracks.TABLE[track].own_problem_keys
        settings.update({key: entry[key] for key in keys if key in entry})
        if "psf" in entry:
            settings["psf_sha256"] = checksum(entry["psf"])
    return settings


def _known_of(config: Config, track: str, sample: str) -> dict[str, Any]:
    """What a score may ask the source of a sample for, beside its truth."""
    if not tracks.TABLE[track].score_keys or own(config, sample):
        return {}
    origin = {"sample": base_id(sample), "source": data_source(config, sample)}
    return {**_section(config, track, "score_keys", sample), **origin}


def _concerning(
    differs: Mapping[str, Any], track: str, study: str | None, used: set[str], samples: list[str]
) -> dict[str, Any]:
    """Keep the keys that the numbers of this track's grid depend on; `batched` changes none."""

    def concerns(key: str) -> bool:
        part, *rest = key.split(".")
        if part == "tracks":
            if rest[0] != track or rest[1] == "batched":
                return False
            return rest[1] != "studies" or rest[2:3] == [study]
        if part == "methods":
            return rest[0] == track and rest[1] in used
        if part == "data" and rest[0] in own_sections({}):
            return any(key.startswith(f"data.{rest[0]}.{sample}.") for sample in samples)
        if part == "data":
            return any(registry.get(one).source == rest[0] for one in registry.names(track))
        return True

    return {key: value for key, value in differs.items() if concerns(key)}


def _contents(parameters: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Checksums of the files that parameters name, so that another content is learned from anew."""
    named = {key: parameters.get(key) for key in FILES}
    found = {key: checksum(path) for key, path in named.items() if path and is_file(path)}
    return {"contents": found} if found else {}


def _program(command: str) -> dict[str, str]:
    """Checksums of the files that a command names, so that an edited tool is run again."""
    import shlex

    words = [Path(word) for word in shlex.split(command)]
    return {str(word): checksum(word) for word in words if is_file(word)}


@cache  # a plan sees one state of the code, and asks for it once a job and more
def _code(*roots: str) -> str:
    return code_hash(*roots)


def checksum(path: str | Path) -> str:
    """SHA-256 of a file that many jobs name: read once, unless it changes."""
    told = os.stat(path)
    return _checksum_of(str(path), told.st_mtime_ns, told.st_size)


@cache
def _checksum_of(path: str, _modified: int, _size: int) -> str:
    return sha256(path)


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
