"""Hostile configurations: presets with a few things changed, and use of what is accepted."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from watched import CANARY

from focusbench import config as configuration
from focusbench import methods, paths, plan, tracks
from focusbench.data import registry

MOST_JOBS = 5  # of a track, whose parameters are looked at
PRESETS = ("test", "test", "quick")

EVIL = (
    f"__import__('{CANARY}')",
    f"{CANARY}:Thing",
    f"{CANARY}",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"; touch {CANARY} #",
    f"| touch {CANARY}",
    f"{{{{ {CANARY} }}}}",
    "{wildcards.sample}",
    "{0.__class__}",
    "%s%s%n",
    "../../../../tmp/" + CANARY,
    "/tmp/" + CANARY,
    "results/../" + CANARY,
    "..",
    ".",
    "",
    " ",
    "a\nb",
    "cell\n",
    "clean\n",
    "\0",
    "\x1b[31mred",
    "\ud800",
    "‮",
    "a" * 300,
    "a" * 5000,
    "(",
    "(a+)+$",
    "[",
    "\\",
    ".*",
    "~",
    "~nobody_at_all/x",
    "/dev/zero",
    "/dev/stdin",
    "fifo",
    "folder",
    "empty.tif",
    "loop",
    "link_out",
    "good.tif",
    "field.png",
    "cell.size8",
    "cell.size99999",
    "nan",
    "1e400",
    "null",
)
NUMBERS = (
    *(0, 1, -1, 2, 3, 7, 8, 255, 256, 1025, 60_000, 2**31, 2**63, 2**64, 10**400, -(10**400)),
    *(0.0, 0.5, 1.0, 1.5, -0.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan")),
    *(16**5000, True, False, None),
)


def prepare(folder: Path) -> None:
    """Lay out what hostile paths name, in the working folder."""
    import numpy as np
    from tifffile import imwrite

    (folder / "folder").mkdir()
    (folder / "empty.tif").write_bytes(b"")
    os.mkfifo(folder / "fifo")
    os.symlink("loop", folder / "loop")
    os.symlink("/etc", folder / "link_out")
    (folder / f"{CANARY}.py").write_text("raise SystemExit('a configuration ran code')\n")
    stack = np.random.default_rng(0).integers(100, 4000, (5, 96, 96), dtype=np.uint16)
    imwrite(folder / "good.tif", stack, photometric="minisblack")
    imwrite(folder / "field.png.tif", stack[0], photometric="minisblack")


def case(seed: int, number: int) -> dict[str, Any]:
    """A configuration, as it comes from a file."""
    rng = Random(f"{seed}/{number}")
    name = rng.choice(PRESETS)
    result: dict[str, Any] = {"preset": name}
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        rng.choice(CHANGES)(result, rng)
    return result


def use(user: dict[str, Any]) -> None:
    """Do with a configuration what a dry run does, and look at every path that comes of it."""
    config = configuration.build(user)
    plan.check_own_methods(config)
    expressions = _parsed(config)
    json.dumps(config["differs"])
    for track in config["tracks"]:
        _jobs(config, track, expressions)


def _parsed(config: dict[str, Any]) -> dict[str, str]:
    """What the workflow's own file asks for; the expressions of the wildcards."""
    expressions = plan.wildcards(config)
    for expression in expressions.values():
        re.compile(expression)
    for track in config["tracks"]:
        plan.batches(config, track)
        _look(plan.targets(config, track))
        for kind in ("tables", "figures"):
            for name in plan.reports(config, track, kind):
                _look(plan.report_inputs(config, track, name))
                json.dumps(plan.report_parameters(config, track, name), allow_nan=False)
    return expressions


