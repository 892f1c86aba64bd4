"""Which restorations a configuration asks for: the main grid of a track, and those of its studies.

A grid is samples x degradations x methods x seeds. A study is a grid of its own for some of the
tables and figures; what it does not set it takes from the main grid. Imports neither torch nor
pandas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from focusbench import tracks
from focusbench.paths import Restored, base_id, sized

Config = Mapping[str, Any]

UNTIMED = ("predictor", "level_errors")
"""Parameters of methods that ask for no timing of their own: who tells the levels, and how far
wrong they are told besides."""


def studies(config: Config, track: str) -> list[str]:
    """Names of the studies that the configuration has."""
    return list(config["tracks"][track].get("studies") or {})


def section(config: Config, track: str, study: str | None = None) -> dict[str, Any]:
    """Return a track's section as a study has it, samples with their size; None: the main grid."""
    main = {key: value for key, value in config["tracks"][track].items() if key != "studies"}
    if study is None:
        return main
    changed = {**main, **config["tracks"][track]["studies"][study]}
    if changed.get("size") != main.get("size"):
        changed["samples"] = [
            name if own(config, name) else sized(name, changed["size"])
            for name in changed["samples"]
        ]
    return changed


def restorations(config: Config, track: str, study: str | None = None) -> list[Restored]:
    """All restorations of the main grid or of a study, trivial rows first.

    Trivial rows are for tables: a study that only figures show has none. Neither has half of an
    observation: two halves of it ask about a method alone.
    """
    facts = tracks.TABLE[track]
    in_table = any(report.study == study for report in facts.tables.values())
    halves = tuple(f"_{part}" for part, judged in facts.derived.items() if not judged)
    grid = section(config, track, study)
    known = config["methods"][track]
    trivial = [method for method, facts in known.items() if facts["trivial"]]
    chosen = [*trivial, *(method for method in grid["methods"] if method not in trivial)]
    return [
        Restored(sample, degradation, method, seed)
        for sample in grid["samples"]
        for degradation in degradations(config, track, sample, grid["degradations"])
        for method in (
            chosen if in_table and not degradation.endswith(halves or "?") else grid["methods"]
        )
        if sees(config, track, method, degradation)
        for seed in (grid["seeds"] if known[method]["stochastic"] else grid["seeds"][:1])
    ]


def sees(config: Config, track: str, method: str, degradation: str) -> bool:
    """Whether a method can start from a degradation."""
    expression = config["methods"][track][method]["sees"]
    return expression is None or re.fullmatch(expression, degradation) is not None


def all_restorations(config: Config, track: str) -> list[Restored]:
    """Those of the main grid, then what the studies add, each once."""
    grids = [None, *studies(config, track)]
    return list(dict.fromkeys(one for grid in grids for one in restorations(config, track, grid)))


def degradations(
    config: Config, track: str, sample: str, selected: list[str] | None = None
) -> list[str]:
    """Those of the selected degradations that a sample can have; the main grid's by default.

    A recording of one's own is what it is: `recorded`, and what is derived from it.
    """
    if selected is None:
        selected = config["tracks"][track]["degradations"]
    recorded = tracks.TABLE[track].recorded
    if recording(config, sample):
        return [one for one in selected if one.startswith(recorded)] or [recorded]
    return [one for one in selected if not one.startswith(recorded)]


def derived_from(track: str, degradation: str) -> str | None:
    """Degradation of the observation that another one is made from; None: of no other."""
    for part in tracks.TABLE[track].derived:
        if degradation.endswith(f"_{part}"):
            return degradation.removesuffix(f"_{part}")
    return None


def timed(config: Config, track: str, study: str | None = None) -> list[Restored]:
    """The restorations that are timed: every method once, on the first sample that it meets.

    Variants that differ in nothing that costs (`UNTIMED`) are one method here.
    """
    first: dict[str, Restored] = {}
    met: set[str] = set()
    for item in all_restorations(config, track):
        if item.method not in met:
            met.add(item.method)
            first.setdefault(_work(config, track, item.method), item)
    if study is None:
        return list(first.values())
    chosen = {item.method for item in restorations(config, track, study)}
    used = {_work(config, track, method) for method in chosen}
    return [item for work, item in first.items() if work in used]


def batches(config: Config, track: str) -> dict[tuple[str, str], list[Restored]]:
    """Restorations that share a job, by sample and degradation: those of methods that cost little.

    The track's key `batched` names the methods. What another job reads by itself (a timed
    restoration, one that a training learns from) has a job of its own whatever its method is.
    """
    chosen = set(config["tracks"][track].get("batched", []))
    learns = (config["tracks"][track].get("training") or {}).get("recordings") or {}
    references = {(sample, learns["references"]) for sample in learns.get("samples", [])}
    found: dict[tuple[str, str], list[Restored]] = {}
    if chosen:
        alone = set(timed(config, track))
        for item in all_restorations(config, track):
            if (item.sample, item.method) in references or item in alone:
                continue
            if item.method in chosen:
                found.setdefault((item.sample, item.degradation), []).append(item)
    return found


def _work(config: Config, track: str, method: str) -> str:
    """What a method does, as text: equal for variants that cost the same."""
    facts = config["methods"][track][method]
    if facts["trivial"]:
        return method
    kept = {key: value for key, value in facts["parameters"].items() if key not in UNTIMED}
    return json.dumps([facts["target"], kept], sort_keys=True)


def predictors(config: Config, track: str) -> list[tuple[str, int]]:
    """(id, seed) of the predictors that a track compares; none in a track without them."""
    chosen = config["tracks"][track]
    known = config["methods"][track]
    return [
        (method, seed)
        for method in chosen.get("predictors", [])
        for seed in (chosen["seeds"] if known[method]["stochastic"] else chosen["seeds"][:1])
    ]


def own(config: Config, sample: str) -> Mapping[str, Any] | None:
    """Entry of a sample of one's own; None for a sample of this package."""
    name = base_id(sample)
    return next((ids[name] for ids in own_sections(config).values() if name in ids), None)


def recording(config: Config, sample: str) -> Mapping[str, Any] | None:
    """Entry of a recording of one's own, whose truth is not known unless a file holds it."""
    truths = {facts.own for facts in tracks.TABLE.values() if facts.own_truths}
    is_truth = any(base_id(sample) in own_sections(config)[name] for name in truths)
    return None if is_truth else own(config, sample)


def own_sections(config: Config) -> dict[str, Mapping[str, Any]]:
    """Section name under `data` -> the samples of one's own in it, by id."""
    names = sorted({facts.own for facts in tracks.TABLE.values()})
    return {name: (config.get("data") or {}).get(name) or {} for name in names}


def has_truth(config: Config, sample: str) -> bool:
    """Whether the sample's truth is known: of a recording of one's own only if a file holds it."""
    entry = recording(config, sample)
    return entry is None or "truth" in entry
