"""Which restorations the pictures of this track show, their looks, and what they were told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.paths import Restored
from focusbench.report.figures import COLOURS, MARKERS, TRIVIAL_COLOUR, Style, is_trivial
from focusbench.report.results import Results
from focusbench.tracks.defocus import told as told_by
from focusbench.tracks.defocus.told import ORACLE, PAPERS
from focusbench.training.level_map import BG

if TYPE_CHECKING:
    from focusbench.training.level_map import LevelMap

RECORDED = "recorded"
LONG = 12  # letters; what stands beneath a narrow picture is broken before its last word
INPUT = "input"
# restorers by family: the word in their ids, and in those of their variants, that tells it
FAMILIES = {
    "rectangular": "depth_variant_rectangular",
    "triangular": "depth_variant_triangular",
    "field": "depth_variant_field",
    "invariant": "depth_invariant",
    "blind": "blind",
}
_COLOURS = dict(
    zip(FAMILIES.values(), ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00"), strict=True)
)
_DASHES = {
    PAPERS: "-",
    ORACLE: (0, (4, 1.5)),
    "other": (0, (1, 1.2)),  # predictor
    "level": (0, (6, 1.5, 1, 1.5)),
}


class Told(NamedTuple):
    """Which levels a restorer worked with."""

    words: str  # such as "level 4 (delpnet)"; empty: none
    levels: LevelMap | None  # a predictor's, where they were kept


def parameters(settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return what the configuration sets of a method; what it leaves out is published."""
    return dict((settings.get("methods") or {}).get(method) or {})


def family(method: str) -> str:
    """Restorer that a method is a variant of, as its id has it; of a user's own, its own id."""
    words = method.split("_")
    return next((base for word, base in FAMILIES.items() if word in words), method)


def predictor(settings: Mapping[str, Any], method: str) -> str | None:
    """Id of the predictor that tells a restorer its levels, or "oracle"; None: nobody does."""
    return told_by.predictor(method, settings)


def is_oracle(settings: Mapping[str, Any], method: str) -> bool:
    """Whether a restorer is told the true levels."""
    return predictor(settings, method) == ORACLE


def ordered(methods: Sequence[str], settings: Mapping[str, Any]) -> list[str]:
    """Put restorers in the order of the families, a user's own last; trivial ones are left out.

    Within a family: as it was published, then its variants, oracles last.
    """
    found = [method for method in methods if not is_trivial(method)]
    families = list(FAMILIES.values())

    def rank(method: str) -> tuple[int, bool, bool]:
        base = family(method)
        place = families.index(base) if base in families else len(families)
        return place, is_oracle(settings, method), method != base

    return sorted(found, key=rank)


def chosen(methods: Sequence[str], settings: Mapping[str, Any], most: int) -> list[str]:
    """At most so many of them, as `ordered` has them: one of each family before any second."""
    ranked = ordered(methods, settings)
    seen: dict[str, int] = {}
    turn = {}
    for method in ranked:
        seen[family(method)] = seen.get(family(method), -1) + 1
        turn[method] = seen[family(method)]
    kept = sorted(ranked, key=turn.__getitem__)[:most]
    return [method for method in ranked if method in kept]


def styles(methods: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Style]:
    """Return a style for each restorer: a family has one colour and mark, variants other dashes.

    Trivial rows are grey. What a method looks like depends on the configuration's variants, not on
    which others are shown.
    """
    variants = [one for one in settings.get("variants", ()) if not is_trivial(one)]
    every = list(dict.fromkeys([*FAMILIES.values(), *variants, *ordered(methods, settings)]))
    free = (colour for colour in COLOURS if colour not in _COLOURS.values())
    colours = dict(_COLOURS)
    used: dict[str, list[Any]] = {}
    found = {INPUT: Style(TRIVIAL_COLOUR, "", (0, (1, 1.5)))}
    for method in every:
        base = family(method)
        if base not in colours:
            colours[base] = next(free, TRIVIAL_COLOUR)
        marker = MARKERS[list(colours).index(base) % len(MARKERS)]
        taken = used.setdefault(base, [])
        wanted = _DASHES[_role(method, settings)]
        dashes = next((one for one in (wanted, *_DASHES.values()) if one not in taken), wanted)
        taken.append(dashes)
        found[method] = Style(colours[base], marker, dashes)
    grey = Style(TRIVIAL_COLOUR, "", (0, (5, 2)))
    return {method: found.get(method, grey) for method in methods}