def put(result: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    """Set a key, and whatever it stands in."""
    inner: Any = result
    for key in place[:-1]:
        if not isinstance(inner.get(key), dict):
            inner[key] = {}
        inner = inner[key]
    inner[place[-1]] = value


@cache
def described() -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Keys that the schemas describe, and what they say of them."""
    found: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def inner(node: dict[str, Any], at: tuple[str, ...]) -> None:
        for key, one in node.get("properties", {}).items():
            found.append(((*at, key), one))
            inner(one, (*at, key))

    whole = configuration.schema("config")
    inner({"properties": {key: whole["properties"][key] for key in ("seed", "device", "data")}}, ())
    for track in tracks.names():
        schema = configuration.schema(track)
        inner(schema["track"], ("tracks", track))
        for method, one in schema["methods"].items():
            inner(one, ("methods", track, method))
    return found


@cache
def ids() -> tuple[str, ...]:
    """Ids that mean something somewhere."""
    samples = [registry.names(track)[i] for track in tracks.names() for i in (0, 1, -1)]
    degradations = (
        "clean",
        "sigma0.01",
        "snr20",
        "level03",
        "tilted_poisson",
        "lowres",
        "recorded",
    )
    return (*samples, *degradations, *methods.TABLE, *tracks.names())


def _jobs(config: Any, track: str, expressions: dict[str, str]) -> None:
    items = plan.restorations(config, track)
    for item in items[:: max(1, len(items) // MOST_JOBS)]:
        ids = (item.sample, item.degradation)
        for wildcard, value in zip(("sample", "degradation", "method"), item[:3], strict=True):
            assert re.fullmatch(expressions[wildcard], value), f"{wildcard} {value!r}"
        _look([paths.restored(track, item), paths.score(track, item)])
        told = [
            plan.observed_parameters(config, track, *ids),
            plan.restore_parameters(config, track, *ids, item.method),
            plan.score_parameters(config, track, item.sample, item.method),
        ]
        if plan.has_truth(config, item.sample):
            told.append(plan.truth_parameters(config, track, item.sample))
        json.dumps(told, allow_nan=False)
        weights = plan.weights(config, track, item.method, item.seed, item.sample)
        _look([one for one in (weights, plan.levels(config, track, item)) if one])
        plan.source_files(config, item.sample)
    for method, training in plan.trainings(config, track):
        assert re.fullmatch(expressions["training"], training), f"training {training!r}"
        _look([paths.model(track, method, training)])
        json.dumps(plan.train_parameters(config, track, method, training), allow_nan=False)


def _look(found: list[str]) -> None:
    """Refuse paths that lead out of the results, or that no file system has."""
    for path in found:
        parts = path.split("/")
        assert parts[0] == paths.RESULTS, f"outside of results: {path!r}"
        assert ".." not in parts, f"outside of results: {path!r}"
        assert all(0 < len(part.encode()) < 220 for part in parts), f"a long name: {path!r}"
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", path), f"an odd path: {path!r}"


# --- changes --------------------------------------------------------------------------------------


def _one_key(result: dict[str, Any], rng: Random) -> None:
    """Change a key that the preset has, or one beside it."""
    place = rng.choice(_places(_base(result)))
    value = _value(rng, _at(configuration.preset(_base(result)), place))
    if rng.random() < 0.15:
        place = (*place[:-1], rng.choice((*EVIL[:6], place[-1] + "s", "studies", "uses")))
    put(result, place, value)


def _one_schema_key(result: dict[str, Any], rng: Random) -> None:
    """Give a key that a schema knows a value that it accepts, or nearly."""
    place, node = rng.choice(described())
    put(result, place, _by_schema(node, rng))


def _own_sample(result: dict[str, Any], rng: Random) -> None:
    """A recording of one's own, restored in its track."""
    track = rng.choice(tracks.names())
    facts = tracks.TABLE[track]
    known = configuration.schema("config")["$defs"][facts.own]["properties"]
    entry = {
        key: _by_schema(part, rng)
        for key, part in known.items()
        if key == "path" or rng.random() < 0.5
    }
    for key in {"path", "truth", "psf"} & set(entry):
        entry[key] = rng.choice(("good.tif", "field.png.tif", "folder", "fifo", rng.choice(EVIL)))
    name = rng.choice(("mine", "a.b", "x" * 90, rng.choice(EVIL)))
    put(result, ("data", facts.own, name), entry)
    if rng.random() < 0.7:
        put(result, ("tracks", track, "samples"), [name])
        if rng.random() < 0.7:
            put(result, ("tracks", track, "degradations"), [facts.recorded])


def _own_method(result: dict[str, Any], rng: Random) -> None:
    """A variant, a module or a command of one's own, selected in its track."""
    track = rng.choice(tracks.names())
    name = rng.choice(("mine", "x" * 90, "dip", rng.choice(EVIL)))
    kind = rng.choice(("uses", "module", "command"))
    entry: dict[str, Any] = {
        kind: {
            "uses": rng.choice((*methods.names(track), name, *EVIL[:4])),
            "module": rng.choice(("focusbench.methods.input:Input", *EVIL)),
            "command": rng.choice(("cp {observed} {estimate}", "{observed}{estimate}", *EVIL)),
        }[kind]
    }
    for key in ("trains_on", "stochastic", "timeout_seconds", "predictor", "level", "steps"):
        if rng.random() < 0.25:
            entry[key] = _value(rng, None)
    put(result, ("methods", track, name), entry)
    if rng.random() < 0.7:
        put(result, ("tracks", track, "methods"), [name])


def _structure(result: dict[str, Any], rng: Random) -> None:
    """What YAML can say and no configuration means."""
    many: Any = {"x": 1}
    for _ in range(60):  # a page of text that stands for 2^60 values
        many = {"a": many, "b": many}
    itself: dict[str, Any] = {}
    itself["again"] = itself
    deep: Any = 0
    for _ in range(rng.choice((60, 5000))):
        deep = [deep] if rng.random() < 0.5 else {"a": deep}
    mixed = [rng.choice((i, str(i), [i], {"a": i}, float(i))) for i in range(20_000)]
    odd = rng.choice((date(2020, 1, 1), {1, 2}, b"a", print, (1, 2), 1j, object(), dict))
    value = rng.choice((many, itself, deep, mixed, odd, {odd if odd.__hash__ else 1: 1}))
    place = rng.choice((*_places(_base(result)), ("data",), ("tracks",), ("methods",), ("a",)))
    put(result, place, value)


def _base(result: dict[str, Any]) -> str:
    """Preset, unless a change before has put something else there."""
    return result["preset"] if result["preset"] in PRESETS else PRESETS[0]


CHANGES = (
    *(_one_key,) * 6,
    *(_one_schema_key,) * 4,
    *(_own_sample, _own_method) * 3,
    _structure,
)


def _value(rng: Random, before: Any) -> Any:
    what = rng.randrange(10)
    if what < 4:
        return rng.choice(EVIL)
    if what < 7:
        return rng.choice(NUMBERS)
    if what == 7:
        return [rng.choice((*EVIL, *NUMBERS)) for _ in range(rng.randrange(4))]
    if what == 8 and isinstance(before, list) and before:
        mixed = [*before, rng.choice((*EVIL, *NUMBERS, *ids()))]
        rng.shuffle(mixed)
        return mixed
    return {rng.choice(EVIL): rng.choice((*EVIL, *NUMBERS)), "samples": ["cell"]}


def _by_schema(node: dict[str, Any], rng: Random) -> Any:
    if rng.random() < 0.05:
        return _value(rng, None)
    if "enum" in node:
        return rng.choice(node["enum"])
    kinds = node.get("type", "string")
    kind = rng.choice(kinds) if isinstance(kinds, list) else kinds
    if kind in ("integer", "number"):
        low = node.get("minimum", node.get("exclusiveMinimum", -10) + 1e-3)
        high = node.get("maximum", node.get("exclusiveMaximum", low + 10**6) - 1e-3)
        told = rng.choice((low, high, low + (high - low) / 2, low + 1, node.get("default", low)))
        return int(told + 0.5) if kind == "integer" and isinstance(told, int | float) else told
    if kind == "array":
        least = node.get("minItems", 0)
        count = rng.randint(least, node.get("maxItems", least + 1))
        return [_by_schema(node.get("items", {}), rng) for _ in range(count)]
    if kind == "object":
        return {key: _by_schema(one, rng) for key, one in node.get("properties", {}).items()}
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "null":
        return None
    return rng.choice((*ids(), *ids(), rng.choice(EVIL)))


def _at(value: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


@cache
def _places(preset: str) -> list[tuple[str, ...]]:
    """Keys of a preset, inner ones by their path; a section's own key too."""

    def inner(value: Any, at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for key, one in value.items():
            yield (*at, key)
            if isinstance(one, dict):
                yield from inner(one, (*at, key))

    return list(inner(configuration.preset(preset), ()))