def _role(method: str, settings: Mapping[str, Any]) -> str:
    """What sets a restorer apart in its family."""
    if parameters(settings, method).get("level") is not None:
        return "level"
    name = predictor(settings, method)
    if name is None or (method in FAMILIES.values() and name != ORACLE):
        return PAPERS  # no variant, whoever tells it
    return name if name in (PAPERS, ORACLE) else "other"


def told(results: Results, settings: Mapping[str, Any], item: Restored) -> Told:
    """Say which levels a restoration was told, or that it was told none.

    Reads levels that were predicted.
    """
    level = parameters(settings, item.method).get("level")
    if level is not None:
        step = ((settings.get("track") or {}).get("optics") or {}).get("step")
        depth = f" ({float(level) * step:g} µm)" if step else ""
        return Told(f"told level {level:g}{depth}", None)
    base = family(item.method)
    if base == "depth_invariant":
        return Told("PSF in focus", None)
    if base == "blind":
        return Told("PSF not told", None)
    name = predictor(settings, item.method)
    if name is None:
        return Told("", None)
    if is_oracle(settings, item.method):
        return Told("true levels (oracle)", None)
    levels = results.levels(name, item.sample, item.degradation, item.seed)
    if levels is None:
        return Told(f"levels of {name}", None)
    words = span(levels.levels)
    gap = " " if len(words) <= LONG else "\n"
    return Told(f"{words}{gap}({name})", levels)


def span(levels: np.ndarray) -> str:
    """Say which levels patches have: one of them, or their median and the span of all."""
    known = np.asarray(levels)[np.asarray(levels) != BG]
    if not known.size:
        return "bg"
    lowest, highest = int(known.min()), int(known.max())
    if lowest == highest:
        return f"level {lowest}"
    middle = float(np.median(known))
    return f"median level {middle:g} ({lowest} to {highest})"


def heading(method: str, most: int = 15) -> str:
    """Break an id at an underscore where it is long, into two lines that fit if any do."""
    cuts = [i + 1 for i, letter in enumerate(method) if letter == "_"]
    if len(method) <= most or not cuts:
        return method
    fitting = [i for i in cuts if max(i, len(method) - i) <= most]
    cut = fitting[-1] if fitting else min(cuts, key=lambda i: max(i, len(method) - i))
    return f"{method[:cut]}\n{method[cut:]}"


def listed(words: Sequence[str]) -> str:
    """Join as a sentence does: "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def not_shown(results: Results, shown: Sequence[str], kept: Sequence[str] = (INPUT,)) -> str:
    """Say which methods were run and are not shown; nothing where all are."""
    missing = [m for m in results.methods if m not in shown and m not in kept]
    return f" Not shown: {', '.join(missing)} (see the table)." if missing else ""


def not_run(results: Results, wanted: Sequence[str]) -> str:
    """Say of which families nothing was run; nothing where none is missing."""
    have = {family(method) for method in results.methods}
    missing = [one for one in wanted if one not in have]
    return f" Not run: {', '.join(missing)}." if missing else ""


def made_with(settings: Mapping[str, Any], *, trained: bool = True) -> str:
    """Say, at the end of a caption, which seeds and which preset.

    `trained`: whether what is shown hangs on a network that was trained.
    """
    seeds = (settings.get("track") or {}).get("seeds") or [0]
    smaller = "fields, networks, epochs" if trained else "fields"
    reduced = (
        ""
        if settings["preset"] == "paper"
        else f": smaller than the paper's experiment ({smaller}), so its numbers are not to be set "
        "beside the paper's"
    )
    return (
        f" Seed of the noise {settings['seed']}; the first seed of each method ({seeds[0]}). "
        f"Preset {settings['preset']}{reduced}."
    )
